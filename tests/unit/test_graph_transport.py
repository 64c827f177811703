"""The connection to Graph: one origin, one fresh token, nothing repeated, nothing left open."""

import asyncio
import base64
import json
from collections.abc import Sequence
from functools import partial

import httpx
import pytest
from kiota_abstractions.request_information import RequestInformation

from reconciler.errors import AccessDenied, UnexpectedAnswer
from reconciler.graph import requests
from reconciler.graph.adapter import foreign_link, proxy_for
from reconciler.graph.rate_limits import INVITATION, UPDATE, Cost, Quota, RateLimiter
from reconciler.graph.responses import Answer
from reconciler.graph.sessions import ReadSession, connect
from reconciler.graph.transport import CONNECTIONS, Transport, open_transport
from reconciler.graph.writer import GraphWriter
from reconciler.model import NotSent, ObjectId
from tests.support.scripted_graph import TOKEN, Reply, Request, Tokens, scripted_graph
from tests.support.scripted_graph.clock import Clock

GUEST = ObjectId("11111111-2222-4333-8444-555555555555")


def to(url: str) -> RequestInformation:
    info = requests.organization()
    info.url = url
    return info


def ok(_: Request) -> Reply:
    return Reply(body={"value": []})


async def test_every_request_carries_token_own_id_and_low_priority() -> None:
    """A request carries the bearer token, a client-request-id and asks to be shed first."""
    async with scripted_graph(ok) as directory, connect(directory.root, Tokens()) as session:
        await session.get(requests.organization, what="it")
        await session.get(requests.organization, what="it")
    first, second = directory.requests
    assert first.headers["authorization"] == f"Bearer {TOKEN}"
    assert first.headers["x-ms-throttle-priority"] == "Low"
    assert first.headers["client-request-id"] != second.headers["client-request-id"]


async def test_refused_token_is_renewed_once_and_the_request_sent_again() -> None:
    """A 401 is answered with one fresh token and one more attempt."""

    def answer(request: Request) -> Reply:
        return ok(request) if request.headers["authorization"] == "Bearer fresh" else Reply(status=401)

    tokens = Tokens("stale", "fresh")
    async with scripted_graph(answer) as directory, connect(directory.root, tokens) as session:
        reply = await session.get(requests.organization, what="it")
    assert reply.status == 200
    assert [request.headers["authorization"] for request in directory.requests] == [
        "Bearer stale",
        "Bearer fresh",
    ]
    assert "nbf" in json.loads(tokens.challenges[0])["access_token"]


class Permits:
    """Gives these answers in turn, and counts how often it was asked."""

    def __init__(self, *, answers: Sequence[bool] = ()) -> None:
        self._answers = [*answers]
        self.asked = 0

    async def __call__(self) -> bool:
        """Give the next answer; `True` when there is none left."""
        self.asked += 1
        return self._answers.pop(0) if self._answers else True


async def write(transport: Transport, permit: Permits, cost: Cost = UPDATE) -> Answer | NotSent:
    return await transport.send(requests.organization, cost=cost, client_request_id="mine", permit=permit)


async def test_a_write_is_judged_anew_when_its_token_was_renewed() -> None:
    """Renewing takes time, in which the run may have closed: then the write is not sent again."""
    permit = Permits(answers=[True, False])
    async with (
        scripted_graph(lambda _: Reply(status=401)) as directory,
        open_transport(
            directory.root, Tokens("stale", "fresh"), limiter=RateLimiter(), call_seconds=5
        ) as transport,
    ):
        assert await write(transport, permit) == NotSent()
    assert (permit.asked, len(directory.requests)) == (2, 1)


async def test_a_permitted_write_is_sent_again_with_the_renewed_token() -> None:
    """Where both permits are given, the request goes out once with each token."""
    permit = Permits()
    async with (
        scripted_graph(
            lambda request: Reply(status=204 if "fresh" in request.headers["authorization"] else 401)
        ) as directory,
        open_transport(
            directory.root, Tokens("stale", "fresh"), limiter=RateLimiter(), call_seconds=5
        ) as transport,
    ):
        answer = await write(transport, permit)
    assert isinstance(answer, Answer)
    assert answer.status == 204
    assert (permit.asked, len(directory.requests)) == (2, 2)


async def test_what_is_withheld_takes_nothing_from_the_quotas() -> None:
    """A thousand writes that are withheld keep nobody waiting, and no bucket runs dry of them."""
    clock = Clock()
    permit = Permits(answers=[False] * 1_000)
    async with (
        scripted_graph(ok) as directory,
        open_transport(
            directory.root, Tokens(), limiter=RateLimiter(clock=clock), call_seconds=5
        ) as transport,
    ):
        for _ in range(1_000):
            assert await write(transport, permit, INVITATION) == NotSent()
        await write(transport, permit, INVITATION)
    assert clock.waits == []
    assert len(directory.requests) == 1


async def test_a_permit_is_asked_for_when_the_quota_allows_the_write() -> None:
    """As long as the quota is used up no permit is asked for: its answer may change meanwhile."""
    limiter = RateLimiter()
    used_up: Cost = {Quota.INVITATIONS: 120}
    await limiter.acquire(used_up)
    permit = Permits()
    async with (
        scripted_graph(ok) as directory,
        open_transport(directory.root, Tokens(), limiter=limiter, call_seconds=5) as transport,
    ):
        writing = asyncio.create_task(write(transport, permit, INVITATION))
        while not limiter.waiting():  # noqa: ASYNC110 - the pace rings no bell, and each round is one step
            await asyncio.sleep(0)
        assert permit.asked == 0
        limiter.release(used_up)
        await writing
    assert permit.asked == 1


async def test_connections_are_given_in_the_order_of_asking() -> None:
    """Who sends one request after the other does not overtake who has been waiting for a connection."""
    async with (
        scripted_graph(ok) as directory,
        open_transport(directory.root, Tokens(), limiter=RateLimiter(), call_seconds=5) as transport,
    ):
        order: list[str] = []

        async def send(name: str) -> None:
            async def turn() -> bool:
                order.append(name)
                return True

            await transport.send(requests.organization, cost=UPDATE, client_request_id=name, permit=turn)

        async def again_and_again(number: int) -> None:
            for _ in range(3):
                await send(f"many {number}")

        many = [asyncio.create_task(again_and_again(number)) for number in range(CONNECTIONS)]
        await asyncio.sleep(0)
        patient = asyncio.create_task(send("patient"))
        await asyncio.gather(*many, patient)
    assert order.index("patient") < 2 * CONNECTIONS


async def test_claims_challenge_is_passed_to_the_token_source() -> None:
    """The claims of a challenge reach the token source as the JSON they encode."""
    claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'
    challenge = f'Bearer realm="", claims="{base64.b64encode(claims.encode()).decode()}"'

    def answer(request: Request) -> Reply:
        if request.headers["authorization"] == "Bearer fresh":
            return ok(request)
        return Reply(status=401, headers={"www-authenticate": challenge})

    tokens = Tokens("stale", "fresh")
    async with scripted_graph(answer) as directory, connect(directory.root, tokens) as session:
        await session.get(requests.organization, what="it")
    assert tokens.challenges == [claims]
    assert len(directory.requests) == 2


async def test_broken_claims_challenge_asks_for_any_fresh_token() -> None:
    """Claims that are no JSON are not passed on; a token issued from now on is asked for instead."""

    def answer(request: Request) -> Reply:
        if request.headers["authorization"] == "Bearer fresh":
            return ok(request)
        return Reply(status=401, headers={"www-authenticate": 'Bearer claims="@@@"'})

    tokens = Tokens("stale", "fresh")
    async with scripted_graph(answer) as directory, connect(directory.root, tokens) as session:
        await session.get(requests.organization, what="it")
    assert "nbf" in json.loads(tokens.challenges[0])["access_token"]


async def test_many_refused_requests_renew_the_token_once() -> None:
    """Requests that were refused the same token share one fresh one."""

    def answer(request: Request) -> Reply:
        return ok(request) if request.headers["authorization"] == "Bearer fresh" else Reply(status=401)

    tokens = Tokens("stale", "fresh", "one too many")
    async with scripted_graph(answer) as directory, connect(directory.root, tokens) as session:
        await asyncio.gather(*(session.get(requests.organization, what="it") for _ in range(8)))
    assert len(tokens.challenges) == 1


async def test_twice_refused_token_denies_access() -> None:
    """A fresh token that is refused too ends reading with a sentence, not with a third attempt."""
    async with (
        scripted_graph(lambda _: Reply(status=401)) as directory,
        connect(directory.root, Tokens()) as session,
    ):
        with pytest.raises(AccessDenied, match="refused the token"):
            await session.get(requests.organization, what="it")
    assert len(directory.requests) == 2


async def test_write_is_sent_once_with_the_given_id_and_body() -> None:
    """A write is sent once, with exactly the body and the client-request-id it was given."""
    body = {"mail": "Ana@Newco.example", "otherMails": ["Ana@Newco.example"]}
    async with (
        scripted_graph(lambda _: Reply(status=503)) as directory,
        open_transport(directory.root, Tokens(), limiter=RateLimiter(), call_seconds=5) as transport,
    ):
        answer = await transport.send(
            lambda: requests.user_update(GUEST, body), cost=UPDATE, client_request_id="mine", permit=Permits()
        )
    assert isinstance(answer, Answer)
    assert answer.status == 503
    (request,) = directory.requests
    assert (request.method, request.path) == ("PATCH", f"/users/{GUEST}")
    assert request.headers["client-request-id"] == "mine"
    assert request.json == body


async def test_redirect_is_not_followed() -> None:
    """A redirect is an answer, not an instruction: neither method nor body goes elsewhere."""
    async with scripted_graph(ok) as other:
        moved = Reply(status=307, headers={"location": f"{other.root}/v1.0/invitations"})
        async with (
            scripted_graph(lambda _: moved) as directory,
            open_transport(directory.root, Tokens(), limiter=RateLimiter(), call_seconds=5) as transport,
        ):
            answer = await transport.send(lambda: requests.invitation({}), cost=INVITATION)
    assert answer.status == 307
    assert len(directory.requests) == 1
    assert other.requests == []


async def test_token_goes_to_no_other_place() -> None:
    """A request for another host, port, scheme or with a user in it is refused before it is sent."""
    async with scripted_graph(ok) as other, scripted_graph(ok) as directory:
        port = directory.root.rpartition(":")[2]
        async with open_transport(
            directory.root, Tokens(), limiter=RateLimiter(), call_seconds=5
        ) as transport:
            for url in (
                f"{other.root}/v1.0/users",
                f"http://localhost:{port}/v1.0/users",
                f"https://127.0.0.1:{port}/v1.0/users",
                f"http://me@127.0.0.1:{port}/v1.0/users",
            ):
                with pytest.raises(UnexpectedAnswer, match="another place"):
                    await transport.send(partial(to, url), cost=UPDATE)
    assert other.requests == directory.requests == []


async def test_silence_ends_after_the_time_a_call_may_take() -> None:
    """A server that accepts and never answers does not keep a call for ever."""
    async with (
        scripted_graph(lambda _: Reply(broken="silent")) as directory,
        open_transport(directory.root, Tokens(), limiter=RateLimiter(), call_seconds=0.05) as transport,
    ):
        with pytest.raises((TimeoutError, httpx.TimeoutException)):
            await transport.send(lambda: requests.invitation({}), cost=INVITATION)


def test_proxy_of_the_environment_is_used_except_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's proxy serves the real Graph, unless it is told to keep away from it."""
    monkeypatch.setenv("https_proxy", "http://proxy.example:8080")
    monkeypatch.setenv("no_proxy", "")
    graph = httpx.URL("https://graph.microsoft.com")
    assert proxy_for(graph) == "http://proxy.example:8080"
    monkeypatch.setenv("no_proxy", "microsoft.com")
    assert proxy_for(graph) is None


async def test_proxy_does_not_stand_between_loopback_and_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """On loopback the environment's proxy is left aside."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    async with scripted_graph(ok) as directory, connect(directory.root, Tokens()) as session:
        assert (await session.get(requests.organization, what="it")).status == 200


async def test_real_root_can_be_opened_without_speaking() -> None:
    """Opening a session to a cloud sends nothing, asks for no token and leaves nothing open."""
    tokens = Tokens()
    async with connect("https://graph.microsoft.com", tokens) as session:
        assert session.claims() == {}
    assert tokens.challenges == []


def test_reading_session_has_no_way_to_write() -> None:
    """The public surface of a reading session is made of reads, and a writer has one way to write."""
    public = {name for name in vars(ReadSession) if not name.startswith("_")}
    reads = {"get", "get_shared", "get_url", "batch_get", "try_get", "try_url", "try_batch"}
    assert public == reads | {"next_link", "claims", "size_tenant"}
    assert {name for name in vars(GraphWriter) if not name.startswith("_")} == {
        "perform",
        "hurry",
        "may_write",
    }


async def test_reading_session_refuses_any_other_method() -> None:
    """A reading session sends nothing but GET, whatever it is handed."""
    async with scripted_graph(ok) as directory, connect(directory.root, Tokens()) as session:
        with pytest.raises(ValueError, match="does not send"):
            await session.get(lambda: requests.user_update(GUEST, {}), what="it")
    assert directory.requests == []


async def test_request_builders_cannot_send() -> None:
    """What makes the requests has no connection to send them over."""
    with pytest.raises(httpx.UnsupportedProtocol, match="only makes requests"):
        await requests._PAPER._http_client.get("http://127.0.0.1/")


def test_foreign_link_does_not_show_the_link() -> None:
    """The error about a foreign link tells what to check and not what the link was."""
    assert "http" not in foreign_link().message
