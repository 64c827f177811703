"""How much an import of a large tenant costs beside reading the tenant alone: time and memory.

100,000 guests in an emulator of its own process. Both sides are processes of their own and take turns; the
reading side reads all that an import reads, with the product's reader, and keeps the ids alone. Without a
latency the directory and the command contend for the same processors, so the bound of time counts with one.
Run from the repository's root: `python -m benchmarks.import_guests`.
"""

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.served import emulator
from reconciler.emulator.control.client import ControlClient

MOST_TIMES_READING = 1.3
LATENCY = 300
"""Milliseconds from a request to its answer, less than Graph takes for a page of 999 users."""

MOST_MEGABYTES = 400
TENANT = "7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10"


class Cost(NamedTuple):
    """What a process costs."""

    elapsed: float

    own: float
    """Processor time of the process, in seconds."""

    megabytes: float
    """Peak resident memory."""


async def read(root: str) -> None:
    """Read all that an import reads with the product's reader, and keep the ids."""
    from reconciler.graph.reader import open_tenant_reader  # noqa: PLC0415 - each side imports what it needs
    from reconciler.model import TenantId  # noqa: PLC0415

    class Tokens:
        async def token(self, *, claims: str | None = None) -> str:
            del claims
            return "emulator"

    async with open_tenant_reader(root, Tokens()) as reader:
        await reader.read_tenant(TenantId(TENANT))
        listed = await reader.list_guests(lambda user: user.id, progress=lambda _: None)
        await reader.find_roles(listed.users.keys())


def cost(arguments: list[str], *, folder: Path, environment: dict[str, str]) -> Cost:
    """Run a process to its end, and measure it."""
    started = time.perf_counter()
    pid = os.posix_spawn(
        arguments[0],
        arguments,
        environment,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, str(folder / "out.txt"), os.O_WRONLY | os.O_CREAT, 0o600)],
    )
    _, status, used = os.wait4(pid, 0)
    elapsed = time.perf_counter() - started
    if status:
        raise SystemExit(f"{' '.join(arguments)} ended with status {status}")
    return Cost(elapsed, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def measure(root: str, *, latency: int, rounds: int) -> bool:
    """Measure at a latency, print a table and return whether the bounds that count there hold."""
    with ControlClient(root) as control:
        control.set_faults({"latency": [{"milliseconds": latency}]})
    environment = {**os.environ, "RECONCILER_GRAPH_URL": root}
    with TemporaryDirectory() as name:
        tree = Path(name) / "desired"
        command = [sys.executable, "-m", "reconciler", "--desired", str(tree)]
        sides = {
            "reading": [sys.executable, "-m", "benchmarks.import_guests", "--read", root],
            "import": [*command, "import", "--report", str(Path(name) / "report.json")],
        }
        costs: dict[str, list[Cost]] = {side: [] for side in sides}
        for _ in range(rounds):
            shutil.rmtree(tree, ignore_errors=True)
            tree.mkdir()
            (tree / "tenant.yaml").write_text(f"tenantId: {TENANT}\ncloud: emulator\n")
            for side, arguments in sides.items():
                costs[side].append(cost(arguments, folder=Path(name), environment=environment))
        subprocess.run(
            [*command, "plan", "--detailed-exitcode"], env=environment, check=True, stdout=subprocess.DEVNULL
        )
    print(f"\n{latency} ms; the plan after the import is empty")
    print(f"{f'median of {rounds}':<14}  reading   import    ratio")
    ratios = {}
    for field in Cost._fields:
        alone, whole = (statistics.median(getattr(each, field) for each in costs[side]) for side in sides)
        ratios[field] = whole / alone
        print(f"{field:<14} {alone:>8.2f} {whole:>8.2f} {whole / alone:>8.2f}")
    most = max(each.megabytes for each in costs["import"])
    return most <= MOST_MEGABYTES and (latency < LATENCY or ratios["elapsed"] <= MOST_TIMES_READING)


def main() -> int:
    """Run the benchmark; 1 when a bound does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--guests", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--read", metavar="ROOT", help="only read with the product's reader")
    options = parser.parse_args()
    if options.read:
        asyncio.run(read(options.read))
        return 0
    seed = {
        "tenant": {"id": TENANT},
        "generate": {"guests": options.guests},
        "switches": {"recordBodies": False},
    }
    print(f"{options.guests:,} guests; at most {MOST_MEGABYTES} megabytes, and at {LATENCY} ms")
    print(f"at most {MOST_TIMES_READING} times as long as reading")
    with emulator(seed) as root:
        good = [measure(root, latency=latency, rounds=options.rounds) for latency in (0, LATENCY)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    raise SystemExit(main())
