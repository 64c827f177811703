"""`python -m tests.crashlab`: kill at every boundary, and print the table.

Exit code 1 for a violation, and for a boundary at which no run could be held.
"""

import argparse
import contextlib
import queue
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from tests.crashlab.forkserver import ForkServer
from tests.crashlab.harness import Harness, Result, crash_lab
from tests.crashlab.interference.outside_change_trials import SMALL_TENANT
from tests.crashlab.scenario import cases
from tests.crashlab.trials import Trial, every_trial

_TRIES = 3
"""How often a boundary is looked for: batches are put together differently from run to run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tried:
    trial: Trial
    result: Result


def main() -> int:
    """Run the enumeration."""
    arguments = _arguments()
    started = time.monotonic()
    with ForkServer() as forkserver:
        with crash_lab(forkserver, cases()) as lab:
            undisturbed = lab.undisturbed()
            trials = list(every_trial(lab, undisturbed))
        _say(f"{len(undisturbed)} requests in a run that nobody disturbs")
        trials = [trial for trial in trials if arguments.only in trial.name][:: arguments.every]
        _say(
            f"{len(trials)} trials, {arguments.workers} at a time, pending guests "
            f"{'keep' if arguments.pending_keeps_time else 'change'} their time on a reset"
        )
        tried = _run_all(forkserver, trials, arguments)
    _print_table(tried)
    _say(f"{time.monotonic() - started:.0f} s")
    return 1 if any(one.result.violations or not one.result.hit for one in tried) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crashlab", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only every N-th trial")
    parser.add_argument("--only", default="", help="only trials in whose name this text stands")
    parser.add_argument("--workers", type=int, default=2, help="how many tenants at a time")
    parser.add_argument(
        "--pending-keeps-time",
        action="store_true",
        help="let a reset leave the time of a pending guest as it was, which nobody knows of Graph",
    )
    return parser.parse_args()


def _run_all(forkserver: ForkServer, trials: Sequence[Trial], arguments: argparse.Namespace) -> list[_Tried]:
    waiting: queue.SimpleQueue[Trial] = queue.SimpleQueue()
    for trial in trials:
        waiting.put(trial)
    tried: list[_Tried] = []

    def work() -> None:
        moves = not arguments.pending_keeps_time
        small = [case for case in cases() if case.number in SMALL_TENANT]
        with contextlib.ExitStack() as labs:
            tenants = {
                is_small: labs.enter_context(crash_lab(forkserver, declared, pending_reset_moves_time=moves))
                for is_small, declared in ((False, cases()), (True, small))
            }
            while True:
                try:
                    trial = waiting.get_nowait()
                except queue.Empty:
                    return
                tried.append(one := _try(tenants[trial.small], trial))
                for line in _faults(one):
                    _say(line)
                if len(tried) % 50 == 0:
                    _say(
                        f"  {len(tried)} tried, {sum(bool(one.result.violations) for one in tried)} violated"
                    )

    workers = [threading.Thread(target=work) for _ in range(arguments.workers)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if len(tried) != len(trials):
        raise RuntimeError(f"{len(trials) - len(tried)} trials came to no end")
    return sorted(tried, key=lambda one: (one.trial.kind, one.trial.name))


def _faults(one: _Tried) -> Iterable[str]:
    if not one.result.hit:
        yield f"{one.trial.name}: never hit"
    for violation in one.result.violations:
        yield f"{one.trial.name}: {violation}"


def _try(lab: Harness, trial: Trial) -> _Tried:
    """Run a trial, and again where the run was not held: what it shows then counts all the same."""
    runs = 0
    violations: list[str] = []
    for _ in range(_TRIES):
        result = trial.run(lab)
        runs += result.runs
        violations += result.violations
        if result.hit:
            break
    return _Tried(trial=trial, result=Result(hit=result.hit, runs=runs, violations=tuple(violations)))


def _print_table(tried: Sequence[_Tried]) -> None:
    rows = [("trial", "planned", "hit", "runs", "violations")]
    for kind, group in groupby(tried, key=lambda one: one.trial.kind):
        rows.append((kind, *_counts(group)))
    rows.append(("all", *_counts(tried)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for first, *numbers in rows:
        cells = [first.ljust(widths[0])]
        cells += [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
        _say("  ".join(cells))


def _counts(tried: Iterable[_Tried]) -> tuple[str, str, str, str]:
    results = [one.result for one in tried]
    return (
        str(len(results)),
        str(sum(result.hit for result in results)),
        str(sum(result.runs for result in results)),
        str(sum(len(result.violations) for result in results)),
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
