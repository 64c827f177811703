"""The report of a run that was cut off: what is known stays, and nothing is claimed beyond it."""

from reconciler.apply import RunResult
from reconciler.cli.report_builder import ReportBuilder
from reconciler.clock import SystemClock
from reconciler.errors import Refused, Unreachable
from reconciler.guard.approval import approve_all
from reconciler.model import Note, Outcome
from reconciler.rules import OtherRule, Rule
from tests.support.plans import mixed_report, small_plan

WHY = Note(rule=OtherRule("too-many-failures"), message="five of the last twenty guests failed")


def planned() -> ReportBuilder:
    """Give the record of a run that has a plan and has written nothing."""
    record = ReportBuilder(run="r", clock=SystemClock())
    plan = small_plan()
    record.planned(plan, approve_all(plan))
    return record


def finished() -> ReportBuilder:
    """Give the record of a run whose guests have all ended."""
    record = planned()
    outcomes = mixed_report().outcomes
    record.finished(RunResult(outcomes=outcomes, notes=(WHY,), interrupted=False, crash=None))
    return record


def test_an_interrupt_before_anything_was_written_says_so() -> None:
    """Until apply has begun, every guest is not attempted, because of the interrupt."""
    record = planned()
    record.interrupted()
    report = record.report(exit_code=130)
    assert [note.rule for note in report.refusals] == ["interrupted"]
    attempted = [one for one in report.outcomes if one.outcome is not Outcome.BLOCKED]
    assert attempted
    assert all((one.outcome, one.rule) == (Outcome.NOT_ATTEMPTED, "interrupted") for one in attempted)


def test_an_interrupt_after_apply_takes_nothing_back() -> None:
    """What became of the guests stays, and nobody says that nothing was written."""
    record = finished()
    before = record.report(exit_code=7)
    record.interrupted()
    after = record.report(exit_code=130)
    assert (after.refusals, after.outcomes) == (before.refusals, before.outcomes)


def test_an_error_after_apply_stands_beside_what_is_known() -> None:
    """Why the run closed, and what became of the guests, is told along with a later error."""
    record = finished()
    before = record.report(exit_code=7)
    record.broke_off(Refused("the state cannot be kept", rule=Rule.STATE_UNUSABLE))
    after = record.report(exit_code=5)
    assert [note.rule for note in after.refusals] == ["too-many-failures", "state-unusable"]
    assert after.outcomes == before.outcomes


def test_an_error_before_apply_is_the_reason_for_every_guest() -> None:
    """Who was not attempted is told why."""
    record = planned()
    record.broke_off(Unreachable("no answer", rule=Rule.UNREACHABLE))
    rules = {one.rule for one in record.report(exit_code=6).outcomes if one.outcome is Outcome.NOT_ATTEMPTED}
    assert rules == {"unreachable"}
