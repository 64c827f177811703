"""A report in words, as every renderer shows it."""

from dataclasses import replace

from reconciler.model import ActionRecord, ActionResult, Outcome
from reconciler.render.report_view import report_view
from tests.support.plans import mixed_report, outcome_of, report_of

REPEATED = ActionRecord(action="ResetRedemption", result=ActionResult.REPEATED, attempts=2, request_id=None)


def test_a_reset_sent_twice_says_which_link_works() -> None:
    """Only the last link works, which is news of a reset and of no other write."""
    actions = [REPEATED, replace(REPEATED, action="SetMail")]
    (group,) = report_view(report_of(outcome_of(1, Outcome.FAILED, actions=actions))).groups
    assert group.guests[0].records == (
        "ResetRedemption: repeated, so only the last link works",
        "SetMail: repeated",
    )


def test_of_a_guest_who_is_done_only_what_was_sent_twice_is_notable() -> None:
    """What went well needs no reader, but for a link that stopped working."""
    done = replace(REPEATED, action="SetMail", result=ActionResult.DONE)
    (group,) = report_view(report_of(outcome_of(1, Outcome.APPLIED, actions=[done, REPEATED]))).groups
    (guest,) = group.guests
    assert len(guest.records) == 2
    assert guest.notable_records == guest.records[1:]


def test_guests_who_need_attention_come_first() -> None:
    """Failures come before all else, and what is done comes last."""
    groups = report_view(mixed_report()).groups
    assert [group.outcome for group in (groups[0], groups[-1])] == [Outcome.FAILED, Outcome.APPLIED]
    assert [group.needs_action for group in groups] == [True] * 6 + [False] * 2


def test_what_is_written_is_not_finished_for_whoever_was_reset() -> None:
    """Nobody reads that all is done while people are locked out; without a reset nobody is."""
    reset = replace(REPEATED, result=ActionResult.DONE, attempts=1)
    other = replace(reset, action="SetOtherMails")
    outcomes = [
        outcome_of(1, Outcome.APPLIED, actions=[reset]),
        outcome_of(2, Outcome.APPLIED, actions=[REPEATED]),
        outcome_of(3, Outcome.APPLIED, actions=[other]),
    ]
    (group,) = report_view(report_of(*outcomes)).groups
    assert group.advice.endswith(" 2 guests were reset, and cannot sign in until they redeem.")
    (group,) = report_view(report_of(outcomes[0])).groups
    assert group.advice.endswith(" 1 guest was reset, and cannot sign in until they redeem.")
    (group,) = report_view(report_of(outcomes[2])).groups
    assert group.advice == "Written, and seen in the directory."
