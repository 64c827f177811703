"""How close apply comes to what Graph's quotas and the network allow: 1,000 changes of address.

The embedded emulator, in a process of its own, keeps the documented quotas. For each row of the table:

- `quota` is the time that the part of the quotas that may be used needs for the writes that were made, at
  their documented rates: with full buckets the first 3,000 writes and 150 invitations go at once.
- `trips` is the time the round trips of one guest after the other need, with as many guests in flight as
  the run may have: read, PATCH, read, POST, read, PATCH.
- `floor` is the larger of both; no client can be faster.
- `written` is the time until the last write was answered, `took` until the last guest was read back.

Empty buckets are measured after a long run, with writes that take 5 s to show, and bound the share of the
ceiling at which writes went out (`floor/written`): that the last guest takes those 5 s to be read back uses
no quota. Full ones are measured with writes that show at once, and bound the ratio of `took` to the floor. A
journal is written, as
the product does. Run from the repository's root: `python -m benchmarks.apply_pace [--only full-50]`.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.served import emulator
from reconciler.apply import RunResult, Services, Settings, Terms, WaitReason, apply_plan
from reconciler.emulator.control.client import ControlClient, RecordedRequest
from reconciler.graph.rate_limits import Quota, RateLimiter
from reconciler.graph.sessions import SessionOptions
from reconciler.graph.writer import open_directory
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
    ObjectId,
    Outcome,
    Policy,
    Source,
    TenantId,
    built_in_invitation,
)
from reconciler.observation import observe
from reconciler.plan import make_plan

TENANT = TenantId("7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10")
SMALLEST_SHARE_OF_CEILING = 0.97
LARGEST_RATIO_TO_FLOOR = 1.3
MOST_THROTTLED = 0.01

TRIPS_IN_FLIGHT = 6
"""Round trips of one guest between the first read and the last write."""

WRITES_PER_SECOND, WRITES_AT_ONCE = 20.0, 3000
INVITATIONS_PER_SECOND, INVITATIONS_AT_ONCE = 30.0, 150
UNITS_AT_ONCE = ((501, 8000), (50, 5000), (0, 3500))
"""From so many users on."""


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
    """Receives progress and shows nothing."""

    def guest_started(self, change: Change) -> None:
        """Ignore it."""

    def action_ended(self, guest: ObjectId, record: ActionRecord) -> None:
        """Ignore it."""

    def waiting(self, guest: ObjectId, reason: WaitReason, until: datetime | None) -> None:
        """Ignore it."""

    def guest_finished(self, outcome: GuestOutcome) -> None:
        """Ignore it."""


class LastWrite(Silent):
    """Records when the last action ended."""

    def __init__(self, clock: FastClock) -> None:
        self._clock = clock
        self.at = clock.monotonic()

    def action_ended(self, guest: ObjectId, record: ActionRecord) -> None:
        """Record the moment."""
        del guest, record
        self.at = self._clock.monotonic()


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a run is measured under."""

    changes: int

    full: bool
    """Whether the buckets are full at the beginning."""

    latency: float
    """Seconds that the directory takes for an answer."""

    lag: float
    """Seconds until a write shows."""

    speed: int
    share: float
    max_in_flight: int

    @property
    def name(self) -> str:
        """Name the row."""
        return f"{'full' if self.full else 'empty'}-{self.latency * 1000:.0f}"

    def at_once(self) -> dict[Quota, int]:
        """Return what may be used of full buckets."""
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
    """On the emulated clock, until every guest was read back."""

    written: float
    """Seconds on the emulated clock until the last write was answered."""

    processor: float
    """Seconds of processor time of this side."""

    result: RunResult
    requests: list[RecordedRequest]

    @property
    def invitations(self) -> int:
        """How many invitations were sent."""
        return sum(request.url.startswith("/v1.0/invitations") for request in self.requests)

    @property
    def writes(self) -> int:
        """How many writes were sent; an invitation is taken for one."""
        return self.invitations + sum(request.method == "PATCH" for request in self.requests)

    @property
    def throttled(self) -> int:
        """How many requests, those in batches among them, were answered 429."""
        return sum(request.status == 429 for request in self.requests)

    @property
    def quota(self) -> float:
        """Seconds that the quotas need for these writes."""
        told = self.conditions
        at_once = told.at_once() if told.full else dict.fromkeys(Quota, 0)
        by_writes = (self.writes - at_once[Quota.WRITES]) / (WRITES_PER_SECOND * told.share)
        by_invitations = (self.invitations - at_once[Quota.INVITATIONS]) / (
            INVITATIONS_PER_SECOND * told.share
        )
        return max(0.0, by_writes, by_invitations)

    @property
    def trips(self) -> float:
        """Seconds that the round trips need."""
        told = self.conditions
        rounds = -(-told.changes // told.max_in_flight)
        return rounds * TRIPS_IN_FLIGHT * told.latency + told.lag

    @property
    def floor(self) -> float:
        """Seconds below which nobody can be."""
        return max(self.quota, self.trips)

    @property
    def holds(self) -> bool:
        """Whether every bound holds."""
        in_time = (
            self.seconds <= LARGEST_RATIO_TO_FLOOR * self.floor
            if self.conditions.full
            else self.quota >= SMALLEST_SHARE_OF_CEILING * self.written
        )
        applied = all(outcome.outcome is Outcome.APPLIED for outcome in self.result.outcomes)
        return in_time and applied and self.throttled <= MOST_THROTTLED * len(self.requests)


def guest_id(number: int) -> ObjectId:
    """Give the id of a guest."""
    return ObjectId(f"1b6a4f0c-8a0c-4d6e-9a51-{number:012x}")


def desired(count: int) -> Desired:
    """Declare a new address for every guest."""
    invitation = built_in_invitation(TENANT)
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
        invitation=invitation,
    )


def seed(count: int) -> dict[str, object]:
    """Describe a tenant of that many guests, which keeps no bodies of requests."""
    guests = [{"id": guest_id(number), "email": f"g{number}@old.example"} for number in range(1, count + 1)]
    return {
        "tenant": {"id": TENANT, "verifiedDomains": ["contoso.example"]},
        "guests": guests,
        "switches": {"recordBodies": False},
    }


async def measure(root: str, conditions: Conditions) -> Measured:
    """Plan without trouble, then apply with latency, lag and quotas."""
    clock = FastClock(conditions.speed)
    entries = desired(conditions.changes)
    limiter = RateLimiter(share=conditions.share, clock=clock)
    with (
        ControlClient(root) as control,
        TemporaryDirectory() as folder,
        open_journal(Path(folder) / "journal.jsonl", run="measured") as journal,
    ):
        async with open_directory(root, Tokens(), options=SessionOptions(limiter=limiter)) as (
            reader,
            writer,
        ):
            plan = make_plan(entries, await observe(reader, entries), datetime.now(UTC))
            await asyncio.to_thread(_trouble, control, conditions)
            if not conditions.full:
                emptied = conditions.at_once()
                await limiter.acquire(emptied)
                limiter.commit(emptied)
            started, worked = clock.monotonic(), time.process_time()
            last = LastWrite(clock)
            services = Services(reader=reader, writer=writer, clock=clock, observer=last, journal=journal)
            terms = Terms(settings=Settings(max_in_flight=conditions.max_in_flight))
            result = await apply_plan(approve_all(plan).work, services, terms, shutdown=asyncio.Event())
            seconds = clock.monotonic() - started
            worked = time.process_time() - worked
        return Measured(
            conditions=conditions,
            seconds=seconds,
            written=last.at - started,
            processor=worked,
            result=result,
            requests=control.requests(),
        )


def _trouble(control: ControlClient, conditions: Conditions) -> None:
    control.forget_requests()
    control.set_faults(
        {
            "speed": conditions.speed,
            "latency": [{"milliseconds": int(conditions.latency * 1000)}],
            "replication": {
                "reads": int(conditions.lag * 1000),
                "invitations": int(conditions.lag * 1000),
            },
            "quotas": {"filled": 100 if conditions.full else 0},
        }
    )


HEADINGS = (
    *("row", "quota", "trips", "floor", "written", "floor/written", "took", "floor/took"),
    *("CPU s", "writes", "reads", "429", ""),
)


def row(measured: Measured) -> tuple[str, ...]:
    """Return one line of the table."""
    reads = sum(request.method == "GET" for request in measured.requests)
    outcomes = Counter(outcome.outcome for outcome in measured.result.outcomes)
    odd = ", ".join(f"{name} {count}" for name, count in sorted(outcomes.items()) if name != Outcome.APPLIED)
    return (
        measured.conditions.name,
        f"{measured.quota:.1f}",
        f"{measured.trips:.1f}",
        f"{measured.floor:.1f}",
        f"{measured.written:.1f}",
        f"{measured.floor / measured.written:.1%}",
        f"{measured.seconds:.1f}",
        f"{measured.floor / measured.seconds:.1%}",
        f"{measured.processor:.1f}",
        str(measured.writes),
        str(reads),
        str(measured.throttled),
        odd or ("" if measured.holds else "OUT OF BOUNDS"),
    )


def main() -> int:
    """Measure every row of the table, or those asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=1000)
    parser.add_argument(
        "--speed", type=int, default=1, help="of the clock; beyond 5 the processor is measured"
    )
    parser.add_argument("--share", type=float, default=1.0, help="of the quota that may be used")
    parser.add_argument("--max-in-flight", type=int, default=150, help="guests between first and last write")
    parser.add_argument("--only", default="", help="only rows whose name begins so")
    arguments = parser.parse_args()
    held = True
    print(" ".join(f"{heading:>13}" for heading in HEADINGS))
    for full, latency in product((True, False), (0.0, 0.05, 0.3)):
        conditions = Conditions(
            changes=arguments.changes,
            full=full,
            latency=latency,
            lag=0.0 if full else 5.0,
            speed=arguments.speed,
            share=arguments.share,
            max_in_flight=arguments.max_in_flight,
        )
        if not conditions.name.startswith(arguments.only):
            continue
        with emulator(seed(conditions.changes)) as root:
            measured = asyncio.run(measure(root, conditions))
        print(" ".join(f"{cell:>13}" for cell in row(measured)), flush=True)
        held = measured.holds and held
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
