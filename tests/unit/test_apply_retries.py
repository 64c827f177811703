"""Each row of the retry table, as a guest lives through it."""

import pytest

from reconciler.apply import Settings, WaitReason
from reconciler.errors import AccessDenied, Unreachable
from reconciler.model import (
    ActionResult,
    EmailAddress,
    FailureKind,
    GuestOutcome,
    Outcome,
    RedemptionState,
)
from tests.samples.applying import Heard, apply, new_tenant, outcome_of, outcomes, plan_for, work_for
from tests.samples.directory import NEW, OLD, REDEEMED, addresses, declared, desired, guest, guest_id
from tests.samples.tenant import Tenant
from tests.samples.tenant_calls import Call, Fault, Kind, Script, failed, refused

ONE = guest_id(1)
THROTTLED = Fault(answer=failed(FailureKind.NOT_EXECUTED, status=429, retry_after=30.0))
NO_CONNECTION = Fault(answer=failed(FailureKind.NOT_EXECUTED, rule="unreachable"))
LOST_BEFORE = Fault(answer=failed(FailureKind.UNKNOWN, status=503))
LOST_AFTER = Fault(answer=failed(FailureKind.UNKNOWN), committed=True)
REFUSED = Fault(answer=refused("holds-role"))
UNREADABLE = Fault(answer=Unreachable("no answer", rule="unreachable"))


def changing(state: RedemptionState = RedemptionState.ACCEPTED) -> Tenant:
    """Make a tenant with one guest whose address is to change."""
    tenant = new_tenant()
    tenant.add(guest(state=state))
    return tenant


def result_of(outcome: GuestOutcome, action: str) -> tuple[ActionResult, int]:
    """Give the result and the attempts of an action."""
    records = {record.action: record for record in outcome.actions}
    return records[action].result, records[action].attempts


@pytest.mark.parametrize("kind", [Kind.OTHER_MAILS, Kind.RESET, Kind.MAIL])
@pytest.mark.parametrize("fault", [THROTTLED, NO_CONNECTION])
def test_what_was_not_executed_is_sent_again(kind: Kind, fault: Fault) -> None:
    """A throttled or unreachable directory is waited for, and nothing happens twice."""
    tenant = changing()
    tenant.answers(kind, fault, fault, fault)
    heard = Heard()
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared())), heard=heard))
    assert outcome.outcome is Outcome.APPLIED, outcome
    assert tenant.truth[ONE].resets == 1
    assert WaitReason.THROTTLED in heard.reasons(ONE)
    assert {record.result for record in outcome.actions} == {ActionResult.DONE}


def test_retry_after_is_kept_to_the_letter() -> None:
    """No write comes back earlier than the directory asked for."""
    tenant = changing()
    tenant.answers(Kind.OTHER_MAILS, THROTTLED)
    apply(tenant, work_for(tenant, desired(declared())))
    first, second, *_ = (call.at for call in tenant.calls if call.kind is Kind.OTHER_MAILS)
    assert (second - first).total_seconds() >= 30.0


def test_a_guest_waits_for_a_throttled_directory_for_ten_minutes_at_most() -> None:
    """Throttling that does not end ends the guest, before anything was written."""
    tenant = changing()
    tenant.answers(Kind.OTHER_MAILS, *[THROTTLED] * 100)
    started = tenant.clock.monotonic()
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "not-executed")
    assert result_of(outcome, "AddOtherMail")[0] is ActionResult.FAILED
    assert tenant.clock.monotonic() - started < 660.0


def test_throttled_reset_attempts_come_out_of_the_same_ten_minutes() -> None:
    """The allowance is the guest's, not the action's."""
    tenant = changing()
    tenant.answers(Kind.OTHER_MAILS, *[THROTTLED] * 12)
    tenant.answers(Kind.RESET, *[THROTTLED] * 12)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "not-executed")
    assert tenant.truth[ONE].resets == 0


@pytest.mark.parametrize("fault", [LOST_BEFORE, LOST_AFTER])
@pytest.mark.parametrize("kind", [Kind.OTHER_MAILS, Kind.MAIL])
def test_a_patch_with_a_lost_answer_is_sent_again(kind: Kind, fault: Fault) -> None:
    """A PATCH says the same however often it is sent."""
    tenant = changing()
    tenant.answers(kind, fault, fault)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.truth[ONE].resets == 1


def test_a_patch_whose_answers_are_all_lost_ends_unknown() -> None:
    """When no answer to the first PATCH ever comes, the report says that it is not known."""
    tenant = changing()
    tenant.answers(Kind.OTHER_MAILS, *[LOST_BEFORE] * 100)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.FAILED
    assert result_of(outcome, "AddOtherMail")[0] is ActionResult.UNKNOWN


def test_a_reset_that_happened_is_not_sent_again() -> None:
    """Where the state shows that the POST happened, the lost answer does not matter."""
    tenant = changing()
    tenant.answers(Kind.RESET, *[LOST_AFTER] * 9)
    heard = Heard()
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared())), heard=heard))
    assert outcome.outcome is Outcome.APPLIED
    assert result_of(outcome, "ResetRedemption") == (ActionResult.DONE, 1)
    assert tenant.truth[ONE].resets == 1


def test_a_reset_that_shows_late_is_not_sent_again() -> None:
    """The state is looked at until it has moved, for up to a minute."""
    tenant = changing()
    tenant.read_lag = 45.0
    tenant.answers(Kind.RESET, LOST_AFTER)
    heard = Heard()
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared())), heard=heard))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.truth[ONE].resets == 1
    assert WaitReason.LOST_ANSWER in heard.reasons(ONE)


def test_a_reset_that_did_not_happen_is_sent_once_more() -> None:
    """Where the state stands still for a minute, the POST is sent again, and the report says so."""
    tenant = changing()
    tenant.answers(Kind.RESET, LOST_BEFORE)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.APPLIED
    assert result_of(outcome, "ResetRedemption") == (ActionResult.REPEATED, 2)
    assert tenant.truth[ONE].resets == 1


def test_a_reset_is_never_sent_a_third_time() -> None:
    """Two lost answers without evidence end the guest; `mail` is not written, so the next plan shows it."""
    tenant = changing()
    tenant.answers(Kind.RESET, *[LOST_BEFORE] * 9)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "unknown")
    assert result_of(outcome, "ResetRedemption") == (ActionResult.UNKNOWN, 2)
    assert tenant.writes() == (Kind.OTHER_MAILS, Kind.RESET, Kind.RESET)
    assert plan_for(tenant, desired(declared())).changes


def test_a_throttled_second_try_is_no_third_reset() -> None:
    """What was certainly not executed does not count as sent."""
    tenant = changing()
    tenant.answers(Kind.RESET, LOST_BEFORE, THROTTLED, THROTTLED)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.APPLIED
    assert result_of(outcome, "ResetRedemption") == (ActionResult.REPEATED, 4)


def test_evidence_that_comes_while_waiting_for_the_second_try_counts() -> None:
    """A guest whose reset shows only after more than a minute is not reset again if there was time to see."""
    tenant = changing()
    tenant.read_lag = 90.0
    wait = failed(FailureKind.NOT_EXECUTED, status=429, retry_after=120.0)
    tenant.answers(Kind.RESET, LOST_AFTER, Fault(answer=wait))
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert result_of(outcome, "ResetRedemption") == (ActionResult.DONE, 2)
    assert tenant.truth[ONE].resets == 1
    assert tenant.live[ONE].mail == EmailAddress(NEW)


@pytest.mark.parametrize("moves_time", [True, False])
def test_a_pending_guest_is_reset_once_more_at_most(moves_time: bool) -> None:  # noqa: FBT001 - pytest names it
    """Where the state cannot tell, there is one more POST, and the report calls it repeated."""
    tenant = changing(RedemptionState.PENDING)
    tenant.moves_time_of_pending = moves_time
    tenant.answers(Kind.RESET, LOST_AFTER)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.APPLIED
    expected = (ActionResult.DONE, 1) if moves_time else (ActionResult.REPEATED, 2)
    assert result_of(outcome, "ResetRedemption") == expected


def test_the_state_is_not_guessed_when_it_cannot_be_read() -> None:
    """A lost answer and a directory that cannot be read end the guest without a second POST."""
    tenant = changing()
    work = work_for(tenant, desired(declared()))
    tenant.answers(Kind.RESET, LOST_AFTER)
    tenant.script = _unreadable_after_reset(tenant)
    outcome = outcome_of(apply(tenant, work))
    assert outcome.outcome is Outcome.FAILED
    assert result_of(outcome, "ResetRedemption") == (ActionResult.UNKNOWN, 1)
    assert tenant.truth[ONE].resets == 1
    assert "may have happened" in outcome.message


def _unreadable_after_reset(tenant: Tenant) -> Script:
    earlier = tenant.script

    def script(call: Call) -> Fault | None:
        if call.kind is Kind.READ and Kind.RESET in tenant.writes():
            return UNREADABLE
        return earlier(call)

    return script


def test_replication_is_waited_for_after_our_own_patch() -> None:
    """An address the invitation service does not know yet is a matter of time, with growing pauses."""
    tenant = changing()
    tenant.invitation_lag = 100.0
    heard = Heard()
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared())), heard=heard))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.truth[ONE].resets == 1
    assert WaitReason.REPLICATION in heard.reasons(ONE)
    assert tenant.writes().count(Kind.RESET) < 12


def test_replication_is_waited_for_after_an_earlier_runs_patch() -> None:
    """A run that is taken up at the reset waits for the PATCH of the run before."""
    tenant = changing()
    plan = plan_for(tenant, desired(declared()))
    tenant.answers(Kind.RESET, Fault(kills=True))
    apply(tenant, work_for(tenant, desired(declared()), plan))
    tenant.invitation_lag = 60.0
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()), plan)))
    assert outcome.outcome is Outcome.APPLIED


def test_replication_that_takes_more_than_five_minutes_fails_the_guest() -> None:
    """The wait for replication has an end, and nobody has been reset by then."""
    tenant = changing()
    tenant.invitation_lag = 1000.0
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "address-unknown")
    assert tenant.truth[ONE].resets == 0


def test_an_unknown_address_without_a_patch_of_ours_is_final() -> None:
    """Where nothing was written before the POST, the mismatch is no replication."""
    tenant = new_tenant()
    tenant.add(guest(mail=NEW))
    tenant.answers(Kind.RESET, Fault(answer=failed(FailureKind.REPLICATION, status=400)))
    work = work_for(tenant, desired(declared(reset_after=REDEEMED.replace(year=2026, month=2))))
    assert outcome_of(apply(tenant, work)).outcome is Outcome.FAILED
    assert tenant.writes() == (Kind.RESET,)


@pytest.mark.parametrize("kind", [Kind.OTHER_MAILS, Kind.RESET])
def test_a_refusal_before_the_reset_is_final_for_the_guest(kind: Kind) -> None:
    """A guest who is refused fails at once, and the others go on."""
    tenant = changing()
    tenant.add(guest(2, "bo@old.example"))
    tenant.answers(kind, REFUSED, guest=ONE)
    entries = desired(declared(), declared(2, "bo@newco.example"))
    outcome = outcomes(apply(tenant, work_for(tenant, entries)))
    assert (outcome[ONE].outcome, outcome[ONE].rule) == (Outcome.FAILED, "holds-role")
    assert outcome[guest_id(2)].outcome is Outcome.APPLIED
    assert tenant.truth[ONE].resets == 0
    assert tenant.writes(ONE).count(kind) == 1


@pytest.mark.parametrize(
    "fault", [REFUSED, LOST_BEFORE, LOST_AFTER, THROTTLED, Fault(answer=failed(FailureKind.REPLICATION))]
)
def test_mail_is_tried_again_whatever_the_answer(fault: Fault) -> None:
    """Once the reset is sent, no answer to `SetMail` is final while the run lasts."""
    tenant = changing()
    tenant.answers(Kind.MAIL, *[fault] * 5)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.truth[ONE].resets == 1


@pytest.mark.parametrize(
    ("fault", "result"), [(REFUSED, ActionResult.FAILED), (LOST_BEFORE, ActionResult.UNKNOWN)]
)
def test_a_guest_whose_mail_cannot_be_written_is_called_half_done(fault: Fault, result: ActionResult) -> None:
    """When `SetMail` never goes through, the report says that the reset was sent and what to do."""
    tenant = changing()
    tenant.answers(Kind.MAIL, *[fault] * 1000)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.FAILED
    assert "half done" in outcome.message
    assert result_of(outcome, "SetMail")[0] is result


def test_mail_is_tried_for_as_long_as_others_are_at_work() -> None:
    """A refused `SetMail` outlives its own patience while the run goes on with others."""
    tenant = changing()
    tenant.add(guest(2, "bo@old.example"))
    tenant.answers(Kind.MAIL, *[REFUSED] * 14, guest=ONE)
    tenant.answers(Kind.RESET, *[THROTTLED] * 15, guest=guest_id(2))
    entries = desired(declared(), declared(2, "bo@newco.example"))
    finished = apply(tenant, work_for(tenant, entries), settings=Settings(commit_for=60.0))
    assert outcomes(finished)[ONE].outcome is Outcome.APPLIED


def test_guests_who_are_stuck_do_not_wait_for_each_other() -> None:
    """When nobody gets ahead any more, the run ends."""
    tenant = changing()
    tenant.add(guest(2, "bo@old.example"))
    tenant.answers(Kind.MAIL, *[REFUSED] * 1000)
    entries = desired(declared(), declared(2, "bo@newco.example"))
    finished = apply(tenant, work_for(tenant, entries))
    assert {each.outcome for each in outcomes(finished).values()} == {Outcome.FAILED}


def test_a_guest_who_cannot_be_read_is_not_written_to() -> None:
    """Without a look at the guest there is no write."""
    tenant = changing()
    tenant.answers(Kind.READ, UNREADABLE)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "unreachable")
    assert not tenant.writes()


def test_a_guest_who_cannot_be_read_again_is_not_reset() -> None:
    """Reads that fail for a minute between the PATCH and the POST end the guest without a reset."""
    tenant = changing()
    tenant.answers(Kind.READ, None, *[UNREADABLE] * 100)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "unreachable")
    assert tenant.writes() == (Kind.OTHER_MAILS,)


def test_owners_that_cannot_be_read_stop_the_reset() -> None:
    """Without knowing who owns the address there is no reset."""
    tenant = changing()
    tenant.answers(Kind.OWNERS, UNREADABLE)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "unreachable")
    assert tenant.truth[ONE].resets == 0


def test_reads_that_fail_do_not_keep_mail_from_being_written() -> None:
    """After the reset nothing depends on reads: `mail` is written, and the guest is unverified."""
    tenant = changing()
    work = work_for(tenant, desired(declared()))
    tenant.script = _unreadable_after_reset(tenant)
    outcome = outcome_of(apply(tenant, work))
    assert (outcome.outcome, outcome.rule) == (Outcome.UNVERIFIED, "not-seen")
    assert tenant.live[ONE].mail == EmailAddress(NEW)


def test_a_read_permission_lost_on_the_way_closes_the_run() -> None:
    """When reading is denied, nobody else starts."""
    tenant = new_tenant()
    for number in range(1, 9):
        tenant.add(guest(number, f"g{number}@old.example"))
    work = work_for(
        tenant, desired(*(declared(number, f"g{number}@newco.example") for number in range(1, 9)))
    )
    denied = Fault(answer=AccessDenied("grant User.Read.All", rule="access-denied"))
    tenant.answers(Kind.READ, denied)
    finished = apply(tenant, work)
    assert {each.rule for each in outcomes(finished).values()} == {"access-denied"}
    assert not tenant.writes()


def test_an_edit_between_patch_and_reset_stops_the_reset() -> None:
    """Another administrator's edit after our first PATCH leaves the guest as they are now, unreset."""
    tenant = changing()
    work = work_for(tenant, desired(declared()))
    tenant.answers(Kind.OTHER_MAILS, Fault(committed=True))
    earlier = tenant.script

    def edit_after_patch(call: Call) -> Fault | None:
        if call.kind is Kind.READ and call.nth == 2:
            tenant.edit(ONE, other_mails=addresses(OLD, NEW, "foreign@old.example"))
        return earlier(call)

    tenant.script = edit_after_patch
    outcome = outcome_of(apply(tenant, work))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "changed-meanwhile")
    assert tenant.truth[ONE].resets == 0


def test_an_edit_found_when_a_run_is_taken_up_late_is_stale() -> None:
    """A run that has written nothing itself calls a guest who changed before the reset stale."""
    tenant = changing()
    plan = plan_for(tenant, desired(declared()))
    tenant.answers(Kind.RESET, Fault(kills=True))
    apply(tenant, work_for(tenant, desired(declared()), plan))
    work = work_for(tenant, desired(declared()), plan)
    asked = sum(1 for call in tenant.calls if call.kind is Kind.OWNERS)
    slow = Fault(committed=True, takes=90.0)
    tenant.answers(Kind.OWNERS, *[None] * asked, slow)
    earlier = tenant.script

    def edit_while_owners_are_asked(call: Call) -> Fault | None:
        fault = earlier(call)
        if fault is slow:
            tenant.edit(ONE, other_mails=addresses(OLD, NEW, "foreign@old.example"))
        return fault

    tenant.script = edit_while_owners_are_asked
    outcome = outcome_of(apply(tenant, work))
    assert (outcome.outcome, outcome.rule) == (Outcome.STALE, "stale")
    assert tenant.truth[ONE].resets == 0


def test_a_first_write_whose_answer_was_lost_is_seen_after_a_minute() -> None:
    """When the next look shows the address, the PATCH counts as done and is not sent again."""
    tenant = changing()
    lost = failed(FailureKind.UNKNOWN, status=503, retry_after=70.0)
    tenant.answers(Kind.OTHER_MAILS, Fault(answer=lost, committed=True))
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.APPLIED
    assert result_of(outcome, "AddOtherMail") == (ActionResult.DONE, 1)
    assert tenant.writes() == (Kind.OTHER_MAILS, Kind.RESET, Kind.MAIL)


def test_an_edit_after_a_lost_first_write_stops_the_reset() -> None:
    """A guest who looks otherwise after our own write has failed, and is not called untouched."""
    tenant = changing()
    lost = failed(FailureKind.UNKNOWN, status=503, retry_after=70.0)
    tenant.answers(Kind.OTHER_MAILS, Fault(answer=lost, committed=True))
    work = work_for(tenant, desired(declared()))
    earlier = tenant.script

    def edit_at_the_second_look(call: Call) -> Fault | None:
        if call.kind is Kind.READ and call.nth == 2:
            tenant.edit(ONE, other_mails=addresses(OLD, "foreign@old.example"))
        return earlier(call)

    tenant.script = edit_at_the_second_look
    outcome = outcome_of(apply(tenant, work))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "changed-meanwhile")
    assert tenant.truth[ONE].resets == 0


def test_another_run_that_finishes_meanwhile_does_not_leave_our_address_list() -> None:
    """What our own late `AddOtherMail` brought back is removed, though the other run has done the change."""
    tenant = changing()
    lost = failed(FailureKind.UNKNOWN, status=503, retry_after=70.0)
    tenant.answers(Kind.OTHER_MAILS, Fault(answer=lost, committed=True))
    work = work_for(tenant, desired(declared()))
    earlier = tenant.script

    def finish_before_the_second_look(call: Call) -> Fault | None:
        if call.kind is Kind.READ and call.nth == 2:
            changed_at = tenant.clock.now()
            tenant.edit(
                ONE,
                mail=EmailAddress(NEW),
                other_mails=addresses(OLD, NEW),
                state=RedemptionState.PENDING,
                state_changed_at=changed_at,
            )
        return earlier(call)

    tenant.script = finish_before_the_second_look
    outcome = outcome_of(apply(tenant, work))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.live[ONE].other_mails == addresses(NEW)
    assert tenant.truth[ONE].resets == 0


def test_a_second_try_whose_turn_comes_late_is_preceded_by_another_look() -> None:
    """A reset without evidence that queues for more than a minute is looked for once more, then sent."""
    tenant = changing()
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
    assert kinds[: len(kinds) - kinds[::-1].index(Kind.RESET) - 1][-2:] == [Kind.READ, Kind.OWNERS]


def test_a_call_that_hangs_counts_against_the_patience() -> None:
    """Ten minutes are ten minutes, also when most of them are spent waiting for answers."""
    tenant = changing()
    hangs = Fault(answer=failed(FailureKind.UNKNOWN), takes=60.0)
    tenant.answers(Kind.OTHER_MAILS, *[hangs] * 1000)
    begun = tenant.clock.monotonic()
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.FAILED
    assert tenant.clock.monotonic() - begun < Settings().throttled_for + 2 * 60.0
    assert result_of(outcome, "AddOtherMail")[0] is ActionResult.UNKNOWN


def test_who_redeems_before_the_lost_answer_is_looked_for_keeps_their_account() -> None:
    """An accepted guest can be accepted anew only after the reset, so it happened and is not repeated."""
    tenant = changing()
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


@pytest.mark.parametrize("trouble", ["rival", "unreadable"])
def test_a_lost_reset_is_reported_whatever_ends_the_guest(trouble: str) -> None:
    """Before the second try something else may end the guest: the first may have happened all the same."""
    tenant = changing()
    tenant.read_lag = 100.0
    tenant.answers(Kind.RESET, LOST_AFTER)
    usual = tenant.script

    def script(call: Call) -> Fault | None:
        if call.kind is Kind.OWNERS and call.nth == 2:
            if trouble == "unreadable":
                return UNREADABLE
            tenant.add(guest(2, NEW))
        return usual(call)

    tenant.script = script
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.FAILED
    assert result_of(outcome, "ResetRedemption") == (ActionResult.UNKNOWN, 1)
    assert "may have happened" in outcome.message
    assert "nobody was reset" not in outcome.message


def test_a_write_of_ones_own_that_a_look_finds_done_is_applied() -> None:
    """Not an earlier run has done what this one sent, even if its answer was lost."""
    tenant = changing()
    tenant.answers(Kind.OTHER_MAILS, LOST_AFTER, Fault(answer=THROTTLED.answer, takes=70.0))
    tenant.queues = {Kind.OTHER_MAILS: 0.0}
    entries = desired(declared(email=OLD, alternates=["b@old.example"]))
    outcome = outcome_of(apply(tenant, work_for(tenant, entries)))
    assert outcome.outcome is Outcome.APPLIED
    assert result_of(outcome, "SetOtherMails")[0] is ActionResult.DONE
