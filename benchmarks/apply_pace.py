"""How close apply comes to Graph's quotas: 1,000 changes, 300 ms latency, 5 s until a write is known.

The embedded emulator, in a process of its own, keeps the documented quotas. The ceiling is the time the
share of those quotas that may be used needs for the requests that were made, at their documented rates. A
full bucket would let the first 3,000 writes through at once and hide the pace: both sides' buckets start
empty, as after a long run, unless `--full` is given. A journal is written, as the product does. With
`--shipped` the defaults of `reconciler apply` are measured too. Run from the repository's root:
`python -m benchmarks.apply_pace`.
"""

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from reconciler.apply import Finished, Settings, WaitReason, apply_plan
from reconciler.emulator.control import ControlClient, RecordedRequest
from reconciler.graph.client import Terms
from reconciler.graph.pacing import Pace, Quota
from reconciler.graph.perform import open_directory
from reconciler.guard.approval import approve_all
from reconciler.journal import open_journal
from reconciler.model import (
    ActionRecord,
    Change,
    Cloud,
    Desired,
    DesiredGuest,
    EmailAddress,
    GuestOutcome,
    Invitation,
    ObjectId,
    Outcome,
    Policy,
    Source,
    TenantId,
)
from reconciler.plan import make_plan

TENANT = TenantId("7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10")
LATENCY = 0.3
LAG = 5.0
SMALLEST_SHARE_OF_CEILING = 0.95
MOST_THROTTLED = 0.01

WRITES_PER_SECOND, WRITES_AT_ONCE = 20.0, 3000
INVITATIONS_PER_SECOND, INVITATIONS_AT_ONCE = 30.0, 150
UNITS_AT_ONCE = ((501, 8000), (50, 5000), (0, 3500))
"""From so many users on."""

SHIPPED_SHARE = 0.8


class Tokens:
    """The emulator's fixed token."""

    async def token(self, *, claims: str | None = None) -> str:
        """Give it."""
        del claims
        return "emulator"


class FastClock:
    """The computer's clock, sped up."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._started = datetime.now(UTC)

    def now(self) -> datetime:
        """Give the instant."""
        return self._started + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Give the seconds since some fixed moment."""
        return time.monotonic() * self._speed

    async def sleep(self, seconds: float) -> None:
        """Sleep less long in truth."""
        await asyncio.sleep(seconds / self._speed)


class Silent:
    """Hears of progress and says nothing."""

    def guest_started(self, change: Change) -> None:
        """Ignore it."""

    def action_ended(self, guest: ObjectId, record: ActionRecord) -> None:
        """Ignore it."""

    def waiting(self, guest: ObjectId, reason: WaitReason, until: datetime | None) -> None:
        """Ignore it."""

    def guest_finished(self, outcome: GuestOutcome) -> None:
        """Ignore it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a run is told."""

    changes: int
    speed: int
    share: float
    half_done: int
    full: bool

    def at_once(self) -> dict[Quota, int]:
        """Give what may be used of full buckets."""
        units = next(units for users, units in UNITS_AT_ONCE if self.changes >= users)
        limits = {
            Quota.INVITATIONS: INVITATIONS_AT_ONCE,
            Quota.WRITES: WRITES_AT_ONCE,
            Quota.UNITS: units,
        }
        return {quota: int(limit * self.share) for quota, limit in limits.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a run took."""

    conditions: Conditions

    seconds: float
    """On the emulated clock."""

    busy: float
    """Share of one processor this side used."""

    finished: Finished
    requests: list[RecordedRequest]


def guest_id(number: int) -> ObjectId:
    """Give the id of a guest."""
    return ObjectId(f"1b6a4f0c-8a0c-4d6e-9a51-{number:012x}")


def desired(count: int) -> Desired:
    """Declare a new address for every guest."""
    invitation = Invitation(
        redirect_url="https://myapps.microsoft.com",
        send_message=True,
        language="en-US",
        cc=None,
        message=None,
    )
    return Desired(
        tenant_id=TENANT,
        cloud=Cloud.EMULATOR,
        policy=Policy(max_changes=count, max_change_percent=100),
        guests=tuple(
            DesiredGuest(
                id=guest_id(number),
                name=None,
                email=EmailAddress(f"g{number}@new.example"),
                alternate_emails=None,
                reset_after=None,
                invitation=invitation,
                hold=None,
                source=Source(file="guests/all.yaml", line=number),
            )
            for number in range(1, count + 1)
        ),
    )


@contextlib.contextmanager
def emulator(count: int) -> Iterator[str]:
    """Serve the tenant from a process of its own."""
    guests = [{"id": guest_id(number), "email": f"g{number}@old.example"} for number in range(1, count + 1)]
    seed = {
        "tenant": {"id": TENANT, "verifiedDomains": ["contoso.example"]},
        "guests": guests,
        "switches": {"recordBodies": False},
    }
    with TemporaryDirectory() as folder:
        (Path(folder) / "seed.yaml").write_text(json.dumps(seed))
        command = [sys.executable, "-m", "reconciler", "emulator", "--seed", "seed.yaml", "--port", "0"]
        with subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            try:
                assert process.stdout
                yield process.stdout.readline().strip()
            finally:
                process.terminate()


async def measure(root: str, conditions: Conditions) -> Measured:
    """Plan without trouble, then apply with latency, lag and quotas."""
    clock = FastClock(conditions.speed)
    entries = desired(conditions.changes)
    pace = Pace(share=conditions.share, clock=clock)
    terms = Terms(pace=pace)
    with (
        ControlClient(root) as control,
        TemporaryDirectory() as folder,
        open_journal(Path(folder) / "journal.jsonl", run="measured") as journal,
    ):
        async with open_directory(root, Tokens(), terms=terms) as (reader, writer):
            plan = make_plan(entries, await reader.observe(entries), datetime.now(UTC))
            await asyncio.to_thread(_trouble, control, conditions)
            if not conditions.full:
                emptied = conditions.at_once()
                await pace.admit(emptied)
                pace.ended(emptied)
            started, worked = clock.monotonic(), time.process_time()
            finished = await apply_plan(
                approve_all(plan).work,
                reader=reader,
                writer=writer,
                journal=journal,
                links=None,
                settings=Settings(half_done=conditions.half_done),
                clock=clock,
                progress=Silent(),
                stop=asyncio.Event(),
            )
            seconds = clock.monotonic() - started
            busy = (time.process_time() - worked) / (seconds / conditions.speed)
        return Measured(
            conditions=conditions,
            seconds=seconds,
            busy=busy,
            finished=finished,
            requests=control.requests(),
        )


def _trouble(control: ControlClient, conditions: Conditions) -> None:
    control.forget_requests()
    control.go_wrong(
        {
            "speed": conditions.speed,
            "latency": [{"milliseconds": int(LATENCY * 1000)}],
            "replication": {"reads": int(LAG * 1000), "invitations": int(LAG * 1000)},
            "quotas": {"filled": 100 if conditions.full else 0},
        }
    )


def report(measured: Measured) -> bool:
    """Print the table, and tell whether every bound holds."""
    told = measured.conditions
    sent = [request for request in measured.requests if request.parent is None]
    kinds = Counter(f"{request.method} {_route(request.url)}" for request in sent)
    refused = Counter(
        f"{request.method} {_route(request.url)}" for request in measured.requests if request.status == 429
    )
    throttled = refused.total()
    invitations = sum(count for kind, count in kinds.items() if kind.startswith("POST /invitations"))
    writes = invitations + sum(count for kind, count in kinds.items() if kind.startswith("PATCH"))
    print(f"{told.share:.0%} of the quotas, at most {told.half_done} guests half done")
    print(f"{'requests':28}")
    for kind, count in sorted(kinds.items()):
        print(f"  {kind:26}{count:8}")
    at_once = told.at_once() if told.full else dict.fromkeys(Quota, 0)
    by_writes = max(0.0, (writes - at_once[Quota.WRITES]) / (WRITES_PER_SECOND * told.share))
    by_invitations = max(
        0.0, (invitations - at_once[Quota.INVITATIONS]) / (INVITATIONS_PER_SECOND * told.share)
    )
    ceiling = max(by_writes, by_invitations)
    print(
        f"ceiling{'':21}{ceiling:8.1f} s   {writes} writes {by_writes:.1f} s, "
        f"{invitations} invitations {by_invitations:.1f} s"
    )
    print(
        f"achieved{'':20}{measured.seconds:8.1f} s   {ceiling / measured.seconds:.1%} of the ceiling, "
        f"client {measured.busy:.0%} of a processor"
    )
    print(f"throttled{'':19}{throttled:8}     {throttled / len(measured.requests):.2%} of the requests")
    for kind, count in sorted(refused.items()):
        print(f"  {kind:26}{count:8}")
    outcomes = Counter(outcome.outcome for outcome in measured.finished.outcomes)
    print("outcomes", ", ".join(f"{outcome} {count}" for outcome, count in sorted(outcomes.items())))
    return (
        ceiling >= SMALLEST_SHARE_OF_CEILING * measured.seconds
        and throttled <= MOST_THROTTLED * len(measured.requests)
        and set(outcomes) == {Outcome.APPLIED}
    )


def _route(url: str) -> str:
    path = url.split("?", maxsplit=1)[0].removeprefix("/v1.0")
    return "/users/*" if path.startswith("/users/") else path


def main() -> int:
    """Measure once, or twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=1000)
    parser.add_argument(
        "--speed", type=int, default=1, help="of the clock; beyond 5 the processor is measured"
    )
    parser.add_argument("--share", type=float, default=1.0, help="of the quota that may be used")
    parser.add_argument("--half-done", type=int, default=150, help="guests between first and last write")
    parser.add_argument("--shipped", action="store_true", help="measure the defaults of apply too")
    parser.add_argument("--full", action="store_true", help="start with full buckets")
    arguments = parser.parse_args()
    runs = [(arguments.share, arguments.half_done)]
    if arguments.shipped:
        runs.append((SHIPPED_SHARE, Settings().half_done))
    held = True
    for share, half_done in runs:
        conditions = Conditions(
            changes=arguments.changes,
            speed=arguments.speed,
            share=share,
            half_done=half_done,
            full=arguments.full,
        )
        with emulator(conditions.changes) as root:
            measured = asyncio.run(measure(root, conditions))
        held = report(measured) and held
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
