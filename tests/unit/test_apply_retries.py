"""Each row of the retry table, as a guest lives through it."""

from datetime import timedelta

import pytest

from reconciler.apply import Settings, WaitReason
from reconciler.errors import AccessDenied
from reconciler.model import (
    ActionResult,
    FailureKind,
    Outcome,
)
from reconciler.rules import OtherRule
from tests.support.applying import (
    Heard,
    apply,
    new_tenant,
    outcome_of,
    outcomes,
    plan_for,
    result_of,
    unreadable_after_reset,
    work_for,
)
from tests.support.directory import OLD, REDEEMED, declared, desired, guest, guest_id
from tests.support.tenant_calls import (
    LOST_AFTER,
    LOST_BEFORE,
    MISMATCH,
    NO_CONNECTION,
    REFUSED,
    THROTTLED,
    UNREADABLE,
    Fault,
    Kind,
    failed,
)

ONE = guest_id(1)
LATER = REDEEMED + timedelta(days=1)


@pytest.mark.parametrize("kind", [Kind.MAIL, Kind.RESET, Kind.CLEAR])
@pytest.mark.parametrize("fault", [THROTTLED, NO_CONNECTION])
def test_what_was_not_executed_is_sent_again(kind: Kind, fault: Fault) -> None:
    """A throttled or unreachable directory is waited for, and nothing happens twice."""
    tenant = new_tenant(guest())
    tenant.answers(kind, fault, fault, fault)
    heard = Heard()
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared())), heard=heard))
    assert outcome.outcome is Outcome.APPLIED, outcome
    assert tenant.truth[ONE].resets == 1
    assert WaitReason.THROTTLED in heard.reasons(ONE)
    assert {record.result for record in outcome.actions} == {ActionResult.DONE}


def test_retry_after_is_kept_to_the_letter() -> None:
    """No write comes back earlier than the directory asked for."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.MAIL, THROTTLED)
    apply(tenant, work_for(tenant, desired(declared())))
    first, second, *_ = (call.at for call in tenant.calls if call.kind is Kind.MAIL)
    assert (second - first).total_seconds() >= 30.0


def test_a_guest_waits_for_a_throttled_directory_for_ten_minutes_at_most() -> None:
    """Throttling that does not end ends the guest, before anything was written."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.MAIL, *[THROTTLED] * 100)
    started = tenant.clock.monotonic()
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "not-executed")
    assert result_of(outcome, "SetMail")[0] is ActionResult.FAILED
    assert tenant.clock.monotonic() - started < 660.0


def test_throttled_reset_attempts_come_out_of_the_same_ten_minutes() -> None:
    """The allowance is the guest's, not the action's."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.MAIL, *[THROTTLED] * 12)
    tenant.answers(Kind.RESET, *[THROTTLED] * 12)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "not-executed")
    assert tenant.truth[ONE].resets == 0


@pytest.mark.parametrize("fault", [LOST_BEFORE, LOST_AFTER])
@pytest.mark.parametrize("kind", [Kind.MAIL, Kind.CLEAR])
def test_a_patch_with_a_lost_answer_is_read_for_and_sent_again_if_need_be(kind: Kind, fault: Fault) -> None:
    """Whether a PATCH was carried out shows in the next read, and only if not is it sent again."""
    tenant = new_tenant(guest())
    tenant.answers(kind, fault, fault)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.truth[ONE].resets == 1
    assert tenant.writes().count(kind) == (1 if fault.committed else 3)


def test_a_patch_whose_answers_are_all_lost_ends_unknown() -> None:
    """When no answer to the first PATCH ever comes, the report says that it is not known."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.MAIL, *[LOST_BEFORE] * 100)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.FAILED
    assert result_of(outcome, "SetMail")[0] is ActionResult.UNKNOWN


@pytest.mark.parametrize("kind", [Kind.MAIL, Kind.RESET])
def test_a_refusal_before_the_reset_is_final_for_the_guest(kind: Kind) -> None:
    """A guest who is refused fails at once, and the others go on."""
    tenant = new_tenant(guest())
    tenant.add(guest(2, "bo@old.example"))
    tenant.answers(kind, REFUSED, guest=ONE)
    entries = desired(declared(), declared(2, "bo@newco.example"))
    outcome = outcomes(apply(tenant, work_for(tenant, entries)))
    assert (outcome[ONE].outcome, outcome[ONE].rule) == (Outcome.FAILED, "holds-role")
    assert outcome[guest_id(2)].outcome is Outcome.APPLIED
    assert tenant.truth[ONE].resets == 0
    assert tenant.writes(ONE).count(kind) == 1


@pytest.mark.parametrize("fault", [REFUSED, LOST_BEFORE, LOST_AFTER, THROTTLED, MISMATCH])
def test_the_last_write_is_tried_again_whatever_the_answer(fault: Fault) -> None:
    """Once the reset is sent, no answer to the last write is final while the run lasts."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.CLEAR, *[fault] * 5)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.truth[ONE].resets == 1


@pytest.mark.parametrize(
    ("fault", "result"), [(REFUSED, ActionResult.FAILED), (LOST_BEFORE, ActionResult.UNKNOWN)]
)
def test_a_guest_whose_marker_cannot_be_taken_away_is_called_half_done(
    fault: Fault, result: ActionResult
) -> None:
    """When the last write never goes through, the report says that the reset was sent and what to do."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.CLEAR, *[fault] * 1000)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.FAILED
    assert "half done" in outcome.message
    assert result_of(outcome, "ClearMarker")[0] is result
    assert plan_for(tenant, desired(declared())).changes


def test_the_last_write_is_tried_for_as_long_as_others_get_ahead() -> None:
    """A refused last write outlives its own allowance while the run goes on with others."""
    tenant = new_tenant(guest())
    tenant.add(guest(2, "bo@old.example"))
    tenant.answers(Kind.CLEAR, *[REFUSED] * 14, guest=ONE)
    tenant.answers(Kind.RESET, *[THROTTLED] * 15, guest=guest_id(2))
    entries = desired(declared(), declared(2, "bo@newco.example"))
    finished = apply(tenant, work_for(tenant, entries), settings=Settings(commit_for=60.0))
    assert outcomes(finished)[ONE].outcome is Outcome.APPLIED


def test_guests_who_are_stuck_do_not_wait_for_each_other() -> None:
    """When nobody gets ahead any more, the run ends."""
    tenant = new_tenant(guest())
    tenant.add(guest(2, "bo@old.example"))
    tenant.answers(Kind.CLEAR, *[REFUSED] * 1000)
    entries = desired(declared(), declared(2, "bo@newco.example"))
    finished = apply(tenant, work_for(tenant, entries))
    assert {each.outcome for each in outcomes(finished).values()} == {Outcome.FAILED}


def test_a_guest_who_cannot_be_read_is_not_written_to() -> None:
    """Without a read of the guest there is no write."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.READ, UNREADABLE)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "unreachable")
    assert not tenant.writes()


def test_a_guest_who_cannot_be_read_again_is_not_reset() -> None:
    """Reads that fail for a minute between the PATCH and the POST end the guest without a reset."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.READ, None, *[UNREADABLE] * 100)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "unreachable")
    assert tenant.writes() == (Kind.MAIL,)


def test_a_marker_is_not_taken_away_unread() -> None:
    """Without a read that shows our own marker the last write is not sent, and the guest is half done."""
    tenant = new_tenant(guest())
    work = work_for(tenant, desired(declared()))
    unreadable_after_reset(tenant)
    outcome = outcome_of(apply(tenant, work))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "unreachable")
    assert "half done" in outcome.message
    assert tenant.writes() == (Kind.MAIL, Kind.RESET)


def test_reads_that_fail_at_the_end_leave_the_guest_unverified() -> None:
    """Everything is written and cannot be read back: neither success nor failure."""
    tenant = new_tenant(guest())
    work = work_for(tenant, desired(declared()))
    earlier = tenant.script
    tenant.script = lambda call: (
        UNREADABLE if call.kind is Kind.READ and Kind.CLEAR in tenant.writes() else earlier(call)
    )
    outcome = outcome_of(apply(tenant, work))
    assert (outcome.outcome, outcome.rule) == (Outcome.UNVERIFIED, "not-seen")
    assert not tenant.live[ONE].markers


def test_a_read_permission_lost_on_the_way_closes_the_run() -> None:
    """When reading is denied, nobody else starts."""
    tenant = new_tenant()
    for number in range(1, 9):
        tenant.add(guest(number, f"g{number}@old.example"))
    work = work_for(
        tenant, desired(*(declared(number, f"g{number}@newco.example") for number in range(1, 9)))
    )
    denied = Fault(answer=AccessDenied("grant User.Read.All", rule=OtherRule("access-denied")))
    tenant.answers(Kind.READ, denied)
    finished = apply(tenant, work)
    assert {each.rule for each in outcomes(finished).values()} == {"access-denied"}
    assert not tenant.writes()


def test_a_first_write_whose_answer_was_lost_is_found_by_the_next_read() -> None:
    """When a read shows our own marker, the PATCH counts as done and is not sent again."""
    tenant = new_tenant(guest())
    lost = failed(FailureKind.UNKNOWN, status=503, retry_after=70.0)
    tenant.answers(Kind.MAIL, Fault(answer=lost, committed=True))
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.APPLIED
    assert result_of(outcome, "SetMail") == (ActionResult.DONE, 1)
    assert tenant.writes() == (Kind.MAIL, Kind.RESET, Kind.CLEAR)


def test_a_guest_unknown_to_one_replica_is_not_given_up() -> None:
    """A passing 404, of a write or of a read, is waited out."""
    tenant = new_tenant(guest())
    unknown = Fault(answer=failed(FailureKind.NOT_FOUND, rule="not-found", status=404))
    for kind in (Kind.MAIL, Kind.RESET, Kind.CLEAR):
        tenant.answers(kind, unknown, unknown)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.truth[ONE].resets == 1


def test_a_call_that_hangs_counts_against_the_allowance() -> None:
    """Ten minutes are ten minutes, also when most of them are spent waiting for answers."""
    tenant = new_tenant(guest())
    hangs = Fault(answer=failed(FailureKind.UNKNOWN), takes=60.0)
    tenant.answers(Kind.MAIL, *[hangs] * 1000)
    begun = tenant.clock.monotonic()
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.FAILED
    assert tenant.clock.monotonic() - begun < Settings().throttled_for + 2 * 60.0
    assert result_of(outcome, "SetMail")[0] is ActionResult.UNKNOWN


def test_a_write_of_ones_own_that_a_read_finds_done_is_applied() -> None:
    """Not an earlier run has done what this one sent, even if its answer was lost."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.OTHER_MAILS, LOST_AFTER)
    entries = desired(declared(email=OLD, alternates=["b@old.example"]))
    outcome = outcome_of(apply(tenant, work_for(tenant, entries)))
    assert outcome.outcome is Outcome.APPLIED
    assert result_of(outcome, "SetOtherMails")[0] is ActionResult.DONE
