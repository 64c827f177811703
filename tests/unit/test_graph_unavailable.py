"""What can be done without is soon given up, and its failure is a value."""

import pytest

from reconciler.errors import AccessDenied, UnexpectedAnswer, Unreachable
from reconciler.graph import requests
from reconciler.graph.read_retries import ReadRetryPolicy
from reconciler.graph.responses import Answer
from reconciler.graph.sessions import SessionOptions, connect
from reconciler.graph.unavailable import Unavailable
from reconciler.rules import Rule
from tests.support.scripted_graph import Reply, Tokens, refusal, scripted_graph
from tests.support.scripted_graph.clock import Clock
from tests.support.scripted_graph.session import batched, in_turn, page, session_with


async def test_batch_that_can_be_done_without_tells_of_each_item() -> None:
    """What answered is kept, what was refused or went on failing says so, within a few seconds."""
    statuses = {"/a": 200, "/b": 404, "/c": 503, "/d": 200}
    clock = Clock()
    async with session_with(
        batched(lambda url: {"status": statuses[url], "body": refusal(404).body}), clock
    ) as (directory, session):
        answers = await session.try_batch(list(statuses), what="users")
    assert [answer.status for answer in answers] == [200, 404, 503, 200]
    assert [isinstance(answer, Unavailable) for answer in answers] == [False, True, True, False]
    assert len(directory.requests) == 3
    assert sum(clock.waits) < 5


@pytest.mark.parametrize(
    ("reply", "status", "told"),
    [
        (refusal(400), 400, "answered with status 400"),
        (refusal(404), 404, "answered with status 404"),
        (Reply(status=404, body=b"<html>"), None, "something on the way answered with status 404"),
        (Reply(status=500), None, "could not be asked: it answered with status 500"),
        (Reply(status=503, headers={"retry-after": "30"}), None, "status 503"),
        (Reply(broken="dropped"), None, "could not be asked: the connection broke"),
    ],
)
async def test_refusal_of_what_can_be_done_without_is_a_value(
    reply: Reply, status: int | None, told: str
) -> None:
    """A whole batch, a GET and a further page that do not succeed are told of, and soon."""
    clock = Clock()
    async with session_with(lambda _: reply, clock) as (directory, session):
        link = session.next_link(page(f"{directory.root}/v1.0/next"), what="things")
        assert link is not None
        batch = await session.try_batch(["/a", "/b"], what="things")
        assert [(type(answer), answer.status) for answer in batch] == [(Unavailable, status)] * 2
        for answer in (
            *batch,
            await session.try_get(requests.organization, what="things"),
            await session.try_url(link, what="things"),
        ):
            assert isinstance(answer, Unavailable)
            assert told in answer.reason
    assert sum(clock.waits) < 15


async def test_silence_about_what_can_be_done_without_is_waited_for_once() -> None:
    """A server that does not answer costs one call, not many."""
    options = SessionOptions(call_seconds=0.05, retry_policy=ReadRetryPolicy(sleep=Clock().sleep))
    async with (
        scripted_graph(lambda _: Reply(broken="silent")) as directory,
        connect(directory.root, Tokens(), options=options) as session,
    ):
        answer = await session.try_get(requests.organization, what="things")
    assert isinstance(answer, Unavailable)
    assert "no answer in time" in answer.reason
    assert len(directory.requests) == 1


class NoTokens:
    """An authority that does not answer."""

    async def token(self, *, claims: str | None = None) -> str:
        """Give none."""
        raise Unreachable("no authority", rule=Rule.UNREACHABLE)


async def test_missing_token_is_told_of_what_can_be_done_without() -> None:
    """When the authority does not answer, that is the reason."""
    async with (
        scripted_graph(lambda _: Reply()) as directory,
        connect(directory.root, NoTokens(), options=Clock().options) as session,
    ):
        answer = await session.try_get(requests.organization, what="things")
    assert isinstance(answer, Unavailable)
    assert "no token" in answer.reason


async def test_throttling_is_waited_out_for_what_can_be_done_without_too() -> None:
    """A 429 is no failure: it says when to come again."""
    throttled = Reply(status=429, headers={"retry-after": "60"})
    async with session_with(in_turn(throttled, throttled, throttled, Reply(body={"a": 1}))) as (_, session):
        assert isinstance(await session.try_get(requests.organization, what="things"), Answer)


async def test_nonsense_is_an_error_about_what_can_be_done_without_too() -> None:
    """A batch that does not fit its questions and a refused token end the reading, whatever it is about."""
    async with session_with(lambda _: Reply(body={})) as (_, session):
        with pytest.raises(UnexpectedAnswer):
            await session.try_batch(["/a"], what="things")
    async with session_with(lambda _: Reply(status=401)) as (_, session):
        with pytest.raises(AccessDenied):
            await session.try_batch(["/a"], what="things")
