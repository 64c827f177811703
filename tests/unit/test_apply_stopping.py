"""When a run stops by itself: refusals of everybody, used-up budgets, bugs; and the guests under way then."""

import pytest

from reconciler.apply import Settings
from reconciler.model import ActionResult, FailureKind, Outcome
from tests.support.applying import Heard, apply, new_tenant, outcome_of, outcomes, plan_for, work_for
from tests.support.crowds import LOST, RUN_REFUSED, THROTTLED_FOR_LONG, counts, crowd, rules, unfinished
from tests.support.directory import NEW, declared, desired, guest, guest_id
from tests.support.journals import MemoryJournal
from tests.support.tenant_calls import REFUSED, Fault, Kind, failed

ONE = guest_id(1)


def test_a_refusal_for_everybody_stops_the_run() -> None:
    """When the POST says that invitations are closed, nobody else is written to, and nobody was reset."""
    tenant, entries = crowd(100)
    tenant.answers(Kind.RESET, *[RUN_REFUSED] * 9)
    finished = apply(tenant, work_for(tenant, entries))
    assert rules(finished) == ("invitations-closed",)
    assert {outcome.rule for outcome in outcomes(finished).values()} == {"invitations-closed"}
    assert counts(finished)[Outcome.NOT_ATTEMPTED] >= 100 - 50
    assert not any(truth.resets for truth in tenant.truth.values())


@pytest.mark.parametrize("others", [0, 1])
def test_only_a_write_that_was_taken_lets_guests_start_in_numbers(others: int) -> None:
    """A guest to whom nothing is written says nothing about whether the directory takes writes."""
    tenant, entries = crowd(60)
    tenant.permission_held = None
    work = work_for(tenant, entries)
    for number in range(1, others + 1):
        tenant.edit(guest_id(number), other_mails=())
    tenant.answers(Kind.MAIL, REFUSED)
    finished = apply(tenant, work)
    assert rules(finished) == ("all-refused",)
    assert len(tenant.writes()) == 3
    assert counts(finished).get(Outcome.STALE, 0) == others


def test_a_lost_write_stands_in_the_report_of_a_guest_who_is_left() -> None:
    """When the run closes before a read shows a lost write, the write may have happened."""
    tenant, entries = crowd(2)
    tenant.answers(Kind.READ, None, Fault(committed=True, takes=30.0), guest=ONE)
    tenant.answers(Kind.MAIL, Fault(answer=failed(FailureKind.UNKNOWN), committed=True), guest=ONE)
    tenant.answers(Kind.RESET, RUN_REFUSED, guest=guest_id(2))
    outcome = outcomes(apply(tenant, work_for(tenant, entries)))[ONE]
    assert outcome.outcome is Outcome.NOT_ATTEMPTED
    assert [(record.action, record.result) for record in outcome.actions] == [
        ("SetMail", ActionResult.UNKNOWN)
    ]


@pytest.mark.parametrize("stop_after", [None, 20.0])
def test_the_last_write_of_a_guest_reset_earlier_is_no_canary(stop_after: float | None) -> None:
    """Whose reset is proved does not wait until the directory has taken somebody's first write."""
    tenant, entries = crowd(5)
    plan, journal = plan_for(tenant, entries), MemoryJournal()
    last = guest_id(5)
    tenant.answers(Kind.CLEAR, Fault(kills=True), guest=last)
    begun = work_for(tenant, desired(declared(5, "g5@newco.example")), plan)
    assert apply(tenant, begun, journal=journal) is None
    tenant.calls.clear()
    hangs = Fault(answer=failed(FailureKind.UNKNOWN), takes=60.0)
    tenant.script = lambda call: hangs if call.kind is Kind.MAIL else None
    finished = apply(tenant, work_for(tenant, entries, plan), stop_after=stop_after, resets=journal.resets)
    first_mail = next(call for call in tenant.calls if call.kind is Kind.MAIL)
    (clear,) = [call for call in tenant.calls if call.kind is Kind.CLEAR and call.guest == last]
    assert (clear.at - first_mail.at).total_seconds() < 10.0
    assert tenant.truth[last].resets == 1
    assert finished is not None


def test_a_refusal_is_no_stall() -> None:
    """The directory that refuses one guest takes writes; the others may wait as long as they like."""
    tenant, entries = crowd(2)
    tenant.answers(Kind.MAIL, REFUSED, guest=ONE)
    tenant.answers(Kind.MAIL, *[Fault(answer=failed(FailureKind.NOT_FOUND))] * 9, guest=guest_id(2))
    finished = apply(tenant, work_for(tenant, entries), settings=Settings(throttled_for=1.0, commit_for=1.0))
    assert rules(finished) == ()
    assert outcomes(finished)[guest_id(2)].outcome is Outcome.APPLIED


def test_a_last_write_without_an_answer_is_looked_for_before_it_counts_as_failed() -> None:
    """A marker that is gone although every answer was lost is taken away, and is reported as that."""
    tenant = new_tenant()
    tenant.add(guest())
    lost = Fault(answer=failed(FailureKind.UNKNOWN, status=504), committed=True)
    tenant.answers(Kind.CLEAR, lost, *[THROTTLED_FOR_LONG] * 500)
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.APPLIED
    assert {record.result for record in outcome.actions} == {ActionResult.DONE}


def test_a_guest_read_back_in_a_stall_is_not_called_interrupted() -> None:
    """Nobody has interrupted a run that stalls."""
    tenant, entries = crowd(2)
    tenant.answers(Kind.CLEAR, *[LOST] * 500, guest=guest_id(2))
    tenant.answers(Kind.READ, *[None] * 3, *[Fault(committed=True, takes=900.0)] * 9, guest=ONE)
    finished = apply(tenant, work_for(tenant, entries))
    assert finished is not None
    assert not finished.interrupted
    assert {outcome.rule for outcome in outcomes(finished).values()} & {"interrupted"} == set()


def test_a_run_that_stops_finishes_those_it_has_reset() -> None:
    """Guests whose reset was sent before the refusal lose their marker and are read back."""
    tenant, entries = crowd(30)
    tenant.answers(Kind.RESET, RUN_REFUSED, guest=guest_id(30))
    tenant.answers(Kind.CLEAR, *[LOST] * 5)
    tenant.answers(Kind.MAIL, Fault(committed=True, takes=1.0), guest=guest_id(30))
    finished = apply(tenant, work_for(tenant, entries))
    found = outcomes(finished)
    assert found[guest_id(30)].outcome is Outcome.FAILED
    assert not unfinished(tenant)
    for number in range(1, 30):
        reset = tenant.truth[guest_id(number)].resets
        assert (found[guest_id(number)].outcome is Outcome.APPLIED) == bool(reset)


def test_the_marker_is_taken_away_when_the_token_is_refused() -> None:
    """A refusal of everything closes the run, and a reset guest's last write is tried all the same."""
    tenant, entries = crowd(1)
    tenant.answers(Kind.CLEAR, RUN_REFUSED, RUN_REFUSED)
    finished = apply(tenant, work_for(tenant, entries))
    assert outcome_of(finished).outcome is Outcome.APPLIED
    assert rules(finished) == ("invitations-closed",)


def test_the_first_three_refused_stop_the_run() -> None:
    """When the first guests are refused all alike by a token without roles, the others are not tried."""
    tenant, entries = crowd(40)
    tenant.permission_held = False
    tenant.answers(Kind.MAIL, REFUSED)
    finished = apply(tenant, work_for(tenant, entries))
    assert rules(finished) == ("all-refused",)
    assert counts(finished) == {Outcome.FAILED: 3, Outcome.NOT_ATTEMPTED: 37}
    assert len(tenant.writes()) == 3


def test_two_refusals_at_first_do_not_stop_the_run() -> None:
    """One of the first three who goes through shows that the refusals are the guests' own."""
    tenant, entries = crowd(10)
    tenant.permission_held = None
    for number in (1, 2, 5, 6, 7):
        tenant.answers(Kind.MAIL, REFUSED, guest=guest_id(number))
    finished = apply(tenant, work_for(tenant, entries))
    assert rules(finished) == ()
    assert counts(finished) == {Outcome.FAILED: 5, Outcome.APPLIED: 5}


def test_five_failures_of_the_directorys_own_stop_the_run() -> None:
    """Guests who fail for a reason that is not theirs use up the budget, and the note has the numbers."""
    tenant, entries = crowd(100)
    for number in range(10, 100, 3):
        tenant.answers(Kind.MAIL, *[THROTTLED_FOR_LONG] * 9, guest=guest_id(number))
    finished = apply(tenant, work_for(tenant, entries))
    assert rules(finished) == ("failure-budget",)
    assert finished is not None
    assert "5 of the last 20 guests" in finished.notes[0].message
    assert counts(finished)[Outcome.NOT_ATTEMPTED] > 0


def test_a_throttled_guest_is_left_when_the_run_stops() -> None:
    """A guest who waits before the reset is not attempted any more."""
    tenant, entries = crowd(2)
    tenant.answers(Kind.RESET, THROTTLED_FOR_LONG, guest=ONE)
    tenant.answers(Kind.RESET, RUN_REFUSED, guest=guest_id(2))
    finished = apply(tenant, work_for(tenant, entries))
    assert outcomes(finished)[ONE].outcome is Outcome.NOT_ATTEMPTED
    assert "the next run" in outcomes(finished)[ONE].message


@pytest.mark.parametrize("kind", [Kind.MAIL, Kind.RESET])
@pytest.mark.parametrize("answer", [THROTTLED_FOR_LONG, Fault(committed=True)])
def test_an_answer_that_comes_after_the_stop_leads_no_further(kind: Kind, answer: Fault) -> None:
    """A write that was under way when the run stopped is not followed by a new reset."""
    tenant, entries = crowd(2)
    late = Fault(answer=answer.answer, committed=answer.committed, takes=5.0)
    tenant.answers(kind, late, guest=ONE)
    tenant.answers(Kind.RESET, RUN_REFUSED, guest=guest_id(2))
    found = outcomes(apply(tenant, work_for(tenant, entries)))
    happened = kind is Kind.RESET and answer.committed
    assert tenant.truth[ONE].resets == int(happened)
    assert found[ONE].outcome is (Outcome.APPLIED if happened else Outcome.NOT_ATTEMPTED)


def test_a_lost_answer_after_the_stop_is_not_sent_again() -> None:
    """A reset that may have happened when the run stopped is looked for, and not repeated."""
    tenant, entries = crowd(2)
    tenant.answers(Kind.RESET, Fault(answer=failed(FailureKind.UNKNOWN), takes=5.0), guest=ONE)
    tenant.answers(Kind.RESET, RUN_REFUSED, guest=guest_id(2))
    found = outcomes(apply(tenant, work_for(tenant, entries)))
    assert found[ONE].outcome is Outcome.FAILED
    assert "may have happened" in found[ONE].message
    assert tenant.writes(ONE).count(Kind.RESET) == 1


def test_a_second_try_is_not_sent_after_the_stop() -> None:
    """A reset whose first answer was lost and whose second try was throttled ends with the run."""
    tenant, entries = crowd(2)
    tenant.answers(Kind.RESET, LOST, Fault(answer=THROTTLED_FOR_LONG.answer, takes=5.0), guest=ONE)
    tenant.answers(Kind.RESET, Fault(answer=RUN_REFUSED.answer, takes=62.0), guest=guest_id(2))
    found = outcomes(apply(tenant, work_for(tenant, entries)))
    assert found[ONE].outcome is Outcome.FAILED
    assert "may have been sent" in found[ONE].message


@pytest.mark.parametrize("refused_guest", [1, 2])
def test_a_reset_about_to_be_sent_when_the_run_stops_is_not_sent(refused_guest: int) -> None:
    """Even a guest who is ready in the very moment of the refusal is left."""
    tenant, entries = crowd(2)
    tenant.latency = 0.25
    refusal = Fault(answer=RUN_REFUSED.answer, takes=0.25)
    tenant.answers(Kind.MAIL, refusal, guest=guest_id(refused_guest))
    found = outcomes(apply(tenant, work_for(tenant, entries)))
    other = guest_id(3 - refused_guest)
    assert found[other].outcome is Outcome.NOT_ATTEMPTED
    assert tenant.truth[other].resets == 0


def test_a_bug_ends_one_guest_and_keeps_the_report() -> None:
    """An error nobody foresaw closes the run, finishes the others who were reset, and is handed back."""
    tenant, entries = crowd(60)
    work = work_for(tenant, entries)
    tenant.answers(Kind.READ, None, Fault(answer=ZeroDivisionError("a bug")), guest=guest_id(4))
    finished = apply(tenant, work)
    assert finished is not None
    assert isinstance(finished.crash, ZeroDivisionError)
    assert rules(finished) == ("internal-error",)
    ended = outcomes(finished)[guest_id(4)]
    assert (ended.outcome, ended.rule) == (Outcome.FAILED, "internal-error")
    assert "ZeroDivisionError; `mail` is written and the reset is not sent" in ended.message
    assert not unfinished(tenant)


@pytest.mark.parametrize("method", ["guest_started", "action_ended", "waiting", "guest_finished"])
def test_a_bug_in_what_shows_the_progress_is_handed_back(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever watches the run cannot make a failure pass for a success, and every guest has an outcome."""

    def fails(*_: object) -> None:
        raise ZeroDivisionError

    tenant, entries = crowd(3)
    tenant.read_lag = 1.0
    monkeypatch.setattr(Heard, method, fails)
    finished = apply(tenant, work_for(tenant, entries))
    assert finished is not None
    assert isinstance(finished.crash, ZeroDivisionError)
    assert len(finished.outcomes) == 3


def test_nobody_takes_over_from_a_guest_whose_rules_had_a_bug() -> None:
    """Who waits for a guest that ended with a bug is not attempted."""
    tenant = new_tenant()
    tenant.add(guest(1, "a@old.example"))
    tenant.add(guest(2, "b@old.example"))
    work = work_for(tenant, desired(declared(1, NEW), declared(2, "a@old.example")))
    tenant.answers(Kind.READ, Fault(answer=ZeroDivisionError("a bug")), guest=ONE)
    finished = apply(tenant, work)
    assert outcomes(finished)[guest_id(2)].outcome is Outcome.NOT_ATTEMPTED
    assert plan_for(tenant, desired(declared(1, NEW))).changes
