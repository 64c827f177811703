"""Lists the earlier runs of a workflow that count, and places their commits in the history of this run's.

A run counts when a push or a person started it on this branch of this repository. Its branch is only a name,
which a tag can have too, so its commit has to be on this run's own history.

Sources: https://docs.github.com/rest/actions/workflow-runs and
https://docs.github.com/rest/commits/commits#compare-two-commits
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from reconciler.errors import GitHubError
from reconciler.github.client import GitHub, shape
from reconciler.github.context import WorkflowRun
from reconciler.github.tip import tip_of
from reconciler.rules import Rule

_EVENTS: Final = ("push", "workflow_dispatch")

Notice = Callable[[str], None]
"""Tells the user about something that was left out, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierRun:
    """A run of this workflow on this branch, or this run itself."""

    id: int

    number: int
    """Its place in the order of runs; to run it again does not change it."""

    commit: str
    succeeded: bool


def branch_runs(
    github: GitHub, repository: str, run: WorkflowRun, *, notice: Notice, **query: str
) -> Iterator[EarlierRun]:
    """List the runs of this workflow that a push or a person started on its branch, the newest first.

    A run that is described oddly is left out. Raises `GitHubError` when the runs cannot be listed.
    """
    # Each event is asked for by itself: GitHub ends a list after 1,000 runs, which runs of forks could fill.
    lists = [_listed(github, repository, run, notice, event=event, **query) for event in _EVENTS]
    return heapq.merge(*lists, key=lambda one: -one.number)


def _listed(
    github: GitHub, repository: str, run: WorkflowRun, notice: Notice, **query: str
) -> Iterator[EarlierRun]:
    path = f"/repos/{repository}/actions/workflows/{run.workflow}/runs"
    for page in github.pages(path, branch=run.branch, **query):
        found = []
        for row in rows_of(page, "workflow_runs"):
            try:
                with shape("a workflow run"):
                    if _counts(row, repository, run, event=query["event"]):
                        found.append(_earlier(row))
            except GitHubError as error:
                notice(f"Warning: a run of {run.workflow} is left out: {error.message}")
        yield from sorted(found, key=lambda one: -one.number)


def _counts(row: Any, repository: str, run: WorkflowRun, *, event: str) -> bool:
    return bool(
        row["event"] == event
        and row["head_branch"] == run.branch
        # The repository of a deleted fork is null.
        and row["head_repository"] is not None
        and row["head_repository"]["full_name"] == repository
    )


def _earlier(row: Any) -> EarlierRun:
    return EarlierRun(
        id=int(row["id"]),
        number=int(row["run_number"]),
        commit=commit_name(row["head_sha"]),
        succeeded=row["conclusion"] == "success",
    )


def rows_of(page: Any, key: str) -> list[Any]:
    """Return the list that a page holds under a key. Raises `GitHubError`."""
    with shape(key.replace("_", " ")):
        rows = page[key]
        if not isinstance(rows, list):
            raise TypeError(f"{key} is no list")
    return rows


def commit_name(value: object) -> str:
    """Return a commit from an answer; it becomes part of an URL, so for any other text raise `ValueError`."""
    if not isinstance(value, str) or not value.isalnum():
        raise ValueError("no name of a commit")
    return value


class Place(StrEnum):
    """The place of a commit in a history; the values are GitHub's, of the later commit."""

    SAME = "identical"
    EARLIER = "ahead"
    LATER = "behind"
    ELSEWHERE = "diverged"


class History:
    """The history that ends with one commit."""

    def __init__(self, github: GitHub, repository: str, commit: str) -> None:
        self._github = github
        self._repository = repository
        self._commit = commit
        self._known = {commit: Place.SAME}

    def place(self, commit: str) -> Place:
        """Return the place of a commit; one that GitHub does not know is elsewhere. Raises `GitHubError`."""
        if commit not in self._known:
            self._known[commit] = self._asked(commit)
        return self._known[commit]

    def holds(self, commit: str) -> bool:
        """Return whether a commit is this one or an ancestor. Raises `GitHubError`."""
        return self.place(commit) in {Place.SAME, Place.EARLIER}

    def precedes(self, commit: str, branch: str) -> bool:
        """Return whether a commit came to a branch after this one. Raises `GitHubError`."""
        if self.place(commit) is not Place.LATER:
            return False
        # A tag of the branch's name can be anywhere, so the commit has to be on the branch itself.
        tip = tip_of(self._github, self._repository, branch)
        return History(self._github, self._repository, commit_name(tip.commit)).holds(commit)

    def _asked(self, commit: str) -> Place:
        path = f"/repos/{self._repository}/compare/{commit}...{self._commit}"
        try:
            answer = self._github.get(path, per_page=1)
        except GitHubError as error:
            if error.rule is Rule.GITHUB_NOT_FOUND:
                return Place.ELSEWHERE
            raise
        with shape("a comparison of commits"):
            return Place(answer["status"])
