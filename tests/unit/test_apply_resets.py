"""The one request that locks a guest out: never repeated blindly, found where it happened."""

from datetime import timedelta

import pytest

from reconciler.apply import WaitReason
from reconciler.model import (
    ActionResult,
    EmailAddress,
    FailureKind,
    Outcome,
    RedemptionState,
)
from tests.support.applying import (
    Heard,
    apply,
    new_tenant,
    outcome_of,
    plan_for,
    result_of,
    unreadable_after_reset,
    work_for,
)
from tests.support.directory import NEW, OLD, REDEEMED, declared, desired, guest, guest_id
from tests.support.tenant_calls import (
    LOST_AFTER,
    LOST_BEFORE,
    MISMATCH,
    THROTTLED,
    Call,
    Fault,
    Kind,
    failed,
)

ONE = guest_id(1)
LATER = REDEEMED + timedelta(days=1)


def test_a_reset_that_happened_is_not_sent_again() -> None:
    """Where the state shows that the POST happened, the lost answer does not matter."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.RESET, *[LOST_AFTER] * 9)
    heard = Heard()
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared())), heard=heard))
    assert outcome.outcome is Outcome.APPLIED
    assert result_of(outcome, "ResetRedemption") == (ActionResult.DONE, 1)
    assert tenant.truth[ONE].resets == 1


def test_a_reset_that_shows_late_is_not_sent_again() -> None:
    """The guest is read until the state has moved, for up to a minute."""
    tenant = new_tenant(guest())
    tenant.read_lag = 45.0
    tenant.answers(Kind.RESET, LOST_AFTER)
    heard = Heard()
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared())), heard=heard))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.truth[ONE].resets == 1
    assert WaitReason.LOST_ANSWER in heard.reasons(ONE)


def test_a_reset_that_did_not_happen_is_sent_once_more() -> None:
    """Where the state stands still for a minute, the POST is sent again, and the report says so."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.RESET, LOST_BEFORE)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.APPLIED
    assert result_of(outcome, "ResetRedemption") == (ActionResult.REPEATED, 2)
    assert tenant.truth[ONE].resets == 1


def test_a_reset_is_never_sent_a_third_time() -> None:
    """Two lost answers without evidence end the guest; the marker stays, so the next plan shows it."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.RESET, *[LOST_BEFORE] * 9)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "unknown")
    assert result_of(outcome, "ResetRedemption") == (ActionResult.UNKNOWN, 2)
    assert tenant.writes() == (Kind.MAIL, Kind.RESET, Kind.RESET)
    assert plan_for(tenant, desired(declared())).changes


def test_a_throttled_second_try_is_no_third_reset() -> None:
    """What was certainly not executed does not count as sent."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.RESET, LOST_BEFORE, THROTTLED, THROTTLED)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.APPLIED
    assert result_of(outcome, "ResetRedemption") == (ActionResult.REPEATED, 4)


def test_evidence_that_comes_while_waiting_for_the_second_try_counts() -> None:
    """A guest whose reset shows only after more than a minute is not reset again if there was time to see."""
    tenant = new_tenant(guest())
    tenant.read_lag = 90.0
    wait = failed(FailureKind.NOT_EXECUTED, status=429, retry_after=120.0)
    tenant.answers(Kind.RESET, LOST_AFTER, Fault(answer=wait))
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert result_of(outcome, "ResetRedemption") == (ActionResult.DONE, 2)
    assert tenant.truth[ONE].resets == 1
    assert not tenant.live[ONE].markers


@pytest.mark.parametrize("moves_time", [True, False])
def test_a_pending_guest_is_reset_once_more_at_most(moves_time: bool) -> None:  # noqa: FBT001 - pytest names it
    """Where the state cannot tell, there is one more POST, and the report calls it repeated."""
    tenant = new_tenant(guest(state=RedemptionState.PENDING))
    tenant.moves_time_of_pending = moves_time
    tenant.answers(Kind.RESET, LOST_AFTER)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.APPLIED
    expected = (ActionResult.DONE, 1) if moves_time else (ActionResult.REPEATED, 2)
    assert result_of(outcome, "ResetRedemption") == expected


def test_the_state_is_not_guessed_when_it_cannot_be_read() -> None:
    """A lost answer and a directory that cannot be read end the guest without a second POST."""
    tenant = new_tenant(guest())
    work = work_for(tenant, desired(declared()))
    tenant.answers(Kind.RESET, LOST_AFTER)
    unreadable_after_reset(tenant)
    outcome = outcome_of(apply(tenant, work))
    assert outcome.outcome is Outcome.FAILED
    assert result_of(outcome, "ResetRedemption") == (ActionResult.UNKNOWN, 1)
    assert tenant.truth[ONE].resets == 1
    assert "may have been sent" in outcome.message


def test_replication_is_waited_for_after_our_own_patch() -> None:
    """An address the invitation service does not know yet is a matter of time, with growing pauses."""
    tenant = new_tenant(guest())
    tenant.invitation_lag = 100.0
    heard = Heard()
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared())), heard=heard))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.truth[ONE].resets == 1
    assert WaitReason.REPLICATION in heard.reasons(ONE)
    assert tenant.writes().count(Kind.RESET) < 12


def test_replication_is_waited_for_after_an_earlier_runs_patch() -> None:
    """A reset that is taken up after its list was written waits for the PATCH of the run before."""
    tenant = new_tenant(guest())
    entries = desired(declared(email=OLD, alternates=["b@old.example"], reset_after=LATER))
    plan = plan_for(tenant, entries)
    tenant.answers(Kind.RESET, Fault(kills=True), *[MISMATCH] * 5)
    apply(tenant, work_for(tenant, entries, plan))
    outcome = outcome_of(apply(tenant, work_for(tenant, entries, plan)))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.writes().count(Kind.OTHER_MAILS) == 1


def test_replication_that_takes_more_than_five_minutes_fails_the_guest() -> None:
    """The wait for replication has an end, and nobody has been reset by then."""
    tenant = new_tenant(guest())
    tenant.invitation_lag = 1000.0
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "address-unknown")
    assert tenant.truth[ONE].resets == 0


def test_an_unknown_address_without_a_patch_of_ours_is_final() -> None:
    """Where nothing was written before the POST, the mismatch is no replication."""
    tenant = new_tenant()
    tenant.add(guest(mail=NEW))
    tenant.answers(Kind.RESET, MISMATCH)
    work = work_for(tenant, desired(declared(reset_after=LATER)))
    assert outcome_of(apply(tenant, work)).outcome is Outcome.FAILED
    assert tenant.writes() == (Kind.RESET,)


def test_a_second_try_whose_turn_comes_late_is_preceded_by_another_read() -> None:
    """A reset without evidence that queues for more than a minute is read for once more, then sent."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.RESET, LOST_BEFORE)
    earlier = tenant.script

    def queue_after_the_first_try(call: Call) -> Fault | None:
        if call.kind is Kind.RESET and call.nth == 1:
            tenant.queues[Kind.RESET] = 61.0
        if call.kind is Kind.READ and tenant.clock.monotonic() > 120.0:
            tenant.queues.clear()
        return earlier(call)

    tenant.script = queue_after_the_first_try
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.APPLIED
    assert result_of(outcome, "ResetRedemption") == (ActionResult.REPEATED, 2)
    kinds = [call.kind for call in tenant.calls]
    assert kinds[: len(kinds) - kinds[::-1].index(Kind.RESET) - 1][-1] is Kind.READ


def test_who_redeems_before_the_lost_answer_is_verified_keeps_their_account() -> None:
    """An accepted guest can be accepted anew only after the reset, so it happened and is not repeated."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.RESET, LOST_AFTER)
    usual = tenant.script

    def script(call: Call) -> Fault | None:
        if call.kind is Kind.READ and tenant.truth[ONE].resets:
            tenant.redeem(ONE, EmailAddress(NEW))
        return usual(call)

    tenant.script = script
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.APPLIED
    assert (tenant.truth[ONE].resets, tenant.truth[ONE].bound) == (1, EmailAddress(NEW))


def test_a_lost_reset_is_reported_whatever_ends_the_guest() -> None:
    """Before the second try somebody else may end the change: the first may have happened all the same."""
    tenant = new_tenant(guest())
    tenant.read_lag = 100.0
    tenant.answers(Kind.RESET, LOST_BEFORE)
    usual = tenant.script

    def script(call: Call) -> Fault | None:
        if call.kind is Kind.READ and Kind.RESET in tenant.writes():
            tenant.read_lag = 0.0
            tenant.edit(ONE, mail=EmailAddress("third@old.example"))
        return usual(call)

    tenant.script = script
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "changed-meanwhile")
    assert result_of(outcome, "ResetRedemption") == (ActionResult.UNKNOWN, 1)
    assert "may have been sent" in outcome.message
