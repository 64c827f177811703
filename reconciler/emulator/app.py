"""The emulator as an ASGI application: Graph below `/v1.0`, the control surface below `/_emulator`."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.emulator.control_routes import control_routes
from reconciler.emulator.gateway import Gateway
from reconciler.emulator.wire import GraphRequest

_METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE"]


def make_app(gateway: Gateway) -> Starlette:
    """Put the routes together."""

    async def graph(request: Request) -> Response:
        """Hand a request to Graph's front door."""
        raw_path = request.scope["raw_path"].decode("ascii").partition("?")[0]
        answer = await gateway.answer(
            GraphRequest(
                method=request.method,
                path=raw_path.removeprefix("/v1.0"),
                query=request.scope["query_string"].decode("ascii"),
                headers={name.lower(): value for name, value in request.headers.items()},
                body=await request.body(),
                root=f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}/v1.0",
            )
        )
        return Response(answer.content, status_code=answer.status, headers=dict(answer.headers))

    return Starlette(routes=[Route("/v1.0/{path:path}", graph, methods=_METHODS), *control_routes(gateway)])
