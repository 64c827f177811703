"""Combines GETs requested at about the same time into one request; each has an answer of its own.

Decides when a request is sent and with which questions, never how an answer is handled: retries are for the
callers, each of which receives an error of a shared request as its own.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial

from reconciler.graph.batching import BATCH_SIZE
from reconciler.graph.responses import Answer
from reconciler.graph.transport import BuildRequest

_WINDOW = 0.005
"""Seconds that a question waits for others while requests are in flight."""

_AT_ONCE = 8
"""Most requests in flight; beyond that, questions are queued."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One GET, in its two forms."""

    build: BuildRequest
    """Makes the request for sending it alone."""

    url: str
    """The same as a URL relative to the version root, as an item of a batch."""


class Coalescer:
    """Collects questions into requests of up to twenty.

    A single question is sent in the next iteration of the event loop. While requests are in flight it waits a
    few milliseconds for others, and longer only at the limit of requests in flight.
    """

    def __init__(self, send: Callable[[Sequence[Question]], Coroutine[None, None, Sequence[Answer]]]) -> None:
        """Build a coalescer over `send`, which answers between one and twenty questions in their order."""
        self._send = send
        self._waiting: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._in_flight: set[asyncio.Task[Sequence[Answer]]] = set()
        self._timer: asyncio.Handle | None = None

    async def ask(self, question: Question) -> Answer:
        """Return the answer to one question. Raises the error of the request it was sent with."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((question, answer))
        if len(self._in_flight) < _AT_ONCE:  # else sent when the next request ends
            if len(self._waiting) >= BATCH_SIZE:
                self._go()
            elif self._timer is None:
                busy = bool(self._in_flight)
                self._timer = loop.call_later(_WINDOW, self._go) if busy else loop.call_soon(self._go)
        return await answer

    async def aclose(self) -> None:
        """Cancel the requests in flight; their callers have ended by now."""
        tasks = [*self._in_flight]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _go(self) -> None:
        """Send the waiting questions, up to the limit of requests in flight."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._waiting = [each for each in self._waiting if not each[1].done()]
        while self._waiting and len(self._in_flight) < _AT_ONCE:
            together, self._waiting = self._waiting[:BATCH_SIZE], self._waiting[BATCH_SIZE:]
            self._in_flight.add(self._begun(together))

    def _begun(
        self, together: Sequence[tuple[Question, asyncio.Future[Answer]]]
    ) -> asyncio.Task[Sequence[Answer]]:
        questions = [question for question, _ in together]
        answers = [answer for _, answer in together]
        task = asyncio.create_task(self._send(questions))
        task.add_done_callback(partial(self._deliver, answers))
        return task

    def _deliver(
        self, answers: Sequence[asyncio.Future[Answer]], task: asyncio.Task[Sequence[Answer]]
    ) -> None:
        self._in_flight.discard(task)
        error = None if task.cancelled() else task.exception()
        for position, answer in enumerate(answers):
            if answer.done():  # its caller was cancelled
                continue
            if task.cancelled():
                answer.cancel()
            elif error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(task.result()[position])
        if self._timer is None:
            self._go()
