"""What GitHub tells a step about its run."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import EXIT_USAGE, UsageError
from reconciler.github.context import EventPull, pull_of, read_access, read_run

COMMIT = "c" * 40
ENVIRONMENT = {
    "GITHUB_API_URL": "https://api.github.example/",
    "GITHUB_REPOSITORY": "contoso/guests",
    "GITHUB_TOKEN": "ghs_secret",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_SHA": COMMIT,
    "GITHUB_REF_NAME": "main",
    "GITHUB_RUN_ID": "77",
    "GITHUB_WORKFLOW_REF": "contoso/guests/.github/workflows/apply.yml@refs/heads/main",
    "GITHUB_SERVER_URL": "https://github.example",
}


def pull(head: Any) -> dict[str, Any]:
    return {
        "pull_request": {
            "number": 3,
            "head": {"sha": COMMIT, "repo": head},
            "base": {"repo": {"full_name": "contoso/guests"}},
        }
    }


def test_a_run_knows_its_place() -> None:
    """The variables say which commit of which workflow runs, and where people find the run."""
    run = read_run(ENVIRONMENT)
    assert (run.event, run.commit, run.branch, run.id) == ("push", COMMIT, "main", 77)
    assert run.workflow == "apply.yml"
    assert run.url == "https://github.example/contoso/guests/actions/runs/77"


def test_the_token_is_never_shown() -> None:
    """Whoever prints the access sees where it leads, not what opens it."""
    access = read_access(ENVIRONMENT)
    assert access.token == "ghs_secret"
    assert "ghs_secret" not in repr(access)
    assert access.api == "https://api.github.example"


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "GITHUB_REPOSITORY"])
def test_what_is_missing_is_named(name: str) -> None:
    """A variable that is not there is named, with where it comes from."""
    with pytest.raises(UsageError, match=name) as caught:
        read_access({**ENVIRONMENT, name: ""})
    assert caught.value.exit_code == EXIT_USAGE
    assert caught.value.hint


OF_A_RUN = (
    "GITHUB_EVENT_NAME",
    "GITHUB_REF_NAME",
    "GITHUB_REPOSITORY",
    "GITHUB_RUN_ID",
    "GITHUB_SHA",
    "GITHUB_WORKFLOW_REF",
)


@given(gone=st.sets(st.sampled_from(OF_A_RUN), min_size=1), token=st.booleans())
def test_everything_that_is_missing_is_named_at_once(gone: set[str], *, token: bool) -> None:
    """Whoever sets what one run has named, and what it said of the token, needs no second run."""
    environ = {name: value for name, value in ENVIRONMENT.items() if name not in gone}
    if not token:
        del environ["GITHUB_TOKEN"]
    with pytest.raises(UsageError) as caught:
        read_run(environ)
    named = set(re.findall("GITHUB_[A-Z_]+", caught.value.message))
    assert named == (gone if token else {*gone, "GITHUB_TOKEN"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITHUB_REPOSITORY", "../../user"),
        ("GITHUB_RUN_ID", "1/../2"),
        ("GITHUB_SHA", "main"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, value: str) -> None:
    """What becomes part of an address has the form that GitHub gives it."""
    with pytest.raises(UsageError, match=name):
        read_run({**ENVIRONMENT, name: value})


@pytest.mark.parametrize(
    ("head", "fork"),
    [({"full_name": "contoso/guests"}, False), ({"full_name": "somebody/guests"}, True), (None, True)],
)
def test_a_fork_is_recognised(head: Any, *, fork: bool) -> None:
    """A commit from elsewhere, or from a fork that is gone, is a fork's."""
    assert pull_of(pull(head)) == EventPull(number=3, head=COMMIT, from_fork=fork)


def test_other_events_are_about_no_pull_request() -> None:
    """A push has no pull request in it."""
    assert pull_of({"ref": "refs/heads/main"}) is None


@pytest.mark.parametrize("event", [None, 3, {"pull_request": None}, {"pull_request": {"number": "x"}}])
def test_a_file_that_is_no_event_is_refused(event: Any) -> None:
    """A payload of another shape is told, not guessed at."""
    with pytest.raises(UsageError, match="no event"):
        pull_of(event)
