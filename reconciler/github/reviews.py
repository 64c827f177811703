"""Finds the plan that a merged pull request was reviewed with: a file that somebody's workflow run has kept.

Whoever may push a branch can start a run on anybody's last commit, from a pull request of their own or into a
branch of their own, where the workflow is theirs, and can let it keep any file. GitHub does not record which
pull request started a run. It is documented to list the pull requests "that are open with a `head_sha` or
`head_branch` that matches", which are none once they are merged, and "do not necessarily indicate" the one
that started it; for forks the list was seen empty as well. So all runs on the last commit are looked at:

- one that GitHub lists for other pull requests or base branches only does not count;
- one from before the pull request got its base branch does not count;
- of those that count, all plans of this pull request have to approve the same.

Sources: https://docs.github.com/rest/actions/workflow-runs (`pull_requests`),
https://docs.github.com/rest/actions/artifacts and
https://docs.github.com/rest/using-the-rest-api/issue-event-types#base_ref_changed
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from reconciler.documents import plan_from_json
from reconciler.errors import GitHubError, UnusablePlan
from reconciler.github.archive import BadArchiveError, member
from reconciler.github.client import GitHub, shape
from reconciler.github.merged import MergedPull, ReviewedPlan
from reconciler.github.runs import rows_of
from reconciler.model import Origin, Plan, TenantId, parse_instant
from reconciler.rules import Rule

PLAN_FILE: Final = "plan.json"
"""The name of the plan within its artifact."""

MOST_RUNS: Final = 20
"""Most runs on one commit that are looked at, each of which may have kept a large file."""

_CLOCKS: Final = timedelta(minutes=5)
"""Difference between GitHub's clock and a runner's."""

_BASE_EVENTS: Final = frozenset({"base_ref_changed", "automatic_base_change_succeeded"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedBranch:
    """The branch that pull requests are merged into, and what plans them."""

    repository: str
    name: str

    workflow: str
    """File name of the workflow that plans pull requests, such as `plan.yml`."""

    tenant: TenantId


class _WithoutPlanError(Exception):
    """There is no usable plan; the text says why, in words of our own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    id: int
    number: int
    created_at: datetime
    updated_at: datetime

    elsewhere: bool
    """Whether GitHub lists it for other pull requests or base branches only."""


def artifact_name(number: int) -> str:
    """Return the name of the artifact that stores the plan of a pull request."""
    return f"plan-{number}"


def reviewed(github: GitHub, branch: ReviewedBranch, pull: MergedPull) -> ReviewedPlan:
    """Fetch the plan that a pull request was reviewed with; without a usable one, the reason.

    Raises nothing, so that one pull request costs no other.
    """
    if not pull.alone:
        why = "nobody merged it by itself: its commits came in with another pull request, whose plan counts"
        return ReviewedPlan(pull=pull, plan=None, missing=why)
    try:
        counting = _counting(github, branch, pull)
        return ReviewedPlan(pull=pull, plan=_agreed(github, branch, pull, counting), missing="")
    except _WithoutPlanError as reason:
        return ReviewedPlan(pull=pull, plan=None, missing=str(reason))
    except GitHubError as error:
        return ReviewedPlan(pull=pull, plan=None, missing=error.message, passing=True)


def _counting(github: GitHub, branch: ReviewedBranch, pull: MergedPull) -> list[_Run]:
    """List the runs on the last commit of a pull request that count for it, the newest first."""
    runs = _successful(github, branch, pull)
    if not runs:
        raise _WithoutPlanError(
            f"{branch.workflow} has not succeeded on its last commit within this repository"
        )
    if len(runs) > MOST_RUNS:
        raise _WithoutPlanError(
            f"{branch.workflow} has succeeded more than {MOST_RUNS} times on its last commit"
        )
    runs = [run for run in runs if not run.elsewhere]
    if not runs:
        raise _WithoutPlanError(f"GitHub lists the runs of {branch.workflow} for other pull requests only")
    since = _base_changed_at(github, branch, pull)
    runs = [run for run in runs if since is None or run.created_at > since]
    if not runs:
        raise _WithoutPlanError("its base branch was changed after it was planned")
    return sorted(runs, key=lambda run: run.number, reverse=True)


def _successful(github: GitHub, branch: ReviewedBranch, pull: MergedPull) -> list[_Run]:
    """List the successful runs on the last commit of a pull request, but none of a fork.

    A fork cannot plan, so what its runs keep is no plan.
    """
    path = f"/repos/{branch.repository}/actions/workflows/{branch.workflow}/runs"
    found: list[_Run] = []
    for page in github.pages(path, event="pull_request", head_sha=pull.head, status="success"):
        rows = rows_of(page, "workflow_runs")
        with shape("a workflow run"):
            found.extend(
                _run(row, branch, pull)
                for row in rows
                if row["head_sha"] == pull.head
                and row["head_repository"] is not None
                and row["head_repository"]["full_name"] == branch.repository
            )
        if len(found) > MOST_RUNS:
            break
    return found


def _run(row: Any, branch: ReviewedBranch, pull: MergedPull) -> _Run:
    listed = {(int(one["number"]), str(one["base"]["ref"])) for one in row["pull_requests"] or ()}
    return _Run(
        id=int(row["id"]),
        number=int(row["run_number"]),
        created_at=parse_instant(row["created_at"]),
        updated_at=parse_instant(row["updated_at"]),
        elsewhere=bool(listed) and (pull.number, branch.name) not in listed,
    )


def _base_changed_at(github: GitHub, branch: ReviewedBranch, pull: MergedPull) -> datetime | None:
    """Return when a pull request got its base branch; `None`: it was opened with it."""
    newest: datetime | None = None
    for page in github.pages(f"/repos/{branch.repository}/issues/{pull.number}/events"):
        with shape("an event of a pull request"):
            times = [parse_instant(one["created_at"]) for one in page if one["event"] in _BASE_EVENTS]
        newest = max([*times, *([newest] if newest else [])], default=None)
    return newest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A plan as a run has kept it."""

    run: int
    content: bytes
    approves: frozenset[object] | None
    """What its rows allow, and of which guests as they were then; `None`: it is no usable plan."""

    unusable: str = ""


def _agreed(github: GitHub, branch: ReviewedBranch, pull: MergedPull, runs: Sequence[_Run]) -> bytes:
    """Return the newest of the plans that the runs have kept, if all of them approve the same."""
    name = artifact_name(pull.number)
    newest: _Kept | None = None
    gone = False
    for run in runs:
        artifact = _newest_artifact(github, branch.repository, run.id, name)
        kept = None if artifact is None else _fetched(github, branch, run, artifact)
        if kept is None:
            gone = gone or artifact is not None
            continue
        if newest is None:
            newest = kept
        elif kept.approves is None or kept.approves != newest.approves:
            raise _WithoutPlanError(
                f"the runs {newest.run} and {kept.run} on its last commit have kept different plans as {name}"
            )
    if newest is None and gone:
        raise _WithoutPlanError("GitHub does not keep its plan any longer")
    if newest is None:
        raise _WithoutPlanError(f"{branch.workflow} has kept no plan of it")
    if newest.approves is None:
        raise _WithoutPlanError(newest.unusable)
    return newest.content


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class _Artifact:
    id: int
    expired: bool


def _newest_artifact(github: GitHub, repository: str, run: int, name: str) -> _Artifact | None:
    """Find the newest artifact of a run that has this name: an earlier attempt may have left another."""
    found: list[_Artifact] = []
    for page in github.pages(f"/repos/{repository}/actions/runs/{run}/artifacts", name=name):
        rows = rows_of(page, "artifacts")
        with shape("an artifact"):
            found.extend(
                _Artifact(id=int(one["id"]), expired=bool(one["expired"]))
                for one in rows
                if one["name"] == name
            )
    return max(found, default=None)


def _fetched(github: GitHub, branch: ReviewedBranch, run: _Run, artifact: _Artifact) -> _Kept | None:
    """Fetch and read a plan; `None`: GitHub keeps it no longer. Raises `GitHubError` for what may pass."""
    if artifact.expired:
        return None
    try:
        archive = github.download(f"/repos/{branch.repository}/actions/artifacts/{artifact.id}/zip")
        content = member(archive, PLAN_FILE)
        plan = plan_from_json(content, tenant=branch.tenant)
    except GitHubError as error:
        if error.rule is Rule.GITHUB_NOT_FOUND:
            return None
        if error.rule is not Rule.GITHUB_TOO_LARGE:
            raise
        return _Kept(run=run.id, content=b"", approves=None, unusable=error.message)
    except (BadArchiveError, UnusablePlan) as error:
        return _Kept(run=run.id, content=b"", approves=None, unusable=str(error))
    if plan.created_at > run.updated_at + _CLOCKS:
        # The newest plan that approves a change is the one that a guest is compared with.
        late = "its plan says that it was made after the run that has kept it"
        return _Kept(run=run.id, content=b"", approves=None, unusable=late)
    return _Kept(run=run.id, content=content, approves=_approves(plan))


def _approves(plan: Plan) -> frozenset[object]:
    return frozenset(
        (change.id, change.digest, change.precondition)
        for change in plan.changes
        if change.origin is not Origin.ELSEWHERE
    )
