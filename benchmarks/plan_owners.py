"""What planning costs when every guest gets another address: requests a change, and time beside a floor.

1,000 guests, all declared with a new address, and 500 members, in the embedded emulator in a process of its
own. The floor is the same requests sent again, one after the other, with nothing but httpx and json.loads.
Measured at 0 and 50 ms of latency: the reading and planning alone, and the whole command, from its start to
the written plan. Run from the repository's root: `python -m benchmarks.plan_owners`.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from benchmarks.served import emulator
from reconciler.cli.loading import load_tree
from reconciler.emulator.control.client import ControlClient, RecordedRequest
from reconciler.graph.reader import open_reader
from reconciler.model import Desired
from reconciler.observation import observe
from reconciler.plan import make_plan

TENANT = "7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10"
TOKEN = "emulator"

MOST_REQUESTS_A_CHANGE = 0.7
MOST_SECONDS = {0: 1.5, 50: 2.0}
"""Of the whole command, by milliseconds of latency."""

COUNTS = (1, 5, 20, 100, 1000)
REDIRECT = "https://myapps.microsoft.com"


class Tokens:
    """The emulator's fixed token."""

    async def token(self, *, claims: str | None = None) -> str:
        """Give it."""
        del claims
        return TOKEN


def guest_id(number: int) -> str:
    """Give the id of a guest."""
    return f"1b6a4f0c-8a0c-4d6e-9a51-{number:012x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The requests of one reading."""

    wire: list[RecordedRequest]
    """Single requests and whole batches."""

    items: int
    """Requests inside batches."""

    @property
    def counted(self) -> int:
        """Everything Graph counts, the listing of guests too."""
        return len(self.wire) + self.items


def seed(guests: int, members: int) -> dict[str, object]:
    """Describe a tenant of that many guests and members."""
    return {
        "tenant": {"id": TENANT, "verifiedDomains": ["contoso.example"]},
        "guests": [
            {"id": guest_id(number), "email": f"g{number}@old.example"} for number in range(1, guests + 1)
        ],
        "members": [{"userPrincipalName": f"m{number}@contoso.example"} for number in range(members)],
    }


def write_tree(folder: Path, count: int) -> Path:
    """Declare a new address for every guest, in files of 250."""
    tree = folder / "desired"
    (tree / "guests").mkdir(parents=True)
    invitation = {"redirectUrl": REDIRECT, "sendMessage": True, "language": "en-US"}
    policy = {"maxChanges": count, "maxChangePercent": 100}
    tenant = {"tenantId": TENANT, "cloud": "emulator", "policy": policy}
    (tree / "tenant.yaml").write_text(json.dumps({**tenant, "defaults": {"invitation": invitation}}))
    for start in range(1, count + 1, 250):
        entries = "".join(
            f"  - id: {guest_id(number)}\n    email: g{number}@new.example\n"
            for number in range(start, min(start + 250, count + 1))
        )
        (tree / "guests" / f"{start:04}.yaml").write_text(f"guests:\n{entries}")
    return tree


async def plan(root: str, entries: Desired) -> float:
    """Read the tenant and plan; give the seconds."""
    async with open_reader(root, Tokens()) as reader:
        started = time.perf_counter()
        made = make_plan(entries, await observe(reader, entries), datetime.now(UTC))
        seconds = time.perf_counter() - started
    assert len(made.changes) == len(entries.guests)
    return seconds


def sent(control: ControlClient) -> Sent:
    """Give the requests since they were last forgotten."""
    requests = control.requests(bodies=True)
    wire = [request for request in requests if request.parent is None]
    return Sent(wire=wire, items=len(requests) - len(wire))


def replay(root: str, requests: list[RecordedRequest]) -> float:
    """Send the same requests again, one after the other; give the seconds."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=root, headers=headers, trust_env=False, timeout=60) as http:
        started = time.perf_counter()
        for request in requests:
            body = None if request.method == "GET" else request.request_body
            json.loads(http.request(request.method, request.url, json=body).content)
        return time.perf_counter() - started


def run_command(root: str, tree: Path) -> tuple[float, float]:
    """Run `reconciler plan`; give its seconds and its processor seconds."""
    environment = {**os.environ, "RECONCILER_GRAPH_URL": root, "NO_COLOR": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # nobody compiles the SDK anew for each plan
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "reconciler", "--desired", str(tree), "plan", "--out", "plan.json"],
        cwd=tree.parent,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, used


def count_requests(root: str, control: ControlClient, changes: int) -> bool:
    """Print what plans of several sizes cost, and tell whether the largest keeps its bound."""
    print(f"{'changes':>8}{'requests':>10}{'in batches':>12}{'a change':>10}")
    a_change = 0.0
    for count in sorted({*(count for count in COUNTS if count < changes), changes}):
        with TemporaryDirectory() as folder:
            entries = load_tree(write_tree(Path(folder), count))
        control.forget_requests()
        asyncio.run(plan(root, entries))
        cost = sent(control)
        a_change = cost.counted / count
        print(f"{count:>8}{len(cost.wire):>10}{cost.items:>12}{a_change:>10.3f}")
    print(f"{changes} changes cost at most {MOST_REQUESTS_A_CHANGE} a change")
    kinds = Counter(f"{request.method} {request.url.split('?')[0]}" for request in cost.wire)
    for kind, number in sorted(kinds.items()):
        print(f"  {kind:64}{number:4}")
    return a_change <= MOST_REQUESTS_A_CHANGE


def measure_time(root: str, control: ControlClient, changes: int, rounds: int) -> bool:
    """Print the best of some rounds at each latency, and tell whether the command keeps its bounds."""
    print(f"{'latency':>8}{'floor':>9}{'reading':>9}{'command':>9}{'at most':>9}{'processor':>11}")
    held = True
    with TemporaryDirectory() as folder:
        tree = write_tree(Path(folder), changes)
        entries = load_tree(tree)
        for milliseconds, most in MOST_SECONDS.items():
            control.set_faults({"latency": [{"milliseconds": milliseconds}]})
            control.forget_requests()
            reading = min(asyncio.run(plan(root, entries)) for _ in range(rounds))
            wire = sent(control).wire
            floor = min(replay(root, wire[: len(wire) // rounds]) for _ in range(rounds))
            command, used = min(run_command(root, tree) for _ in range(rounds))
            print(f"{milliseconds:>5} ms{floor:>9.2f}{reading:>9.2f}{command:>9.2f}{most:>9.1f}{used:>11.2f}")
            held = held and command <= most
    return held


def main() -> int:
    """Run the benchmark; 1 when a bound does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=1000)
    parser.add_argument("--members", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with emulator(seed(options.changes, options.members)) as root, ControlClient(root) as control:
        few = count_requests(root, control, options.changes)
        soon = measure_time(root, control, options.changes, options.rounds)
    return 0 if few and soon else 1


if __name__ == "__main__":
    raise SystemExit(main())
