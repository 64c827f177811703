"""Finds the commit that was last applied well, and the pull requests merged since then.

GitHub keeps one waiting run of a concurrency group and drops the others, so a run answers for every
pull request since the last run that succeeded, not only for the one whose merge started it.

Sources: https://docs.github.com/actions/how-tos/write-workflows/choose-when-workflows-run/control-workflow-concurrency,
https://docs.github.com/rest/commits/commits and
https://docs.github.com/pull-requests/collaborating-with-pull-requests/incorporating-changes-from-a-pull-request/about-pull-request-merges
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final

from reconciler.errors import GitHubError
from reconciler.github.client import GitHub, shape
from reconciler.github.context import WorkflowRun
from reconciler.github.runs import (
    History,
    Notice,
    branch_runs,
    commit_name,
    rows_of,
)

_MOST_RUNS: Final = 100
"""Most successful runs that are compared with this run's history."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class MergedPull:
    """A pull request that was merged into the branch."""

    number: int

    head: str
    """Its last commit, which was reviewed, whatever the merge commit is."""

    alone: bool = True
    """Whether it was merged by itself. GitHub also calls one merged whose commits came in with another's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedPlan:
    """The stored result of the review of one pull request."""

    pull: MergedPull

    plan: bytes | None
    """The plan document as stored, not parsed; `None`: there is no usable one."""

    missing: str
    """Why there is no plan, in words of our own; empty when there is one."""

    passing: bool = False
    """Whether there may be a plan another time: until then, this pull request must stay answered for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The pull requests merged since a commit."""

    pulls: tuple[MergedPull, ...]
    """Sorted by number."""

    unread: tuple[str, ...]
    """What could not be read, in words of our own; pull requests may be missing because of it."""


def base_of(github: GitHub, repository: str, run: WorkflowRun, *, before: str | None, notice: Notice) -> str:
    """Find the commit since which merges count for this run; always this run's commit or an ancestor of it.

    That is the commit of the newest successful run of this workflow. Without one, it is `before`, where the
    branch was before the push that started this run. Where that is not known either, or this run is an old
    one that was started again, it is this run's own commit, and nothing counts. Raises `GitHubError`.
    """
    history = History(github, repository, run.commit)
    failed: GitHubError | None = None
    done = branch_runs(github, repository, run, notice=notice, status="success")
    for earlier in islice((one for one in done if one.id != run.id), _MOST_RUNS):
        try:
            if history.holds(earlier.commit):
                return earlier.commit
            if history.precedes(earlier.commit, run.branch):
                return run.commit
        except GitHubError as error:
            # An older one counts in its place: more is then looked at again, and nothing is forgotten.
            notice(f"Warning: the commit of run {earlier.id} cannot be placed: {error.message}")
            failed = error
    if failed is not None:
        raise failed
    return before if before is not None and history.holds(before) else run.commit


def merged_pulls(github: GitHub, repository: str, run: WorkflowRun, *, base: str) -> Merged:
    """Find the pull requests that brought the commits from `base` to this run's.

    Raises `GitHubError` when these commits cannot be listed.
    """
    if base == run.commit:
        return Merged(pulls=(), unread=())
    commits = _commits(github, repository, base, run.commit)
    found = _Found()
    for commit in commits:
        path = f"/repos/{repository}/commits/{commit}/pulls"
        try:
            for page in github.pages(path):
                found.add(page, run.branch, commit)
        except GitHubError as error:
            found.unread.append(f"the pull requests of commit {commit}: {error.message}")
    pulls = _told_apart(found.pulls, commits, tip=run.commit)
    return Merged(pulls=tuple(sorted(pulls)), unread=tuple(found.unread))


@dataclass(slots=True)
class _Found:
    pulls: set[MergedPull] = field(default_factory=set)
    unread: list[str] = field(default_factory=list)

    def add(self, page: Any, branch: str, commit: str) -> None:
        with shape("pull requests"):
            rows = list(page)
        for row in rows:
            try:
                with shape("a pull request"):
                    if row["merged_at"] and row["base"]["ref"] == branch:
                        head = commit_name(row["head"]["sha"])
                        self.pulls.add(MergedPull(number=int(row["number"]), head=head))
            except GitHubError as error:
                self.unread.append(f"a pull request of commit {commit}: {error.message}")


def _commits(github: GitHub, repository: str, base: str, head: str) -> Mapping[str, tuple[str, ...]]:
    """List the commits from `base` to `head`, each with its parents."""
    found: dict[str, tuple[str, ...]] = {}
    for page in github.pages(f"/repos/{repository}/compare/{base}...{head}"):
        rows = rows_of(page, "commits")
        with shape("a comparison of commits"):
            for row in rows:
                parents = tuple(commit_name(parent["sha"]) for parent in row["parents"])
                found[commit_name(row["sha"])] = parents
    return found


def _told_apart(
    pulls: Iterable[MergedPull], commits: Mapping[str, tuple[str, ...]], *, tip: str
) -> list[MergedPull]:
    """Mark the pull requests that nobody merged: their commits came in with another pull request's.

    Squashing and rebasing make new commits, so there the head itself is not among the commits. A merge has it
    as a parent. A head that was pushed as it is stands on the branch itself, where the newest one counts.
    """
    branch: list[str] = []
    step: str | None = tip
    while step is not None and step in commits:
        branch.append(step)
        step = next(iter(commits[step]), None)
    merged = {parent for commit in branch for parent in commits[commit][1:]}
    pulls = tuple(pulls)
    heads = {pull.head for pull in pulls}
    pushed = next((commit for commit in branch if commit in heads), None)
    return [
        replace(pull, alone=pull.head not in commits or pull.head in merged or pull.head == pushed)
        for pull in pulls
    ]
