"""Sessions with Microsoft Graph that can only read.

Planning has only a reading session. It has no method that writes, and refuses at run time to send a request
that is not a GET; its batches are made of GETs.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NewType, Self

import httpx
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation

from reconciler.concurrency import gather_or_raise
from reconciler.errors import AccessDenied, Unreachable
from reconciler.graph import batching
from reconciler.graph.adapter import foreign_link, same_origin
from reconciler.graph.batching import BATCH_SIZE, OPENED, Batch
from reconciler.graph.coalescing import Coalescer, Question
from reconciler.graph.rate_limits import Cost, RateLimiter, read_cost
from reconciler.graph.read_retries import ReadRetryPolicy, TransientError, attempt, with_retries
from reconciler.graph.responses import Answer, Row, unexpected
from reconciler.graph.transport import BuildRequest, TokenSource, Transport, open_transport
from reconciler.graph.unavailable import Unavailable
from reconciler.rules import Rule

__all__ = ["Link", "ReadSession", "SessionOptions", "TokenSource", "connect"]

_BATCHES_AT_ONCE = 8

_TOGETHER = "several objects at once"

Link = NewType("Link", str)
"""A link to a further page that stays on the session's root; only `ReadSession.next_link` makes one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """The limits of a session: rates, retries, and times in seconds."""

    call_seconds: float = 60.0
    """Longest time, in seconds, one call may take, from its first byte to its last."""

    retry_policy: ReadRetryPolicy = field(default_factory=ReadRetryPolicy)
    """The retry policy of reads."""

    limiter: RateLimiter = field(default_factory=RateLimiter)
    """The rate limiter of requests. Belongs to one event loop and one tenant."""


class ReadSession:
    """Reads from one Graph root: transient errors are retried, within bounds.

    Methods with `try_` are best effort: there, no answer is a value rather than an error, and returned soon.
    A refused token, an undocumented answer and a link that leads away are errors everywhere.
    """

    def __init__(self, transport: Transport, root: str, retry_policy: ReadRetryPolicy) -> None:
        self._transport = transport
        self._root = httpx.URL(root)
        self._retry_policy = retry_policy
        self._batches = asyncio.Semaphore(_BATCHES_AT_ONCE)
        self._coalescer = Coalescer(self._sent_together)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._coalescer.aclose()

    async def get(self, build: BuildRequest, *, what: str) -> Answer:
        """Send a GET and return the answer: a success, or a refusal that another try would not change.

        `what` names the read in errors. Raises `AccessDenied` for a refused token, `Unreachable` when there
        was no usable answer in time.
        """
        return await self._get(build, what=what, retry_policy=self._retry_policy)

    async def get_shared(self, build: BuildRequest, *, url: str, what: str) -> Answer:
        """Send a GET as `get` does, in one request with others called at about the same time.

        `url` is what `build` makes, relative to the version root. Each call has its own answer, its own
        error and its own retry policy.
        """
        question = Question(build=build, url=url)
        answer = await with_retries(
            lambda: attempt(lambda: self._coalescer.ask(question)), what=what, retry_policy=self._retry_policy
        )
        # An item may be refused for its batch's token, and only a request of its own renews the token.
        return answer if answer.status != 401 else await self.get(build, what=what)

    async def try_get(self, build: BuildRequest, *, what: str) -> Answer | Unavailable:
        """Send a GET as `get` does, best effort: return `Unavailable` for anything but a success."""
        try:
            answer = await self._get(build, what=what, retry_policy=self._retry_policy.short())
        except Unreachable as error:
            return _unread(error)
        return answer if answer.status == 200 else Unavailable.of(answer)

    def next_link(self, page: Row, *, what: str) -> Link | None:
        """Return the link to the page after this one; `None` when this is the last.

        Raises `UnexpectedAnswer` for an invalid link, or one that leads away from this root: a server that
        changes links may have changed the page too, so it is not used even if the link is not followed.
        Source: https://learn.microsoft.com/graph/paging
        """
        link = page.get("@odata.nextLink")
        if link is None:
            return None
        if not isinstance(link, str):
            raise unexpected(what, "has a link to the next page that is none")
        try:
            url = httpx.URL(link)
        except (httpx.InvalidURL, UnicodeError):
            raise foreign_link() from None
        version, *below = url.path.removeprefix("/").split("/")
        if not same_origin(url, self._root) or version != "v1.0" or not below or ".." in below:
            raise foreign_link()
        return Link(link)

    async def get_url(self, link: Link, *, what: str) -> Answer:
        """Send a GET to a link of `next_link`, byte for byte. Raises as `get` does."""
        return await self.get(lambda: _following(link), what=what)

    async def try_url(self, link: Link, *, what: str) -> Answer | Unavailable:
        """Send a GET as `get_url` does, best effort."""
        return await self.try_get(lambda: _following(link), what=what)

    async def batch_get(self, urls: Sequence[str], *, what: str) -> tuple[Answer, ...]:
        """Send GETs of URLs relative to the version root, twenty in a request; return the answers in order.

        Items that were throttled are sent again after the longest wait of any of them. Raises as `get` does,
        and `UnexpectedAnswer` when answers do not match the requests.
        """
        batches = [Batch(some, what=what, observe=self._observe) for some in _in_batches(urls)]
        answers = await gather_or_raise(
            self._answered(batch, what=what, retry_policy=self._retry_policy) for batch in batches
        )
        return tuple(answer for some in answers for answer in some)

    async def try_batch(self, urls: Sequence[str], *, what: str) -> tuple[Answer | Unavailable, ...]:
        """Send GETs as `batch_get` does, best effort: `Unavailable` for each item that is no success."""

        async def tried(batch: Batch) -> tuple[Answer | Unavailable, ...]:
            try:
                return await self._answered(batch, what=what, retry_policy=self._retry_policy.short())
            except Unreachable as error:
                return batch.so_far(_unread(error))

        batches = [
            Batch(some, what=what, observe=self._observe, best_effort=True) for some in _in_batches(urls)
        ]
        answers = await gather_or_raise(tried(batch) for batch in batches)
        return tuple(
            Unavailable.of(answer) if isinstance(answer, Answer) and answer.status != 200 else answer
            for some in answers
            for answer in some
        )

    def claims(self) -> Mapping[str, Any]:
        """Return the claims of the last request's token; empty when they cannot be read."""
        return self._transport.claims()

    def size_tenant(self, users: int) -> None:
        """Set the least number of users of the tenant in the rate limiter."""
        self._transport.limiter.size_tenant(users)

    async def _get(self, build: BuildRequest, *, what: str, retry_policy: ReadRetryPolicy) -> Answer:
        cost = read_cost((build().url,))
        return await with_retries(
            lambda: attempt(lambda: self._sent(_checked(build), cost)), what=what, retry_policy=retry_policy
        )

    async def _sent_together(self, questions: Sequence[Question]) -> Sequence[Answer]:
        urls = {str(number): question.url for number, question in enumerate(questions)}
        cost = read_cost(urls.values())
        if len(questions) == 1:
            return (await self._sent(_checked(questions[0].build), cost),)
        answer = await self._sent(lambda: batching.request(urls), cost)
        if answer.status in OPENED:
            items = batching.opened(answer, urls, what=_TOGETHER)
            for item in items.values():
                self._observe(item)
            return [items[key] for key in urls]
        if answer.status in {403, 429} or answer.status >= 500 or answer.is_foreign:
            return [answer] * len(questions)
        # Any other status concerns the batch, not its items.
        raise unexpected(_TOGETHER, f"came with status {answer.status} for a whole batch")

    async def _answered(
        self, batch: Batch, *, what: str, retry_policy: ReadRetryPolicy
    ) -> tuple[Answer, ...]:
        async with self._batches:
            return await with_retries(
                lambda: batch.attempt(
                    lambda build: attempt(lambda: self._sent(build, read_cost(batch.urls)))
                ),
                what=what,
                retry_policy=retry_policy,
            )

    def _observe(self, item: Answer) -> None:
        self._transport.limiter.observe(read_cost(()), item)

    async def _sent(self, build: BuildRequest, cost: Cost) -> Answer:
        answer = await self._transport.send(build, cost=cost)
        if answer.status == 401:
            raise AccessDenied(
                "the directory refused the token, a fresh one too",
                rule=Rule.TOKEN_REFUSED,
                hint="check that the application is of this tenant and cloud, and is not disabled",
            )
        return answer


def _checked(build: BuildRequest) -> BuildRequest:
    """Return a builder that raises unless its request is a GET."""

    def checked() -> RequestInformation:
        info = build()
        if info.http_method is not Method.GET:
            raise ValueError(f"a reading session does not send {info.http_method}")
        return info

    return checked


def _in_batches(urls: Sequence[str]) -> Iterator[Sequence[str]]:
    return (urls[start : start + BATCH_SIZE] for start in range(0, len(urls), BATCH_SIZE))


def _following(link: Link) -> RequestInformation:
    info = RequestInformation(Method.GET)
    info.url = link
    info.headers.try_add("Accept", "application/json")
    return info


def _unread(error: Unreachable) -> Unavailable:
    """Return why there is no answer: a transient error, or else no token."""
    cause = error.__cause__
    reason = cause.reason if isinstance(cause, TransientError) else "no token could be had"
    return Unavailable(reason=f"the directory could not be asked: {reason}")


@asynccontextmanager
async def connect(
    root: str, tokens: TokenSource, *, options: SessionOptions | None = None
) -> AsyncIterator[ReadSession]:
    """Open a session that can only read, on a Graph root such as `https://graph.microsoft.com`."""
    options = options or SessionOptions()
    async with (
        open_transport(root, tokens, limiter=options.limiter, call_seconds=options.call_seconds) as transport,
        ReadSession(transport, root, options.retry_policy) as session,
    ):
        yield session
