"""Runs apply against a tenant in memory, on imagined time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.apply import Finished, Settings, WaitReason, apply_plan
from reconciler.guard.approval import Work, approve, approve_all
from reconciler.journal import Journal
from reconciler.model import (
    ActionRecord,
    Change,
    Desired,
    GuestOutcome,
    ObjectId,
    Plan,
)
from reconciler.plan import make_plan
from reconciler.redeem_links import RedeemLinks
from tests.samples.imagined_time import ImaginedClock
from tests.samples.tenant import Tenant


@dataclass(slots=True)
class Heard:
    """All that a run told while it went on."""

    started: list[ObjectId] = field(default_factory=list)
    ended: list[tuple[ObjectId, ActionRecord]] = field(default_factory=list)
    waited: list[tuple[ObjectId, WaitReason, datetime | None]] = field(default_factory=list)
    finished: list[GuestOutcome] = field(default_factory=list)

    def guest_started(self, change: Change) -> None:
        """Remember it."""
        self.started.append(change.id)

    def action_ended(self, guest: ObjectId, record: ActionRecord) -> None:
        """Remember it."""
        self.ended.append((guest, record))

    def waiting(self, guest: ObjectId, reason: WaitReason, until: datetime | None) -> None:
        """Remember it."""
        self.waited.append((guest, reason, until))

    def guest_finished(self, outcome: GuestOutcome) -> None:
        """Remember it."""
        self.finished.append(outcome)

    def reasons(self, guest: ObjectId) -> set[WaitReason]:
        """Give what a guest waited for."""
        return {reason for waiter, reason, _ in self.waited if waiter == guest}


def plan_for(tenant: Tenant, desired: Desired) -> Plan:
    """Look and plan; what the directory shows may be late."""
    return make_plan(desired, tenant.look(desired, lag=tenant.observe_lag), tenant.clock.now())


def work_for(tenant: Tenant, desired: Desired, *approved: Plan) -> tuple[Work, ...]:
    """Plan anew, and keep what is approved: everything, when no plan is given."""
    plan = plan_for(tenant, desired)
    return (approve(plan, approved) if approved else approve_all(plan)).work


def apply(
    tenant: Tenant,
    work: Sequence[Work],
    *,
    settings: Settings | None = None,
    journal: Journal | None = None,
    links: RedeemLinks | None = None,
    heard: Heard | None = None,
    stop_after: float | None = None,
) -> Finished | None:
    """Carry work out; `None` when the process was killed on the way. `stop_after` sends the signal."""
    return tenant.clock.run(
        _apply(
            tenant,
            work,
            settings=settings or Settings(),
            journal=journal,
            links=links,
            heard=heard or Heard(),
            stop_after=stop_after,
        )
    )


def apply_together(tenant: Tenant, *works: Sequence[Work], apart: float) -> list[Finished]:
    """Carry out several pieces of work at the same time, each as a run of its own, started one by one."""

    async def after(seconds: float, work: Sequence[Work]) -> Finished:
        await tenant.clock.sleep(seconds)
        return await apply_plan(
            work,
            reader=tenant,
            writer=tenant,
            journal=None,
            links=None,
            settings=Settings(),
            clock=tenant.clock,
            progress=Heard(),
            stop=asyncio.Event(),
        )

    async def all_of_them() -> list[Finished]:
        return await asyncio.gather(*(after(number * apart, work) for number, work in enumerate(works)))

    tenant.killed = asyncio.Event()
    return tenant.clock.run(all_of_them())


def outcomes(finished: Finished | None) -> dict[ObjectId, GuestOutcome]:
    """Give the outcomes of a run that came to its end."""
    assert finished is not None, "the run was killed"
    return {outcome.id: outcome for outcome in finished.outcomes}


def outcome_of(finished: Finished | None) -> GuestOutcome:
    """Give the outcome of a run over one guest."""
    (outcome,) = outcomes(finished).values()
    return outcome


async def _apply(
    tenant: Tenant,
    work: Sequence[Work],
    *,
    settings: Settings,
    journal: Journal | None,
    links: RedeemLinks | None,
    heard: Heard,
    stop_after: float | None,
) -> Finished | None:
    stop = asyncio.Event()
    if stop_after is not None:
        asyncio.get_running_loop().call_later(stop_after, stop.set)
    tenant.killed = asyncio.Event()
    running = asyncio.ensure_future(
        apply_plan(
            work,
            reader=tenant,
            writer=tenant,
            journal=journal,
            links=links,
            settings=settings,
            clock=tenant.clock,
            progress=heard,
            stop=stop,
        )
    )
    dying = asyncio.ensure_future(tenant.killed.wait())
    await asyncio.wait([running, dying], return_when=asyncio.FIRST_COMPLETED)
    dying.cancel()
    if running.done():
        return running.result()
    running.cancel()
    await asyncio.wait([running])
    return None


def new_tenant() -> Tenant:
    """Make an empty tenant with a clock of its own."""
    return Tenant(ImaginedClock())
