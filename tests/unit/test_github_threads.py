"""Comments and the drift issue: found again, written anew, never anybody else's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.errors import GitHubError
from reconciler.github.client import GitHub
from reconciler.github.threads import (
    DRIFT_LABEL,
    OUTDATED,
    add_comment,
    marker,
    opening,
    put_comment,
    put_drift,
    put_pages,
)
from reconciler.render.markdown_page import page_marker
from tests.e2e import fake_github
from tests.e2e.fake_github import BOT, REPOSITORY, Answer, Pull, Reply, account

TOKEN = "ghs_a-secret"
PERSON = "ghp_a-person"
APPLICATION = "ghs_an-application"
ROBOT = "our-robot[bot]"
MARK = marker("plan", "desired")
BODY = f"{opening(MARK)}\n\nfirst"


@pytest.fixture
def hosting(tmp_path: Path) -> Iterator[fake_github.GitHub]:
    """Serve a GitHub where a workflow and a person may write."""
    with fake_github.github(tmp_path) as hosting:
        for token in (TOKEN, PERSON, APPLICATION):
            hosting.tokens[token] = {"issues": "write", "pull-requests": "write"}
        hosting.people[PERSON] = "ana"
        hosting.applications[APPLICATION] = ROBOT
        yield hosting


@pytest.fixture
def github(hosting: fake_github.GitHub) -> Iterator[GitHub]:
    """Open the session of a workflow."""
    with GitHub(api=hosting.root, token=TOKEN, trust_env=False) as github:
        yield github


def written(hosting: fake_github.GitHub, login: str | None, body: str) -> None:
    """Let somebody have written a comment on pull request 5."""
    user = None if login is None else account(login)
    comment = {"id": 9000 + len(hosting.comments), "on": 5, "user": user, "body": body, "html_url": "u"}
    hosting.comments.append(comment)


def test_the_comment_is_updated_in_place(hosting: fake_github.GitHub, github: GitHub) -> None:
    """However often a pull request is planned, it has one plan, though others have commented much."""
    for number in range(5):
        written(hosting, "ana", f"remark {number}")
    put_comment(github, REPOSITORY, 5, mark=MARK, body=BODY)
    written(hosting, None, "by somebody who is gone")
    put_comment(github, REPOSITORY, 5, mark=MARK, body=f"{opening(MARK)}\n\nsecond")
    ours = [body for body in hosting.comments_on(5) if body.startswith("<!--")]
    assert ours == [f"{opening(MARK)}\n\nsecond"]
    assert len(hosting.comments) == 7


def pages_of(*texts: str) -> list[str]:
    """Make a body for each page."""
    return [f"{opening(page_marker(MARK, n))}\n\n{text}" for n, text in enumerate(texts, start=1)]


def test_each_page_is_a_comment_that_is_updated_in_place(hosting: fake_github.GitHub, github: GitHub) -> None:
    """A longer plan adds comments, a shorter one leaves no outdated row, and the next uses them again."""
    written(hosting, "ana", "a remark")
    put_pages(github, REPOSITORY, 5, mark=MARK, bodies=pages_of("a1"))
    written(hosting, "ana", "another")
    addresses = put_pages(github, REPOSITORY, 5, mark=MARK, bodies=pages_of("b1", "b2", "b3"))
    assert len(set(addresses)) == 3
    ours = [one for one in hosting.comments_on(5) if one.startswith("<!--")]
    assert ours == pages_of("b1", "b2", "b3")
    put_pages(github, REPOSITORY, 5, mark=MARK, bodies=pages_of("c1"))
    ours = [one.rstrip() for one in hosting.comments_on(5) if one.startswith("<!--")]
    assert ours == pages_of("c1", OUTDATED, OUTDATED)
    before = len(hosting.requests)
    put_pages(github, REPOSITORY, 5, mark=MARK, bodies=pages_of("d1"))
    assert [method for method, _ in hosting.requests[before:] if method != "GET"] == ["PATCH"]
    put_pages(github, REPOSITORY, 5, mark=MARK, bodies=pages_of("e1", "e2"))
    ours = [one.rstrip() for one in hosting.comments_on(5) if one.startswith("<!--")]
    assert ours == pages_of("e1", "e2", OUTDATED)
    assert [one for one in hosting.comments_on(5) if not one.startswith("<!--")] == ["a remark", "another"]


def test_a_page_written_twice_is_outdated_once(hosting: fake_github.GitHub, github: GitHub) -> None:
    """When an answer was lost and the comment written again, the second one does not stay as it was."""
    first, second = pages_of("a1", "a2")
    for body in (first, second, first, second):
        written(hosting, BOT, body)
    put_pages(github, REPOSITORY, 5, mark=MARK, bodies=pages_of("b1", "b2"))
    assert [one.rstrip() for one in hosting.comments_on(5)] == [
        *pages_of("b1", "b2"),
        *pages_of(OUTDATED, OUTDATED),
    ]


@pytest.mark.parametrize(
    ("login", "body"),
    [
        ("mallory", opening(page_marker(MARK, 2))),
        (BOT, opening(page_marker(marker("plan", "other"), 2))),
        (BOT, f"a quote: {opening(page_marker(MARK, 2))}"),
        (BOT, opening(f"{MARK} page two")),
    ],
)
def test_pages_of_others_are_left_alone(
    hosting: fake_github.GitHub, github: GitHub, login: str, body: str
) -> None:
    """Only our own comments about this tree are written over."""
    written(hosting, login, body)
    put_pages(github, REPOSITORY, 5, mark=MARK, bodies=pages_of("a1"))
    assert hosting.comments_on(5) == [body, *pages_of("a1")]


@pytest.mark.parametrize(
    ("login", "body"),
    [("mallory", BODY), (BOT, f"a quote:\n{BODY}"), (BOT, opening(marker("plan", "other")))],
)
def test_what_only_looks_like_ours_is_left_alone(
    hosting: fake_github.GitHub, github: GitHub, login: str, body: str
) -> None:
    """A comment counts as ours by its first line and its author together."""
    written(hosting, login, body)
    put_comment(github, REPOSITORY, 5, mark=MARK, body=BODY)
    assert hosting.comments_on(5) == [body, BODY]


@pytest.mark.parametrize(("token", "login"), [(TOKEN, BOT), (PERSON, "ana"), (APPLICATION, ROBOT)])
def test_each_token_finds_its_own(hosting: fake_github.GitHub, token: str, login: str) -> None:
    """Whosever the token is: three runs leave one comment and one issue, and nobody else's are touched."""
    others = [one for one in (BOT, "ana", ROBOT, "mallory") if one != login]
    for other in others:
        written(hosting, other, BODY)
    with GitHub(api=hosting.root, token=token, trust_env=False) as github:
        for number in range(3):
            body = f"{BODY} {number}"
            put_comment(github, REPOSITORY, 5, mark=MARK, body=body)
            put_drift(github, REPOSITORY, mark=MARK, body=body, converged=False)
    assert [one["body"] for one in hosting.comments] == [*[BODY] * 3, f"{BODY} 2"]
    assert hosting.comments[-1]["user"]["login"] == login
    assert [one["body"] for one in hosting.issues] == [f"{BODY} 2"]


@pytest.mark.parametrize("known", [False, True])
def test_a_locked_conversation_is_called_so(
    hosting: fake_github.GitHub, github: GitHub, *, known: bool
) -> None:
    """A lock is told from a permission that is missing, for a new comment and for one to be replaced."""
    hosting.pulls[5] = Pull(number=5, head="d" * 40, locked=True)
    if known:
        written(hosting, BOT, BODY)
        hosting.broken = {"/issues/comments/": Reply(status=403, body={})}
    with pytest.raises(GitHubError, match="#5 is locked") as caught:
        put_comment(github, REPOSITORY, 5, mark=MARK, body=BODY)
    assert caught.value.rule == "github-locked"
    assert "permission" not in caught.value.hint


def test_a_missing_permission_is_not_called_a_lock(hosting: fake_github.GitHub, github: GitHub) -> None:
    """Neither is one that keeps us from looking at the lock."""
    hosting.tokens[TOKEN] = {"pull-requests": "read"}
    locks: list[dict[str, Answer]] = [{}, {"/issues/5": Reply(status=403, body={})}]
    for hosting.broken in locks:
        with pytest.raises(GitHubError) as caught:
            add_comment(github, REPOSITORY, 5, body=BODY)
        assert caught.value.rule == "github-denied"


def test_a_report_is_always_new(hosting: fake_github.GitHub, github: GitHub) -> None:
    """What became of each run stays to be read."""
    for _ in range(2):
        add_comment(github, REPOSITORY, 5, body=BODY)
    assert len(hosting.comments_on(5)) == 2


def test_one_issue_follows_the_drift(hosting: fake_github.GitHub, github: GitHub) -> None:
    """The issue is opened, written anew, closed when converged, opened again: always the same one."""

    def look(body: str, *, converged: bool) -> str | None:
        return put_drift(
            github, REPOSITORY, mark=MARK, body=f"{opening(MARK)}\n\n{body}", converged=converged
        )

    assert look("calm", converged=True) is None
    first = look("one", converged=False)
    assert look("two", converged=False) == first
    [issue] = hosting.issues
    assert issue["labels"] == [DRIFT_LABEL]
    assert issue["body"].endswith("two")
    look("calm", converged=True)
    assert (issue["state"], issue["state_reason"]) == ("closed", "completed")
    assert look("still calm", converged=True) is None
    assert issue["body"].endswith("calm")
    look("three", converged=False)
    assert issue["state"] == "open"
    assert len(hosting.issues) == 1


def test_of_several_issues_the_open_one_is_ours(hosting: fake_github.GitHub, github: GitHub) -> None:
    """Where people have left several, the open one goes on, else the newest; pull requests are none."""
    mine = {"user": account(BOT), "body": opening(MARK), "labels": [DRIFT_LABEL], "html_url": "u"}
    hosting.issues = [
        {**mine, "number": 1, "state": "open"},
        {**mine, "number": 2, "state": "closed"},
        {**mine, "number": 3, "state": "closed"},
        {**mine, "number": 4, "state": "open", "pull_request": {}},
        {**mine, "number": 5, "state": "open", "user": account("mallory")},
    ]
    put_drift(github, REPOSITORY, mark=MARK, body=f"{opening(MARK)} a", converged=False)
    assert hosting.issues[0]["body"].endswith(" a")
    hosting.issues[0]["state"] = "closed"
    put_drift(github, REPOSITORY, mark=MARK, body=f"{opening(MARK)} b", converged=False)
    assert hosting.issues[2]["body"].endswith(" b")
    assert hosting.issues[2]["state"] == "open"


def test_a_folder_cannot_end_the_marker() -> None:
    """Nothing in the name of a folder gets out of the hidden comment."""
    first = opening(marker("plan", "a--><script>\nb"))
    assert first.count("-->") == 1
    assert first.endswith(" -->")
    assert "\n" not in first


def test_a_comment_of_another_shape_is_told(hosting: fake_github.GitHub, github: GitHub) -> None:
    """An answer that is no list of comments ends the step by name."""
    hosting.broken = {"/comments": Reply(body=[{"id": 1}])}
    with pytest.raises(GitHubError, match="a comment"):
        put_comment(github, REPOSITORY, 5, mark=MARK, body=BODY)
