"""Compares renaming a domain in a large tree with validating that tree.

    python benchmarks/set_email.py [ROUNDS]

100,000 entries in 400 files. The domain is that of one file, as import writes it, of one entry in every file,
or of every entry there is. Prints medians of the rounds and their ratios, and ends with 1 when renaming costs
more than `LIMIT` times what validating does, in the first two cases. Both are processes of their own, which
take turns; times are of the processor, because the machine has other work.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

FILES = 400
GUESTS_PER_FILE = 250
LIMIT = 1.5

PARTNER, SCATTERED, ALL = "partner-7.example", "scattered.example", "all.example"


def write_tree(root: Path, *, domain: str | None = None) -> None:
    """Write a valid tree; each file has a domain of its own and one scattered address, or all have one."""
    (root / "guests").mkdir(parents=True)
    (root / "tenant.yaml").write_text(f"tenantId: {uuid.UUID(int=1)}\n", encoding="utf-8")
    for partner in range(FILES):
        lines = ["guests:"]
        for number in range(GUESTS_PER_FILE):
            usual = f"partner-{partner}.example" if number else SCATTERED
            lines += [
                f"  - id: {uuid.uuid5(uuid.NAMESPACE_DNS, f'{partner}.{number}')}",
                f"    name: sales contact {number} at partner {partner}",
                f"    email: person.{number}.{partner}@{domain or usual}",
            ]
        path = root / "guests" / f"partner-{partner}.yaml"
        path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def seconds(root: Path, *arguments: str) -> float:
    """Measure how long the processor works on a command, in seconds."""
    command = [sys.executable, "-m", "reconciler", "--desired", str(root), *arguments]
    before = os.times()
    subprocess.run(command, check=True, capture_output=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def compare(root: Path, domain: str, rounds: int) -> tuple[float, float]:
    """Return the medians of validating, and of renaming a domain there and back."""
    validating, renaming = [], []
    domains = [domain, "renamed.example"]
    for _ in range(rounds):
        validating.append(seconds(root, "validate"))
        renaming.append(seconds(root, "set-email", "--domain", domains[0], "--to", domains[1]))
        domains.reverse()
    return statistics.median(validating), statistics.median(renaming)


def main(rounds: int) -> int:
    """Run the comparisons and print them; give the exit code."""
    print(f"{FILES * GUESTS_PER_FILE} entries in {FILES} files, {rounds} rounds")
    slow = False
    with tempfile.TemporaryDirectory() as folder:
        mixed, uniform = Path(folder) / "mixed", Path(folder) / "uniform"
        write_tree(mixed)
        write_tree(uniform, domain=ALL)
        for case, root, domain in (
            ("one file", mixed, PARTNER),
            ("one entry of each file", mixed, SCATTERED),
            ("every entry", uniform, ALL),
        ):
            validate, rename = compare(root, domain, rounds)
            limit = f" (limit {LIMIT:.2f})" if root is mixed else ""
            times = f"validate {validate:.2f} s, set-email {rename:.2f} s"
            print(f"{case}: {times}, ratio {rename / validate:.2f}{limit}")
            slow |= root is mixed and rename > LIMIT * validate
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
