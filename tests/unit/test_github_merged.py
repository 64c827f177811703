"""Which pull requests a run answers for, and which plan each was reviewed with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.errors import GitHubError
from reconciler.github.client import GitHub
from reconciler.github.context import WorkflowRun
from reconciler.github.merged import MergedPull, merged_pulls, reviewed
from tests.e2e import fake_github
from tests.e2e.fake_github import FORK, REPOSITORY, Pull, Reply
from tests.support.repository import git

TOKEN = "ghs_a-secret"
HEAD = "d" * 40


@pytest.fixture
def hosting(tmp_path: Path) -> Iterator[fake_github.GitHub]:
    """Serve a GitHub over an empty git repository."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    with fake_github.github(tmp_path) as hosting:
        hosting.tokens[TOKEN] = {"contents": "read", "actions": "read", "pull-requests": "read"}
        yield hosting


@pytest.fixture
def github(hosting: fake_github.GitHub) -> Iterator[GitHub]:
    """Open a session that can only read."""
    with GitHub(api=hosting.root, token=TOKEN, trust_env=False) as github:
        yield github


def commit(hosting: fake_github.GitHub) -> str:
    git(hosting.bare, "commit", "--quiet", "--allow-empty", "--message", "a change")
    return git(hosting.bare, "rev-parse", "HEAD")


def merge(hosting: fake_github.GitHub, number: int, *, commits: int = 1, base: str = "main") -> str:
    """Merge a pull request, as a rebase or squash does: with new commits; give the last."""
    made = [commit(hosting) for _ in range(commits)]
    hosting.pulls[number] = Pull(
        number=number, head=f"{number:040x}", base=base, merged=True, commits=set(made)
    )
    return made[-1]


def apply_run(hosting: fake_github.GitHub, head: str, conclusion: str | None) -> fake_github.Run:
    run = hosting.start("apply.yml", event="push", branch="main", head=head)
    run.conclusion = conclusion
    return run


def this_run(commit: str, number: int = 99_999) -> WorkflowRun:
    return WorkflowRun(
        event="push",
        commit=commit,
        branch="main",
        id=number,
        workflow="apply.yml",
        url="https://github.example",
    )


def numbers(pulls: tuple[MergedPull, ...]) -> list[int]:
    return [pull.number for pull in pulls]


def test_a_run_answers_for_those_it_replaced(hosting: fake_github.GitHub, github: GitHub) -> None:
    """Runs that failed, or that GitHub dropped from the queue, leave their pull requests to the next."""
    apply_run(hosting, merge(hosting, 1), "success")
    apply_run(hosting, merge(hosting, 2, commits=3), "failure")
    merge(hosting, 3)
    last = merge(hosting, 4, commits=2)
    assert numbers(merged_pulls(github, REPOSITORY, this_run(last))) == [2, 3, 4]


def test_the_first_run_answers_for_its_own_merge(hosting: fake_github.GitHub, github: GitHub) -> None:
    """Where nothing was ever applied, only the merge that started the run counts."""
    merge(hosting, 1)
    last = merge(hosting, 2)
    assert numbers(merged_pulls(github, REPOSITORY, this_run(last))) == [2]


def test_an_earlier_attempt_of_this_run_does_not_count(hosting: fake_github.GitHub, github: GitHub) -> None:
    """A run that is run again answers for the same pull requests as before."""
    apply_run(hosting, merge(hosting, 1), "success")
    last = merge(hosting, 2)
    again = apply_run(hosting, last, "success")
    assert numbers(merged_pulls(github, REPOSITORY, this_run(last, again.id))) == [2]


def test_an_old_run_that_is_run_again_answers_for_nobody(hosting: fake_github.GitHub, github: GitHub) -> None:
    """An old commit, applied again, brings no approval with it: newer ones have been applied since."""
    old = merge(hosting, 1)
    apply_run(hosting, merge(hosting, 2), "success")
    assert merged_pulls(github, REPOSITORY, this_run(old)) == ()


def test_only_merges_into_this_branch_count(hosting: fake_github.GitHub, github: GitHub) -> None:
    """Commits that came by a push, or over another branch, approve nothing."""
    apply_run(hosting, commit(hosting), "success")
    merge(hosting, 5, base="topic")
    last = commit(hosting)
    hosting.pulls[6] = Pull(number=6, head=last)
    assert merged_pulls(github, REPOSITORY, this_run(last)) == ()


def test_a_commit_that_is_none_ends_the_step(hosting: fake_github.GitHub, github: GitHub) -> None:
    """What GitHub names as a commit becomes part of an address, so it must look like one."""
    hosting.faults = [
        Reply(body={"workflow_runs": [{"id": 1, "run_number": 1, "head_sha": "../../user"}]}),
    ]
    with pytest.raises(GitHubError, match="a workflow run"):
        merged_pulls(github, REPOSITORY, this_run(HEAD))
    hosting.faults = [Reply(body={"workflow_runs": None})]
    with pytest.raises(GitHubError, match="a workflow run"):
        merged_pulls(github, REPOSITORY, this_run(HEAD))


def plan_run(
    hosting: fake_github.GitHub, *, conclusion: str = "success", repository: str = REPOSITORY
) -> fake_github.Run:
    run = hosting.start("plan.yml", event="pull_request", branch="b", head=HEAD, repository=repository)
    run.conclusion = conclusion
    return run


def kept(github: GitHub) -> bytes | str:
    """Give the plan that counts for pull request 8, or why there is none."""
    found = reviewed(github, REPOSITORY, MergedPull(number=8, head=HEAD), workflow="plan.yml")
    assert (found.plan is None) == bool(found.missing)
    return found.missing or found.plan or b""


def test_the_newest_plan_counts(hosting: fake_github.GitHub, github: GitHub) -> None:
    """Of several plans of the same commit, the newest that ended well is what was reviewed."""
    for name in (b"old", b"new", b"failed"):
        run = plan_run(hosting, conclusion="failure" if name == b"failed" else "success")
        hosting.upload(run, "plan-8", {"plan.json": name, "plan.html": b"<p>"})
    assert kept(github) == b"new"


def test_a_run_that_kept_nothing_gives_way_to_an_older_one(
    hosting: fake_github.GitHub, github: GitHub
) -> None:
    """A plan that was kept under another pull request's name is not this one's."""
    hosting.upload(plan_run(hosting), "plan-8", {"plan.json": b"mine"})
    hosting.upload(plan_run(hosting), "plan-9", {"plan.json": b"another's"})
    assert kept(github) == b"mine"


def test_without_a_plan_the_reason_is_said(hosting: fake_github.GitHub, github: GitHub) -> None:
    """No run, a failed run, a run without a plan, a plan gone, a broken archive: each has its sentence."""
    assert "has not succeeded" in str(kept(github))
    plan_run(hosting, conclusion="failure")
    assert "has not succeeded" in str(kept(github))
    run = plan_run(hosting)
    assert "has kept no plan" in str(kept(github))
    hosting.upload(run, "plan-8", {"other.json": b"{}"})
    assert "holds 0 files called plan.json" in str(kept(github))
    hosting.artifacts[-1].content = b"no archive"
    assert "cannot be unpacked" in str(kept(github))
    hosting.artifacts[-1].expired = True
    assert "does not keep its plan any longer" in str(kept(github))


def test_a_plan_from_a_fork_counts_for_nothing(hosting: fake_github.GitHub, github: GitHub) -> None:
    """A fork's workflow can keep any file it likes as a plan; nobody has planned it."""
    hosting.upload(plan_run(hosting, repository=FORK), "plan-8", {"plan.json": b"forged"})
    assert "within this repository" in str(kept(github))
