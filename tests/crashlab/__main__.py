"""`python -m tests.crashlab`: kill at every boundary, and print the table. Exit code 1 for a violation."""

import argparse
import queue
import re
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from itertools import groupby, product

from tests.crashlab.laboratory import Boundary, Laboratory, Result, Way, Where, laboratory
from tests.crashlab.nursery import Nursery

_TOGETHER = "two at once"


def main() -> int:
    """Run the enumeration."""
    arguments = _arguments()
    started = time.monotonic()
    with Nursery() as nursery:
        with laboratory(nursery) as lab:
            requests = lab.boundaries()
        points = [
            Boundary(request=number, where=where, way=way)
            for number, where, way in product(range(1, requests + 1, arguments.every), Where, Way)
        ]
        _say(
            f"{requests} requests in a run; {len(points)} kills, "
            f"{arguments.workers} at a time, pending guests "
            f"{'keep' if arguments.pending_keeps_time else 'change'} their time on a reset"
        )
        results, together = _run_all(nursery, points, arguments)
    _print_table(results, together)
    broken = [violation for result in results for violation in result.violations] + list(together)
    for result in results:
        for violation in result.violations:
            point = result.boundary
            _say(f"{point.request} {point.where} {point.way} {result.request}: {violation}")
    for violation in together:
        _say(f"{_TOGETHER}: {violation}")
    _say(f"{time.monotonic() - started:.0f} s")
    return 1 if broken else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crashlab", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="try only every N-th request")
    parser.add_argument("--workers", type=int, default=2, help="how many tenants at a time")
    parser.add_argument(
        "--pending-keeps-time",
        action="store_true",
        help="let a reset leave the time of a pending guest as it was, which nobody knows of Graph",
    )
    return parser.parse_args()


def _run_all(
    nursery: Nursery, points: Sequence[Boundary], arguments: argparse.Namespace
) -> tuple[list[Result], list[str]]:
    waiting: queue.SimpleQueue[Boundary | Way] = queue.SimpleQueue()
    for point in (*Way, *points):
        waiting.put(point)
    results: list[Result] = []
    together: list[str] = []

    def work() -> None:
        with laboratory(nursery, pending_reset_moves_time=not arguments.pending_keeps_time) as lab:
            while not waiting.empty():
                try:
                    point = waiting.get_nowait()
                except queue.Empty:
                    return
                _try(lab, point, results, together)

    workers = [threading.Thread(target=work) for _ in range(arguments.workers)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if len(results) != len(points):
        raise RuntimeError(f"{len(points) - len(results)} trials came to no end")
    return sorted(results, key=lambda result: result.boundary), together


def _try(lab: Laboratory, point: Boundary | Way, results: list[Result], together: list[str]) -> None:
    if isinstance(point, Way):
        together += lab.together(point)
        return
    results.append(lab.trial(point))
    if len(results) % 50 == 0:
        _say(f"  {len(results)} tried, {sum(bool(result.violations) for result in results)} violated")


def _print_table(results: Sequence[Result], together: Sequence[str]) -> None:
    rows = [("killed at", "boundaries", "runs", "violations")]
    ordered = sorted(results, key=_kind)
    for kind, group in groupby(ordered, key=_kind):
        rows.append((kind, *_counts(group)))
    rows.append(("all", *_counts(results)))
    rows.append((_TOGETHER, str(len(Way)), str(3 * len(Way)), str(len(together))))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        first, *numbers = row
        cells = [first.ljust(widths[0])]
        cells += [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
        _say("  ".join(cells))


def _counts(results: Iterable[Result]) -> tuple[str, str, str]:
    listed = list(results)
    numbers = (
        len(listed),
        sum(result.runs for result in listed),
        sum(len(result.violations) for result in listed),
    )
    return (str(numbers[0]), str(numbers[1]), str(numbers[2]))


def _kind(result: Result) -> str:
    request = re.sub(r"/users/.*", "/users/*", result.request) or "(ended before)"
    return f"{request}, {result.boundary.where}, {result.boundary.way}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
