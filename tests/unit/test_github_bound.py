"""What a step of a workflow takes for its run's own: the commit it is at, and the report it shows."""

import json
from dataclasses import replace

import pytest

from reconciler.cli import run
from reconciler.documents import dump, plan_to_json, report_to_json
from reconciler.model import Outcome, Plan, Report
from tests.support.plans import outcome_of, report_of
from tests.support.repository import commit
from tests.unit.test_github_commands import REPORT, RIGHTS, TOKEN, Step, plan_of_two
from tests.unit.test_github_commands import step as step  # noqa: PLC0414 - a fixture

BY_HAND = [["github", "approved-plans"], ["github", "tip"]]


@pytest.mark.parametrize("command", BY_HAND, ids=" ".join)
@pytest.mark.parametrize("merged_since", [True, False])
def test_an_old_run_by_hand_is_refused(
    step: Step, command: list[str], capsys: pytest.CaptureFixture[str], *, merged_since: bool
) -> None:
    """A run that is repeated, or waited, plans an old tree: it would take back what was merged since."""
    step.write(plan_of_two())
    tip = step.at_tip()
    if merged_since:
        tip = commit(step.hosting.bare, later_txt=b"x")
    else:
        step.environ.setenv("GITHUB_SHA", "0" * 40)
    assert run(command) == 5
    told = capsys.readouterr().err
    assert "not-at-tip" in told
    assert tip in told
    assert not (step.folder / "approved").exists()
    assert not (step.folder / "output").exists()


@pytest.mark.parametrize("command", BY_HAND, ids=" ".join)
def test_a_branch_that_is_gone_has_no_tip(step: Step, command: list[str]) -> None:
    """Neither a deleted branch nor a tag of another name approves anything."""
    step.write(plan_of_two())
    step.at_tip()
    step.environ.setenv("GITHUB_REF_NAME", "gone/away?#%2e")
    assert run(command) == 6
    assert not (step.folder / "approved").exists()


@pytest.mark.parametrize("command", BY_HAND, ids=" ".join)
def test_the_tip_needs_the_permission(step: Step, command: list[str]) -> None:
    """A job that may not read the contents ends, rather than believe its commit."""
    step.write(plan_of_two())
    step.at_tip()
    step.hosting.tokens[TOKEN] = {name: level for name, level in RIGHTS.items() if name != "contents"}
    assert run(command) == 6
    assert not (step.folder / "approved").exists()


def test_at_the_tip_a_run_by_hand_may_go_on(step: Step, capsys: pytest.CaptureFixture[str]) -> None:
    """The branch has not moved on since the run was started."""
    step.at_tip()
    assert run(["github", "tip"]) == 0
    assert "may go on" in capsys.readouterr().err


def test_a_pushed_run_need_not_be_at_the_tip(step: Step) -> None:
    """Its approvals are those of the review, whatever was merged since; nobody is asked."""
    step.event("push")
    assert run(["github", "tip"]) == 0
    assert step.hosting.requests == []


def collected(step: Step) -> Plan:
    """Merge a pull request with its plan, and collect that."""
    plan = plan_of_two()
    step.merged(4, dump(plan_to_json(plan)).encode())
    step.write(plan)
    assert run(["github", "approved-plans"]) == 0
    return plan


def own_report(plan: Plan) -> Report:
    """Build the report of a run that was approved by this plan."""
    return replace(report_of(outcome_of(1, Outcome.APPLIED), digest=plan.digest), approved=(plan.digest,))


@pytest.mark.parametrize("other", ["run", "approved", "nothing approved", "older form"])
def test_a_report_of_another_run_is_never_shown(
    step: Step, other: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that was committed, or that an earlier attempt has kept, says nothing about this run."""
    mine = own_report(collected(step))
    document = json.loads(dump(report_to_json(mine)))
    if other == "run":
        document["run"] = "another"
    elif other == "approved":
        document["approved"] = [f"sha256:{'0' * 64}"]
    elif other == "nothing approved":
        document["approved"] = []
    else:
        del document["approved"]
    (step.folder / "report.json").write_text(json.dumps(document))
    assert run([*REPORT, mine.run]) == 5
    assert "foreign-report" in capsys.readouterr().err
    assert step.hosting.comments == []


def test_a_report_that_this_run_has_not_written_is_not_looked_at(step: Step) -> None:
    """When apply has not run, whatever lies there, the pull request hears that its changes wait."""
    plan = collected(step)
    (step.folder / "report.json").write_text(dump(report_to_json(own_report(plan))))
    assert run([*REPORT, ""]) == 0
    [body] = step.hosting.comments_on(4)
    assert "1 applied" not in body
    assert "2 not-attempted" in body


def test_a_run_that_ended_before_it_read_a_plan_is_told(step: Step) -> None:
    """Its report names no approved plan, and no guest."""
    plan = collected(step)
    early = replace(own_report(plan), outcomes=(), approved=())
    (step.folder / "report.json").write_text(dump(report_to_json(early)))
    assert run([*REPORT, early.run]) == 0
    assert len(step.hosting.comments_on(4)) == 1
