"""A session with a Graph whose answers a test writes by hand."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from reconciler.graph import requests
from reconciler.graph.responses import Answer
from reconciler.graph.sessions import ReadSession, connect
from tests.support.scripted_graph import Reply, Request, ScriptedGraph, Tokens, scripted_graph
from tests.support.scripted_graph.clock import Clock


@contextlib.asynccontextmanager
async def session_with(
    answer: Callable[[Request], Reply], clock: Clock | None = None
) -> AsyncIterator[tuple[ScriptedGraph, ReadSession]]:
    """Open a session with a directory that answers so, on a clock that never really waits."""
    options = (clock or Clock()).options
    async with (
        scripted_graph(answer) as directory,
        connect(directory.root, Tokens(), options=options) as session,
    ):
        yield directory, session


def in_turn(*replies: Reply) -> Callable[[Request], Reply]:
    """Give one reply after the other; the last one for ever."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def batched(answer: Callable[[str], dict[str, Any]]) -> Callable[[Request], Reply]:
    """Answer each item of a batch by its URL, in reverse order."""

    def whole(request: Request) -> Reply:
        items = request.json["requests"]
        return Reply(
            body={"responses": [{"id": item["id"], **answer(item["url"])} for item in reversed(items)]}
        )

    return whole


async def get(session: ReadSession) -> Answer:
    """Send any GET."""
    return await session.get(requests.organization, what="the tenant")


def page(link: object) -> dict[str, object]:
    """Make a page without rows that is followed by another."""
    return {"value": [], "@odata.nextLink": link}
