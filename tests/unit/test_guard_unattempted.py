"""Approved work that no run has begun is reported guest by guest."""

from dataclasses import replace

from reconciler.guard.approval import approve_all
from reconciler.guard.unattempted import not_attempted, unattempted_report
from reconciler.model import Note, Outcome
from reconciler.rules import Rule
from tests.support.plans import NOW, blocked_of, change_of, guest_id, large_plan, plan_of


def test_a_run_that_did_nothing_tells_what_its_plan_could_not_see() -> None:
    """Nobody was written to, and what was missing from the plan is missing from what is said of it."""
    plan = replace(large_plan(2), complete=False, warnings=(Note(rule=Rule.NOT_CHECKED, message="roles"),))
    report = unattempted_report(plan, approve_all(plan), run="7", commit="c0ffee", at=NOW)
    assert [one.outcome for one in report.outcomes] == [Outcome.NOT_ATTEMPTED] * 2
    assert (report.complete, report.warnings, report.commit) == (False, plan.warnings, "c0ffee")


def test_a_run_that_did_nothing_names_those_it_would_not_have_touched() -> None:
    """All guests stand in the report by id, whether they waited or were blocked."""
    plan = plan_of(change_of(1), change_of(3), blocked=[blocked_of(2)])
    report = unattempted_report(plan, approve_all(plan), run="7", commit="c0ffee", at=NOW)
    assert [one.id for one in report.outcomes] == [guest_id(1), guest_id(2), guest_id(3)]
    assert report.outcomes[1].outcome is Outcome.BLOCKED


def test_one_sentence_says_that_a_guest_was_not_attempted() -> None:
    """With a report and without one, a reader learns the same; without one, also where to look."""
    plan = plan_of(change_of(1))
    approval = approve_all(plan)
    (ended,) = not_attempted(approval.work, rule=Rule.INTERRUPTED)
    (silent,) = unattempted_report(plan, approval, run="7", commit="c0ffee", at=NOW).outcomes
    assert (ended.rule, silent.rule) == (Rule.INTERRUPTED, None)
    assert silent.message.startswith(f"{ended.message}; if it left no report")
