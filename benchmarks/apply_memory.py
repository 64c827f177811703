"""How much memory a run takes beside its plan: 1,000 and 10,000 changes of address, and the ratio of both.

The directory is a dictionary in this process that does what it is asked, so that only the engine is
measured: guests are begun as slots become free, so their number hardly matters. Outcomes are part of what a
run leaves and grow with the plan; they are shown apart. Run from the repository's root:
`python -m benchmarks.apply_memory`.
"""

import asyncio
import sys
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from benchmarks.apply_pace import Silent, desired, guest_id
from reconciler.apply import RunResult, Services, Terms, apply_plan
from reconciler.clock import SystemClock
from reconciler.guard.approval import Work, approve_all
from reconciler.model import (
    CallerKind,
    Desired,
    Done,
    EmailAddress,
    Guest,
    InvitesFrom,
    Live,
    NotSent,
    ObjectId,
    Permit,
    RedemptionState,
    ResetRedemption,
    Write,
    WriteAnswer,
)
from reconciler.plan import make_plan

COUNTS = (1_000, 10_000)
MOST_GROWTH = 1.5
"""Of what the engine holds besides plan and outcomes, for ten times the changes."""


class Directory:
    """A directory that does what it is asked."""

    def __init__(self, count: int) -> None:
        self._guests = {guest_id(number): _guest(number) for number in range(1, count + 1)}

    def live(self, declared: Desired) -> Live:
        """Return all that a plan needs: every guest, and nothing in the way."""
        return Live(
            tenant_id=declared.tenant_id,
            verified_domains=frozenset({"contoso.example"}),
            invites_from=InvitesFrom.EVERYONE,
            caller=CallerKind.APPLICATION,
            guests=dict(self._guests),
            deleted=frozenset(),
            role_holders={},
            owners={},
            unmanaged=0,
            listed_all=True,
            not_checked=(),
        )

    async def read_guest(self, guest: ObjectId) -> Guest | None:
        """Return one guest."""
        await asyncio.sleep(0)
        return self._guests.get(guest)

    async def perform(
        self, guest: ObjectId, write: Write, *, client_request_id: str, permit: Permit
    ) -> WriteAnswer | NotSent:
        """Do what is asked."""
        del client_request_id
        await asyncio.sleep(0)
        if not await permit():
            return NotSent()
        now = datetime.now(UTC)
        found = self._guests[guest]
        if isinstance(write, ResetRedemption):
            self._guests[guest] = replace(found, state=RedemptionState.PENDING, state_changed_at=now)
            return Done(status=201, request_id=None, at=now)
        markers = (write.marker,) if write.marker else ()
        self._guests[guest] = replace(
            found, mail=write.mail or found.mail, other_mails=write.other_mails, markers=markers
        )
        return Done(status=204, request_id=None, at=now)

    def hurry(self) -> None:
        """Ignore it."""

    def may_write(self) -> bool | None:
        """Return that it may."""
        return True


def _guest(number: int) -> Guest:
    address = EmailAddress(f"g{number}@old.example")
    return Guest(
        id=guest_id(number),
        user_principal_name=f"g{number}_old.example#EXT#@contoso.onmicrosoft.example",
        display_name=f"Guest {number}",
        user_type="Guest",
        account_enabled=True,
        creation_type="Invitation",
        state=RedemptionState.ACCEPTED,
        state_changed_at=datetime.now(UTC) - timedelta(days=90),
        mail=address,
        other_mails=(address,),
        proxy_addresses=(),
        identities=(),
        on_premises_synced=False,
    )


async def _measured(directory: Directory, work: tuple[Work, ...]) -> tuple[RunResult, int, int]:
    services = Services(reader=directory, writer=directory, clock=SystemClock(), observer=Silent())
    tracemalloc.start()
    result = await apply_plan(work, services, Terms(), shutdown=asyncio.Event())
    left, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return result, left, peak


def main() -> int:
    """Measure both sizes."""
    engine: list[int] = []
    print(f"{'changes':>10} {'peak KiB':>10} {'left KiB':>10} {'engine KiB':>10}")
    for count in COUNTS:
        directory, entries = Directory(count), desired(count)
        live = directory.live(entries)
        work = approve_all(make_plan(entries, live, datetime.now(UTC))).work
        result, left, peak = asyncio.run(_measured(directory, work))
        assert len(result.outcomes) == count
        assert {outcome.outcome.value for outcome in result.outcomes} == {"applied"}
        engine.append(peak - left)
        print(f"{count:>10} {peak // 1024:>10} {left // 1024:>10} {engine[-1] // 1024:>10}")
    ratio = engine[1] / engine[0]
    print(f"ratio {ratio:.2f}, at most {MOST_GROWTH}")
    return 0 if ratio <= MOST_GROWTH else 1


if __name__ == "__main__":
    sys.exit(main())
