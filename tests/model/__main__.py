"""`python -m tests.model [PREFIX]`: explore every scenario, and print what was found."""

import argparse
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor

from tests.model.explore import Exploration, explore
from tests.model.scenario import Scenario
from tests.model.scenarios import DAILY, FULL


def main() -> int:
    """Explore; exit code 1 for a violation, and for a hole that was expected and is not there."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("prefix", nargs="?", default="", help="only scenarios whose name begins so")
    parser.add_argument("--daily", action="store_true", help="only what `make test` explores")
    parser.add_argument("--workers", type=int, default=2, help="how many at a time")
    arguments = parser.parse_args()
    every = DAILY if arguments.daily else FULL
    scenarios = [each for each in every if each.name.startswith(arguments.prefix)]
    started, bad = time.monotonic(), False
    with ProcessPoolExecutor(arguments.workers) as pool:
        for scenario, (found, seconds) in zip(scenarios, pool.map(_timed, scenarios), strict=True):
            missing = scenario.holes - found.holes.keys()
            bad = bad or bool(found.violations or missing)
            verdict = "violated" if found.violations else "holds"
            whole = "all" if found.complete else "bounded"
            _say(
                f"{scenario.name}: {verdict}; {found.states} states ({whole}), depth {found.depth}, "
                f"{seconds:.1f} s; holes: {', '.join(sorted(found.holes)) or 'none'}"
            )
            _say_traces(found.violations)
            _say_traces(found.holes)
            for hole in sorted(missing):
                _say(f"    {hole}: expected, and not found")
    _say(f"{len(scenarios)} scenarios, {time.monotonic() - started:.0f} s")
    return 1 if bad or not scenarios else 0


def _timed(scenario: Scenario) -> tuple[Exploration, float]:
    started = time.process_time()
    found = explore(scenario)
    return found, time.process_time() - started


def _say_traces(findings: Mapping[str, tuple[str, ...]]) -> None:
    for finding, trace in sorted(findings.items()):
        _say(f"    {finding}")
        for number, label in enumerate(trace, start=1):
            _say(f"        {number:2}. {label}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
