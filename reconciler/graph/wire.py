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
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol, cast
from uuid import uuid4

import httpx
import jwt
from kiota_abstractions.authentication import (
    AccessTokenProvider,
    AllowedHostsValidator,
    BaseBearerTokenAuthenticationProvider,
)
from kiota_abstractions.native_response_handler import NativeResponseHandler
from kiota_abstractions.request_information import RequestInformation
from kiota_http.middleware.options import RedirectHandlerOption, ResponseHandlerOption, RetryHandlerOption
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_request_adapter import options as graph_options
from msgraph_core import GraphClientFactory  # type: ignore[import-untyped]  # ships no types

from reconciler.errors import UnexpectedAnswer
from reconciler.graph.answers import Answer
from reconciler.graph.loopback import is_loopback

CONNECTIONS = 32
"""Connections at once; more of them are slower, because the pool is walked for each request."""

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

    def __init__(self, adapter: GraphRequestAdapter, bearer: "_Bearer", call_seconds: float) -> None:
        self._adapter = adapter
        self._bearer = bearer
        self._call_seconds = call_seconds
        self._connections = asyncio.Semaphore(CONNECTIONS)

    async def send(self, build: Build, *, client_request_id: str | None = None) -> Answer:
        """Send a request and give the answer, whatever its status.

        A 401 is answered with one fresh token and one more attempt: the first was not carried out.
        Raises httpx's transport errors and `TimeoutError` as they are, and what the token source
        raises; in the latter case nothing was sent.
        """
        async with self._connections:
            await self._bearer.refresh()
            response = await self._attempt(build, client_request_id)
            if response.status_code == 401:
                await self._bearer.renew(response)
                response = await self._attempt(build, client_request_id)
        return Answer.of(response)

    def claims(self) -> Mapping[str, Any]:
        """Give what the current token says about itself, unverified; empty when it cannot be read.

        Only for wording and for what nobody can gain by lying about: the directory checks the token.
        """
        try:
            claims: dict[str, Any] = jwt.decode(self._bearer.current, options={"verify_signature": False})
        except jwt.InvalidTokenError:
            return {}
        return claims

    async def _attempt(self, build: Build, client_request_id: str | None) -> httpx.Response:
        info = build()
        info.headers.try_add("client-request-id", client_request_id or str(uuid4()))
        # Sheds this load first when the tenant is busy.
        # Source: https://learn.microsoft.com/graph/throttling-limits
        info.headers.try_add("x-ms-throttle-priority", "Low")
        info.add_request_options([ResponseHandlerOption(NativeResponseHandler())])
        async with asyncio.timeout(self._call_seconds):
            return cast(
                "httpx.Response", await self._adapter.send_primitive_async(info, "bytes", cast("Any", None))
            )


@asynccontextmanager
async def open_wire(root: str, tokens: TokenSource, *, call_seconds: float) -> AsyncIterator[Wire]:
    """Open the connection pool to a Graph root, such as `https://graph.microsoft.com`.

    A call may take `call_seconds` from its first byte to its last.
    """
    url = httpx.URL(root)
    loopback = is_loopback(url.host)
    transport = httpx.AsyncHTTPTransport(
        # Reading the certificates takes a tenth of a second, for nothing on a plain connection.
        verify=True if url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        http1=True,
        http2=False,  # one broken connection would make every invitation in flight unknown
        trust_env=not loopback,
        proxy=None if loopback else _proxy_for(url),
        limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
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
    bearer = _Bearer(tokens, url)
    adapter = _Adapter(BaseBearerTokenAuthenticationProvider(bearer), http)
    adapter.base_url = f"{root}/v1.0"
    try:
        yield Wire(adapter, bearer, call_seconds)
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


class _Bearer(AccessTokenProvider):
    """Hands out the current token, to the one origin it is for, and renews it once for all who need it."""

    def __init__(self, tokens: TokenSource, root: httpx.URL) -> None:
        self._tokens = tokens
        self._root = root
        self.current = ""
        self._renewal = asyncio.Lock()

    async def refresh(self) -> None:
        """Ask for a token that is valid now, before the time limit of the call begins."""
        self.current = await self._tokens.token()

    async def renew(self, refusal: httpx.Response) -> None:
        """Get a new token, unless another request that was refused the same one already did."""
        async with self._renewal:
            if refusal.request.headers["Authorization"] == f"Bearer {self.current}":
                self.current = await self._tokens.token(claims=_claims_of(refusal))

    async def get_authorization_token(
        self, uri: str, additional_authentication_context: dict[str, Any] | None = None
    ) -> str:
        """Give the token for a URL of our own origin; for any other raise before anything is sent."""
        del additional_authentication_context
        if not same_origin(httpx.URL(uri), self._root):
            raise foreign_link()
        return self.current

    def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
        """Name the host; the stricter comparison is made above."""
        return AllowedHostsValidator([self._root.host])


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


def _proxy_for(url: httpx.URL) -> str | None:
    """Give the proxy the environment names for this URL, if any."""
    if urllib.request.proxy_bypass(url.host):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(url.scheme) or proxies.get("all")
