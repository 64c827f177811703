"""The server side of the control surface, apart from Graph's paths: inspect, redeem, change.

It needs no token; it is served on loopback only.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.emulator.control.administration import (
    add_user,
    begin_again,
    delete_user,
    edit_user,
    reset_user,
)
from reconciler.emulator.control.record import history_of, messages_of, requests_of, truth_of
from reconciler.emulator.faults.plan import fault_plan
from reconciler.emulator.pipeline import Pipeline
from reconciler.emulator.tenant.redemption import redeem, sign_in
from reconciler.emulator.tenant.store import Store, StoredObject
from reconciler.emulator.tenant.switches import switches_of

Answer = Callable[[Request], Awaitable[Response]]


def control_routes(pipeline: Pipeline) -> list[Route]:
    """Return the routes below `/_emulator`."""
    surface = _Surface(pipeline)
    return [
        Route("/_emulator/truth", surface.truth, methods=["GET"]),
        Route("/_emulator/requests", surface.requests, methods=["GET", "DELETE"]),
        Route("/_emulator/history", surface.history, methods=["GET"]),
        Route("/_emulator/messages", surface.messages, methods=["GET"]),
        Route("/_emulator/redeem", surface.redeem, methods=["POST"]),
        Route("/_emulator/sign-in", surface.sign_in, methods=["POST"]),
        Route("/_emulator/reset", surface.reset, methods=["POST"]),
        Route("/_emulator/switches", surface.switches, methods=["GET", "PATCH"]),
        Route("/_emulator/faults", surface.faults, methods=["GET", "PUT"]),
        Route("/_emulator/paused", surface.paused, methods=["GET"]),
        Route("/_emulator/resume", surface.resume, methods=["POST"]),
        Route("/_emulator/users", surface.users, methods=["POST"]),
        Route("/_emulator/users/{id}", surface.user, methods=["PATCH", "DELETE"]),
        Route("/_emulator/users/{id}/reset", surface.user_reset, methods=["POST"]),
    ]


class _Surface:
    """Handlers for each route; every call is one transaction."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._store: Store = pipeline.store

    async def truth(self, _request: Request) -> Response:
        with self._store.transaction():
            return JSONResponse(truth_of(self._store, switches_of(self._store)))

    async def requests(self, request: Request) -> Response:
        with self._store.transaction():
            if request.method == "DELETE":
                self._store.execute("DELETE FROM requests")
                return Response(status_code=204)
            bodies = request.query_params.get("bodies") == "true"
            return JSONResponse(requests_of(self._store, bodies=bodies))

    async def history(self, _request: Request) -> Response:
        with self._store.transaction():
            return JSONResponse(history_of(self._store))

    async def messages(self, _request: Request) -> Response:
        with self._store.transaction():
            return JSONResponse(messages_of(self._store))

    async def redeem(self, request: Request) -> Response:
        body = await _body(request, "redeemUrl", "account")
        with self._store.transaction():
            came = redeem(
                self._store,
                switches_of(self._store),
                link=body["redeemUrl"],
                account=body["account"],
                now=self._pipeline.clock.now(),
            )
        return JSONResponse(asdict(came))

    async def sign_in(self, request: Request) -> Response:
        body = await _body(request, "account")
        with self._store.transaction():
            came = sign_in(
                self._store,
                switches_of(self._store),
                account=body["account"],
                now=self._pipeline.clock.now(),
            )
        return JSONResponse(asdict(came))

    async def reset(self, _request: Request) -> Response:
        with self._store.transaction():
            begin_again(self._store)
        return Response(status_code=204)

    async def switches(self, request: Request) -> Response:
        changes = await _body(request) if request.method == "PATCH" else {}
        with self._store.transaction():
            try:
                turned = switches_of(self._store).turned(changes).to_json()
            except ValueError as error:
                raise HTTPException(400, str(error)) from error
            self._store.set_meta("switches", turned)
        return JSONResponse(turned)

    async def faults(self, request: Request) -> Response:
        if request.method == "PUT":
            body = await _body(request)
            try:
                self._pipeline.set_faults(fault_plan(body))
            except ValueError as error:
                raise HTTPException(400, str(error)) from error
        faults = self._pipeline.faults
        return JSONResponse({"faults": faults.plan.document, "met": faults.met})

    async def paused(self, request: Request) -> Response:
        try:
            seconds = float(request.query_params.get("wait", "0"))
        except ValueError as error:
            raise HTTPException(400, "wait must be a number of seconds") from error
        return JSONResponse(await self._pipeline.pauses.wait(seconds))

    async def resume(self, request: Request) -> Response:
        body = await _body(request)
        self._pipeline.pauses.resume(carry_out=body.get("carryOut", True) is True)
        return Response(status_code=204)

    async def users(self, request: Request) -> Response:
        entry = await _body(request)
        if not {"email", "userPrincipalName"} & entry.keys():
            raise HTTPException(400, "the body needs an email or a userPrincipalName, as in a seed")
        with self._store.transaction():
            created = add_user(self._store, entry, self._pipeline.clock.now())
        return JSONResponse({"id": created}, status_code=201)

    async def user(self, request: Request) -> Response:
        changes = await _body(request) if request.method == "PATCH" else {}
        with self._store.transaction():
            self._change(self._found(request), changes, delete=request.method == "DELETE")
        return Response(status_code=204)

    async def user_reset(self, request: Request) -> Response:
        body = await _body(request)
        address = body.get("email")
        if not isinstance(address, str | None) or address == "":
            raise HTTPException(400, "email must be an address; without it the reset goes to mail")
        with self._store.transaction():
            try:
                link = reset_user(self._store, self._found(request), address, self._pipeline.clock.now())
            except ValueError as error:
                raise HTTPException(400, str(error)) from error
        return JSONResponse({"redeemUrl": link})

    def _found(self, request: Request) -> StoredObject:
        found = self._store.by_id(request.path_params["id"])
        if found is None:
            raise HTTPException(404, "there is no such user")
        return found

    def _change(self, user: StoredObject, changes: dict[str, Any], *, delete: bool) -> None:
        now = self._pipeline.clock.now()
        if delete:
            delete_user(self._store, user, now)
        else:
            edit_user(self._store, user, changes, now)


async def _body(request: Request, *texts: str) -> dict[str, Any]:
    """Parse a JSON object in which each of `texts` is text. Raises `HTTPException`."""
    try:
        body = await request.json()
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "the body must be JSON") from error
    if not isinstance(body, dict):
        raise HTTPException(400, "the body must be a JSON object")
    for name in texts:
        if not isinstance(body.get(name), str):
            raise HTTPException(400, f"the body needs the text {name!r}")
    return body
