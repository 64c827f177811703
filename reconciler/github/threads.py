"""Comments and issues of our own: found again by a hidden marker and by their author.

The author is the account of the token: a person, the bot of an application, or that of GitHub's own Actions,
which all workflows of a repository share. Bodies arrive rendered and escaped, with the marker in their first
line.

Sources: https://docs.github.com/rest/issues/comments and https://docs.github.com/rest/issues/issues
"""

import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from reconciler.errors import GitHubError
from reconciler.github.client import GitHub, shape
from reconciler.render.markdown_page import hidden, page_marker
from reconciler.rules import Rule

OUTDATED: Final = "The newest plan has fewer pages: what stood here does not hold any more."

DRIFT_LABEL: Final = "reconciler-drift"
DRIFT_TITLE: Final = "The tenant is not as declared"


def marker(kind: str, tree: str) -> str:
    """Build the marker of a kind of comment about one desired tree, so that each tree has its own comment."""
    # Percent-encoded, and hyphens too, so that no part of a folder's name ends the HTML comment.
    return f"reconciler {kind} {quote(tree, safe='/').replace('-', '%2D')}"


def opening(mark: str) -> str:
    """Return the first line of every body that carries a marker."""
    return hidden(mark)


def put_comment(github: GitHub, repository: str, number: int, *, mark: str, body: str) -> str:
    """Write our comment on a pull request, or replace its text in place; return its URL.

    Raises `GitHubError`.
    """
    me = github.viewer()
    for page in github.pages(f"/repos/{repository}/issues/{number}/comments"):
        with shape("a comment"):
            mine = [int(one["id"]) for one in page if _is_mine(one, me=me, mark=mark)]
        if mine:
            return _write(github, repository, number, body, replacing=mine[0])
    return add_comment(github, repository, number, body=body)


def put_pages(github: GitHub, repository: str, number: int, *, mark: str, bodies: Sequence[str]) -> list[str]:
    """Write our comments on a pull request, one a page, or replace their texts in place; return their URLs.

    A comment of an earlier, longer document says in place of its rows that they no longer hold. Raises
    `GitHubError`.
    """
    written = [
        put_comment(github, repository, number, mark=page_marker(mark, page), body=body)
        for page, body in enumerate(bodies, start=1)
    ]
    for comment, body in _outdated(github, repository, number, mark=mark, pages=len(bodies)):
        github.send("PATCH", f"/repos/{repository}/issues/comments/{comment}", {"body": body})
    return written


def _outdated(
    github: GitHub, repository: str, number: int, *, mark: str, pages: int
) -> list[tuple[int, str]]:
    """Find our comments on pages that a document does not have, with the texts to replace theirs."""
    me, found, seen = github.viewer(), [], set[int]()
    page_of = re.compile(f"<!-- {re.escape(mark)}(?: page ([0-9]+))? -->")
    for listed in github.pages(f"/repos/{repository}/issues/{number}/comments"):
        with shape("a comment"):
            for one in listed:
                match = page_of.match(one["body"] or "")
                page = int(match[1] or 1) if match else 0
                if not page or not _is_mine(one, me=me, mark=page_marker(mark, page)):
                    continue
                body = f"{opening(page_marker(mark, page))}\n\n{OUTDATED}\n"
                # A second comment on a page can come of an answer that was lost.
                if (page > pages or page in seen) and one["body"] != body:
                    found.append((int(one["id"]), body))
                seen.add(page)
    return found


def add_comment(github: GitHub, repository: str, number: int, *, body: str) -> str:
    """Write a new comment on a pull request or an issue; return its URL. Raises `GitHubError`."""
    return _write(github, repository, number, body)


def _write(github: GitHub, repository: str, number: int, body: str, *, replacing: int | None = None) -> str:
    issues = f"/repos/{repository}/issues"
    try:
        if replacing is not None:
            return _address(github.send("PATCH", f"{issues}/comments/{replacing}", {"body": body}))
        return _address(github.send("POST", f"{issues}/{number}/comments", {"body": body}))
    except GitHubError as error:
        if error.rule is Rule.GITHUB_DENIED and _is_locked(github, repository, number):
            raise GitHubError(
                f"the conversation of #{number} is locked",
                rule=Rule.GITHUB_LOCKED,
                hint="unlock the conversation and run the job again",
            ) from error
        raise


def _is_locked(github: GitHub, repository: str, number: int) -> bool:
    """Return whether a conversation is locked; what cannot be read is not called so."""
    try:
        issue = github.get(f"/repos/{repository}/issues/{number}")
        with shape("an issue"):
            return bool(issue["locked"])
    except GitHubError:
        return False


def put_drift(github: GitHub, repository: str, *, mark: str, body: str, converged: bool) -> str | None:
    """Update the one issue about drift: rewritten, closed when converged, open when not.

    Returns its URL, or `None` where there is neither drift nor an issue. Raises `GitHubError`.
    """
    known = _drift(github, repository, mark=mark)
    if known is None and converged:
        return None
    if known is None:
        content = {"title": DRIFT_TITLE, "labels": [DRIFT_LABEL], "body": body}
        return _address(github.send("POST", f"/repos/{repository}/issues", content))
    number, is_open = known
    if converged and not is_open:
        return None
    state = {"state": "closed", "state_reason": "completed"} if converged else {"state": "open"}
    return _address(github.send("PATCH", f"/repos/{repository}/issues/{number}", {"body": body, **state}))


def _drift(github: GitHub, repository: str, *, mark: str) -> tuple[int, bool] | None:
    """Find our issue about drift: the open one, else the newest; its number and whether it is open."""
    me = github.viewer()
    newest = None
    for page in github.pages(f"/repos/{repository}/issues", state="all", labels=DRIFT_LABEL):
        with shape("an issue"):
            for one in page:
                if "pull_request" in one or not _is_mine(one, me=me, mark=mark):
                    continue
                found = int(one["number"]), one["state"] == "open"
                if found[1]:
                    return found
                newest = max(newest or found, found)
    return newest


def _is_mine(thread: Any, *, me: int, mark: str) -> bool:
    # A comment of another author that only looks like ours is not changed; a deleted author is null.
    author = thread["user"]
    return author is not None and author["id"] == me and (thread["body"] or "").startswith(opening(mark))


def _address(answer: Any) -> str:
    with shape("what was written"):
        return str(answer["html_url"])
