"""Reads that are asked for at about the same time share a request, and nothing else."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from reconciler.errors import AccessDenied, UnexpectedAnswer, Unreachable
from reconciler.graph.coalescing import Coalescer, Question
from reconciler.graph.rate_limits import Quota, RateLimiter
from reconciler.graph.reader import GraphReader
from reconciler.graph.requests import organization
from reconciler.graph.responses import Answer
from reconciler.graph.sessions import SessionOptions, connect
from reconciler.model import Guest
from tests.support.plans import guest_id
from tests.support.scripted_graph import Reply, Request, Tokens, refusal, scripted_graph
from tests.support.scripted_graph.clock import Clock
from tests.support.scripted_graph.tenant import FORBIDDEN, NOT_FOUND, Graph, quiet, reading, user

THROTTLED = Reply(status=429, body={"error": {"code": "TooManyRequests", "message": ""}})


def tenant(*numbers: int, **answers: Reply) -> Graph:
    """Make a tenant that holds these users."""
    graph = quiet(**answers)
    for number in numbers:
        graph.answers[f"/users/{guest_id(number)}"] = Reply(body=user(number))
    return graph


async def read(reader: GraphReader, *numbers: int) -> list[str | None]:
    """Read users at the same time; give each one's id, `None` for nobody, or the error's name."""
    found = await asyncio.gather(
        *(reader.read_guest(guest_id(number)) for number in numbers), return_exceptions=True
    )
    return [_shown(each) for each in found]


def _shown(found: Guest | BaseException | None) -> str | None:
    if isinstance(found, BaseException):
        return type(found).__name__
    return None if found is None else found.id


def sent(graph: Graph) -> list[int]:
    """Give for each request how many users it asked for; zero for a plain GET."""
    assert graph.directory is not None
    requests = graph.directory.requests
    return [len(request.json["requests"]) if request.method == "POST" else 0 for request in requests]


async def test_guest_who_is_read_alone_is_a_plain_get() -> None:
    """A lone read is no batch, and neither is the one after it."""
    graph = tenant(1)
    async with reading(graph) as reader:
        await read(reader, 1)
        await read(reader, 1)
    assert sent(graph) == [0, 0]
    assert graph.directory is not None
    assert {request.path for request in graph.directory.requests} == {f"/users/{guest_id(1)}"}


async def test_guests_who_are_read_together_share_batches_of_twenty() -> None:
    """Every guest gets the own answer, out of as few requests as can hold them."""
    graph = tenant(*range(1, 46))
    async with reading(graph) as reader:
        found = await read(reader, *range(1, 47))
    assert found == [*(guest_id(number) for number in range(1, 46)), None]
    assert sorted(sent(graph)) == [6, 20, 20]


async def test_both_forms_ask_for_the_same_properties() -> None:
    """An item of a batch asks for what a plain GET asks for."""
    graph = tenant(1, 2)
    async with reading(graph) as reader:
        await read(reader, 1)
        await read(reader, 1, 2)
    assert graph.directory is not None
    alone, batch = graph.directory.requests
    assert alone.query["$select"] == batch.json["requests"][0]["url"].partition("$select=")[2]


async def test_refusal_and_failure_stay_with_the_guest_they_are_about() -> None:
    """Who cannot be read keeps nobody else waiting, and spoils nobody else's answer."""
    graph = tenant(1, 2)
    graph.answers[f"/users/{guest_id(3)}"] = FORBIDDEN
    graph.answers[f"/users/{guest_id(4)}"] = Reply(status=503)
    graph.answers[f"/users/{guest_id(5)}"] = Reply(status=404, body={"message": "no route"})
    graph.answers[f"/users/{guest_id(6)}"] = Reply(body={"id": guest_id(6), "mail": 7})
    graph.answers[f"/users/{guest_id(7)}"] = NOT_FOUND
    clock = Clock()
    async with reading(graph, clock=clock) as reader:
        well = await read(reader, 1, 2, 7)
        assert clock.waits == []
        found = await read(reader, 1, 2, 3, 4, 5, 6, 7)
    assert well == [guest_id(1), guest_id(2), None]
    assert found == [
        guest_id(1),
        guest_id(2),
        AccessDenied.__name__,
        Unreachable.__name__,
        Unreachable.__name__,
        UnexpectedAnswer.__name__,
        None,
    ]


async def test_throttled_item_is_read_again_while_the_others_go_on() -> None:
    """Only who was throttled waits, as long as the directory says."""
    throttled = [Reply(status=429, headers={"retry-after": "30"})]
    graph = tenant(1)
    graph.answers[f"/users/{guest_id(2)}"] = lambda _: throttled.pop() if throttled else Reply(body=user(2))
    clock = Clock()
    async with reading(graph, clock=clock) as reader:
        assert await read(reader, 1, 2) == [guest_id(1), guest_id(2)]
    assert sent(graph) == [2, 0]
    (waited,) = clock.waits
    assert waited >= 1


@pytest.mark.parametrize("reply", [THROTTLED, Reply(status=502), Reply(status=403, body=b"<html>")])
async def test_whole_batch_that_may_pass_is_sent_again(reply: Reply) -> None:
    """What befalls a shared request is each reader's own setback, and each tries again."""
    graph = tenant(1, 2)
    setbacks = [reply]

    def answer(request: Request) -> Reply:
        return setbacks.pop() if setbacks else graph(request)

    async with (
        scripted_graph(answer) as directory,
        connect(directory.root, Tokens(), options=Clock().options) as session,
    ):
        assert await read(GraphReader(session), 1, 2) == [guest_id(1), guest_id(2)]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (FORBIDDEN, AccessDenied),
        (refusal(404), UnexpectedAnswer),
        (refusal(400), UnexpectedAnswer),
        (Reply(body={"responses": []}), UnexpectedAnswer),
        (Reply(status=401), AccessDenied),
        (Reply(broken="dropped"), Unreachable),
    ],
)
async def test_whole_batch_that_is_refused_is_an_error_of_each(reply: Reply, error: type[Exception]) -> None:
    """A refused batch never means that there is no such user."""
    async with (
        scripted_graph(lambda _: reply) as directory,
        connect(directory.root, Tokens(), options=Clock().options) as session,
    ):
        assert await read(GraphReader(session), 1, 2) == [error.__name__] * 2


async def test_item_whose_token_is_refused_is_read_alone() -> None:
    """Only a request of its own has its token renewed."""

    def answer(request: Request) -> Reply:
        if request.method == "GET":
            fresh = request.headers["authorization"] == "Bearer fresh"
            return Reply(body=user(int(request.path[-1]))) if fresh else Reply(status=401)
        items = [{"id": item["id"], "status": 401} for item in request.json["requests"]]
        return Reply(body={"responses": items})

    async with (
        scripted_graph(answer) as directory,
        connect(directory.root, Tokens("stale", "fresh"), options=Clock().options) as session,
    ):
        assert await read(GraphReader(session), 1, 2) == [guest_id(1), guest_id(2)]


async def test_each_item_costs_what_a_get_costs() -> None:
    """A batch takes as many resource units as its items would alone."""
    clock = Clock()
    limiter = RateLimiter(share=1, clock=clock)
    graph = tenant(*range(1, 41))
    taken: dict[Quota, int] = {Quota.UNITS: 3_325 - 40}
    await limiter.acquire(taken)
    limiter.commit(taken)
    async with (
        scripted_graph(graph) as directory,
        connect(directory.root, Tokens(), options=SessionOptions(limiter=limiter)) as session,
    ):
        await read(GraphReader(session), *range(1, 41))
        assert clock.waits == []
        await read(GraphReader(session), 1)
    assert clock.waits != []


class Sending:
    """Answers questions when a test says so."""

    def __init__(self) -> None:
        self.sent: list[list[str]] = []
        self.gate = asyncio.Event()
        self._begun = asyncio.Condition()

    async def __call__(self, questions: Sequence[Question]) -> Sequence[Answer]:
        """Wait for the gate, then answer each question with its URL."""
        async with self._begun:
            self.sent.append([question.url for question in questions])
            self._begun.notify_all()
        await self.gate.wait()
        return [Answer(status=200, headers=httpx.Headers(), body=question.url) for question in questions]

    async def requests(self, count: int) -> None:
        """Wait until so many requests were begun."""
        async with self._begun:
            await self._begun.wait_for(lambda: len(self.sent) >= count)


def asking(coalescer: Coalescer, *urls: Any) -> list[asyncio.Task[Answer]]:
    """Ask for each URL in a task of its own."""
    return [asyncio.create_task(coalescer.ask(Question(build=organization, url=str(url)))) for url in urls]


async def turns(count: int = 5) -> None:
    """Let whatever is ready go on."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_while_requests_are_in_flight_questions_gather() -> None:
    """A question that comes alone goes at once, the next ones wait for company, twenty wait no longer."""
    sending = Sending()
    coalescer = Coalescer(sending)
    first = asking(coalescer, "first")
    await turns()
    assert sending.sent == [["first"]]
    some = asking(coalescer, *range(19))
    await turns()
    assert len(sending.sent) == 1
    some += asking(coalescer, 19)
    await turns()
    assert sending.sent[1:] == [[str(number) for number in range(20)]]
    last = asking(coalescer, "last")
    await sending.requests(3)
    sending.gate.set()
    assert [(await each).body for each in (*first, *last)] == ["first", "last"]
    assert [(await each).body for each in some] == [str(number) for number in range(20)]


async def test_so_many_requests_are_in_flight_at_most() -> None:
    """Beyond eight requests questions wait for one to end, and then go together."""
    sending = Sending()
    coalescer = Coalescer(sending)
    asked = asking(coalescer, *range(200))
    await turns()
    assert [len(each) for each in sending.sent] == [20] * 8
    sending.gate.set()
    assert [(await each).body for each in asked] == [str(number) for number in range(200)]
    assert [len(each) for each in sending.sent] == [20] * 10


async def test_question_nobody_waits_for_any_more_is_not_asked() -> None:
    """Who gives up before the request goes out is left out of it; who gives up later spoils nothing."""
    sending = Sending()
    coalescer = Coalescer(sending)
    early, late, patient = asking(coalescer, "early", "late", "patient")
    await asyncio.sleep(0)
    early.cancel()
    await turns()
    assert sending.sent == [["late", "patient"]]
    late.cancel()
    sending.gate.set()
    assert (await patient).body == "patient"
    assert early.cancelled()
    assert late.cancelled()


async def test_closing_gives_up_what_is_in_flight() -> None:
    """When the session ends, a request nobody waits for is not left behind."""
    sending = Sending()
    coalescer = Coalescer(sending)
    (abandoned,) = asking(coalescer, "abandoned")
    await turns()
    (waiting,) = asking(coalescer, "waiting")
    await turns()
    abandoned.cancel()
    await coalescer.aclose()
    await sending.requests(2)
    sending.gate.set()
    assert (await waiting).body == "waiting"


async def test_reader_of_a_request_that_is_given_up_is_cancelled() -> None:
    """Nobody waits for ever for an answer that will not come."""
    coalescer = Coalescer(Sending())
    (asked,) = asking(coalescer, "it")
    await turns()
    await coalescer.aclose()
    with pytest.raises(asyncio.CancelledError):
        await asked
