from hypothesis import given

from reconciler.guard.approval import approve
from reconciler.model import Outcome, Plan, Report
from reconciler.render import text
from reconciler.render.approval_view import approval_view
from reconciler.render.plan_view import plan_view
from reconciler.render.report_view import report_view
from tests.support import hostile
from tests.support.plans import change_of, outcome_of, plan_of, report_of


def check(shown: str) -> None:
    """Nothing but printable characters and our own line breaks, and no command of the Actions runner."""
    for line in shown.split("\n"):
        assert line.replace("\u3000", "").isprintable()
        assert "##[" not in line
        assert not line.strip().startswith("::")


@given(hostile.plans())
def test_a_plan_steers_no_terminal_and_no_runner(plan: Plan) -> None:
    """Whatever strangers wrote, a plan is printable text, on as few as twenty columns."""
    check(text.plan(plan_view(plan), width=80, colour=False))
    check(text.plan(plan_view(plan), width=20, colour=False))


@given(hostile.reports())
def test_a_report_steers_no_terminal_and_no_runner(report: Report) -> None:
    """Whatever strangers wrote, a report is printable text."""
    check(text.report(report_view(report), width=80, colour=False))


@given(hostile.text)
def test_a_name_forges_no_line(name: str) -> None:
    """On a wide terminal a name takes exactly one line, like any other."""
    tame = text.plan(plan_view(plan_of(change_of(name="Ana"))), width=10_000, colour=False)
    wild = text.plan(plan_view(plan_of(change_of(name=name))), width=10_000, colour=False)
    assert wild.count("\n") == tame.count("\n")
    tame = text.report(
        report_view(report_of(outcome_of(1, Outcome.FAILED, name="Ana"))), width=10_000, colour=False
    )
    wild = text.report(
        report_view(report_of(outcome_of(1, Outcome.FAILED, name=name))), width=10_000, colour=False
    )
    assert wild.count("\n") == tame.count("\n")


@given(hostile.compared_plans())
def test_a_compared_plan_steers_no_terminal_and_no_runner(plan: Plan) -> None:
    """Revisions, drift and guests who were let go are printable text, and so is what they approve."""
    check(text.plan(plan_view(plan), width=80, colour=False))
    check(text.approval(approval_view(plan, approve(plan, [plan])), width=80, colour=False))
