"""Graph's front door: who calls, one transaction for each request, its record, and batches."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from reconciler.emulator.auth import Authorizer, Caller
from reconciler.emulator.batch import BatchItem, join_answers, read_batch
from reconciler.emulator.call import Call
from reconciler.emulator.clock import Clock
from reconciler.emulator.graph_errors import GraphError
from reconciler.emulator.router import dispatch
from reconciler.emulator.seed import switches_of
from reconciler.emulator.store import Store
from reconciler.emulator.wire import GraphRequest, GraphResponse, dump
from reconciler.model import format_instant


@dataclass(slots=True)
class Exchange:
    """A request on its way through the front door."""

    request: GraphRequest
    request_id: str
    client_request_id: str
    caller: Caller | GraphError


class Gateway:
    """Answers Graph requests from the store."""

    def __init__(self, store: Store, authorizer: Authorizer, clock: Clock) -> None:
        self.store = store
        self._authorizer = authorizer
        self.clock = clock

    async def answer(self, request: GraphRequest) -> GraphResponse:
        """Answer a request, a batch or a single one."""
        if request.method == "POST" and request.segments == ("$batch",):
            return await self._answer_batch(request)
        return self._answer_one(request, bearer=_bearer(request.headers), parent=None)

    async def _answer_batch(self, request: GraphRequest) -> GraphResponse:
        exchange = self._admit(request, bearer=_bearer(request.headers))
        with self.store.transaction():
            number = self._begin_record(exchange, parent=None)
        try:
            if isinstance(exchange.caller, GraphError):
                raise exchange.caller
            items = read_batch(request)
            answers: dict[str, GraphResponse] = {}
            for item in items:
                answers[item.id] = self._answer_item(item, request, answers, parent=number)
            response = join_answers(items, answers)
        except GraphError as error:
            response = _refusal(error, exchange)
        response = _identified(response, exchange)
        with self.store.transaction():
            self._end_record(number, exchange, response)
        return response

    def _answer_item(
        self, item: BatchItem, envelope: GraphRequest, answers: Mapping[str, GraphResponse], *, parent: int
    ) -> GraphResponse:
        if any(answers[other].status >= 400 for other in item.depends_on):
            error = GraphError(424, "FailedDependency", "A request this one depends on has failed.")
            exchange = self._admit(item.request, bearer=_bearer(envelope.headers))
            return _identified(_refusal(error, exchange), exchange)
        return self._answer_one(item.request, bearer=_bearer(envelope.headers), parent=parent)

    def _answer_one(self, request: GraphRequest, *, bearer: str | None, parent: int | None) -> GraphResponse:
        exchange = self._admit(request, bearer=bearer)
        with self.store.transaction():
            number = self._begin_record(exchange, parent=parent)
            response = _identified(self._carry_out(exchange, number), exchange)
            self._end_record(number, exchange, response)
        return response

    def _admit(self, request: GraphRequest, *, bearer: str | None) -> Exchange:
        request_id = str(uuid.uuid4())
        return Exchange(
            request=request,
            request_id=request_id,
            client_request_id=request.headers.get("client-request-id", request_id),
            caller=self._authorizer.authorize(bearer, request.method, "/" + "/".join(request.segments)),
        )

    def _carry_out(self, exchange: Exchange, number: int) -> GraphResponse:
        self.store.execute("SAVEPOINT rules")
        try:
            if isinstance(exchange.caller, GraphError):
                raise exchange.caller
            response = dispatch(
                Call(
                    request=exchange.request,
                    store=self.store,
                    switches=switches_of(self.store),
                    caller=exchange.caller,
                    now=self.clock.now(),
                    number=number,
                )
            )
        except GraphError as error:
            self.store.execute("ROLLBACK TO rules")
            return _refusal(error, exchange)
        return response

    def _begin_record(self, exchange: Exchange, *, parent: int | None) -> int:
        request = exchange.request
        return self.store.execute(
            "INSERT INTO requests (parent, time, method, url, app_id) VALUES (?, ?, ?, ?, ?)",
            parent,
            format_instant(self.clock.now()),
            request.method,
            f"/v1.0{request.path}" + (f"?{request.query}" if request.query else ""),
            None if isinstance(exchange.caller, GraphError) else exchange.caller.app_id,
        )

    def _end_record(self, number: int, exchange: Exchange, response: GraphResponse) -> None:
        recorded: str | None = None
        if switches_of(self.store).record_bodies:
            headers = {
                k: "Bearer …" if k == "authorization" else v for k, v in exchange.request.headers.items()
            }
            recorded = dump(
                {
                    "requestHeaders": headers,
                    "requestBody": _readable(exchange.request.body),
                    "responseHeaders": dict(response.headers),
                    "responseBody": _readable(response.content),
                }
            )
        self.store.execute(
            "UPDATE requests SET status = ?, exchange = ? WHERE n = ?", response.status, recorded, number
        )


def _bearer(headers: Mapping[str, str]) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _refusal(error: GraphError, exchange: Exchange) -> GraphResponse:
    body = error.envelope(request_id=exchange.request_id, client_request_id=exchange.client_request_id)
    return replace(GraphResponse.of(body, status=error.status), headers=error.headers)


def _identified(response: GraphResponse, exchange: Exchange) -> GraphResponse:
    headers = {"request-id": exchange.request_id, "client-request-id": exchange.client_request_id}
    if response.content:
        headers["Content-Type"] = (
            "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
        )
    return replace(response, headers={**headers, **response.headers})


def _readable(content: bytes) -> Any:
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
