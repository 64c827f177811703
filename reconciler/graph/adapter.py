"""The SDK's adapter over one pool of connections to one Graph root.

Never sends a token, or anything else, to another origin. The SDK's own retries and redirects are not used:
they would repeat an invitation, and turn a redirected PATCH into a GET that succeeds.
"""

import ssl
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
from kiota_abstractions.authentication import AuthenticationProvider
from kiota_abstractions.request_information import RequestInformation
from kiota_abstractions.request_option import RequestOption
from kiota_http.middleware import ParametersNameDecodingHandler, UserAgentHandler
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_request_adapter import options as graph_options
from msgraph_core import GraphClientFactory  # type: ignore[import-untyped]  # ships no types
from msgraph_core.middleware import GraphTelemetryHandler  # type: ignore[import-untyped]
from msgraph_core.middleware.options import GraphTelemetryHandlerOption  # type: ignore[import-untyped]

from reconciler.certificates import chosen_certificates
from reconciler.errors import UnexpectedAnswer
from reconciler.graph.loopback import is_loopback
from reconciler.rules import Rule

LARGEST_ANSWER = 32 * 1024 * 1024
"""Most bytes of an answer once it is unpacked. A page of 999 users has about five million."""


class BoundedClient(httpx.AsyncClient):
    """Reads an answer as far as it is of a sensible size.

    A larger one has no body here: to a read that is an answer of no documented shape, and after a write it
    leaves open what happened, as half an answer does.
    """

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request, and read the answer."""
        answer = await super().send(request, **{**options, "stream": True})
        content = bytearray()
        try:
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > LARGEST_ANSWER:
                    content.clear()
                    break
        finally:
            await answer.aclose()
        headers = [
            (name, value) for name, value in answer.headers.multi_items() if name != "content-encoding"
        ]
        return httpx.Response(answer.status_code, headers=headers, content=bytes(content), request=request)


@asynccontextmanager
async def open_adapter(
    root: str, tls: ssl.SSLContext, *, connections: int, call_seconds: float
) -> AsyncIterator[GraphRequestAdapter]:
    """Open the SDK's adapter over a pool of `connections` connections."""
    url = httpx.URL(root)
    loopback = is_loopback(url.host)
    transport = httpx.AsyncHTTPTransport(
        verify=tls,
        http1=True,
        http2=False,  # one broken connection would leave every invitation in flight in doubt
        trust_env=not loopback,
        proxy=None if loopback else proxy_for(url),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
    )
    http = GraphClientFactory.create_with_custom_middleware(
        client=BoundedClient(
            transport=transport, trust_env=False, timeout=httpx.Timeout(call_seconds, pool=None)
        ),
        # These of the SDK's default handlers. Without the handlers that retry and redirect no option can
        # enable them, and the handlers that inspect and rewrite requests would cost a tenth of a request's
        # time.
        middleware=[
            ParametersNameDecodingHandler(),
            UserAgentHandler(),
            GraphTelemetryHandler(options=graph_options[GraphTelemetryHandlerOption.get_key()]),
        ],
    )
    adapter = _Adapter(_Bearer(url), http)
    adapter.base_url = f"{root}/v1.0"
    try:
        yield adapter
    finally:
        await http.aclose()
        await transport.aclose()  # the SDK's transport around it does not pass the call on


def same_origin(url: httpx.URL, root: httpx.URL) -> bool:
    """Return whether a URL stays on the root's scheme, host and port, and has no user name.

    The parser is that of the HTTP client, so the host compared here is the host it would connect to.
    """
    return not url.userinfo and (url.scheme, url.host, url.port) == (root.scheme, root.host, root.port)


class _Adapter(GraphRequestAdapter):
    """The SDK's adapter without its own handling of a refused token, which `Transport.send` has instead."""

    async def retry_cae_response_if_required(
        self, resp: httpx.Response, request_info: RequestInformation, claims: str
    ) -> httpx.Response:
        """Return the refusal as it is."""
        del request_info, claims
        return resp


class Token(RequestOption):
    """Carries the token of one attempt to the code that writes the header."""

    def __init__(self, token: str) -> None:
        self.token = token

    @staticmethod
    def get_key() -> str:
        """Return the key of the option among those of a request."""
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
        token = cast("Token", request.request_options[Token.get_key()])
        request.headers.add("Authorization", f"Bearer {token.token}")


def foreign_link() -> UnexpectedAnswer:
    """Make the error for a link that leads away from the directory."""
    return UnexpectedAnswer(
        "the directory gave a link to the next page that leads to another place; nothing was sent there",
        rule=Rule.FOREIGN_LINK,
        hint="something between here and the directory changes its answers: check proxies",
    )


def tls_for(url: httpx.URL) -> ssl.SSLContext:
    """Return the TLS context that verifies the server, one for all pools: certificates take 0.1 s to load."""
    if url.scheme != "https":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return chosen_certificates() or httpx.create_ssl_context()


def proxy_for(url: httpx.URL) -> str | None:
    """Return the proxy that the environment sets for this URL, if any."""
    if urllib.request.proxy_bypass(url.host):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(url.scheme) or proxies.get("all")
