"""Fetches the journals that earlier runs of a workflow have stored, newest run first.

A journal proves to a later run which guests an earlier run has reset. It can only come from users who can
start a run of the workflow on the branch: runs of forks, and of commits elsewhere, are ignored.

Sources: https://docs.github.com/rest/actions/workflow-runs and https://docs.github.com/rest/actions/artifacts
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from reconciler.errors import GitHubError
from reconciler.github.archive import BadArchiveError, member
from reconciler.github.client import GitHub, shape
from reconciler.github.context import WorkflowRun
from reconciler.github.runs import EarlierRun, History, Notice, branch_runs

JOURNAL_FILE: Final = "journal.jsonl"
"""The name of the journal within its artifact."""

_NAME: Final = re.compile(r"apply-journal-[0-9]{1,6}")
"""The artifact name of one attempt of a run."""

_MOST_RUNS: Final = 100
_MOST_ARTIFACTS: Final = 100
_LARGEST: Final = 64 * 1024 * 1024
"""Most bytes of one journal; `apply --evidence` reads no larger one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptJournal:
    """The journal of one attempt of a run."""

    name: str
    """`RUN-ARTIFACT.jsonl`, valid as a file's name."""

    content: bytes | None
    """The journal as stored, not parsed; `None`: it cannot be fetched."""

    missing: str = ""
    """Why it cannot be fetched, in words of our own; empty when it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Artifact:
    id: int
    name: str
    expired: bool


def earlier_journals(
    github: GitHub, repository: str, run: WorkflowRun, *, notice: Notice
) -> Iterator[KeptJournal]:
    """Fetch the journals of this run's earlier attempts, and of runs back to the last successful apply.

    A run that had nothing to apply stores none, and proves nothing about earlier runs. A journal that cannot
    be fetched is reported as missing, and the others are used. Raises `GitHubError` when the runs cannot be
    listed.
    """
    history = History(github, repository, run.commit)
    for earlier in islice(branch_runs(github, repository, run, notice=notice), _MOST_RUNS):
        try:
            if not history.holds(earlier.commit):
                continue
            kept = list(islice(_artifacts(github, repository, earlier), _MOST_ARTIFACTS))
        except GitHubError as error:
            yield KeptJournal(name=f"{earlier.id}", content=None, missing=error.message)
            continue
        for artifact in kept:
            yield _fetched(github, repository, earlier, artifact)
        if kept and earlier.succeeded:
            return


def _artifacts(github: GitHub, repository: str, run: EarlierRun) -> Iterator[_Artifact]:
    for page in github.pages(f"/repos/{repository}/actions/runs/{run.id}/artifacts"):
        with shape("an artifact"):
            found = [
                _Artifact(id=int(one["id"]), name=one["name"], expired=bool(one["expired"]))
                for one in page["artifacts"]
                if _NAME.fullmatch(one["name"])
            ]
        yield from found


def _fetched(github: GitHub, repository: str, run: EarlierRun, artifact: _Artifact) -> KeptJournal:
    name = f"{run.id}-{artifact.name}.jsonl"
    if artifact.expired:
        return KeptJournal(name=name, content=None, missing="GitHub does not keep it any longer")
    try:
        archive = github.download(f"/repos/{repository}/actions/artifacts/{artifact.id}/zip")
        return KeptJournal(name=name, content=member(archive, JOURNAL_FILE, largest=_LARGEST))
    except GitHubError as error:
        return KeptJournal(name=name, content=None, missing=error.message)
    except BadArchiveError as error:
        return KeptJournal(name=name, content=None, missing=str(error))
