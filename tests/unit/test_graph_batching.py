"""Many questions in one request: each has its own answer, and is sent again alone."""

from typing import Any

import pytest

from reconciler.errors import AccessDenied, UnexpectedAnswer, Unreachable
from tests.support.scripted_graph import Reply, refusal
from tests.support.scripted_graph.clock import Clock
from tests.support.scripted_graph.session import batched, in_turn, session_with


async def test_batch_answers_come_in_the_order_of_the_questions() -> None:
    """Items are joined by id, over several batches of twenty, each a GET."""
    urls = [f"/users/{number}" for number in range(45)]
    async with session_with(batched(lambda url: {"status": 200, "body": {"url": url}})) as (
        directory,
        session,
    ):
        answers = await session.batch_get(urls, what="users")
    assert [answer.body["url"] for answer in answers] == urls
    sizes = [len(request.json["requests"]) for request in directory.requests]
    assert sorted(sizes) == [5, 20, 20]
    assert {item["method"] for request in directory.requests for item in request.json["requests"]} == {"GET"}


async def test_batch_of_nothing_asks_nothing() -> None:
    """Without questions there is no request."""
    async with session_with(lambda _: Reply()) as (directory, session):
        assert await session.batch_get([], what="users") == ()
    assert directory.requests == []


async def test_throttled_items_alone_are_sent_again_after_the_longest_wait() -> None:
    """Of a batch only what was throttled goes out again, after the longest wait any item was given."""
    waits = {"/a": "3", "/c": "9"}
    seen: set[str] = set()

    def item(url: str) -> dict[str, Any]:
        if url in waits and url not in seen:
            seen.add(url)
            return {"status": 429, "headers": {"Retry-After": waits[url]}, "body": None}
        return {"status": 200, "body": {"url": url}}

    clock = Clock()
    async with session_with(batched(item), clock) as (directory, session):
        answers = await session.batch_get(["/a", "/b", "/c"], what="users")
    assert [answer.body["url"] for answer in answers] == ["/a", "/b", "/c"]
    assert [entry["url"] for entry in directory.requests[1].json["requests"]] == ["/a", "/c"]
    (waited,) = clock.waits
    assert 9 <= waited < 10


async def test_envelope_424_is_opened_like_any_other() -> None:
    """The older form of a throttled batch, 424 for the whole, is understood too."""
    responses = {"responses": [{"id": "0", "status": 429, "headers": {"Retry-After": "1"}}]}
    done = {"responses": [{"id": "0", "status": 200, "body": {}}]}
    async with session_with(in_turn(Reply(status=424, body=responses), Reply(body=done))) as (_, session):
        (answer,) = await session.batch_get(["/a"], what="users")
    assert answer.status == 200


async def test_refused_batch_refuses_each_item() -> None:
    """A 403 for the whole batch is the answer to each of its questions."""
    async with session_with(lambda _: refusal(403)) as (_, session):
        answers = await session.batch_get(["/a", "/b"], what="users")
    assert [answer.status for answer in answers] == [403, 403]


async def test_items_that_go_on_failing_end_in_an_error() -> None:
    """Items that fail again and again end the reading with their statuses."""
    async with session_with(batched(lambda _: {"status": 503})) as (_, session):
        with pytest.raises(Unreachable, match="parts of a batch with status 503"):
            await session.batch_get(["/a"], what="users")


@pytest.mark.parametrize(
    ("reply", "flaw"),
    [
        (refusal(400), "came with status 400 for a whole batch"),
        (Reply(body={}), "has no list of responses"),
        (Reply(body={"responses": [{"id": "0", "status": 200}]}), "leaves out a question"),
        (Reply(body={"responses": [{"id": "9", "status": 200}]}), "one nobody asked"),
        (Reply(body={"responses": [{"id": "0", "status": 200}] * 2}), "answers a question of a batch twice"),
        (Reply(body={"responses": [{"id": 0, "status": 200}]}), "without id or status"),
        (Reply(body={"responses": ["nothing"]}), "without id or status"),
    ],
)
async def test_batch_that_does_not_fit_its_questions_is_an_error(reply: Reply, flaw: str) -> None:
    """Missing, foreign, doubled and misshapen items end the reading."""
    async with session_with(lambda _: reply) as (_, session):
        with pytest.raises(UnexpectedAnswer, match=flaw):
            await session.batch_get(["/a", "/b"], what="users")


async def test_first_error_of_several_batches_is_raised_as_it_is() -> None:
    """Errors of batches that run side by side need no unpacking."""
    async with session_with(lambda _: Reply(status=401)) as (_, session):
        with pytest.raises(AccessDenied):
            await session.batch_get([f"/{number}" for number in range(60)], what="users")
