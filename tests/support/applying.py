"""Runs apply against a tenant in memory, on imagined time."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.apply import RunResult, Services, Settings, Terms, WaitReason, apply_plan
from reconciler.guard.approval import Work, approve, approve_all
from reconciler.guard.proofs import AcknowledgedReset
from reconciler.journal import Journal
from reconciler.model import (
    ActionRecord,
    ActionResult,
    Change,
    Desired,
    EmailAddress,
    Guest,
    GuestOutcome,
    NotSent,
    ObjectId,
    Permit,
    Plan,
    Write,
    WriteAnswer,
)
from reconciler.plan import make_plan
from reconciler.redeem_links import RedeemLinks
from reconciler.settling import LastWrite
from tests.support.directory import NEW, guest_id
from tests.support.imagined_time import ImaginedClock
from tests.support.tenant import Tenant, kind_of
from tests.support.tenant_calls import UNREADABLE, Call, Fault, Kind


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
    resets: Sequence[AcknowledgedReset] = (),
    settles_in: float = 0.0,
    last_write: LastWrite | None = None,
) -> RunResult | None:
    """Carry work out; `None` when the process was killed on the way. `stop_after` sends the signal.

    `settles_in` is how many seconds what earlier runs wrote may take to show.
    """
    services = Services(
        reader=tenant,
        writer=tenant,
        journal=journal,
        links=links,
        clock=tenant.clock,
        observer=heard or Heard(),
        last_write=last_write,
    )
    terms = Terms(
        settings=settings or Settings(),
        resets=tuple(resets),
        settled_at=tenant.clock.now() + timedelta(seconds=settles_in),
        marker_domains=("reconciler.invalid", "contoso.onmicrosoft.example"),
    )
    return tenant.clock.run(_apply(tenant, work, services, terms, stop_after=stop_after))


@dataclass(slots=True, kw_only=True)
class Machine:
    """One of several computers on which apply runs at the same time, and what it keeps."""

    tenant: Tenant
    work: Sequence[Work]

    starts_after: float = 0.0
    """Seconds."""

    dies_after: Kind | None = None
    """The kind of write whose first answer never comes: the write takes effect and the process is killed."""

    resets: tuple[AcknowledgedReset, ...] = ()
    settles_in: float = 0.0
    journal: Journal | None = None
    links: RedeemLinks | None = None
    killed: asyncio.Event = field(default_factory=asyncio.Event)

    async def read_guest(self, guest: ObjectId) -> Guest | None:
        """Read one guest."""
        return await self.tenant.read_guest(guest)

    def hurry(self) -> None:
        """Ignore it."""

    def may_write(self) -> bool | None:
        """Return what the token says of its roles."""
        return self.tenant.may_write()

    async def perform(
        self, guest: ObjectId, write: Write, *, client_request_id: str, permit: Permit
    ) -> WriteAnswer | NotSent:
        """Send one write, unless the process dies meanwhile."""
        answer = await self.tenant.perform(guest, write, client_request_id=client_request_id, permit=permit)
        if kind_of(write) is self.dies_after and not isinstance(answer, NotSent):
            self.killed.set()
        if self.killed.is_set():
            await asyncio.Event().wait()
        return answer

    async def run(self) -> RunResult | None:
        """Run apply; `None` when the process was killed."""
        await self.tenant.clock.sleep(self.starts_after)
        services = Services(
            reader=self,
            writer=self,
            journal=self.journal,
            links=self.links,
            clock=self.tenant.clock,
            observer=Heard(),
        )
        terms = Terms(
            resets=self.resets, settled_at=self.tenant.clock.now() + timedelta(seconds=self.settles_in)
        )
        running = asyncio.ensure_future(apply_plan(self.work, services, terms, shutdown=asyncio.Event()))
        dying = asyncio.ensure_future(self.killed.wait())
        await asyncio.wait([running, dying], return_when=asyncio.FIRST_COMPLETED)
        dying.cancel()
        if running.done():
            return running.result()
        running.cancel()
        await asyncio.wait([running])
        return None


def run_together(tenant: Tenant, *machines: Machine) -> list[RunResult | None]:
    """Run apply on several machines at the same time."""

    async def all_of_them() -> list[RunResult | None]:
        return await asyncio.gather(*(machine.run() for machine in machines))

    tenant.killed = asyncio.Event()
    return tenant.clock.run(all_of_them())


def apply_together(tenant: Tenant, *works: Sequence[Work], apart: float) -> list[RunResult]:
    """Carry out several pieces of work at the same time, each as a run of its own, started one by one."""
    machines = [
        Machine(tenant=tenant, work=work, starts_after=number * apart) for number, work in enumerate(works)
    ]
    finished = run_together(tenant, *machines)
    return [each for each in finished if each is not None]


def outcomes(finished: RunResult | None) -> dict[ObjectId, GuestOutcome]:
    """Give the outcomes of a run that came to its end."""
    assert finished is not None, "the run was killed"
    return {outcome.id: outcome for outcome in finished.outcomes}


def outcome_of(finished: RunResult | None) -> GuestOutcome:
    """Give the outcome of a run over one guest."""
    (outcome,) = outcomes(finished).values()
    return outcome


async def _apply(
    tenant: Tenant,
    work: Sequence[Work],
    services: Services,
    terms: Terms,
    *,
    stop_after: float | None,
) -> RunResult | None:
    stop = asyncio.Event()
    if stop_after is not None:
        asyncio.get_running_loop().call_later(stop_after, stop.set)
    tenant.killed = asyncio.Event()
    running = asyncio.ensure_future(apply_plan(work, services, terms, shutdown=stop))
    dying = asyncio.ensure_future(tenant.killed.wait())
    await asyncio.wait([running, dying], return_when=asyncio.FIRST_COMPLETED)
    dying.cancel()
    if running.done():
        return running.result()
    running.cancel()
    await asyncio.wait([running])
    return None


def new_tenant(*guests: Guest) -> Tenant:
    """Make a tenant with a clock of its own."""
    return Tenant(ImaginedClock(), *guests)


def result_of(outcome: GuestOutcome, action: str) -> tuple[ActionResult, int]:
    """Give the result and the attempts of an action."""
    records = {record.action: record for record in outcome.actions}
    return records[action].result, records[action].attempts


def at_call(tenant: Tenant, kind: Kind, number: int, does: Callable[[], object]) -> None:
    """Let somebody do something just before that call of a kind takes effect."""
    earlier = tenant.script

    def script(call: Call) -> Fault | None:
        if call.kind is kind and call.nth == number:
            does()
        return earlier(call)

    tenant.script = script


def unreadable_after_reset(tenant: Tenant) -> None:
    """Let no read bring anything once the reset was sent."""
    earlier = tenant.script
    tenant.script = lambda call: (
        UNREADABLE if call.kind is Kind.READ and Kind.RESET in tenant.writes() else earlier(call)
    )


def ours_alone(tenant: Tenant) -> bool:
    """Return whether only NEW can come in to the first guest, by the link of our own newest reset."""
    truth = tenant.truth[guest_id(1)]
    return (truth.bound, truth.invited, truth.reset_by_others) == (None, EmailAddress(NEW), False)
