"""Reading patiently: what may pass is tried again, within bounds, and refusals are answers."""

from typing import Any

import pytest

from reconciler.errors import Unreachable
from reconciler.graph.read_retries import ReadRetryPolicy
from reconciler.graph.sessions import SessionOptions, connect
from tests.support.scripted_graph import Reply, Request, Tokens, refusal, scripted_graph
from tests.support.scripted_graph.clock import Clock
from tests.support.scripted_graph.session import batched, get, in_turn, session_with


@pytest.mark.parametrize(
    "setback",
    [
        Reply(status=500),
        Reply(status=502, body=b"<html>bad gateway</html>"),
        Reply(status=503),
        Reply(status=504),
        Reply(broken="dropped"),
        Reply(broken="cut", body={"value": []}),
    ],
)
async def test_what_may_pass_is_tried_again(setback: Reply) -> None:
    """A failure of the server or of the connection is followed by another try."""
    async with session_with(in_turn(setback, setback, Reply(body={"a": 1}))) as (directory, session):
        assert (await get(session)).body == {"a": 1}
    assert len(directory.requests) == 3


async def test_throttled_read_waits_as_long_as_it_was_told() -> None:
    """After a 429 the next try comes no earlier than Retry-After says."""
    clock = Clock()
    throttled = Reply(status=429, headers={"retry-after": "17"})
    async with session_with(in_turn(throttled, Reply(body={})), clock) as (_, session):
        await get(session)
    (waited,) = clock.waits
    assert 17 <= waited < 18


@pytest.mark.parametrize("told", ["soon", "-3", "inf", "nan", ""])
async def test_unreadable_retry_after_is_no_reason_to_fail(told: str) -> None:
    """A Retry-After that is no number of seconds counts as none."""
    clock = Clock()
    async with session_with(
        in_turn(Reply(status=429, headers={"retry-after": told}), Reply(body={})), clock
    ) as (_, session):
        await get(session)
    assert len(clock.waits) == 1


async def test_endless_throttling_ends_in_an_error() -> None:
    """Patience with Retry-After has an end, and the error says what was to be read."""
    clock = Clock()
    async with session_with(lambda _: Reply(status=429, headers={"retry-after": "50"}), clock) as (
        _,
        session,
    ):
        with pytest.raises(Unreachable, match="about the tenant: it is throttling"):
            await get(session)
    assert 550 <= sum(clock.waits) <= ReadRetryPolicy().throttled_seconds


@pytest.mark.parametrize("status", [500, 503])
async def test_failure_is_counted_although_it_says_when_to_come_again(status: int) -> None:
    """A failing server's Retry-After is heeded, its tries are counted, and it is not waited for for long."""
    clock = Clock()
    failing = Reply(status=status, headers={"retry-after": "20"})
    async with session_with(lambda _: failing, clock) as (directory, session):
        with pytest.raises(Unreachable, match=str(status)):
            await get(session)
    assert len(directory.requests) == ReadRetryPolicy().tries
    assert all(20 <= waited < 21 for waited in clock.waits)
    clock = Clock()
    failing = Reply(status=status, headers={"retry-after": "500"})
    async with session_with(lambda _: failing, clock) as (directory, session):
        with pytest.raises(Unreachable):
            await get(session)
    assert (len(directory.requests), clock.waits) == (1, [])


@pytest.mark.parametrize("status", [429, 503])
async def test_pause_of_nothing_is_a_second(status: int) -> None:
    """Retry-After of zero does not make reads come again at once."""
    clock = Clock()
    async with session_with(
        in_turn(Reply(status=status, headers={"retry-after": "0"}), Reply(body={})), clock
    ) as (_, session):
        await get(session)
    (waited,) = clock.waits
    assert 1 <= waited < 2


async def test_troubles_are_counted_apart() -> None:
    """Being throttled for long leaves as many tries for failures as there were."""
    throttled, failing = Reply(status=429, headers={"retry-after": "100"}), Reply(status=500)
    most = ReadRetryPolicy().tries - 1
    answers = in_turn(*[throttled] * 4, *[failing] * most, throttled, Reply(body={"a": 1}))
    async with session_with(answers) as (_, session):
        assert (await get(session)).body == {"a": 1}


async def test_throttling_that_tells_no_time_is_waited_out_too() -> None:
    """A 429 without Retry-After is tried again more often than a failure is."""
    answers = in_turn(*[Reply(status=429)] * (ReadRetryPolicy().tries + 2), Reply(body={"a": 1}))
    async with session_with(answers) as (_, session):
        assert (await get(session)).body == {"a": 1}


async def test_endless_failure_ends_in_an_error_without_the_body() -> None:
    """Failures that go on end in an error that names the status and nothing of the body."""
    async with session_with(lambda _: Reply(status=503, body=b"secret")) as (directory, session):
        with pytest.raises(Unreachable, match="503") as caught:
            await get(session)
    assert "secret" not in caught.value.message
    assert len(directory.requests) == ReadRetryPolicy().tries


async def test_refused_connection_is_given_up_quickly() -> None:
    """Where nobody listens three tries are made, within two seconds."""
    async with scripted_graph(lambda _: Reply()) as directory:
        root = directory.root
    clock = Clock()
    async with connect(root, Tokens(), options=clock.options) as session:
        with pytest.raises(Unreachable, match="no connection"):
            await get(session)
    assert len(clock.waits) == 2
    assert sum(clock.waits) < 2


async def test_silence_is_waited_out_and_then_given_up() -> None:
    """A server that never answers ends in an error that says so."""
    options = SessionOptions(call_seconds=0.05, retry_policy=ReadRetryPolicy(sleep=Clock().sleep, silences=2))
    async with (
        scripted_graph(lambda _: Reply(broken="silent")) as directory,
        connect(directory.root, Tokens(), options=options) as session,
    ):
        with pytest.raises(Unreachable):
            await get(session)
    assert len(directory.requests) == 2


@pytest.mark.parametrize("status", [400, 403, 404, 410, 501])
async def test_refusals_are_answers(status: int) -> None:
    """What another try would not change is handed to the caller at once."""
    async with session_with(lambda _: refusal(status, "Some_Code")) as (directory, session):
        answer = await get(session)
    assert answer.status == status
    assert answer.error.code == "Some_Code"
    assert len(directory.requests) == 1


@pytest.mark.parametrize("status", [302, 400, 403, 404, 407, 408, 451])
async def test_refusal_that_is_not_graphs_is_tried_again(status: int) -> None:
    """What something on the way answers may pass, and is no word of the directory."""
    foreign = Reply(status=status, body=b"<html>captive portal</html>")
    async with session_with(in_turn(foreign, foreign, Reply(body={"a": 1}))) as (directory, session):
        assert (await get(session)).body == {"a": 1}
    assert len(directory.requests) == 3
    async with session_with(lambda _: foreign) as (_, session):
        with pytest.raises(Unreachable, match=f"something on the way answered with status {status}"):
            await get(session)


async def test_item_that_is_not_graphs_is_asked_for_again() -> None:
    """An item refused without an envelope goes out again, alone: it says nothing about its object."""
    seen: list[str] = []

    def item(url: str) -> dict[str, Any]:
        seen.append(url)
        return {"status": 404, "body": None} if seen.count("/b") == 1 and url == "/b" else {"status": 200}

    async with session_with(batched(item)) as (_, session):
        answers = await session.batch_get(["/a", "/b"], what="users")
    assert [answer.status for answer in answers] == [200, 200]
    assert sorted(seen) == ["/a", "/b", "/b"]


async def test_wait_that_is_a_date_counts_from_the_batchs_own_date() -> None:
    """An item has no `Date` of its own: its batch's says what a date to come back at means."""
    waits = ["Mon, 30 Nov 2026 12:00:40 GMT"]

    def answer(request: Request) -> Reply:
        later = {"status": 429, "headers": {"Retry-After": waits.pop()}} if waits else {"status": 200}
        body = {"responses": [{"id": "0", **later}]}
        return Reply(body=body, headers={"date": "Mon, 30 Nov 2026 12:00:00 GMT"})

    clock = Clock()
    async with session_with(answer, clock) as (_, session):
        await session.batch_get(["/a"], what="users")
    (waited,) = clock.waits
    assert 40 <= waited < 41


async def test_read_waits_until_the_date_it_was_given() -> None:
    """`Retry-After` may be a date, which counts from the answer's own."""
    headers = {"retry-after": "Mon, 30 Nov 2026 12:00:20 GMT", "date": "Mon, 30 Nov 2026 12:00:00 GMT"}
    clock = Clock()
    async with session_with(in_turn(Reply(status=429, headers=headers), Reply(body={})), clock) as (
        _,
        session,
    ):
        await get(session)
    (waited,) = clock.waits
    assert 20 <= waited < 21
