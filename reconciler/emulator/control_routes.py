"""The server side of the control surface, apart from Graph's paths: look, redeem, tinker."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.emulator.gateway import Gateway, switches_of
from reconciler.emulator.record import requests_of, truth_of


def control_routes(gateway: Gateway) -> list[Route]:
    """Give the routes below `/_emulator`."""
    store = gateway.store

    async def truth(request: Request) -> Response:
        with store.transaction():
            return JSONResponse(truth_of(store, switches_of(store)))

    async def requests(request: Request) -> Response:
        with store.transaction():
            if request.method == "DELETE":
                store.execute("DELETE FROM requests")
                return Response(status_code=204)
            return JSONResponse(requests_of(store, bodies=request.query_params.get("bodies") == "true"))

    return [
        Route("/_emulator/truth", truth, methods=["GET"]),
        Route("/_emulator/requests", requests, methods=["GET", "DELETE"]),
    ]
