"""One bad run, artifact or pull request costs nobody else, and nothing is forgotten because of it."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.cli import run
from reconciler.documents import dump, plan_to_json, report_to_json
from reconciler.github import client
from reconciler.model import Outcome
from tests.e2e.fake_github import FORK, REPOSITORY, Answer, Reply
from tests.support.plans import outcome_of, report_of
from tests.support.repository import git
from tests.unit.test_github_commands import Step, plan_of_none, plan_of_two, step

__all__ = ["step"]

PLAN = dump(plan_to_json(plan_of_two())).encode()


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send again at once."""
    monkeypatch.setattr(client, "_growing", lambda attempt: 0.0)


def collect(step: Step) -> int:
    """Collect the approved plans anew, as an attempt of the run would."""
    shutil.rmtree(step.folder / "approved", ignore_errors=True)
    return run(["github", "approved-plans"])


def kept(step: Step) -> list[str]:
    return sorted(path.name for path in (step.folder / "approved" / "plans").iterdir())


def three_merged(step: Step, *, second: bytes | None = PLAN) -> None:
    """Merge three pull requests with a plan each, since the last success."""
    begin = git(step.hosting.bare, "rev-parse", "HEAD")
    step.hosting.start("apply.yml", event="push", branch="main", head=begin).conclusion = "success"
    for number, plan in ((4, PLAN), (5, second), (6, PLAN)):
        step.merged(number, plan)
    step.write(plan_of_two())


def artifact_of(step: Step, number: int) -> int:
    """Give the id of the plan of a pull request."""
    [found] = [one.id for one in step.hosting.artifacts if one.name == f"plan-{number}"]
    return found


@pytest.mark.parametrize(
    "bad", [PLAN.decode().encode("utf-16"), b"\x00", b"{}", None], ids=["utf-16", "nul", "{}", "none"]
)
def test_a_bad_plan_costs_nobody_else(
    step: Step, capsys: pytest.CaptureFixture[str], bad: bytes | None
) -> None:
    """The other two are collected and would run; this one approves nothing, for good, and is told."""
    three_merged(step, second=bad)
    assert collect(step) == 0
    assert kept(step) == ["pull-4.json", "pull-6.json"]
    assert "#5: " in capsys.readouterr().out
    assert step.output() == "work=true\n"
    assert run(["github", "report", "--run", ""]) == 0
    assert "**Nothing was approved by this pull request:**" in step.hosting.comments_on(5)[0]


@pytest.mark.parametrize("status", [404, 410])
def test_a_deleted_plan_costs_nobody_else(step: Step, status: int) -> None:
    """It will not come back, so the run may count as a success."""
    three_merged(step)
    step.hosting.broken = {f"/artifacts/{artifact_of(step, 5)}/zip": Reply(status=status)}
    assert collect(step) == 0
    assert kept(step) == ["pull-4.json", "pull-6.json"]
    assert run(["github", "report", "--run", ""]) == 0


@pytest.mark.parametrize("answer", [Reply(status=503), None, Reply(body={"odd": 1})])
@pytest.mark.parametrize("place", ["plan", "events", "commit", "store"])
def test_what_github_does_not_answer_now_is_answered_for_later(
    step: Step, capsys: pytest.CaptureFixture[str], place: str, answer: Answer
) -> None:
    """The others are collected; the run ends as no success, so the next one finds all three again."""
    three_merged(step)
    [merge] = step.hosting.pulls[5].commits
    artifact = artifact_of(step, 5)
    step.hosting.broken = {
        {
            "plan": f"/artifacts/{artifact}/zip",
            "events": "/issues/5/events",
            "commit": f"/commits/{merge}/pulls",
            "store": f"/storage/{artifact}",
        }[place]: Reply(status=500) if place == "store" else answer
    }
    assert collect(step) == 0
    assert kept(step) == ["pull-4.json", "pull-6.json"]
    shown = capsys.readouterr().err
    assert "Warning: not read, the next run answers for it again: " in shown
    assert (merge in shown) == (place == "commit")
    assert ("#5" in shown) == (place != "commit")
    if place == "commit":
        assert "will not count as a success" in step.summary()

    step.hosting.broken = {}
    assert run(["github", "report", "--run", ""]) == 6
    assert len(step.hosting.comments_on(4)) == len(step.hosting.comments_on(6)) == 1
    told = step.hosting.comments_on(5)
    assert ["The next run answers for it again." in one for one in told] == [True] * (place != "commit")

    assert collect(step) == 0
    assert kept(step) == ["pull-4.json", "pull-5.json", "pull-6.json"]
    assert run(["github", "report", "--run", ""]) == 0


def test_a_run_without_work_is_no_success_either(step: Step) -> None:
    """When nothing would run, what was not read is not forgotten for that."""
    three_merged(step)
    step.write(plan_of_none())
    step.hosting.broken = {"/issues/5/events": Reply(status=503)}
    assert collect(step) == 0
    assert run(["github", "report", "--run", ""]) == 6
    assert len(step.hosting.comments_on(5)) == 1


@pytest.mark.parametrize("trouble", ["locked", "gone", "denied", "away"])
def test_one_who_cannot_be_told_costs_nobody_else(
    step: Step, capsys: pytest.CaptureFixture[str], trouble: str
) -> None:
    """The others get their report, and this one is named with the reason and advice that fits."""
    three_merged(step)
    assert collect(step) == 0
    plan = plan_of_two()
    report = replace(report_of(outcome_of(1, Outcome.APPLIED)), digest=plan.digest, approved=(plan.digest,))
    (step.folder / "report.json").write_text(dump(report_to_json(report)))
    on_five = f"/repos/{REPOSITORY}/issues/5/comments"
    match trouble:
        case "locked":
            step.hosting.pulls[5].locked = True
        case "gone":
            step.hosting.gone = {5}
        case "denied":
            step.hosting.broken = {on_five: Reply(status=403, body={})}
        case _:
            step.hosting.broken = {on_five: Reply(status=503)}
    capsys.readouterr()
    assert run(["github", "report", "--run", report.run]) == 6
    assert [len(step.hosting.comments_on(number)) for number in (4, 5, 6)] == [1, 0, 1]
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 2
    assert "#5 could not be told: " in shown.err
    assert ("permission" in shown.err) == (trouble == "denied")
    assert ("unlock" in shown.err) == (trouble == "locked")


def test_a_forged_plan_for_somebody_elses_pull_request_approves_nothing(step: Step, tmp_path: Path) -> None:
    """The same head, opened into a branch of the forger's own, ran their workflow after the review."""
    three_merged(step, second=dump(plan_to_json(plan_of_none())).encode())
    forged = step.hosting.start("plan.yml", event="pull_request", branch="b", head=step.hosting.pulls[5].head)
    forged.conclusion = "success"
    step.hosting.upload(forged, "plan-5", {"plan.json": PLAN})
    assert collect(step) == 0
    assert kept(step) == ["pull-4.json", "pull-6.json"]


@pytest.mark.parametrize("commit", ["known", "unknown"])
def test_a_forks_success_forgets_nobody(step: Step, commit: str) -> None:
    """A fork's branch called main ran what its own file says, at one of our commits or at its own."""
    three_merged(step)
    [merge] = step.hosting.pulls[5].commits
    forks = step.hosting.start(
        "apply.yml",
        event="pull_request",
        branch="main",
        head=merge if commit == "known" else "f" * 40,
        repository=FORK,
    )
    forks.conclusion = "success"
    assert collect(step) == 0
    assert kept(step) == ["pull-4.json", "pull-5.json", "pull-6.json"]


def test_a_retargeted_pull_request_approves_nothing(step: Step) -> None:
    """Its plan was made while it led into a branch whose workflow is the author's."""
    three_merged(step)
    step.hosting.pulls[5].events = [("base_ref_changed", "2999-01-01T00:00:00Z")]
    assert collect(step) == 0
    assert kept(step) == ["pull-4.json", "pull-6.json"]
