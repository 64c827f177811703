"""Sends one attempt of a request: rate limit, permit, token and time limit.

Never repeats anything but a request that was refused for its token.
"""

import asyncio
import base64
import binascii
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Protocol, cast, overload
from uuid import uuid4

import httpx
from kiota_abstractions.native_response_handler import NativeResponseHandler
from kiota_abstractions.request_information import RequestInformation
from kiota_http.middleware.options import ResponseHandlerOption
from msgraph.graph_request_adapter import GraphRequestAdapter

from reconciler.graph.adapter import Token, open_adapter, tls_for
from reconciler.graph.rate_limits import Cost, RateLimiter
from reconciler.graph.responses import Answer
from reconciler.model import NotSent, Permit

CONNECTIONS = 32
"""Most concurrent connections."""

_POOLS = 8
"""Number of pools that share the connections: a pool polls all its sockets for each request.

In one pool of 32 that was half the processor time of an apply.
"""

_CLAIMS = re.compile(r'claims="([^"]+)"')

BuildRequest = Callable[[], RequestInformation]
"""Builds a request. Called once per attempt: a request that was sent keeps its token."""


class TokenSource(Protocol):
    """Supplies the bearer tokens of one application for one Graph root."""

    async def token(self, *, claims: str | None = None) -> str:
        """Return a token that is valid now. Called before every request, so it must be cheap when cached.

        With `claims` (a JSON text, as in a claims challenge) the cached token was refused: fetch a new one.
        Raises `AccessDenied` when there is none, `Unreachable` when the authority does not answer.

        Source: https://learn.microsoft.com/entra/identity-platform/claims-challenge
        """
        ...


class Transport:
    """Sends single attempts to one Graph root."""

    def __init__(
        self,
        adapters: Sequence[GraphRequestAdapter],
        tokens: TokenSource,
        *,
        limiter: RateLimiter,
        call_seconds: float,
    ) -> None:
        self.limiter = limiter
        self._tokens = tokens
        self._call_seconds = call_seconds
        self._connections = asyncio.Semaphore(CONNECTIONS)
        self._free = [adapter for _ in range(CONNECTIONS // len(adapters)) for adapter in adapters]
        self._renewal = asyncio.Lock()
        self._refused = self._fresh = self._latest = ""

    @overload
    async def send(self, build: BuildRequest, *, cost: Cost) -> Answer: ...

    @overload
    async def send(
        self, build: BuildRequest, *, cost: Cost, client_request_id: str, permit: Permit
    ) -> Answer | NotSent: ...

    async def send(
        self,
        build: BuildRequest,
        *,
        cost: Cost,
        client_request_id: str | None = None,
        permit: Permit | None = None,
    ) -> Answer | NotSent:
        """Send a request when the rate limiter allows, and return the answer, whatever its status.

        A 401 is answered with one fresh token and one more attempt: the first was not executed. `permit` is
        called when quota, connection and token are available, before each attempt: a token may take a minute
        to be renewed. A withheld request returns `NotSent`, and uses no quota unless a first attempt was
        sent. Raises httpx's transport errors and `TimeoutError` as they are, and the errors of the token
        source; in the latter case nothing was executed.
        """
        await self.limiter.acquire(cost)
        settle = self.limiter.release
        try:
            async with self._connection() as adapter:
                self._latest = token = await self._tokens.token()
                if permit and not await permit():
                    return NotSent()
                settle = self.limiter.commit
                response = await self._attempt(adapter, build, token, client_request_id)
                if response.status_code == 401:
                    self._latest = token = await self._renewed(token, response)
                    if permit and not await permit():
                        return NotSent()
                    response = await self._attempt(adapter, build, token, client_request_id)
        finally:
            settle(cost)
        answer = Answer.of(response)
        self.limiter.observe(cost, answer)
        return answer

    def claims(self) -> Mapping[str, Any]:
        """Return the claims of the latest token, unverified; empty when they cannot be read.

        Only for wording and for decisions that no forged claim can exploit: the directory checks the token.
        """
        if self._latest.count(".") != 2:
            return {}  # opaque, as the emulator's is
        import jwt  # noqa: PLC0415 - it loads all the cryptography for verification

        try:
            claims: dict[str, Any] = jwt.decode(self._latest, options={"verify_signature": False})
        except jwt.InvalidTokenError:
            return {}
        return claims

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[GraphRequestAdapter]:
        """Wait for a free connection, and yield the adapter over its pool."""
        async with self._connections:
            # The connection returned last is used first: it is open.
            adapter = self._free.pop()
            try:
                yield adapter
            finally:
                self._free.append(adapter)

    async def _renewed(self, refused: str, refusal: httpx.Response) -> str:
        """Return a token newer than the refused one: one fresh token for all requests it was refused to."""
        async with self._renewal:
            if refused != self._refused:
                self._fresh = await self._tokens.token(claims=_claims_of(refusal))
                self._refused = refused
            return self._fresh

    async def _attempt(
        self, adapter: GraphRequestAdapter, build: BuildRequest, token: str, client_request_id: str | None
    ) -> httpx.Response:
        info = build()
        # The adapter reads the URL three times, and expands its template each time.
        info.path_parameters["baseurl"] = adapter.base_url
        info.url = info.url
        info.headers.try_add("client-request-id", client_request_id or str(uuid4()))
        # Graph sheds this load first when the tenant is busy.
        # Source: https://learn.microsoft.com/graph/throttling-limits
        info.headers.try_add("x-ms-throttle-priority", "Low")
        info.add_request_options([ResponseHandlerOption(NativeResponseHandler()), Token(token)])
        async with asyncio.timeout(self._call_seconds):
            return cast(
                "httpx.Response",
                await adapter.send_primitive_async(info, "bytes", cast("Any", None)),
            )


@asynccontextmanager
async def open_transport(
    root: str, tokens: TokenSource, *, limiter: RateLimiter, call_seconds: float
) -> AsyncIterator[Transport]:
    """Open the connection pools to a Graph root, such as `https://graph.microsoft.com`.

    A call may take `call_seconds` seconds from its first byte to its last.
    """
    tls = tls_for(httpx.URL(root))
    async with AsyncExitStack() as open_until_the_end:
        adapters = [
            await open_until_the_end.enter_async_context(
                open_adapter(root, tls, connections=CONNECTIONS // _POOLS, call_seconds=call_seconds)
            )
            for _ in range(_POOLS)
        ]
        yield Transport(adapters, tokens, limiter=limiter, call_seconds=call_seconds)


def _claims_of(refusal: httpx.Response) -> str:
    """Return the claims challenge of a 401, or one that requires a token issued from now on."""
    challenge = _CLAIMS.search(refusal.headers.get("www-authenticate", ""))
    if challenge:
        try:
            text = base64.b64decode(challenge[1], validate=True).decode()
            json.loads(text)
        except (binascii.Error, ValueError):
            pass
        else:
            return text
    return json.dumps({"access_token": {"nbf": {"essential": True, "value": str(int(time.time()))}}})
