"""Reads a listing to its end; a part of one is never used.

Source: https://learn.microsoft.com/graph/paging
"""

from reconciler.graph.answers import Answer, Row, unexpected
from reconciler.graph.client import ReadSession
from reconciler.graph.rows import next_link, rows


async def all_rows(session: ReadSession, first: Answer, *, what: str) -> list[Row]:
    """Give the rows of a first page and of all that follow; a page may be empty and have a next one."""
    collected: list[Row] = []
    links: set[str] = set()
    answer = first
    while True:
        if answer.status != 200:
            raise unexpected(what, f"came with status {answer.status}")
        page = answer.document(what)
        collected += rows(page, what=what)
        link = next_link(page, what=what)
        if link is None:
            return collected
        if link in links:
            raise unexpected(what, "leads in a circle")
        links.add(link)
        answer = await session.get_url(link, what=what)
