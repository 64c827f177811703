"""How long `reconciler --help` takes beside `python -c "import yaml, jsonschema"`: at most 2.5 times.

Run: python benchmarks/start_up.py. Ends with 1 when the ratio is above the limit.
"""

import statistics
import subprocess
import sys
import time

ROUNDS = 15
LIMIT = 2.5
YARDSTICK = [sys.executable, "-c", "import yaml, jsonschema"]
HELP = [sys.executable, "-m", "reconciler", "--help"]


def seconds(command: list[str]) -> float:
    """Measure one run, from start to end."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> int:
    """Alternate the two, so that a busy moment of the machine hits both, and compare the medians."""
    for command in (YARDSTICK, HELP):
        seconds(command)  # compiles what was not compiled yet
    pairs = [(seconds(YARDSTICK), seconds(HELP)) for _ in range(ROUNDS)]
    yardstick, shown = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = shown / yardstick
    print(f"import yaml, jsonschema  {yardstick:.3f} s")
    print(f"reconciler --help        {shown:.3f} s")
    print(f"ratio                    {ratio:.2f}   at most {LIMIT}")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
