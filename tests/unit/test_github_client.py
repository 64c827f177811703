"""The client for GitHub's REST API, over a real socket."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.errors import EXIT_DIRECTORY, GitHubError
from reconciler.github import client
from reconciler.github.client import GitHub
from tests.e2e import fake_github
from tests.e2e.fake_github import BOT, REPOSITORY, Answer, Reply, account_id

TOKEN = "ghs_a-secret"
ISSUES = f"/repos/{REPOSITORY}/issues"


@pytest.fixture
def hosting(tmp_path: Path) -> Iterator[fake_github.GitHub]:
    """Serve a GitHub that knows one token."""
    with fake_github.github(tmp_path) as hosting:
        hosting.tokens[TOKEN] = {"issues": "write", "actions": "read"}
        yield hosting


@pytest.fixture
def pauses() -> list[float]:
    """Collect what the client would have waited."""
    return []


@pytest.fixture
def github(hosting: fake_github.GitHub, pauses: list[float]) -> Iterator[GitHub]:
    """Open a session that does not really wait."""
    with GitHub(api=hosting.root, token=TOKEN, trust_env=False, pause=pauses.append) as github:
        yield github


@pytest.mark.parametrize(
    "fault",
    [
        Reply(status=429, headers={"Retry-After": "3"}),
        Reply(status=403, headers={"Retry-After": "3"}),
        Reply(status=403, headers={"X-RateLimit-Remaining": "0"}),
        Reply(status=502),
        None,
    ],
)
def test_what_passes_is_waited_for(
    hosting: fake_github.GitHub, github: GitHub, pauses: list[float], fault: Answer
) -> None:
    """A used-up quota, a moment of trouble and a broken connection cost a pause, no more."""
    hosting.faults = [fault]
    assert list(github.pages(ISSUES, labels="none")) == [[]]
    assert len(hosting.requests) == 2
    assert pauses in ([3.0], [1.0])


def test_patience_ends(hosting: fake_github.GitHub, github: GitHub, pauses: list[float]) -> None:
    """After four attempts the trouble is told, with ever longer pauses between them."""
    hosting.faults = [Reply(status=500)] * 9
    with pytest.raises(GitHubError, match="status 500") as caught:
        github.get(ISSUES, labels="none")
    assert len(hosting.requests) == 4
    assert pauses == [1.0, 2.0, 4.0]
    assert caught.value.exit_code == EXIT_DIRECTORY


def test_a_long_ban_is_not_waited_out(
    hosting: fake_github.GitHub, github: GitHub, pauses: list[float]
) -> None:
    """Whoever is asked to wait for an hour gives up at once, so that no job hangs for nothing."""
    hosting.faults = [Reply(status=429, headers={"Retry-After": "3600"})]
    with pytest.raises(GitHubError):
        github.get(ISSUES, labels="none")
    assert pauses == []


def test_no_connection_is_told(pauses: list[float]) -> None:
    """A GitHub that cannot be reached is named as such."""
    with (
        GitHub(api="http://127.0.0.1:1", token=TOKEN, trust_env=False, pause=pauses.append) as github,
        pytest.raises(GitHubError, match="did not answer") as caught,
    ):
        github.send("POST", ISSUES, {})
    assert caught.value.rule == "github-unreachable"
    assert len(pauses) == 3


@pytest.mark.parametrize("fault", [Reply(status=502), None])
def test_a_post_is_never_repeated_blindly(hosting: fake_github.GitHub, github: GitHub, fault: Answer) -> None:
    """A POST whose fate is unknown is not sent again: two comments are worse than a red step."""
    hosting.faults = [fault]
    with pytest.raises(GitHubError):
        github.send("POST", ISSUES, {"title": "t", "labels": [], "body": "b"})
    assert len(hosting.requests) == 1


def test_a_post_that_was_refused_for_its_pace_is_sent_again(
    hosting: fake_github.GitHub, github: GitHub
) -> None:
    """A POST that GitHub says it did not carry out is sent once more."""
    hosting.faults = [Reply(status=429, headers={"Retry-After": "0"})]
    github.send("POST", ISSUES, {"title": "t", "labels": [], "body": "b"})
    assert len(hosting.issues) == 1


def test_every_page_of_a_list_is_read(hosting: fake_github.GitHub, github: GitHub) -> None:
    """A list ends where GitHub names no next page."""
    for number in range(5):
        github.send("POST", ISSUES, {"title": str(number), "labels": ["l"], "body": "b"})
    titles = [one["title"] for page in github.pages(ISSUES, labels="l") for one in page]
    assert titles == ["4", "3", "2", "1", "0"]


@pytest.mark.parametrize(
    "link",
    ["<https://evil.example/x>", "<http://127.0.0.1:1/x>", "<http://a@127.0.0.1/x>", "<http://a:port/x>"],
)
def test_a_link_to_another_host_is_not_followed(
    hosting: fake_github.GitHub, github: GitHub, link: str
) -> None:
    """The token goes nowhere but to the API's own scheme, host and port."""
    hosting.faults = [Reply(body=[], headers={"Link": f'{link}; rel="next"'})]
    with pytest.raises(GitHubError, match="next page") as caught:
        list(github.pages(ISSUES, labels="l"))
    assert caught.value.rule == "github-unexpected"


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        (Reply(status=401, body={"message": TOKEN}), "github-denied"),
        (Reply(status=403, body={"message": TOKEN}), "github-denied"),
        (Reply(status=404, body={"message": TOKEN}), "github-not-found"),
        (Reply(status=410, body={"message": TOKEN}), "github-not-found"),
        (Reply(status=422, body={"message": TOKEN}), "github-unexpected"),
        (Reply(body=f"<html>{TOKEN}".encode()), "github-unexpected"),
    ],
)
def test_a_refusal_is_told_without_its_words(
    hosting: fake_github.GitHub, github: GitHub, fault: Reply, rule: str
) -> None:
    """What GitHub answers is named by status; neither its text nor the token gets into an error."""
    hosting.faults = [fault]
    with pytest.raises(GitHubError) as caught:
        github.get(ISSUES, labels="l")
    assert caught.value.rule == rule
    assert TOKEN not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(("status", "advice"), [(401, "a token that is valid"), (403, "permission")])
def test_each_refusal_has_its_own_advice(
    hosting: fake_github.GitHub, github: GitHub, status: int, advice: str
) -> None:
    """Only a refusal for want of a permission sends people to look for one."""
    hosting.faults = [Reply(status=status, body={})]
    with pytest.raises(GitHubError) as caught:
        github.get(ISSUES, labels="l")
    assert advice in caught.value.hint
    hosting.faults = [Reply(status=404, body={})]
    with pytest.raises(GitHubError) as caught:
        github.get(ISSUES, labels="l")
    assert "permission" not in caught.value.hint


@pytest.mark.parametrize("login", [None, "ana", "our-robot[bot]"])
def test_every_token_has_an_account(hosting: fake_github.GitHub, github: GitHub, login: str | None) -> None:
    """The token of a workflow, of a person and of an application each say whose comments are theirs."""
    (hosting.people if login == "ana" else hosting.applications)[TOKEN] = login or BOT
    hosting.faults = [Reply(body={"data": None, "errors": [{}]})]
    with pytest.raises(GitHubError, match="the account of the token"):
        github.viewer()
    hosting.faults = [Reply(status=502)]
    assert github.viewer() == account_id(login or BOT)
    assert github.viewer() == account_id(login or BOT)
    assert [target for _, target in hosting.requests] == ["/graphql"] * 3


def test_an_enterprise_server_has_its_graphql_beside_its_rest(hosting: fake_github.GitHub) -> None:
    """There the roots are /api/v3 and /api/graphql."""
    with (
        GitHub(api=f"{hosting.root}/api/v3", token=TOKEN, trust_env=False) as github,
        pytest.raises(GitHubError),
    ):
        github.viewer()
    assert hosting.requests == [("POST", "/api/graphql")]


def test_a_file_is_fetched_without_the_token(hosting: fake_github.GitHub, github: GitHub) -> None:
    """The store that GitHub sends us to never sees the token."""
    run = hosting.start("plan.yml", event="pull_request", branch="b", head="a" * 40)
    hosting.upload(run, "plan", {"plan.json": b"{}"})
    [artifact] = hosting.artifacts
    path = f"/repos/{REPOSITORY}/actions/artifacts/{artifact.id}/zip"
    assert github.download(path) == artifact.content
    assert hosting.unsigned == [f"/storage/{artifact.id}"]


@pytest.mark.parametrize(
    "answer",
    [
        lambda root: Reply(status=200, body=b"zip"),
        lambda root: Reply(status=302),
        lambda root: Reply(status=302, headers={"Location": "http://a:port/"}),
        lambda root: Reply(status=302, headers={"Location": "http://store.example/x"}),
        lambda root: Reply(status=302, headers={"Location": "https://user@store.example/x"}),
    ],
)
def test_a_place_that_cannot_be_trusted_is_refused(
    hosting: fake_github.GitHub, github: GitHub, answer: Callable[[str], Reply]
) -> None:
    """A file comes from where GitHub says, over https, or not at all."""
    hosting.broken = {"/x": answer(hosting.root)}
    with pytest.raises(GitHubError) as caught:
        github.download("/x")
    # An address that is none counts as no answer.
    assert caught.value.rule in {"github-unexpected", "github-unreachable"}


def test_a_store_that_is_away_is_told(hosting: fake_github.GitHub, github: GitHub) -> None:
    """A file whose store does not answer is a passing trouble, told as such."""
    hosting.faults = [Reply(status=302, headers={"Location": f"{hosting.root}/storage/1"}), None]
    with pytest.raises(GitHubError, match="could not be fetched"):
        github.download("/x")


def test_a_file_without_end_is_cut_off(hosting: fake_github.GitHub, github: GitHub) -> None:
    """A file is read up to a limit, whatever it claims to be."""
    hosting.faults = [
        Reply(status=302, headers={"Location": f"{hosting.root}/storage/1"}),
        Reply(body=b"x" * 11),
    ]
    with pytest.raises(GitHubError, match="more than 10 bytes") as caught:
        github.download("/x", largest=10)
    assert caught.value.rule == "github-too-large"


@pytest.mark.parametrize(
    ("status", "rule"), [(404, "github-not-found"), (410, "github-not-found"), (503, "github-unexpected")]
)
def test_a_file_that_is_gone_is_told_from_one_that_is_away(
    hosting: fake_github.GitHub, github: GitHub, status: int, rule: str
) -> None:
    """A file that somebody has deleted does not come back, neither at GitHub nor at its store."""
    hosting.broken = {"/storage/": Reply(status=status)}
    hosting.faults = [Reply(status=302, headers={"Location": f"{hosting.root}/storage/1"})]
    with pytest.raises(GitHubError) as caught:
        github.download("/x")
    assert caught.value.rule == rule
    hosting.broken = {"/x": Reply(status=status)}
    with pytest.raises(GitHubError) as caught:
        github.download("/x")
    assert caught.value.rule == rule


def test_an_answer_of_another_shape_is_named() -> None:
    """A surprise in an answer names what was being read."""
    comment: dict[str, int] = {}
    with pytest.raises(GitHubError, match="described a comment in a way"), client.shape("a comment"):
        comment["id"]
