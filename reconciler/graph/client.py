"""Sessions with Microsoft Graph: one that can only read, and one that knows the two writes.

A reading session is all that planning gets. It has no method that writes, and refuses at run time
to send a request that is not a GET; its batches are made of GETs.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation

from reconciler.errors import AccessDenied
from reconciler.graph.answers import Answer
from reconciler.graph.batching import BATCH_SIZE, Batch
from reconciler.graph.pacing import INVITATION, UPDATE, Cost, Pace, read_cost
from reconciler.graph.requests import invitation, user_update
from reconciler.graph.retrying import Patience, attempt, patiently
from reconciler.graph.together import together
from reconciler.graph.wire import Build, TokenSource, Wire, foreign_link, open_wire, same_origin
from reconciler.model import ObjectId

__all__ = ["ReadSession", "Terms", "TokenSource", "WriteSession", "connect", "connect_for_writing"]

_BATCHES_AT_ONCE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a session treats the directory, and how long it lets itself be kept waiting."""

    call_seconds: float = 60.0
    """Longest time one call may take, from its first byte to its last."""

    patience: Patience = field(default_factory=Patience)
    """How often reads are tried again."""

    pace: Pace = field(default_factory=Pace)
    """How fast requests go out. Belongs to one event loop and one tenant."""


class ReadSession:
    """Reads from one Graph root, patiently: what may pass is tried again, within bounds."""

    def __init__(self, wire: Wire, root: str, patience: Patience) -> None:
        self._wire = wire
        self._root = httpx.URL(root)
        self._patience = patience
        self._batches = asyncio.Semaphore(_BATCHES_AT_ONCE)

    async def get(self, build: Build, *, what: str) -> Answer:
        """Send a GET and give the answer: a success, or a refusal that another try would not change.

        `what` names in errors what was to be read. Raises `AccessDenied` for a refused token,
        `Unreachable` when nothing usable came in time.
        """

        def checked() -> RequestInformation:
            info = build()
            if info.http_method is not Method.GET:
                raise ValueError(f"a reading session does not send {info.http_method}")
            return info

        cost = read_cost((build().url,))
        return await patiently(
            lambda: attempt(lambda: self._sent(checked, cost)), what=what, patience=self._patience
        )

    async def get_url(self, link: str, *, what: str) -> Answer:
        """Follow a link Graph gave, as it is, when it stays on this root; else raise `UnexpectedAnswer`.

        Source: https://learn.microsoft.com/graph/paging
        """
        try:
            url = httpx.URL(link)
        except httpx.InvalidURL:
            raise foreign_link() from None
        if not same_origin(url, self._root) or not url.path.startswith("/v1.0/"):
            raise foreign_link()

        def build() -> RequestInformation:
            info = RequestInformation(Method.GET)
            info.url = link
            info.headers.try_add("Accept", "application/json")
            return info

        return await self.get(build, what=what)

    async def batch_get(self, urls: Sequence[str], *, what: str) -> tuple[Answer, ...]:
        """GET URLs relative to the version root, twenty in a request; give the answers in their order.

        Items that were throttled are sent again after the longest wait any of them was given.
        Raises like `get`, and `UnexpectedAnswer` when answers do not fit the questions.
        """
        batches = (
            self._batch(urls[start : start + BATCH_SIZE], what) for start in range(0, len(urls), BATCH_SIZE)
        )
        return tuple(answer for answers in await together(batches) for answer in answers)

    def claims(self) -> Mapping[str, Any]:
        """Give what the token of the last request says about itself; empty when it cannot be read."""
        return self._wire.claims()

    def size_tenant(self, users: int) -> None:
        """Tell the pace that the tenant has at least so many users."""
        self._wire.pace.size_tenant(users)

    async def _batch(self, urls: Sequence[str], what: str) -> tuple[Answer, ...]:
        batch = Batch(urls, what=what, heed=lambda item: self._wire.pace.heed(read_cost(urls), item))
        async with self._batches:
            return await patiently(
                lambda: batch.attempt(
                    lambda build: attempt(lambda: self._sent(build, read_cost(batch.urls)))
                ),
                what=what,
                patience=self._patience,
            )

    async def _sent(self, build: Build, cost: Cost) -> Answer:
        answer = await self._wire.send(build, cost=cost)
        if answer.status == 401:
            raise AccessDenied(
                "the directory refused the token, a fresh one too",
                rule="token-refused",
                hint="check that the application is of this tenant and cloud, and is not disabled",
            )
        return answer


class WriteSession:
    """Sends the two writes there are, once each: whoever calls decides whether to send again.

    Both raise httpx's transport errors and `TimeoutError` as they are, and what the token source
    raises; in the latter case nothing was sent.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def update_user(
        self, guest: ObjectId, body: Mapping[str, Any], *, client_request_id: str
    ) -> Answer:
        """PATCH a user with exactly this body."""
        return await self._wire.send(
            lambda: user_update(guest, body), cost=UPDATE, client_request_id=client_request_id
        )

    async def invite(self, body: Mapping[str, Any], *, client_request_id: str) -> Answer:
        """POST an invitation with exactly this body. Not idempotent."""
        return await self._wire.send(
            lambda: invitation(body), cost=INVITATION, client_request_id=client_request_id
        )


@asynccontextmanager
async def connect(
    root: str, tokens: TokenSource, *, terms: Terms | None = None
) -> AsyncIterator[ReadSession]:
    """Open a session that can only read, on a Graph root such as `https://graph.microsoft.com`."""
    terms = terms or Terms()
    async with open_wire(root, tokens, pace=terms.pace, call_seconds=terms.call_seconds) as wire:
        yield ReadSession(wire, root, terms.patience)


@asynccontextmanager
async def connect_for_writing(
    root: str, tokens: TokenSource, *, terms: Terms | None = None
) -> AsyncIterator[tuple[ReadSession, WriteSession]]:
    """Open a reading and a writing session over the same connections."""
    terms = terms or Terms()
    async with open_wire(root, tokens, pace=terms.pace, call_seconds=terms.call_seconds) as wire:
        yield ReadSession(wire, root, terms.patience), WriteSession(wire)
