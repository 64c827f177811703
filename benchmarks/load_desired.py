"""Compares loading and validating a large desired tree with parsing its YAML alone.

    python benchmarks/load_desired.py [ROUNDS]

Prints both times and their ratio, as medians of the rounds, and ends with 1 when loading costs more
than `yaml.load` with the C loader on the same files. Times are of the processor, because the
machine has other work; the two sides take turns, so that a slow phase meets both.
"""

import statistics
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import yaml

from reconciler.desired import Tree, load

FILES = 40
GUESTS_PER_FILE = 500
NOW = datetime(2026, 11, 23, tzinfo=UTC)
LIMIT = 1.0


def make_tree() -> Tree:
    """Make a valid tree of 20,000 guests with three keys each."""
    files = {"tenant.yaml": f"tenantId: {uuid.UUID(int=1)}\ncloud: global\n".encode()}
    for partner in range(FILES):
        lines = ["guests:"]
        for number in range(GUESTS_PER_FILE):
            name = uuid.uuid5(uuid.NAMESPACE_DNS, f"{partner}.{number}")
            lines += [
                f"  - id: {name}",
                f"    name: sales contact {number} at partner {partner}",
                f"    email: person.{number}@partner-{partner}.example",
            ]
        files[f"guests/partner-{partner}.yaml"] = "\n".join([*lines, ""]).encode()
    return Tree(files=files)


def seconds(work: Callable[[], object]) -> float:
    """Measure how long the processor works on something, in seconds."""
    start = time.process_time()
    work()
    return time.process_time() - start


def parse_all(tree: Tree) -> list[object]:
    """Do the work that loading is measured against."""
    return [yaml.load(data, yaml.CSafeLoader) for data in tree.files.values()]


def main(rounds: int) -> int:
    """Run the comparison and print it; give the exit code."""
    tree = make_tree()
    parsing, loading = [], []
    for _ in range(rounds):
        parsing.append(seconds(lambda: parse_all(tree)))
        loading.append(seconds(lambda: load(tree, now=NOW)))
    parse, whole = statistics.median(parsing), statistics.median(loading)
    megabytes = sum(map(len, tree.files.values())) / 1e6
    print(f"{FILES * GUESTS_PER_FILE} guests in {FILES} files, {megabytes:.1f} MB, {rounds} rounds")
    print(f"yaml.load with CSafeLoader  {parse:.3f} s")
    print(f"desired.load                {whole:.3f} s")
    print(f"ratio                       {whole / parse:.2f} (limit {LIMIT:.2f})")
    return 0 if whole <= LIMIT * parse else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 7))
