"""One attempt at a request: the SDK's adapter over our own transport, bearer token and time limit.

Never repeats anything but a request that was refused for its token, and never talks to any origin
but the one it was made for. The SDK's own retries and redirects are off: they would repeat an
invitation, and turn a redirected PATCH into a GET that succeeds.
"""

import asyncio
import base64
import binascii
import json
import re
import ssl
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Protocol, cast
from uuid import uuid4

import httpx
import jwt
from kiota_abstractions.authentication import AuthenticationProvider
from kiota_abstractions.native_response_handler import NativeResponseHandler
from kiota_abstractions.request_information import RequestInformation
from kiota_abstractions.request_option import RequestOption
from kiota_http.middleware.options import RedirectHandlerOption, ResponseHandlerOption, RetryHandlerOption
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_request_adapter import options as graph_options
from msgraph_core import GraphClientFactory  # type: ignore[import-untyped]  # ships no types

from reconciler.errors import UnexpectedAnswer
from reconciler.graph.answers import Answer
from reconciler.graph.loopback import is_loopback
from reconciler.graph.pacing import Cost, Pace

CONNECTIONS = 32
"""Connections at once."""

_POOLS = 8
"""Connections are kept in so many pools: a pool asks all its sockets how they are for each request.

In one pool of 32 that was half the processor time of an apply.
"""

_CLAIMS = re.compile(r'claims="([^"]+)"')

Build = Callable[[], RequestInformation]
"""Makes a request. Called once per attempt: a request that was sent keeps its token."""


class TokenSource(Protocol):
    """Gives the bearer tokens of one application for one Graph root."""

    async def token(self, *, claims: str | None = None) -> str:
        """Give a token that is valid now. Asked before every request, so it must be cheap when cached.

        With `claims` (a JSON text, as in a claims challenge) the cached token was refused: get a
        new one. Raises `AccessDenied` when there is none to be had, `Unreachable` when the
        authority does not answer.

        Source: https://learn.microsoft.com/entra/identity-platform/claims-challenge
        """
        ...


class Wire:
    """Sends single attempts to one Graph root."""

    def __init__(
        self, adapters: Sequence[GraphRequestAdapter], tokens: TokenSource, *, pace: Pace, call_seconds: float
    ) -> None:
        self.pace = pace
        self._tokens = tokens
        self._call_seconds = call_seconds
        self._connections = asyncio.Semaphore(CONNECTIONS)
        self._free = [adapter for _ in range(CONNECTIONS // len(adapters)) for adapter in adapters]
        self._renewal = asyncio.Lock()
        self._refused = self._fresh = self._latest = ""

    async def send(
        self,
        build: Build,
        *,
        cost: Cost,
        client_request_id: str | None = None,
        before_sending: Callable[[], None] | None = None,
    ) -> Answer:
        """Send a request when the pace allows, and give the answer, whatever its status.

        A 401 is answered with one fresh token and one more attempt: the first was not carried out.
        `before_sending` is called when quota, connection and token are there, before each attempt: a token
        may take a minute to be renewed. Raises httpx's transport errors and `TimeoutError` as they are, and
        what the token source and `before_sending` raise; in the latter cases nothing was carried out.
        """
        await self.pace.admit(cost)
        settle = self.pace.give_back
        try:
            async with self._connection() as adapter:
                self._latest = token = await self._tokens.token()
                if before_sending:
                    before_sending()
                settle = self.pace.ended
                response = await self._attempt(adapter, build, token, client_request_id)
                if response.status_code == 401:
                    self._latest = token = await self._renewed(token, response)
                    if before_sending:
                        before_sending()
                    response = await self._attempt(adapter, build, token, client_request_id)
        finally:
            settle(cost)
        answer = Answer.of(response)
        self.pace.heed(cost, answer)
        return answer

    def claims(self) -> Mapping[str, Any]:
        """Give what the latest token says about itself, unverified; empty when it cannot be read.

        Only for wording and for what nobody can gain by lying about: the directory checks the token.
        """
        try:
            claims: dict[str, Any] = jwt.decode(self._latest, options={"verify_signature": False})
        except jwt.InvalidTokenError:
            return {}
        return claims

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[GraphRequestAdapter]:
        """Wait in line for a free connection, and give the adapter over its pool."""
        async with self._connections:
            # What was given back last is taken first: its connection is open.
            adapter = self._free.pop()
            try:
                yield adapter
            finally:
                self._free.append(adapter)

    async def _renewed(self, refused: str, refusal: httpx.Response) -> str:
        """Give a token that is newer than the refused one: one fresh token for all who were refused it."""
        async with self._renewal:
            if refused != self._refused:
                self._fresh = await self._tokens.token(claims=_claims_of(refusal))
                self._refused = refused
            return self._fresh

    async def _attempt(
        self, adapter: GraphRequestAdapter, build: Build, token: str, client_request_id: str | None
    ) -> httpx.Response:
        info = build()
        info.headers.try_add("client-request-id", client_request_id or str(uuid4()))
        # Sheds this load first when the tenant is busy.
        # Source: https://learn.microsoft.com/graph/throttling-limits
        info.headers.try_add("x-ms-throttle-priority", "Low")
        info.add_request_options([ResponseHandlerOption(NativeResponseHandler()), _Token(token)])
        async with asyncio.timeout(self._call_seconds):
            return cast(
                "httpx.Response",
                await adapter.send_primitive_async(info, "bytes", cast("Any", None)),
            )


@asynccontextmanager
async def open_wire(
    root: str, tokens: TokenSource, *, pace: Pace, call_seconds: float
) -> AsyncIterator[Wire]:
    """Open the connection pools to a Graph root, such as `https://graph.microsoft.com`.

    A call may take `call_seconds` from its first byte to its last.
    """
    tls = _tls_for(httpx.URL(root))
    async with AsyncExitStack() as open_until_the_end:
        adapters = [
            await open_until_the_end.enter_async_context(_adapter(root, tls, call_seconds=call_seconds))
            for _ in range(_POOLS)
        ]
        yield Wire(adapters, tokens, pace=pace, call_seconds=call_seconds)


@asynccontextmanager
async def _adapter(
    root: str, tls: ssl.SSLContext, *, call_seconds: float
) -> AsyncIterator[GraphRequestAdapter]:
    """Open the SDK's adapter over one pool."""
    url = httpx.URL(root)
    loopback = is_loopback(url.host)
    connections = CONNECTIONS // _POOLS
    transport = httpx.AsyncHTTPTransport(
        verify=tls,
        http1=True,
        http2=False,  # one broken connection would make every invitation in flight unknown
        trust_env=not loopback,
        proxy=None if loopback else _proxy_for(url),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
    )
    http = GraphClientFactory.create_with_default_middleware(
        client=httpx.AsyncClient(
            transport=transport, trust_env=False, timeout=httpx.Timeout(call_seconds, pool=None)
        ),
        options={
            **graph_options,
            RetryHandlerOption.get_key(): RetryHandlerOption(should_retry=False),
            RedirectHandlerOption.get_key(): RedirectHandlerOption(should_redirect=False),
        },
    )
    adapter = _Adapter(_Bearer(url), http)
    adapter.base_url = f"{root}/v1.0"
    try:
        yield adapter
    finally:
        await http.aclose()
        await transport.aclose()  # the SDK's transport around it does not pass the call on


def same_origin(url: httpx.URL, root: httpx.URL) -> bool:
    """Tell whether a URL stays on the root's scheme, host and port, and names no user.

    The parser is the one that sends, so what is compared here is what would be connected to.
    """
    return not url.userinfo and (url.scheme, url.host, url.port) == (root.scheme, root.host, root.port)


class _Adapter(GraphRequestAdapter):
    """The SDK's adapter without its own answer to a refused token: `Wire.send` has one for all kinds."""

    async def retry_cae_response_if_required(
        self, resp: httpx.Response, request_info: RequestInformation, claims: str
    ) -> httpx.Response:
        """Give the refusal back as it is."""
        del request_info, claims
        return resp


class _Token(RequestOption):
    """Carries the token of one attempt to where the header is written."""

    def __init__(self, token: str) -> None:
        self.token = token

    @staticmethod
    def get_key() -> str:
        """Name the option among those of a request."""
        return "reconciler-token"


class _Bearer(AuthenticationProvider):
    """Writes the token into requests to the one origin it is for."""

    def __init__(self, root: httpx.URL) -> None:
        self._root = root

    async def authenticate_request(
        self,
        request: RequestInformation,
        additional_authentication_context: dict[str, Any] | None = None,
    ) -> None:
        """Add the header; for any other origin raise before anything is sent."""
        del additional_authentication_context
        if not same_origin(httpx.URL(request.url), self._root):
            raise foreign_link()
        token = cast("_Token", request.request_options[_Token.get_key()])
        request.headers.add("Authorization", f"Bearer {token.token}")


def foreign_link() -> UnexpectedAnswer:
    """Make the error for a link that leads away from the directory."""
    return UnexpectedAnswer(
        "the directory gave a link to the next page that leads to another place; nothing was sent there",
        rule="foreign-link",
        hint="something between here and the directory changes its answers: check proxies",
    )


def _claims_of(refusal: httpx.Response) -> str:
    """Read the claims challenge of a 401, or ask for any token issued from now on."""
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


def _tls_for(url: httpx.URL) -> ssl.SSLContext:
    """Give what verifies the server, once for all pools: certificates take a tenth of a second to read."""
    if url.scheme != "https":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.create_ssl_context(trust_env=not is_loopback(url.host))


def _proxy_for(url: httpx.URL) -> str | None:
    """Give the proxy the environment names for this URL, if any."""
    if urllib.request.proxy_bypass(url.host):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(url.scheme) or proxies.get("all")
