"""Reads a listing to its end; a part of one is never used.

Source: https://learn.microsoft.com/graph/paging
"""

from reconciler.graph.responses import Answer, Row, unexpected
from reconciler.graph.rows import rows
from reconciler.graph.sessions import Link, ReadSession
from reconciler.graph.unavailable import Unavailable


class PageCursor:
    """The links from page to page of one listing."""

    def __init__(self, session: ReadSession, *, what: str) -> None:
        self._session = session
        self._what = what
        self._links: set[Link] = set()

    def __len__(self) -> int:
        return len(self._links)

    def next(self, page: Row) -> Link | None:
        """Return the link to the next page; `None` at the end.

        Raises `UnexpectedAnswer` for an invalid link, one that leads away from the directory, or one to a
        page read before.
        """
        link = self._session.next_link(page, what=self._what)
        if link in self._links:
            raise unexpected(self._what, "leads in a circle")
        if link is not None:
            self._links.add(link)
        return link


async def all_rows(
    session: ReadSession, first: Answer | Unavailable, *, what: str, best_effort: bool = False
) -> list[Row] | Unavailable:
    """Return the rows of a first page and of all that follow; a page may be empty and have a next one.

    A page that is refused makes the whole listing unavailable. So does a page without an answer, with
    `best_effort`; else that raises `Unreachable`.
    """
    collected: list[Row] = []
    trail = PageCursor(session, what=what)
    answer = first
    while True:
        if isinstance(answer, Unavailable):
            return answer
        if answer.status != 200:
            return Unavailable.of(answer)
        page = answer.document(what)
        collected += rows(page, what=what)
        link = trail.next(page)
        if link is None:
            return collected
        follow = session.try_url if best_effort else session.get_url
        answer = await follow(link, what=what)
