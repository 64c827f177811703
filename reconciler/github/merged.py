"""Finds the pull requests merged since the last successful apply, and the plan each was reviewed with.

GitHub keeps one waiting run of a concurrency group and drops the others, so a run answers for every
pull request since the last run that succeeded, not only for the one whose merge started it.

Sources: https://docs.github.com/actions/how-tos/write-workflows/choose-when-workflows-run/control-workflow-concurrency,
https://docs.github.com/rest/commits/commits, https://docs.github.com/rest/actions/workflow-runs and
https://docs.github.com/rest/actions/artifacts
"""

from dataclasses import dataclass
from typing import Any, Final

from reconciler.github.archive import BadArchiveError, member
from reconciler.github.client import GitHub, shape
from reconciler.github.context import WorkflowRun

PLAN_FILE: Final = "plan.json"
"""The name of the plan within its artifact."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class MergedPull:
    """A pull request that was merged into the branch."""

    number: int

    head: str
    """Its last commit, which was reviewed, whatever the merge commit is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedPlan:
    """The stored result of the review of one pull request."""

    pull: MergedPull

    plan: bytes | None
    """The plan document as stored, not parsed; `None`: there is no usable one."""

    missing: str
    """Why there is no plan, in words of our own; empty when there is one."""


def artifact_name(number: int) -> str:
    """Return the name of the artifact that stores the plan of a pull request."""
    return f"plan-{number}"


def merged_pulls(github: GitHub, repository: str, run: WorkflowRun) -> tuple[MergedPull, ...]:
    """Find the pull requests merged since the last successful run of this workflow, sorted by number.

    Without one, only the pull request whose merge started this run. Raises `GitHubError`.
    """
    since = _last_success(github, repository, run)
    commits = [run.commit] if since is None else _commits(github, repository, since, run.commit)
    pulls: set[MergedPull] = set()
    for commit in commits:
        for page in github.pages(f"/repos/{repository}/commits/{commit}/pulls"):
            with shape("a pull request"):
                pulls.update(
                    MergedPull(number=int(pull["number"]), head=str(pull["head"]["sha"]))
                    for pull in page
                    if pull["merged_at"] and pull["base"]["ref"] == run.branch
                )
    return tuple(sorted(pulls))


def reviewed(github: GitHub, repository: str, pull: MergedPull, *, workflow: str) -> ReviewedPlan:
    """Fetch the newest plan of the last commit of a pull request from a successful run of `workflow`.

    A run on a fork's commit is ignored: it cannot plan, so its artifact is not trusted. Raises `GitHubError`.
    """
    runs = _plan_runs(github, repository, pull, workflow=workflow)
    if not runs:
        return _without(pull, f"{workflow} has not succeeded on its last commit within this repository")
    found: list[tuple[int, bool]] = []
    for run in runs:
        found = _artifacts(github, repository, run, artifact_name(pull.number))
        if found:
            break
    if not found:
        return _without(pull, f"{workflow} has kept no plan of it")
    artifact, expired = max(found)
    if expired:
        return _without(pull, "GitHub does not keep its plan any longer")
    archive = github.download(f"/repos/{repository}/actions/artifacts/{artifact}/zip")
    try:
        return ReviewedPlan(pull=pull, plan=member(archive, PLAN_FILE), missing="")
    except BadArchiveError as error:
        return _without(pull, str(error))


def _without(pull: MergedPull, reason: str) -> ReviewedPlan:
    return ReviewedPlan(pull=pull, plan=None, missing=reason)


def _last_success(github: GitHub, repository: str, run: WorkflowRun) -> str | None:
    """Find the commit of the newest successful run of this workflow on this branch, except this run."""
    path = f"/repos/{repository}/actions/workflows/{run.workflow}/runs"
    for page in github.pages(path, branch=run.branch, status="success"):
        with shape("a workflow run"):
            # By number, not by time: a re-run of an old run stays an old run.
            done = [(int(one["run_number"]), _commit(one)) for one in _runs(page) if int(one["id"]) != run.id]
        if done:
            return max(done)[1]
    return None


def _commits(github: GitHub, repository: str, base: str, head: str) -> list[str]:
    found: list[str] = []
    for page in github.pages(f"/repos/{repository}/compare/{base}...{head}"):
        with shape("a comparison of commits"):
            found.extend(_commit(one, "sha") for one in page["commits"])
    return found


def _plan_runs(github: GitHub, repository: str, pull: MergedPull, *, workflow: str) -> list[int]:
    """List the successful runs on the last commit of a pull request, the newest first."""
    path = f"/repos/{repository}/actions/workflows/{workflow}/runs"
    found: list[tuple[int, int]] = []
    for page in github.pages(path, event="pull_request", head_sha=pull.head, status="success"):
        with shape("a workflow run"):
            found.extend(
                (int(one["run_number"]), int(one["id"]))
                for one in _runs(page)
                if one["head_sha"] == pull.head
                and one["head_repository"] is not None
                and one["head_repository"]["full_name"] == repository
            )
    return [number for _, number in sorted(found, reverse=True)]


def _artifacts(github: GitHub, repository: str, run: int, name: str) -> list[tuple[int, bool]]:
    """List the artifacts of a run that have this name: the id of each, and whether it has expired."""
    found: list[tuple[int, bool]] = []
    for page in github.pages(f"/repos/{repository}/actions/runs/{run}/artifacts", name=name):
        with shape("an artifact"):
            found.extend(
                (int(one["id"]), bool(one["expired"])) for one in page["artifacts"] if one["name"] == name
            )
    return found


def _runs(page: Any) -> list[Any]:
    runs = page["workflow_runs"]
    if not isinstance(runs, list):
        raise TypeError("workflow_runs is no list")
    return runs


def _commit(described: Any, key: str = "head_sha") -> str:
    """Read a commit from an answer: it becomes part of the next URL, so any other text is an error."""
    commit = described[key]
    if not isinstance(commit, str) or not commit.isalnum():
        raise ValueError("no name of a commit")
    return commit
