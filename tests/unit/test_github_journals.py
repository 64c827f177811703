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
from tests.support.repository import commit, git, new_repository

TOKEN = "ghs_a-secret"
RIGHTS = {"actions": "read", "contents": "read"}


@pytest.fixture
def hosting(tmp_path: Path) -> Iterator[fake_github.GitHub]:
    """Serve a GitHub that knows no run, over a repository with one commit."""
    commit(new_repository(tmp_path))
    with fake_github.github(tmp_path) as hosting:
        hosting.tokens[TOKEN] = RIGHTS
        yield hosting


def tip(hosting: fake_github.GitHub) -> str:
    """Give the newest commit of the main branch."""
    return git(hosting.bare, "rev-parse", "main")


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
    head: str | None = None,
) -> fake_github.Run:
    """Let a run have kept a journal with each of these texts, one an attempt."""
    run = hosting.start(
        workflow, event=event, branch=branch, head=head or tip(hosting), repository=repository
    )
    run.conclusion = conclusion
    for number, text in enumerate(attempts, 1):
        hosting.upload(run, f"apply-journal-{number}", {"journal.jsonl": text.encode()})
    return run


def fetched(
    hosting: fake_github.GitHub, github: GitHub, number: int = 99_999, *, told: list[str] | None = None
) -> list[KeptJournal]:
    """Fetch as a run of the main branch would."""
    notices = [] if told is None else told
    run = WorkflowRun(
        event="push",
        commit=tip(hosting),
        branch="main",
        id=number,
        workflow="apply.yml",
        url="https://github.example",
    )
    return list(earlier_journals(github, REPOSITORY, run, notice=notices.append))


def texts(found: list[KeptJournal]) -> list[str]:
    return [one.content.decode() for one in found if one.content is not None]


def test_runs_back_to_the_last_that_applied_well_count(hosting: fake_github.GitHub, github: GitHub) -> None:
    """A run that had nothing to apply succeeds too, and hides nobody that an earlier one left half done."""
    applied(hosting, "too old")
    applied(hosting, "good", conclusion="success")
    failed = applied(hosting, "failed")
    applied(hosting, "by hand", event="workflow_dispatch", conclusion="cancelled")
    applied(hosting, conclusion="success")
    found = fetched(hosting, github)
    assert texts(found) == ["by hand", "failed", "good"]
    assert f"{failed.id}-apply-journal-1.jsonl" in [one.name for one in found]


def test_earlier_attempts_of_this_run_count(hosting: fake_github.GitHub, github: GitHub) -> None:
    """A run that is run again knows what its attempts before have done, also where one was a success."""
    applied(hosting, "before", conclusion="success")
    again = applied(hosting, "first", "second", conclusion=None)
    assert texts(fetched(hosting, github, again.id)) == ["first", "second", "before"]


@pytest.mark.parametrize(
    "other",
    [
        {"repository": FORK},
        {"branch": "topic"},
        {"event": "pull_request"},
        {"workflow": "other.yml"},
        {"head": "d" * 40},
    ],
)
def test_only_runs_that_could_apply_count(
    hosting: fake_github.GitHub, github: GitHub, other: dict[str, Any]
) -> None:
    """A journal of a fork, another branch, a pull request or another workflow proves nothing."""
    applied(hosting, "forged", **other)
    assert fetched(hosting, github) == []


def test_a_tag_called_like_the_branch_proves_nothing(hosting: fake_github.GitHub, github: GitHub) -> None:
    """GitHub names a tag where it names a branch, and who may push one writes the workflow that it runs."""
    git(hosting.bare, "checkout", "--quiet", "--detach")
    evil = commit(hosting.bare, evil_txt=b"x")
    applied(hosting, "forged", event="workflow_dispatch", head=evil)
    applied(hosting, "forged", head=evil)
    assert fetched(hosting, github) == []


def test_other_artifacts_are_left_alone(hosting: fake_github.GitHub, github: GitHub) -> None:
    """Only what is called as a journal is one, and no name leads out of the folder."""
    run = applied(hosting, "mine")
    for name in ("plan", "run-report", "apply-journal-", "apply-journal-../x", "xapply-journal-1"):
        hosting.upload(run, name, {"journal.jsonl": b"other"})
    assert texts(fetched(hosting, github)) == ["mine"]


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
    found = fetched(hosting, github)
    assert texts(found) == ["good"]
    assert [one.missing for one in found if one.content is None] == [
        "GitHub does not keep it any longer",
        "the archive cannot be unpacked",
        "journal.jsonl has more than 10 bytes",
    ]


def test_a_run_whose_artifacts_are_refused_costs_itself(hosting: fake_github.GitHub, github: GitHub) -> None:
    """The journals of the other runs are fetched."""
    applied(hosting, "good")
    refused = applied(hosting, "refused")
    hosting.broken = {f"/runs/{refused.id}/artifacts": Reply(status=403, body={})}
    missing, good = fetched(hosting, github)
    assert (missing.name, missing.content) == (f"{refused.id}", None)
    assert "refused GET" in missing.missing
    assert good.content == b"good"


def test_a_download_that_is_refused_costs_itself(hosting: fake_github.GitHub, github: GitHub) -> None:
    """A place that does not hand the archive out leaves the others to be fetched."""
    applied(hosting, "first")
    run = hosting.runs[0]
    hosting.broken = {f"/artifacts/{hosting.artifacts[0].id}/zip": Reply(status=410, body={})}
    applied(hosting, "second")
    good, refused = fetched(hosting, github)
    assert (refused.name, refused.content) == (f"{run.id}-apply-journal-1.jsonl", None)
    assert "(410)" in refused.missing
    assert good.content == b"second"


def test_a_run_of_another_shape_costs_itself(hosting: fake_github.GitHub, github: GitHub) -> None:
    """A run that is described oddly is named and left out; a list that is none ends the step."""
    applied(hosting, "good")
    row = {"id": 1, "run_number": 1, "event": "push", "head_branch": "main", "head_repository": "odd"}
    told: list[str] = []
    hosting.faults = [Reply(body={"workflow_runs": [row]})]
    assert fetched(hosting, github, told=told) == []
    assert len(told) == 1
    assert "a run of apply.yml is left out" in told[0]
    hosting.faults = [Reply(body={"workflow_runs": None})]
    with pytest.raises(GitHubError, match="workflow runs"):
        fetched(hosting, github)


def test_no_more_runs_are_looked_at_than_is_sensible(
    hosting: fake_github.GitHub, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workflow that never succeeds costs a bounded number of requests, and the newest runs count."""
    monkeypatch.setattr(journals, "_MOST_RUNS", 2)
    monkeypatch.setattr(journals, "_MOST_ARTIFACTS", 1)
    for name in ("old", "newer"):
        applied(hosting, name)
    applied(hosting, "newest", "beyond")
    assert texts(fetched(hosting, github)) == ["newest", "newer"]
