"""`reconciler github`, called as a step calls it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import run
from reconciler.documents import dump, plan_to_json, report_to_json
from reconciler.model import Cloud, Outcome, Plan
from reconciler.plan import make_plan
from tests.e2e.fake_github import REPOSITORY, GitHub, Pull, github
from tests.support.directory import NOW, declared, desired, guest, live
from tests.support.plans import outcome_of, report_of
from tests.support.repository import commit, git, new_repository

TOKEN = "ghs_a-secret"
REPORT = ["github", "report", "--run"]
RIGHTS = {"contents": "read", "actions": "read", "issues": "write", "pull-requests": "write"}


def plan_of_two(*, cloud: Cloud = Cloud.GLOBAL) -> Plan:
    """Plan another address for two guests."""
    tree = desired(declared(1, email="ana@new.example"), declared(2, email="bo@new.example"))
    found = live(guest(1, "ana@old.example"), guest(2, "bo@old.example"))
    return replace(make_plan(tree, found, NOW), cloud=cloud)


def plan_of_none() -> Plan:
    """Plan nothing: the guest is as declared."""
    return make_plan(desired(declared(1, email="a@x.example")), live(guest(1, "a@x.example")), NOW)


@dataclass(frozen=True, kw_only=True)
class Step:
    """A folder in which steps run, one after the other, of a run that GitHub knows."""

    folder: Path
    hosting: GitHub
    environ: pytest.MonkeyPatch

    def write(self, plan: Plan, name: str = "plan.json") -> None:
        """Put a plan where a step before this one would have."""
        (self.folder / name).write_text(dump(plan_to_json(plan)))

    def event(self, name: str, payload: Any = None) -> None:
        """Let the run have been started by this event."""
        (self.folder / "event.json").write_text(json.dumps(payload or {}))
        self.environ.setenv("GITHUB_EVENT_NAME", name)

    def merged(self, number: int, plan: bytes | None) -> None:
        """Merge a pull request whose plan was kept, or was not, and start the run of that merge."""
        head = f"{number:040x}"
        before = git(self.hosting.bare, "rev-parse", "HEAD")
        made = commit(self.hosting.bare, **{f"change{number}_txt": b"x"})
        self.hosting.pulls[number] = Pull(number=number, head=head, merged=True, commits={made})
        planned = self.hosting.start("plan.yml", event="pull_request", branch="b", head=head)
        planned.conclusion = "success"
        if plan is not None:
            self.hosting.upload(planned, f"plan-{number}", {"plan.json": plan})
        self.environ.setenv("GITHUB_SHA", made)
        self.event("push", {"before": before})

    def at_tip(self) -> str:
        """Let the run be at the newest commit of the main branch, which is made; return it."""
        made = commit(self.hosting.bare, **{f"tip{len(self.hosting.requests)}_txt": b"x"})
        self.environ.setenv("GITHUB_SHA", made)
        return made

    def output(self) -> str:
        """Read the outputs of the steps so far."""
        return (self.folder / "output").read_text()

    def summary(self) -> str:
        """Read what the steps so far have put on the page of the run."""
        return (self.folder / "summary").read_text()


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Step]:
    """Give a step of a run on the main branch."""
    bare = tmp_path / "repository"
    bare.mkdir()
    commit(new_repository(bare))
    folder = tmp_path / "workspace"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with github(bare) as hosting:
        hosting.tokens[TOKEN] = RIGHTS
        for name, value in {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": hosting.root,
            "GITHUB_EVENT_PATH": str(folder / "event.json"),
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_REF_NAME": "main",
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_RUN_ID": "55555",
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_SHA": git(bare, "rev-parse", "HEAD"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_WORKFLOW_REF": f"{REPOSITORY}/.github/workflows/apply.yml@refs/heads/main",
            "GITHUB_WORKSPACE": str(folder),
        }.items():
            monkeypatch.setenv(name, value)
        step = Step(folder=folder, hosting=hosting, environ=monkeypatch)
        step.event("workflow_dispatch")
        yield step


def test_the_plan_is_a_comment(step: Step, capsys: pytest.CaptureFixture[str]) -> None:
    """The pull request that the run is about gets the plan, the commit it is of, and the way to the rest."""
    step.write(plan_of_two(cloud=Cloud.EMULATOR))
    pull = {
        "number": 4,
        "head": {"sha": "f" * 40, "repo": {"full_name": REPOSITORY}},
        "base": {"repo": {"full_name": REPOSITORY}},
    }
    step.event("pull_request", {"pull_request": pull})
    assert run(["github", "comment"]) == 0
    [body] = step.hosting.comments_on(4)
    assert "EMULATOR" in body
    assert "`ana@new.example`" in body
    assert "f" * 40 in body
    assert "https://github.example/contoso/guests/actions/runs/55555" in body
    assert capsys.readouterr().out == "https://github.example/4#0\n"


def test_a_long_plan_is_several_comments_and_a_short_one_leaves_no_outdated_row(
    step: Step, capsys: pytest.CaptureFixture[str]
) -> None:
    """Reviewers get every page, and never see a row that the newest plan does not hold."""
    tree = desired(*(declared(n, email=f"g{n}@new.example") for n in range(1, 601)))
    step.write(make_plan(tree, live(*(guest(n, f"g{n}@old.example") for n in range(1, 601))), NOW))
    assert run(["github", "comment", "--pull", "4"]) == 0
    pages = step.hosting.comments_on(4)
    assert len(pages) == len(capsys.readouterr().out.splitlines()) > 2
    assert "`g600@new.example`" in "".join(pages)
    step.write(plan_of_two())
    assert run(["github", "comment", "--pull", "4"]) == 0
    first, *others = step.hosting.comments_on(4)
    assert len(others) == len(pages) - 1
    assert "`ana@new.example`" in first
    assert not any("@" in body for body in others)


def test_without_a_plan_the_comment_says_so(step: Step) -> None:
    """When planning failed, the comment does not go on showing the plan of an older commit."""
    step.write(plan_of_two())
    assert run(["github", "comment", "--pull", "4"]) == 0
    (step.folder / "plan.json").unlink()
    assert run(["github", "comment", "--pull", "4"]) == 0
    [body] = step.hosting.comments_on(4)
    assert "No plan could be made" in body
    assert "ana@new.example" not in body


def test_a_run_about_no_pull_request_has_nowhere_to_comment(
    step: Step, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever comments by hand names the pull request."""
    assert run(["github", "comment"]) == 2
    assert "--pull" in capsys.readouterr().err
    step.environ.delenv("GITHUB_EVENT_PATH")
    assert run(["github", "comment"]) == 2


@pytest.mark.parametrize("content", [b"{", None])
def test_a_broken_event_is_told(step: Step, content: bytes | None) -> None:
    """An event that cannot be read ends the step with a sentence."""
    (step.folder / "event.json").unlink()
    if content is not None:
        (step.folder / "event.json").write_bytes(content)
    assert run(["github", "comment"]) == 2


@pytest.mark.parametrize(
    "api", ["http://api.github.example", "https://a@github.example", "https://a:port", "ftp://127.0.0.1"]
)
def test_the_token_goes_over_https_or_stays(step: Step, api: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An address that would send the token in clear, or to somebody else, is refused."""
    step.environ.setenv("GITHUB_API_URL", api)
    assert run(["github", "comment", "--pull", "4"]) == 2
    assert "GITHUB_API_URL" in capsys.readouterr().err


def test_a_merge_approves_what_was_reviewed(step: Step, capsys: pytest.CaptureFixture[str]) -> None:
    """All merged pull requests' plans are collected; one without a plan is named, approving nothing."""
    begin = commit(step.hosting.bare, begin_txt=b"x")
    step.hosting.start("apply.yml", event="push", branch="main", head=begin).conclusion = "success"
    plan = plan_of_two()
    older = replace(plan, created_at=plan.created_at - timedelta(days=1))
    step.merged(4, dump(plan_to_json(older)).encode())
    step.merged(5, None)
    step.merged(6, b"forged")
    step.write(plan)

    assert run(["github", "approved-plans", "--out", "approved"]) == 0

    told = capsys.readouterr().out.splitlines()
    assert told[0] == "#4: approved by its plan"
    assert told[1].startswith("#5: plan.yml has kept no plan")
    assert told[2].startswith("#6: the plan file cannot be used")
    assert [path.name for path in (step.folder / "approved" / "plans").iterdir()] == ["pull-4.json"]
    assert step.output() == "work=true\n"
    assert "3 pull requests" in step.summary()
    assert "| #5 | none: " in step.summary()


def test_a_merge_without_a_plan_approves_nothing(step: Step) -> None:
    """Then nothing would run, nobody is asked, and the pull request is told why."""
    step.merged(5, None)
    step.write(plan_of_two(cloud=Cloud.EMULATOR))
    assert run(["github", "approved-plans"]) == 0
    assert step.output() == "work=false\n"

    (step.folder / "approved" / "plans").rmdir()  # an artifact keeps no empty folder
    assert run([*REPORT, ""]) == 0
    [body] = step.hosting.comments_on(5)
    assert "**Nothing was approved by this pull request:**" in body
    assert "has kept no plan of it" in body.replace("`", "")
    assert "2 not-approved" in body


def test_a_merge_that_changes_nothing_is_not_talked_about(step: Step) -> None:
    """When the tenant is as declared, a merged pull request hears nothing."""
    step.merged(5, None)
    step.write(plan_of_none())
    assert run(["github", "approved-plans"]) == 0
    assert run([*REPORT, ""]) == 0
    assert step.hosting.comments == []


def test_a_run_by_hand_is_approved_on_its_own_plan(step: Step) -> None:
    """Who lets the run go on has its own plan before them: all of it is approved."""
    step.write(plan_of_two())
    tip = step.at_tip()
    assert run(["github", "approved-plans"]) == 0
    assert [path.name for path in (step.folder / "approved" / "plans").iterdir()] == ["own.json"]
    assert step.output() == "work=true\n"
    assert [target for _, target in step.hosting.requests] == [f"/repos/{REPOSITORY}/branches/main"]
    assert f"the tip of `main`:** commit `{tip}`, made " in step.summary()
    assert " ago, " in step.summary()


def test_a_folder_that_is_there_is_not_added_to(step: Step, capsys: pytest.CaptureFixture[str]) -> None:
    """What an old folder holds would approve too."""
    step.write(plan_of_two())
    step.at_tip()
    assert run(["github", "approved-plans"]) == 0
    assert run(["github", "approved-plans"]) == 2
    assert "name a new folder" in capsys.readouterr().err


def test_the_report_goes_to_each_merged_pull_request(step: Step) -> None:
    """Each hears what became of the run that answers for it, in a comment of its own."""
    plan = plan_of_two()
    step.merged(4, dump(plan_to_json(plan)).encode())
    step.write(plan)
    assert run(["github", "approved-plans"]) == 0
    applied = replace(report_of(outcome_of(1, Outcome.APPLIED), digest=plan.digest), approved=(plan.digest,))
    (step.folder / "report.json").write_text(dump(report_to_json(applied)))
    assert run([*REPORT, applied.run]) == 0
    assert run([*REPORT, applied.run]) == 0
    first, second = step.hosting.comments_on(4)
    assert first == second
    assert "1 applied" in first
    assert f"at commit `{4:040x}`, is among those approved" in first


def test_a_run_that_nobody_let_go_on_is_told(step: Step) -> None:
    """When what was approved did not run, the pull request hears that it waits."""
    plan = plan_of_two()
    step.merged(4, dump(plan_to_json(plan)).encode())
    step.write(plan)
    assert run(["github", "approved-plans"]) == 0
    assert run([*REPORT, ""]) == 0
    [body] = step.hosting.comments_on(4)
    assert "2 not-attempted" in body


@pytest.mark.parametrize("content", ["{", '{"pulls": [{}]}', "[]"])
def test_a_damaged_folder_is_told(step: Step, content: str) -> None:
    """A folder that approved-plans has not written is refused by name."""
    step.write(plan_of_two())
    step.at_tip()
    assert run(["github", "approved-plans"]) == 0
    (step.folder / "approved" / "pulls.json").write_text(content)
    assert run([*REPORT, ""]) == 5


@pytest.mark.parametrize("given", ["push", "workflow_dispatch"])
def test_the_base_is_an_output(step: Step, capsys: pytest.CaptureFixture[str], given: str) -> None:
    """A merge is planned since the last success, or since its own push; a run by hand has no base."""
    before = git(step.hosting.bare, "rev-parse", "HEAD")
    step.merged(4, None)
    step.event(given, {"before": before})
    assert run(["github", "base"]) == 0
    assert step.output() == f"base={before if given == 'push' else ''}\n"
    assert capsys.readouterr().out == (f"{before}\n" if given == "push" else "")


def test_journals_of_earlier_runs_are_fetched(step: Step, capsys: pytest.CaptureFixture[str]) -> None:
    """Each lies in the folder under its run's name; one that is damaged is named, and costs no other."""
    failed = step.hosting.start(
        "apply.yml", event="push", branch="main", head=git(step.hosting.bare, "rev-parse", "HEAD")
    )
    step.hosting.upload(failed, "apply-journal-1", {"journal.jsonl": b"one\xff\n"})
    step.hosting.upload(failed, "apply-journal-2", {"other": b"\x1b[2J"})
    assert run(["github", "journals", "--out", "some/journals"]) == 0
    shown = capsys.readouterr()
    assert shown.out == f"{failed.id}-apply-journal-1.jsonl\n"
    assert f"Warning: the journal {failed.id}-apply-journal-2.jsonl is left out" in shown.err
    [kept] = (step.folder / "some" / "journals").iterdir()
    assert kept.read_bytes() == b"one\xff\n"


def test_no_journals_are_an_empty_folder(step: Step, capsys: pytest.CaptureFixture[str]) -> None:
    """The first run has nothing to go by, and apply gets a folder all the same, which is a new one."""
    assert run(["github", "journals"]) == 0
    assert list((step.folder / "journals").iterdir()) == []
    assert capsys.readouterr().out == ""
    assert run(["github", "journals"]) == 2


def test_journals_need_the_permission(step: Step, capsys: pytest.CaptureFixture[str]) -> None:
    """A job that may not look at runs ends, with the way to the permission, before anybody is reset again."""
    step.hosting.tokens[TOKEN] = {"contents": "read"}
    assert run(["github", "journals"]) == 6
    assert "docs/setup-github.md" in capsys.readouterr().err


def test_drift_opens_and_closes_the_issue(step: Step, capsys: pytest.CaptureFixture[str]) -> None:
    """The issue is there while the plan has changes, and closed when it has none."""
    step.write(plan_of_none())
    assert run(["github", "drift"]) == 0
    assert capsys.readouterr().out == ""
    step.write(plan_of_two())
    assert run(["github", "drift"]) == 0
    [issue] = step.hosting.issues
    assert issue["state"] == "open"
    assert "`ana@new.example`" in issue["body"]
    step.write(plan_of_none())
    assert run(["github", "drift"]) == 0
    assert issue["state"] == "closed"


def test_no_plan_leaves_the_issue_as_it_is(step: Step) -> None:
    """A directory that could not be read says nothing about drift."""
    assert run(["github", "drift"]) == 5
    assert step.hosting.requests == []


def test_outside_of_a_workflow_the_environment_is_asked_for(
    step: Step, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person who runs a step is given all variables that are missing in one go."""
    step.environ.delenv("GITHUB_TOKEN")
    assert run(["github", "comment", "--pull", "4"]) == 2
    assert "not set: GITHUB_TOKEN\n" in capsys.readouterr().err
    for name in ("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_WORKFLOW_REF"):
        step.environ.delenv(name)
    assert run(["github", "comment", "--pull", "4"]) == 2
    missing = "not set: GITHUB_REPOSITORY, GITHUB_RUN_ID, GITHUB_TOKEN, GITHUB_WORKFLOW_REF\n"
    assert missing in capsys.readouterr().err


def test_a_tree_beside_the_repository_is_annotated_where_it_is(
    step: Step, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tree outside of what was checked out is annotated by its own path."""
    tree = tmp_path / "elsewhere"
    tree.mkdir()
    assert run(["--desired", str(tree), "validate", "--format", "github"]) == 3
    assert f"::error file={tree.as_posix()}" in capsys.readouterr().out
    assert "The desired state has" in step.summary()
