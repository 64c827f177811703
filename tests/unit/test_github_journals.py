"""Which journals of earlier runs count, and that a bad one costs nothing but itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import GitHubError
from reconciler.github import journals
from reconciler.github.client import GitHub
from reconciler.github.context import WorkflowRun
from reconciler.github.journals import KeptJournal, earlier_journals
from tests.e2e import fake_github
from tests.e2e.fake_github import FORK, REPOSITORY, Reply

TOKEN = "ghs_a-secret"
HEAD = "d" * 40


@pytest.fixture
def hosting(tmp_path: Path) -> Iterator[fake_github.GitHub]:
    """Serve a GitHub that knows no run."""
    with fake_github.github(tmp_path) as hosting:
        hosting.tokens[TOKEN] = {"actions": "read"}
        yield hosting


@pytest.fixture
def github(hosting: fake_github.GitHub) -> Iterator[GitHub]:
    """Open a session that can only read runs."""
    with GitHub(api=hosting.root, token=TOKEN, trust_env=False) as github:
        yield github


def applied(
    hosting: fake_github.GitHub,
    *attempts: str,
    conclusion: str | None = "failure",
    event: str = "push",
    branch: str = "main",
    repository: str = REPOSITORY,
    workflow: str = "apply.yml",
) -> fake_github.Run:
    """Let a run have kept a journal with each of these texts, one an attempt."""
    run = hosting.start(workflow, event=event, branch=branch, head=HEAD, repository=repository)
    run.conclusion = conclusion
    for number, text in enumerate(attempts, 1):
        hosting.upload(run, f"apply-journal-{number}", {"journal.jsonl": text.encode()})
    return run


def fetched(github: GitHub, number: int = 99_999) -> list[KeptJournal]:
    """Fetch as a run of the main branch would."""
    run = WorkflowRun(
        event="push",
        commit=HEAD,
        branch="main",
        id=number,
        workflow="apply.yml",
        url="https://github.example",
    )
    return list(earlier_journals(github, REPOSITORY, run))


def texts(found: list[KeptJournal]) -> list[str]:
    return [one.content.decode() for one in found if one.content is not None]


def test_runs_back_to_the_last_that_applied_well_count(hosting: fake_github.GitHub, github: GitHub) -> None:
    """A run that had nothing to apply succeeds too, and hides nobody that an earlier one left half done."""
    applied(hosting, "too old")
    applied(hosting, "good", conclusion="success")
    failed = applied(hosting, "failed")
    applied(hosting, "by hand", event="workflow_dispatch", conclusion="cancelled")
    applied(hosting, conclusion="success")
    found = fetched(github)
    assert texts(found) == ["by hand", "failed", "good"]
    assert f"{failed.id}-apply-journal-1.jsonl" in [one.name for one in found]


def test_earlier_attempts_of_this_run_count(hosting: fake_github.GitHub, github: GitHub) -> None:
    """A run that is run again knows what its attempts before have done, also where one was a success."""
    applied(hosting, "before", conclusion="success")
    again = applied(hosting, "first", "second", conclusion=None)
    assert texts(fetched(github, again.id)) == ["first", "second", "before"]


@pytest.mark.parametrize(
    "other",
    [{"repository": FORK}, {"branch": "topic"}, {"event": "pull_request"}, {"workflow": "other.yml"}],
)
def test_only_runs_that_could_apply_count(
    hosting: fake_github.GitHub, github: GitHub, other: dict[str, Any]
) -> None:
    """A journal of a fork, another branch, a pull request or another workflow proves nothing."""
    applied(hosting, "forged", **other)
    assert fetched(github) == []


def test_other_artifacts_are_left_alone(hosting: fake_github.GitHub, github: GitHub) -> None:
    """Only what is called as a journal is one, and no name leads out of the folder."""
    run = applied(hosting, "mine")
    for name in ("plan", "run-report", "apply-journal-", "apply-journal-../x", "xapply-journal-1"):
        hosting.upload(run, name, {"journal.jsonl": b"other"})
    assert texts(fetched(github)) == ["mine"]


def test_a_bad_journal_costs_itself(
    hosting: fake_github.GitHub, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is gone, no archive, empty, too large or refused is named with the reason."""
    monkeypatch.setattr(journals, "_LARGEST", 10)
    applied(hosting, "x" * 11)
    applied(hosting, "good")
    applied(hosting, "no archive")
    hosting.artifacts[-1].content = b"no archive"
    applied(hosting, "gone")
    hosting.artifacts[-1].expired = True
    found = fetched(github)
    assert texts(found) == ["good"]
    assert [one.missing for one in found if one.content is None] == [
        "GitHub does not keep it any longer",
        "the archive cannot be unpacked",
        "journal.jsonl has more than 10 bytes",
    ]
    # The runs, those of the first page, then their artifacts one by one.
    runs = Reply(body={"workflow_runs": [hosting_row(hosting, 1)]})
    hosting.faults = [runs, Reply(status=404, body={})]
    [refused] = fetched(github)
    assert refused.content is None
    assert "refused GET" in refused.missing
    hosting.faults = [runs]
    hosting.tokens[TOKEN] = {"actions": "read"}
    [fine] = fetched(github)
    assert fine.content == b"good"


def hosting_row(hosting: fake_github.GitHub, place: int) -> dict[str, object]:
    """Describe a run as GitHub does."""
    run = hosting.runs[place]
    return {
        "id": run.id,
        "conclusion": run.conclusion,
        "event": run.event,
        "head_branch": run.branch,
        "head_repository": {"full_name": REPOSITORY},
    }


def test_a_download_that_is_refused_costs_itself(hosting: fake_github.GitHub, github: GitHub) -> None:
    """A place that does not hand the archive out leaves the others to be fetched."""
    applied(hosting, "first")
    run = hosting.runs[0]
    artifact = {"id": hosting.artifacts[0].id, "name": "apply-journal-1", "expired": False}
    hosting.faults = [
        Reply(body={"workflow_runs": [hosting_row(hosting, 0)]}),
        Reply(body={"artifacts": [artifact]}),
        Reply(status=410, body={}),
    ]
    [refused] = fetched(github)
    assert (refused.name, refused.content) == (f"{run.id}-apply-journal-1.jsonl", None)
    assert "status 410" in refused.missing


def test_an_answer_of_another_shape_ends_the_step(hosting: fake_github.GitHub, github: GitHub) -> None:
    """Runs that cannot be read are no reason to believe that there were none."""
    hosting.faults = [Reply(body={"workflow_runs": [{"id": 1}]})]
    with pytest.raises(GitHubError, match="a workflow run"):
        fetched(github)


def test_no_more_runs_are_looked_at_than_is_sensible(
    hosting: fake_github.GitHub, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workflow that never succeeds costs a bounded number of requests, and the newest runs count."""
    monkeypatch.setattr(journals, "_MOST_RUNS", 2)
    monkeypatch.setattr(journals, "_MOST_ARTIFACTS", 1)
    for name in ("old", "newer"):
        applied(hosting, name)
    applied(hosting, "newest", "beyond")
    assert texts(fetched(github)) == ["newest", "newer"]
