"""Reading patiently, in batches, and along links that stay where they belong."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from reconciler.errors import AccessDenied, UnexpectedAnswer, Unreachable
from reconciler.graph import requests
from reconciler.graph.paging import all_rows
from reconciler.graph.read_retries import ReadRetryPolicy
from reconciler.graph.responses import Answer
from reconciler.graph.sessions import ReadSession, SessionOptions, connect
from reconciler.graph.unavailable import Unavailable
from reconciler.rules import Rule
from tests.support.scripted_graph import Reply, Request, ScriptedGraph, Tokens, refusal, scripted_graph
from tests.support.scripted_graph.clock import Clock


@contextlib.asynccontextmanager
async def reading(
    answer: Callable[[Request], Reply], clock: Clock | None = None
) -> AsyncIterator[tuple[ScriptedGraph, ReadSession]]:
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
    return await session.get(requests.organization, what="the tenant")


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
    async with reading(in_turn(setback, setback, Reply(body={"a": 1}))) as (directory, session):
        assert (await get(session)).body == {"a": 1}
    assert len(directory.requests) == 3


async def test_throttled_read_waits_as_long_as_it_was_told() -> None:
    """After a 429 the next try comes no earlier than Retry-After says."""
    clock = Clock()
    throttled = Reply(status=429, headers={"retry-after": "17"})
    async with reading(in_turn(throttled, Reply(body={})), clock) as (_, session):
        await get(session)
    (waited,) = clock.waits
    assert 17 <= waited < 18


@pytest.mark.parametrize("told", ["soon", "-3", "inf", "nan", ""])
async def test_unreadable_retry_after_is_no_reason_to_fail(told: str) -> None:
    """A Retry-After that is no number of seconds counts as none."""
    clock = Clock()
    async with reading(in_turn(Reply(status=429, headers={"retry-after": told}), Reply(body={})), clock) as (
        _,
        session,
    ):
        await get(session)
    assert len(clock.waits) == 1


async def test_endless_throttling_ends_in_an_error() -> None:
    """Patience with Retry-After has an end, and the error says what was to be read."""
    clock = Clock()
    async with reading(lambda _: Reply(status=429, headers={"retry-after": "50"}), clock) as (_, session):
        with pytest.raises(Unreachable, match="about the tenant: it is throttling"):
            await get(session)
    assert 550 <= sum(clock.waits) <= ReadRetryPolicy().throttled_seconds


@pytest.mark.parametrize("status", [500, 503])
async def test_failure_is_counted_although_it_says_when_to_come_again(status: int) -> None:
    """A failing server's Retry-After is heeded, its tries are counted, and it is not waited for for long."""
    clock = Clock()
    failing = Reply(status=status, headers={"retry-after": "20"})
    async with reading(lambda _: failing, clock) as (directory, session):
        with pytest.raises(Unreachable, match=str(status)):
            await get(session)
    assert len(directory.requests) == ReadRetryPolicy().tries
    assert all(20 <= waited < 21 for waited in clock.waits)
    clock = Clock()
    failing = Reply(status=status, headers={"retry-after": "500"})
    async with reading(lambda _: failing, clock) as (directory, session):
        with pytest.raises(Unreachable):
            await get(session)
    assert (len(directory.requests), clock.waits) == (1, [])


@pytest.mark.parametrize("status", [429, 503])
async def test_pause_of_nothing_is_a_second(status: int) -> None:
    """Retry-After of zero does not make reads come again at once."""
    clock = Clock()
    async with reading(
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
    async with reading(answers) as (_, session):
        assert (await get(session)).body == {"a": 1}


async def test_throttling_that_tells_no_time_is_waited_out_too() -> None:
    """A 429 without Retry-After is tried again more often than a failure is."""
    answers = in_turn(*[Reply(status=429)] * (ReadRetryPolicy().tries + 2), Reply(body={"a": 1}))
    async with reading(answers) as (_, session):
        assert (await get(session)).body == {"a": 1}


async def test_endless_failure_ends_in_an_error_without_the_body() -> None:
    """Failures that go on end in an error that names the status and nothing of the body."""
    async with reading(lambda _: Reply(status=503, body=b"secret")) as (directory, session):
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
    async with reading(lambda _: refusal(status, "Some_Code")) as (directory, session):
        answer = await get(session)
    assert answer.status == status
    assert answer.error.code == "Some_Code"
    assert len(directory.requests) == 1


@pytest.mark.parametrize("status", [302, 400, 403, 404, 407, 408, 451])
async def test_refusal_that_is_not_graphs_is_tried_again(status: int) -> None:
    """What something on the way answers may pass, and is no word of the directory."""
    foreign = Reply(status=status, body=b"<html>captive portal</html>")
    async with reading(in_turn(foreign, foreign, Reply(body={"a": 1}))) as (directory, session):
        assert (await get(session)).body == {"a": 1}
    assert len(directory.requests) == 3
    async with reading(lambda _: foreign) as (_, session):
        with pytest.raises(Unreachable, match=f"something on the way answered with status {status}"):
            await get(session)


async def test_item_that_is_not_graphs_is_asked_for_again() -> None:
    """An item refused without an envelope goes out again, alone: it says nothing about its object."""
    seen: list[str] = []

    def item(url: str) -> dict[str, Any]:
        seen.append(url)
        return {"status": 404, "body": None} if seen.count("/b") == 1 and url == "/b" else {"status": 200}

    async with reading(batched(item)) as (_, session):
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
    async with reading(answer, clock) as (_, session):
        await session.batch_get(["/a"], what="users")
    (waited,) = clock.waits
    assert 40 <= waited < 41


async def test_read_waits_until_the_date_it_was_given() -> None:
    """`Retry-After` may be a date, which counts from the answer's own."""
    headers = {"retry-after": "Mon, 30 Nov 2026 12:00:20 GMT", "date": "Mon, 30 Nov 2026 12:00:00 GMT"}
    clock = Clock()
    async with reading(in_turn(Reply(status=429, headers=headers), Reply(body={})), clock) as (_, session):
        await get(session)
    (waited,) = clock.waits
    assert 20 <= waited < 21


def page(link: object) -> dict[str, object]:
    return {"value": [], "@odata.nextLink": link}


async def test_link_to_the_next_page_is_followed_as_it_is() -> None:
    """A nextLink is sent byte for byte, whatever it is encoded like."""
    link = "/v1.0/users?$skiptoken=a%2Bb'c&$top=999"
    async with reading(lambda _: Reply(body={"value": []})) as (directory, session):
        checked = session.next_link(page(directory.root + link), what="users")
        assert checked is not None
        await session.get_url(checked, what="users")
        assert isinstance(await session.try_url(checked, what="users"), Answer)
    assert [request.target for request in directory.requests] == [link, link]


async def test_last_page_has_no_link() -> None:
    """Without a link, and with one that is null, a listing has ended."""
    async with reading(lambda _: Reply()) as (_, session):
        assert session.next_link({"value": []}, what="users") is None
        assert session.next_link(page(None), what="users") is None


@pytest.mark.parametrize(
    "link",
    [
        "{root}@evil.example/v1.0/users",
        "https://evil.example/v1.0/users",
        "{root}0/v1.0/users",
        "//127.0.0.1/v1.0/users",
        "{root}/beta/users",
        "{root}/v1.0/../beta/users",
        "{root}/v1.0/%2e%2e/beta/users",
        "{root}/v1.0",
        "{root}/v1.0users",
        "{root}/v1.0/users\ud800",
        "{root}/v1.0/users\n",
        "/v1.0/users",
        "http://[::1/v1.0/users",
        "",
    ],
)
async def test_link_that_leads_away_is_refused_where_it_stands(link: str) -> None:
    """A nextLink to another scheme, host, port, user or version is an error, followed or not."""
    async with reading(lambda _: Reply(body={"value": []})) as (directory, session):
        with pytest.raises(UnexpectedAnswer, match="another place"):
            session.next_link(page(link.format(root=directory.root)), what="users")
    assert directory.requests == []


async def test_pages_are_read_to_the_last_one() -> None:
    """Rows of all pages are collected, over an empty page too."""
    async with reading(lambda _: Reply()) as (directory, session):
        link = f"{directory.root}/v1.0/next"
        directory.answer = in_turn(
            Reply(body={"value": [{"id": 1}], "@odata.nextLink": link + "?1"}),
            Reply(body={"value": [], "@odata.nextLink": link + "?2"}),
            Reply(body={"value": [{"id": 2}]}),
        )
        assert await all_rows(session, await get(session), what="things") == [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize(
    ("page", "flaw"),
    [
        (Reply(body=[]), "is not a JSON object"),
        (Reply(body=b"{"), "is not a JSON object"),
        (Reply(body={}), "has no list of objects"),
        (Reply(body={"value": [1]}), "has no list of objects"),
        (Reply(body={"value": [], "@odata.nextLink": 7}), "has a link to the next page that is none"),
    ],
)
async def test_page_of_an_unknown_shape_is_an_error_that_names_it(page: Reply, flaw: str) -> None:
    """A page that is not as documented ends the reading and says what was wrong with it."""
    async with reading(lambda _: page) as (_, session):
        with pytest.raises(UnexpectedAnswer, match=f"about things {flaw}"):
            await all_rows(session, await get(session), what="things")


async def test_pages_that_lead_in_a_circle_are_an_error() -> None:
    """A nextLink that was followed before ends the reading."""
    async with reading(lambda _: Reply()) as (directory, session):
        circle = {"value": [], "@odata.nextLink": f"{directory.root}/v1.0/next"}
        directory.answer = lambda _: Reply(body=circle)
        with pytest.raises(UnexpectedAnswer, match="circle"):
            await all_rows(session, await get(session), what="things")


async def test_batch_answers_come_in_the_order_of_the_questions() -> None:
    """Items are joined by id, over several batches of twenty, each a GET."""
    urls = [f"/users/{number}" for number in range(45)]
    async with reading(batched(lambda url: {"status": 200, "body": {"url": url}})) as (directory, session):
        answers = await session.batch_get(urls, what="users")
    assert [answer.body["url"] for answer in answers] == urls
    sizes = [len(request.json["requests"]) for request in directory.requests]
    assert sorted(sizes) == [5, 20, 20]
    assert {item["method"] for request in directory.requests for item in request.json["requests"]} == {"GET"}


async def test_batch_of_nothing_asks_nothing() -> None:
    """Without questions there is no request."""
    async with reading(lambda _: Reply()) as (directory, session):
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
    async with reading(batched(item), clock) as (directory, session):
        answers = await session.batch_get(["/a", "/b", "/c"], what="users")
    assert [answer.body["url"] for answer in answers] == ["/a", "/b", "/c"]
    assert [entry["url"] for entry in directory.requests[1].json["requests"]] == ["/a", "/c"]
    (waited,) = clock.waits
    assert 9 <= waited < 10


async def test_envelope_424_is_opened_like_any_other() -> None:
    """The older form of a throttled batch, 424 for the whole, is understood too."""
    responses = {"responses": [{"id": "0", "status": 429, "headers": {"Retry-After": "1"}}]}
    done = {"responses": [{"id": "0", "status": 200, "body": {}}]}
    async with reading(in_turn(Reply(status=424, body=responses), Reply(body=done))) as (_, session):
        (answer,) = await session.batch_get(["/a"], what="users")
    assert answer.status == 200


async def test_refused_batch_refuses_each_item() -> None:
    """A 403 for the whole batch is the answer to each of its questions."""
    async with reading(lambda _: refusal(403)) as (_, session):
        answers = await session.batch_get(["/a", "/b"], what="users")
    assert [answer.status for answer in answers] == [403, 403]


async def test_items_that_go_on_failing_end_in_an_error() -> None:
    """Items that fail again and again end the reading with their statuses."""
    async with reading(batched(lambda _: {"status": 503})) as (_, session):
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
    async with reading(lambda _: reply) as (_, session):
        with pytest.raises(UnexpectedAnswer, match=flaw):
            await session.batch_get(["/a", "/b"], what="users")


async def test_batch_that_can_be_done_without_tells_of_each_item() -> None:
    """What answered is kept, what was refused or went on failing says so, within a few seconds."""
    statuses = {"/a": 200, "/b": 404, "/c": 503, "/d": 200}
    clock = Clock()
    async with reading(batched(lambda url: {"status": statuses[url], "body": refusal(404).body}), clock) as (
        directory,
        session,
    ):
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
    async with reading(lambda _: reply, clock) as (directory, session):
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
    async with reading(in_turn(throttled, throttled, throttled, Reply(body={"a": 1}))) as (_, session):
        assert isinstance(await session.try_get(requests.organization, what="things"), Answer)


async def test_nonsense_is_an_error_about_what_can_be_done_without_too() -> None:
    """A batch that does not fit its questions and a refused token end the reading, whatever it is about."""
    async with reading(lambda _: Reply(body={})) as (_, session):
        with pytest.raises(UnexpectedAnswer):
            await session.try_batch(["/a"], what="things")
    async with reading(lambda _: Reply(status=401)) as (_, session):
        with pytest.raises(AccessDenied):
            await session.try_batch(["/a"], what="things")


@pytest.mark.parametrize("best_effort", [False, True])
async def test_listing_with_a_page_that_is_refused_is_unread(*, best_effort: bool) -> None:
    """A part of a listing is never used: one refused page leaves the whole of it unread."""
    async with reading(lambda _: Reply()) as (directory, session):
        first = Reply(body={"value": [{"id": 1}], "@odata.nextLink": f"{directory.root}/v1.0/next"})
        directory.answer = in_turn(first, refusal(400))
        listing = await all_rows(session, await get(session), what="things", best_effort=best_effort)
        assert isinstance(listing, Unavailable)
        assert listing.status == 400


async def test_first_error_of_several_batches_is_raised_as_it_is() -> None:
    """Errors of batches that run side by side need no unpacking."""
    async with reading(lambda _: Reply(status=401)) as (_, session):
        with pytest.raises(AccessDenied):
            await session.batch_get([f"/{number}" for number in range(60)], what="users")


def test_error_envelope_gives_its_code_only_when_it_can_be_shown() -> None:
    """A code that is not made of letters, dots and underscores is left out."""

    def code(text: object) -> str:
        body = {"error": {"code": text, "message": 1, "details": [1, {"code": "a"}]}}
        return Answer(status=400, headers=httpx.Headers(), body=body).error.code

    assert code("Request_BadRequest") == "Request_BadRequest"
    assert code("<script>") == code("a" * 81) == code(7) == ""


def test_answer_does_not_show_its_body() -> None:
    """The printed form of an answer and of its error hold nothing of the body."""
    answer = Answer(
        status=201,
        headers=httpx.Headers(),
        body={"inviteRedeemUrl": "secret", "error": {"code": "a", "message": "secret"}},
    )
    assert "secret" not in repr(answer) + repr(answer.error)
