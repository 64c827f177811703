"""Since which commit merges count for a run, and which pull requests it answers for."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import GitHubError
from reconciler.github.client import GitHub
from reconciler.github.context import WorkflowRun
from reconciler.github.merged import Merged, base_of, merged_pulls
from tests.e2e import fake_github
from tests.e2e.fake_github import FORK, REPOSITORY, Pull, Reply
from tests.support.repository import git

TOKEN = "ghs_a-secret"
COUNTER = itertools.count()


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
    """Make a commit, which differs from others made in the same second."""
    message = f"change {next(COUNTER)}"
    git(hosting.bare, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(hosting.bare, "rev-parse", "HEAD")


def beside(hosting: fake_github.GitHub) -> str:
    """Make a commit on the main branch's tip that is on no branch."""
    tree = git(hosting.bare, "rev-parse", "HEAD^{tree}")
    return git(hosting.bare, "commit-tree", "-p", "HEAD", "-m", f"beside {next(COUNTER)}", tree)


def merge(hosting: fake_github.GitHub, number: int, *, commits: int = 1, base: str = "main") -> str:
    """Merge a pull request, as a rebase or squash does: with new commits; give the last."""
    made = [commit(hosting) for _ in range(commits)]
    hosting.pulls[number] = Pull(
        number=number, head=f"{number:040x}", base=base, merged=True, commits=set(made)
    )
    return made[-1]


def apply_run(
    hosting: fake_github.GitHub,
    head: str,
    conclusion: str | None,
    *,
    event: str = "push",
    repository: str = REPOSITORY,
    branch: str = "main",
) -> fake_github.Run:
    run = hosting.start("apply.yml", event=event, branch=branch, head=head, repository=repository)
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


def base(
    github: GitHub, run: WorkflowRun, *, before: str | None = None, told: list[str] | None = None
) -> str:
    notices = [] if told is None else told
    return base_of(github, REPOSITORY, run, before=before, notice=notices.append)


def answered(github: GitHub, run: WorkflowRun, *, before: str | None = None) -> list[int]:
    """Give the numbers of the pull requests that a run answers for."""
    found = merged_pulls(github, REPOSITORY, run, base=base(github, run, before=before))
    assert found.unread == ()
    return [pull.number for pull in found.pulls]


def test_a_run_answers_for_those_it_replaced(hosting: fake_github.GitHub, github: GitHub) -> None:
    """Runs that failed, or that GitHub dropped from the queue, leave their pull requests to the next."""
    good = apply_run(hosting, merge(hosting, 1), "success").head
    apply_run(hosting, merge(hosting, 2, commits=3), "failure")
    merge(hosting, 3)
    last = merge(hosting, 4, commits=2)
    assert answered(github, this_run(last)) == [2, 3, 4]
    assert base(github, this_run(last), before="f" * 40) == good


def test_the_first_run_answers_for_its_own_push(hosting: fake_github.GitHub, github: GitHub) -> None:
    """Where nothing was ever applied, only what the push that started the run has brought counts."""
    before = merge(hosting, 1)
    last = merge(hosting, 2, commits=3)
    assert answered(github, this_run(last), before=before) == [2]
    # The push made the branch, or replaced its history.
    assert base(github, this_run(last)) == last
    assert base(github, this_run(last), before="f" * 40) == last
    assert base(github, this_run(last), before=beside(hosting)) == last
    assert answered(github, this_run(last)) == []


def test_an_earlier_attempt_of_this_run_does_not_count(hosting: fake_github.GitHub, github: GitHub) -> None:
    """A run that is run again answers for the same pull requests as before."""
    apply_run(hosting, merge(hosting, 1), "success")
    last = merge(hosting, 2)
    again = apply_run(hosting, last, "success")
    assert answered(github, this_run(last, again.id)) == [2]


def test_an_old_run_that_is_run_again_answers_for_nobody(hosting: fake_github.GitHub, github: GitHub) -> None:
    """An old commit, applied again, brings no approval with it: newer ones have been applied since."""
    apply_run(hosting, commit(hosting), "success")
    old = merge(hosting, 1)
    apply_run(hosting, merge(hosting, 2), "success")
    merge(hosting, 3)
    assert base(github, this_run(old)) == old
    assert answered(github, this_run(old)) == []


@pytest.mark.parametrize(
    "forged",
    [
        {"repository": FORK, "event": "pull_request"},
        {"repository": FORK},
        {"event": "pull_request"},
        {"branch": "topic"},
    ],
)
def test_a_success_that_is_none_of_ours_forgets_nobody(
    hosting: fake_github.GitHub, github: GitHub, forged: dict[str, Any]
) -> None:
    """A fork's branch called main, and a pull request's run, are no apply, at whatever commit."""
    apply_run(hosting, merge(hosting, 1), "success")
    merged = merge(hosting, 2)
    apply_run(hosting, merged, "failure")
    apply_run(hosting, merged, "success", **forged)
    apply_run(hosting, "f" * 40, "success", **forged)
    last = merge(hosting, 3)
    apply_run(hosting, last, "success", **forged)
    assert answered(github, this_run(last)) == [2, 3]


def test_a_tag_called_like_the_branch_forgets_nobody(hosting: fake_github.GitHub, github: GitHub) -> None:
    """GitHub names a tag where it names a branch: a success has to be on this run's own history."""
    apply_run(hosting, merge(hosting, 1), "success")
    evil = beside(hosting)
    merge(hosting, 2)
    last = merge(hosting, 3)
    for event in ("push", "workflow_dispatch"):
        apply_run(hosting, evil, "success", event=event)
        # A child of the newest commit, which looks as if the branch had gone on.
        apply_run(hosting, beside(hosting), "success", event=event)
        apply_run(hosting, "f" * 40, "success", event=event)
    assert answered(github, this_run(last)) == [2, 3]


def test_a_run_by_hand_is_a_success_too(hosting: fake_github.GitHub, github: GitHub) -> None:
    """It has applied the whole tree of its commit."""
    apply_run(hosting, merge(hosting, 1), "success")
    apply_run(hosting, merge(hosting, 2), "success", event="workflow_dispatch")
    assert answered(github, this_run(merge(hosting, 3))) == [3]


def test_a_flood_of_foreign_runs_hides_no_success(
    hosting: fake_github.GitHub, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitHub ends a list after a thousand runs: those of forks are in lists that nobody reads."""
    apply_run(hosting, merge(hosting, 1), "success")
    for _ in range(5):
        apply_run(hosting, "f" * 40, "success", repository=FORK, event="pull_request")
    monkeypatch.setattr(hosting, "page_size", 3)
    monkeypatch.setattr(hosting, "longest_list", 3)
    assert answered(github, this_run(merge(hosting, 2))) == [2]


def test_what_cannot_be_placed_makes_way_for_an_older_success(
    hosting: fake_github.GitHub, github: GitHub
) -> None:
    """One comparison that GitHub cannot make widens what is looked at; when all fail, the run ends."""
    good = apply_run(hosting, merge(hosting, 1), "success").head
    huge = apply_run(hosting, merge(hosting, 2), "success").head
    last = merge(hosting, 3)
    hosting.broken = {f"/compare/{huge}": Reply(status=422, body={})}
    told: list[str] = []
    assert base(github, this_run(last), told=told) == good
    assert len(told) == 1
    assert "cannot be placed" in told[0]
    hosting.broken = {"/compare/": Reply(status=422, body={})}
    with pytest.raises(GitHubError):
        base(github, this_run(last), before=good)


def test_only_merges_into_this_branch_count(hosting: fake_github.GitHub, github: GitHub) -> None:
    """Commits that came by a push, or over another branch, approve nothing."""
    apply_run(hosting, commit(hosting), "success")
    merge(hosting, 5, base="topic")
    last = commit(hosting)
    hosting.pulls[6] = Pull(number=6, head=last)
    assert answered(github, this_run(last)) == []


def test_a_commit_that_is_none_is_never_asked_for(hosting: fake_github.GitHub, github: GitHub) -> None:
    """What GitHub names as a commit becomes part of an address, so it must look like one."""
    last = merge(hosting, 1)
    row = {
        "id": 1,
        "run_number": 1,
        "head_sha": "../../user",
        "event": "push",
        "head_branch": "main",
        "head_repository": {"full_name": REPOSITORY},
        "conclusion": "success",
    }
    told: list[str] = []
    hosting.faults = [Reply(body={"workflow_runs": [row]})]
    assert base(github, this_run(last), told=told) == last
    assert ["a run of apply.yml is left out" in one for one in told] == [True]
    hosting.faults = [Reply(body={"workflow_runs": None})]
    with pytest.raises(GitHubError, match="workflow runs"):
        base(github, this_run(last))


def found_since(hosting: fake_github.GitHub, github: GitHub, begin: str) -> Merged:
    return merged_pulls(github, REPOSITORY, this_run(git(hosting.bare, "rev-parse", "HEAD")), base=begin)


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        (Reply(status=422, body={}), []),
        (Reply(body={"odd": 1}), []),
        (Reply(body=[{"number": "x", "merged_at": "t"}]), []),
        (
            Reply(
                body=[
                    {"number": 7, "merged_at": "t", "base": {"ref": "main"}, "head": {"sha": "../x"}},
                    {"number": 9, "merged_at": "t", "base": {"ref": "main"}, "head": {"sha": "e" * 40}},
                ]
            ),
            [9],
        ),
    ],
)
def test_what_cannot_be_read_of_one_commit_costs_no_other(
    hosting: fake_github.GitHub, github: GitHub, answer: Reply, left: list[int]
) -> None:
    """The pull requests of the other commits are found, and what is missing is named."""
    begin = commit(hosting)
    odd = merge(hosting, 7)
    merge(hosting, 8)
    hosting.broken = {f"/commits/{odd}/pulls": answer}
    found = found_since(hosting, github, begin)
    assert [pull.number for pull in found.pulls] == sorted([*left, 8])
    assert len(found.unread) == 1
    assert odd in found.unread[0]


def branch_off(hosting: fake_github.GitHub, *, commits: int = 1, onto: str = "main") -> str:
    """Make a branch of some commits, and go back to main; give its last commit."""
    git(hosting.bare, "checkout", "--quiet", "--detach", onto)
    made = [commit(hosting) for _ in range(commits)]
    git(hosting.bare, "checkout", "--quiet", "main")
    return made[-1]


def merge_head(hosting: fake_github.GitHub, head: str, *numbers: int, fast_forward: bool = False) -> None:
    """Merge a head as it is; GitHub calls each of these pull requests merged by it."""
    before = git(hosting.bare, "rev-parse", "HEAD")
    how = "--ff-only" if fast_forward else "--no-ff"
    git(hosting.bare, "merge", "--quiet", how, "--no-edit", head)
    commits = set(git(hosting.bare, "rev-list", f"{before}..HEAD").split())
    for number in numbers:
        mine = hosting.pulls.setdefault(number, Pull(number=number, head=head))
        mine.merged, mine.commits = True, commits


def alone(hosting: fake_github.GitHub, github: GitHub, begin: str) -> dict[int, bool]:
    return {pull.number: pull.alone for pull in found_since(hosting, github, begin).pulls}


@pytest.mark.parametrize("fast_forward", [False, True])
def test_who_came_in_with_another_was_merged_by_nobody(
    hosting: fake_github.GitHub, github: GitHub, *, fast_forward: bool
) -> None:
    """Of a head and an older one that it contains, GitHub calls both merged: only the former was."""
    begin = commit(hosting)
    inner = branch_off(hosting)
    outer = branch_off(hosting, onto=inner)
    hosting.pulls[3] = Pull(number=3, head=inner)
    merge_head(hosting, outer, 3, 4, 5, fast_forward=fast_forward)
    assert alone(hosting, github, begin) == {3: False, 4: True, 5: True}


def test_who_was_merged_before_counts(hosting: fake_github.GitHub, github: GitHub) -> None:
    """A pull request that builds on a merged one does not take its approval away."""
    begin = commit(hosting)
    inner = branch_off(hosting)
    outer = branch_off(hosting, onto=inner)
    merge_head(hosting, inner, 3)
    merge_head(hosting, outer, 4)
    merge(hosting, 5, commits=2)
    assert alone(hosting, github, begin) == {3: True, 4: True, 5: True}


def test_who_was_merged_into_a_branch_first_came_in_with_it(
    hosting: fake_github.GitHub, github: GitHub
) -> None:
    """A merge within the other's branch is no merge into this one."""
    begin = commit(hosting)
    inner = branch_off(hosting)
    outer = branch_off(hosting)
    git(hosting.bare, "checkout", "--quiet", "--detach", outer)
    git(hosting.bare, "merge", "--quiet", "--no-ff", "--no-edit", inner)
    outer = git(hosting.bare, "rev-parse", "HEAD")
    git(hosting.bare, "checkout", "--quiet", "main")
    hosting.pulls[3] = Pull(number=3, head=inner)
    merge_head(hosting, outer, 3, 4)
    assert alone(hosting, github, begin) == {3: False, 4: True}
