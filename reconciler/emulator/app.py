"""The emulator as an ASGI application: Graph below `/v1.0`, the control surface below `/_emulator`."""

import asyncio

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from reconciler.emulator.clock import EmulatedClock, http_date
from reconciler.emulator.control.guard import ControlGuard
from reconciler.emulator.control.routes import control_routes
from reconciler.emulator.faults.fault import FaultKind
from reconciler.emulator.pipeline import ConnectionBroken, Pipeline
from reconciler.emulator.protocol.wire import GraphRequest, GraphResponse


class CuttableProtocol(H11Protocol):
    """Allows the application to close a connection: `cut` at once, `close` after the sent bytes."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own narrowing
        """Store both functions in `scope["state"]`."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "cut": transport.abort, "close": transport.close}


def make_app(pipeline: Pipeline) -> Starlette:
    """Build the application of all routes."""
    graph = Route("/v1.0/{path:path}", _Graph(pipeline), methods=["GET", "POST", "PATCH", "PUT", "DELETE"])
    dated = Middleware(_Dated, clock=pipeline.clock)
    return Starlette(routes=[graph, *control_routes(pipeline)], middleware=[dated, Middleware(ControlGuard)])


class _Dated:
    """Adds the emulator's time as `Date` to every answer without one."""

    def __init__(self, app: ASGIApp, clock: EmulatedClock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).setdefault("Date", http_date(self._clock.now()))
            await send(message)

        await self._app(scope, receive, send_dated)


class _Graph:
    """Passes requests to the pipeline, and sends its answers, or breaks the connection."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:
            return  # killed while it was sending: an incomplete request is ignored
        asked = GraphRequest(
            method=request.method,
            path=scope["raw_path"].decode("ascii").partition("?")[0].removeprefix("/v1.0"),
            query=scope["query_string"].decode("ascii"),
            headers=dict(request.headers),
            body=body,
            root=f"http://{request.headers.get('host', request.url.netloc)}/v1.0",
        )
        try:
            answer = await self._pipeline.answer(asked)
        except ConnectionBroken as broken:
            await self._break(broken, scope, receive, send)
            return
        await _response(answer)(scope, receive, send)

    async def _break(self, broken: ConnectionBroken, scope: Scope, receive: Receive, send: Send) -> None:
        """Send less than an answer, and return when the connection is closed."""
        # The body has been read, so the next message is the last: the client has disconnected.
        gone = asyncio.ensure_future(receive())
        end = "cut"
        if broken.doing is FaultKind.HANG:
            given_up = asyncio.ensure_future(self._pipeline.given_up.wait())
            await asyncio.wait((gone, given_up), return_when=asyncio.FIRST_COMPLETED)
            given_up.cancel()
        elif broken.doing is FaultKind.CUT_BODY and broken.response is not None and broken.response.content:
            whole = _response(broken.response)
            start = {"status": whole.status_code, "headers": whole.raw_headers}
            await send({"type": "http.response.start", **start})
            half = bytes(whole.body)[: len(whole.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            end = "close"
        scope["state"][end]()
        await gone


def _response(answer: GraphResponse) -> Response:
    return Response(answer.content, status_code=answer.status, headers=dict(answer.headers))
