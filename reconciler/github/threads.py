"""Comments and issues of our own: found again by a hidden marker and by their author.

Bodies arrive rendered and escaped, with the marker in their first line.

Sources: https://docs.github.com/rest/issues/comments and https://docs.github.com/rest/issues/issues
"""

import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from reconciler.github.client import GitHub, shape
from reconciler.render.markdown_page import hidden, page_marker

ACTIONS_LOGIN: Final = "github-actions[bot]"
"""The author of comments written with the token of a workflow.

Source: https://docs.github.com/actions/tutorials/authenticate-with-github_token
"""

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
    me = _login(github)
    for page in github.pages(f"/repos/{repository}/issues/{number}/comments"):
        with shape("a comment"):
            mine = [int(one["id"]) for one in page if _is_mine(one, me=me, mark=mark)]
        if mine:
            path = f"/repos/{repository}/issues/comments/{mine[0]}"
            return _address(github.send("PATCH", path, {"body": body}))
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
    me, found, seen = _login(github), [], set[int]()
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
    return _address(github.send("POST", f"/repos/{repository}/issues/{number}/comments", {"body": body}))


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
    me = _login(github)
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


def _login(github: GitHub) -> str:
    """Return the author with this token: a workflow's token may not ask, and its author never changes."""
    user = github.find("/user")
    with shape("the user"):
        return ACTIONS_LOGIN if user is None else str(user["login"])


def _is_mine(thread: Any, *, me: str, mark: str) -> bool:
    # A comment of another author that only looks like ours is not changed; a deleted author is null.
    author = thread["user"]
    return author is not None and author["login"] == me and (thread["body"] or "").startswith(opening(mark))


def _address(answer: Any) -> str:
    with shape("what was written"):
        return str(answer["html_url"])
