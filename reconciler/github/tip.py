"""Reads the tip of a branch: a run by hand approves its own plan, so it may only plan what is there now.

GitHub lets a run be started again for 30 days, at its old commit, and lets it wait for a reviewer as long.

Sources: https://docs.github.com/rest/branches/branches and
https://docs.github.com/actions/how-tos/manage-workflow-runs/re-run-workflows-and-jobs
"""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from reconciler.errors import Refused
from reconciler.github.client import GitHub, shape
from reconciler.github.context import WorkflowRun
from reconciler.model import parse_instant
from reconciler.rules import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchTip:
    """The newest commit of a branch."""

    commit: str
    committed_at: datetime


def tip_of(github: GitHub, repository: str, branch: str) -> BranchTip:
    """Read the newest commit of a branch. Raises `GitHubError`."""
    found = github.get(f"/repos/{repository}/branches/{quote(branch)}")
    with shape("a branch"):
        commit = found["commit"]
        when = parse_instant(commit["commit"]["committer"]["date"])
        return BranchTip(commit=str(commit["sha"]), committed_at=when)


def require_tip(github: GitHub, repository: str, run: WorkflowRun) -> BranchTip:
    """Return the tip of the branch of a run. Raises `Refused` when the run is at another commit."""
    tip = tip_of(github, repository, run.branch)
    if tip.commit != run.commit:
        raise Refused(
            f"this run by hand is at commit {run.commit}, and the tip of its branch is {tip.commit}",
            rule=Rule.NOT_AT_TIP,
            hint="start a new run by hand, instead of running an old one again",
        )
    return tip
