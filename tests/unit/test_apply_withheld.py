"""The last write of a change whose turn comes late: what stands on the guest by then is kept."""

from collections.abc import Callable, Sequence

from reconciler.apply import Settings
from reconciler.model import (
    EmailAddress,
    FailureKind,
    Guest,
    NotSent,
    ObjectId,
    Outcome,
    Permit,
    Write,
    WriteAnswer,
)
from tests.support.applying import apply, outcome_of, outcomes, plan_for, work_for
from tests.support.directory import NEW, OLD, declared, desired, guest, guest_id
from tests.support.imagined_time import ImaginedClock
from tests.support.tenant import Tenant, kind_of
from tests.support.tenant_calls import Fault, Kind, failed

ONE, TWO = guest_id(1), guest_id(2)
CHANGED = desired(declared())
LATE = Settings().clear_within + 5.0
ADDED = EmailAddress("added@old.example")


class _Busy(Tenant):
    """A tenant in which the first last writes wait for their turn, while people do things."""

    def __init__(self, *guests: Guest, waits: Sequence[float], does: Callable[[Tenant], object]) -> None:
        super().__init__(ImaginedClock(), *guests)
        self.waits = list(waits)
        self.does = does

    async def perform(
        self, guest: ObjectId, write: Write, *, client_request_id: str, permit: Permit
    ) -> WriteAnswer | NotSent:
        """Wait, if this is a last write."""
        if kind_of(write) is Kind.CLEAR and self.waits:
            self.does(self)
            await self.clock.sleep(self.waits.pop(0))
        return await super().perform(guest, write, client_request_id=client_request_id, permit=permit)


def busy(*waits: float, does: Callable[[Tenant], object] = lambda _: None) -> _Busy:
    """Make a tenant of one guest; `does` is called whenever a last write begins to wait."""
    return _Busy(guest(), waits=waits, does=does)


def add(tenant: Tenant) -> None:
    found = tenant.live[ONE].other_mails
    tenant.edit(ONE, other_mails=tuple(sorted({*found, ADDED})))


def reads(tenant: Tenant, *, after: Kind) -> int:
    """Count the reads of the guest since the last write of a kind."""
    kinds = [call.kind for call in tenant.calls]
    return kinds[len(kinds) - kinds[::-1].index(after) :].count(Kind.READ)


def test_an_address_added_while_the_last_write_waits_is_kept() -> None:
    """A turn that comes long after its read is let go, the guest is read anew, and nothing is dropped."""
    tenant = busy(LATE, does=add)
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED)))
    assert outcome.outcome is Outcome.APPLIED
    assert ADDED in tenant.live[ONE].other_mails
    assert f"{ADDED} was added to otherMails meanwhile" in outcome.message
    assert tenant.writes() == (Kind.MAIL, Kind.RESET, Kind.CLEAR)


def test_a_turn_that_comes_in_time_is_taken() -> None:
    """Within the age that a read may have, the last write needs no other."""
    tenant = busy(Settings().clear_within - 5.0)
    assert outcome_of(apply(tenant, work_for(tenant, CHANGED))).outcome is Outcome.APPLIED
    assert reads(tenant, after=Kind.RESET) == 2


def test_a_reset_in_the_portal_while_the_last_write_waits_keeps_the_marker() -> None:
    """Whose link was killed meanwhile is not called done: the next run resets again."""

    def reset_later(tenant: Tenant) -> None:
        tenant.clock.pass_by(9.0)
        tenant.reset_in_portal(ONE)

    tenant = busy(LATE, does=reset_later)
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED)))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "reset-meanwhile")
    assert tenant.live[ONE].markers
    assert Kind.CLEAR not in tenant.writes()
    assert plan_for(tenant, CHANGED).changes


def test_the_third_turn_is_taken_however_late() -> None:
    """Where every turn comes late, two are let go and the marker is taken away at the third."""
    tenant = busy(*[LATE] * 9)
    assert outcome_of(apply(tenant, work_for(tenant, CHANGED))).outcome is Outcome.APPLIED
    assert len(tenant.waits) == 6
    assert tenant.writes() == (Kind.MAIL, Kind.RESET, Kind.CLEAR)
    assert not tenant.live[ONE].markers


def test_a_late_turn_is_taken_at_once_while_the_process_ends() -> None:
    """Nobody reads anew in the seconds that a signal leaves: the marker goes."""
    settings = Settings(clear_within=1.0)
    tenant = busy(*[3.0] * 9)
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED), settings=settings, stop_after=2.0))
    assert outcome.outcome is Outcome.UNVERIFIED
    assert len(tenant.waits) == 8
    assert not tenant.live[ONE].markers


def test_whoever_is_read_in_a_stall_is_read_no_more_often() -> None:
    """When no write gets through any more, the pauses between two reads stay as long as they were."""
    tenant = Tenant(ImaginedClock(), guest(1, OLD), guest(2, "bo@old.example"))
    settings = Settings(throttled_for=60.0, commit_for=60.0, see_within=60.0)
    lost = failed(FailureKind.UNKNOWN)
    tenant.answers(Kind.MAIL, *[Fault(answer=lost)] * 500, guest=TWO)
    tenant.answers(Kind.RESET, Fault(answer=lost, takes=115.0), guest=ONE)
    work = work_for(tenant, desired(declared(1, NEW), declared(2, "bo@newco.example")))
    finished = apply(tenant, work, settings=settings)
    assert finished is not None
    assert [note.rule for note in finished.notes] == ["stalled"]
    assert outcomes(finished)[ONE].outcome is Outcome.FAILED
    sent = next(call.number for call in tenant.calls if call.kind is Kind.RESET)
    late = [call for call in tenant.calls[sent:] if call.guest == ONE]
    assert {call.kind for call in late} == {Kind.READ}
    assert 5 < len(late) < 30
