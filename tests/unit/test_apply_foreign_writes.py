"""Writes of other administrators and runs that a change of address once took for its own, or overwrote.

Numbers are those of the review that found them, as in `test_apply_violations.py`. OLD and NEW are the address
before and after.
"""

import pytest

from reconciler.model import (
    ActionResult,
    EmailAddress,
    FailureKind,
    Outcome,
    RedemptionState,
    ResetRedemption,
)
from tests.support.applying import (
    Heard,
    Machine,
    apply,
    at_call,
    new_tenant,
    ours_alone,
    outcome_of,
    plan_for,
    result_of,
    run_together,
    work_for,
)
from tests.support.directory import NEW, OLD, addresses, declared, desired, guest, guest_id
from tests.support.tenant_calls import (
    KILLED_AFTER,
    KILLED_BEFORE,
    LOST_BEFORE,
    MISMATCH,
    THROTTLED,
    Fault,
    Kind,
    failed,
)

ONE = guest_id(1)
OLD_ADDRESS, NEW_ADDRESS = EmailAddress(OLD), EmailAddress(NEW)
THIRD = EmailAddress("third@old.example")
CHANGED = desired(declared())


def test_v02_a_portal_reset_before_the_run_is_not_taken_for_ours() -> None:
    """a1: NEW stands in otherMails, OLD is reset by hand after the review: stale, and planned again."""
    tenant = new_tenant(guest(others=(OLD, NEW)))
    plan = plan_for(tenant, CHANGED)
    tenant.clock.pass_by(5.0)
    tenant.reset_in_portal(ONE)
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED, plan)))
    assert (outcome.outcome, tenant.writes()) == (Outcome.STALE, ())
    assert outcome_of(apply(tenant, work_for(tenant, CHANGED))).outcome is Outcome.APPLIED
    assert ours_alone(tenant)


@pytest.mark.parametrize("fault", [KILLED_BEFORE, KILLED_AFTER])
@pytest.mark.parametrize("kind", [Kind.MAIL, Kind.RESET])
def test_v02_a_portal_reset_after_a_killed_run_is_not_taken_for_ours(kind: Kind, fault: Fault) -> None:
    """a2: killed at any write, reset by hand, run again: nobody but NEW is invited, by a reset of ours."""
    tenant = new_tenant(guest())
    plan = plan_for(tenant, CHANGED)
    tenant.answers(kind, fault)
    assert apply(tenant, work_for(tenant, CHANGED, plan)) is None
    tenant.script = lambda call: None
    tenant.clock.pass_by(20.0)
    tenant.reset_in_portal(ONE)
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED, plan), settles_in=30.0))
    if outcome.outcome is not Outcome.STALE:
        assert (outcome.outcome, ours_alone(tenant)) == (Outcome.APPLIED, True)
        assert result_of(outcome, ResetRedemption.name)[0] is ActionResult.REPEATED
    else:
        assert plan_for(tenant, CHANGED).changes


@pytest.mark.parametrize("lag", [0.0, 8.0])
@pytest.mark.parametrize(
    ("kind", "number"), [(Kind.MAIL, 1), (Kind.READ, 2), (Kind.RESET, 1)], ids=["patch", "wait", "post"]
)
def test_v02_a_portal_reset_during_an_undisturbed_run_is_overtaken(
    kind: Kind, number: int, lag: float
) -> None:
    """a4: reset by hand just before or after our first PATCH, however late that shows: our POST follows."""
    tenant = new_tenant(guest())
    work = work_for(tenant, CHANGED)
    tenant.read_lag = lag
    at_call(tenant, kind, number, lambda: tenant.reset_in_portal(ONE))
    assert outcome_of(apply(tenant, work)).outcome is Outcome.APPLIED
    assert ours_alone(tenant)


def test_v02_a_portal_reset_while_an_address_replicates_is_overtaken() -> None:
    """a3: reset by hand while the invitation service does not know the address yet: our POST wins."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.RESET, MISMATCH, MISMATCH)
    at_call(tenant, Kind.RESET, 2, lambda: tenant.reset_in_portal(ONE))
    assert outcome_of(apply(tenant, work_for(tenant, CHANGED))).outcome is Outcome.APPLIED
    assert ours_alone(tenant)


def test_v02_a_portal_reset_after_ours_leaves_the_marker() -> None:
    """Reset by hand between our POST and the last write: the link of ours is dead, and the report says so."""
    tenant = new_tenant(guest())

    def later() -> None:
        tenant.clock.pass_by(0.0)
        tenant.reset_in_portal(ONE)

    tenant.answers(Kind.CLEAR, THROTTLED)
    at_call(tenant, Kind.READ, 4, later)
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED)))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "reset-meanwhile")
    assert tenant.live[ONE].markers
    assert plan_for(tenant, CHANGED).changes


@pytest.mark.parametrize("dies_after", [Kind.MAIL, Kind.RESET, Kind.CLEAR])
@pytest.mark.parametrize("apart", [0.0, 0.1, 0.2, 0.3])
def test_v03_the_reset_of_another_tree_is_not_taken_for_ours(dies_after: Kind, apart: float) -> None:
    """A run of an older tree is killed, one of the corrected tree goes on: no link of the older is left."""
    tenant = new_tenant(guest())
    older = work_for(tenant, desired(declared(email="ana@typo.example")))
    ours = Machine(tenant=tenant, work=work_for(tenant, CHANGED), starts_after=apart)
    run_together(tenant, Machine(tenant=tenant, work=older, dies_after=dies_after), ours)
    if plan_for(tenant, CHANGED).changes:
        tenant.clock.pass_by(60.0)
        apply(tenant, work_for(tenant, CHANGED))
    assert not plan_for(tenant, CHANGED).changes
    assert ours_alone(tenant)


@pytest.mark.parametrize("dies_after", [Kind.MAIL, Kind.RESET])
@pytest.mark.parametrize("apart", [0.0, 0.1, 0.2, 0.3])
def test_v03_the_killed_run_of_the_corrected_tree_leaves_a_plan(dies_after: Kind, apart: float) -> None:
    """Where the corrected tree's run is the one that is killed, its plan is not empty before NEW is in."""
    tenant = new_tenant(guest())
    older = work_for(tenant, desired(declared(email="ana@typo.example")))
    ours = Machine(tenant=tenant, work=work_for(tenant, CHANGED), starts_after=apart, dies_after=dies_after)
    run_together(tenant, Machine(tenant=tenant, work=older), ours)
    if tenant.truth[ONE].invited != NEW_ADDRESS:
        assert plan_for(tenant, CHANGED).changes
    tenant.clock.pass_by(60.0)
    if plan_for(tenant, CHANGED).changes:
        apply(tenant, work_for(tenant, CHANGED))
    assert ours_alone(tenant)


@pytest.mark.parametrize("kind", [Kind.MAIL, Kind.CLEAR])
def test_v04_no_retry_writes_blindly_over_an_administrator(kind: Kind) -> None:
    """A PATCH fails four times, and meanwhile somebody resets the guest to another address: theirs stays."""
    tenant = new_tenant(guest())
    tenant.answers(kind, *[LOST_BEFORE] * 4)

    def give_another_address() -> None:
        tenant.edit(ONE, mail=THIRD, other_mails=addresses(THIRD.text))
        tenant.reset_in_portal(ONE)

    at_call(tenant, kind, 4, give_another_address)
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED)))
    assert outcome.outcome is Outcome.FAILED
    assert outcome.rule in {"changed-meanwhile", "reset-meanwhile"}
    found = tenant.live[ONE]
    assert (found.mail, found.other_mails) == (THIRD, addresses(THIRD.text))
    assert tenant.truth[ONE].invited == THIRD
    assert plan_for(tenant, CHANGED).changes


@pytest.mark.parametrize("redeems", [True, False])
def test_v06_a_change_that_somebody_made_by_hand_is_not_vouched_for(
    redeems: bool,  # noqa: FBT001 - pytest names it
) -> None:
    """OLD reset by hand, redeemed or not, and `mail` written by hand: who that lets in is not known."""
    tenant = new_tenant(guest())
    plan = plan_for(tenant, CHANGED)
    tenant.clock.pass_by(5.0)
    tenant.reset_in_portal(ONE)
    if redeems:
        assert tenant.redeem(ONE, OLD_ADDRESS)
    tenant.edit(ONE, mail=NEW_ADDRESS, other_mails=addresses(NEW))
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED, plan)))
    assert outcome.outcome is Outcome.ALREADY_APPLIED
    assert "who holds the link, or redeemed with it, is not known" in outcome.message


@pytest.mark.parametrize("kind", [Kind.MAIL, Kind.CLEAR])
def test_v12_an_address_added_while_a_write_waits_is_not_lost(kind: Kind) -> None:
    """A pause of 8 s between our read and our PATCH, and somebody adds an address: it stays there."""
    tenant = new_tenant(guest())
    tenant.answers(kind, Fault(answer=failed(FailureKind.NOT_EXECUTED, status=429, retry_after=8.0)))
    added = EmailAddress("added@old.example")

    def add() -> None:
        found = tenant.live[ONE]
        tenant.edit(ONE, other_mails=tuple(sorted({*found.other_mails, added})))

    at_call(tenant, kind, 1, add)
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED)))
    assert added in tenant.live[ONE].other_mails
    if kind is Kind.MAIL:
        assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "changed-meanwhile")
    else:
        assert outcome.outcome is Outcome.APPLIED
        assert f"{added} was added to otherMails meanwhile" in outcome.message


@pytest.mark.parametrize("when", ["before", "after the first write", "after the reset"])
def test_v21_a_guest_made_internal_is_named_as_that(when: str) -> None:
    """Somebody converts the guest: nothing waits for reads to catch up, and no cause is made up."""
    tenant, heard = new_tenant(guest()), Heard()
    plan = plan_for(tenant, CHANGED)
    kind = {"after the first write": Kind.MAIL, "after the reset": Kind.RESET}.get(when)
    if kind is not None:
        tenant.answers(kind, KILLED_AFTER)
        assert apply(tenant, work_for(tenant, CHANGED, plan)) is None
    work = work_for(tenant, CHANGED, plan)
    tenant.edit(ONE, state=None, state_changed_at=None)
    begun = tenant.clock.monotonic()
    outcome = outcome_of(apply(tenant, work, heard=heard))
    assert (outcome.outcome, outcome.rule) == (Outcome.STALE, "stale")
    assert "externalUserState" in outcome.message
    assert tenant.clock.monotonic() - begun < 10.0
    assert tenant.live[ONE].state is not RedemptionState.PENDING


@pytest.mark.parametrize("number", [2, 3, 4])
def test_v21_a_guest_made_internal_during_the_run_is_named_as_that(number: int) -> None:
    """Converted between any two of our writes, or after the last: the report says so, and nobody waits."""
    tenant = new_tenant(guest())
    at_call(tenant, Kind.READ, number, lambda: tenant.edit(ONE, state=None, state_changed_at=None))
    begun = tenant.clock.monotonic()
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED)))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "changed-meanwhile")
    assert "made them an internal user" in outcome.message
    assert tenant.clock.monotonic() - begun < 10.0
