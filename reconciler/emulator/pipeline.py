"""The pipeline of a Graph request: authorization, faults, one transaction, and its record."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reconciler.emulator.clock import EmulatedClock, http_date
from reconciler.emulator.faults.fault import Fault, FaultKind
from reconciler.emulator.faults.matching import Faults, RequestOrigin
from reconciler.emulator.faults.pauses import Pauses
from reconciler.emulator.faults.plan import FaultPlan
from reconciler.emulator.faults.quotas import Quotas, scripted_throttling
from reconciler.emulator.identity.auth import Authorizer, Principal
from reconciler.emulator.odata.page_tokens import continued
from reconciler.emulator.protocol.batch import BatchItem, join_answers, read_batch
from reconciler.emulator.protocol.error_responses import ErrorResponse
from reconciler.emulator.protocol.wire import GraphRequest, GraphResponse, dump, parse
from reconciler.emulator.resources.request_context import Call
from reconciler.emulator.resources.router import dispatch
from reconciler.emulator.tenant.replicas import Replica
from reconciler.emulator.tenant.store import Store
from reconciler.emulator.tenant.switches import switches_of, turn_for_good
from reconciler.model import format_instant

_JSON = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"


class ConnectionBroken(Exception):
    """Raised when the request has no complete answer."""

    def __init__(self, doing: FaultKind, response: GraphResponse | None = None) -> None:
        super().__init__(doing)
        self.doing = doing
        """`CUT`, `HANG`, or `CUT_BODY`, which begins the answer."""
        self.response = response
        """The answer that is cut in the middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request in the pipeline."""

    request: GraphRequest
    way: RequestOrigin
    parent: int | None
    request_id: str
    client_request_id: str
    caller: Principal | ErrorResponse
    faults: Sequence[Fault]


class Pipeline:
    """Answers Graph requests from the store."""

    def __init__(
        self, store: Store, authorizer: Authorizer, clock: EmulatedClock, faults: FaultPlan | None = None
    ) -> None:
        self.store = store
        self.clock = clock
        self.pauses = Pauses()
        self.given_up = asyncio.Event()
        """Set when the emulator ends: requests left without an answer are released."""
        self._authorizer = authorizer
        self.set_faults(faults or FaultPlan(document={}))

    def set_faults(self, plan: FaultPlan) -> None:
        """Set the fault plan from now on; counters and quotas are reset, held requests are released.

        Its switches are set permanently.
        """
        if "switches" in plan.document:
            with self.store.transaction():
                turn_for_good(self.store, plan.document["switches"])
        self.pauses.resume(carry_out=True)
        self.faults = Faults(plan)
        self.clock.speed = plan.document.get("speed", 1)
        self._quotas: Quotas | None = None
        if "quotas" in plan.document:
            users = next(self.store.rows("SELECT count(*) AS n FROM objects WHERE kind = 'user'"))["n"]
            self._quotas = Quotas(plan.document["quotas"], users=users, clock=self.clock)

    def give_up(self) -> None:
        """Release all requests that are held or left hanging: the emulator ends."""
        self.given_up.set()
        self.pauses.resume(carry_out=False)

    async def answer(self, request: GraphRequest) -> GraphResponse:
        """Answer a request, a batch or a single one. Raises `ConnectionBroken`."""
        envelope = request.method == "POST" and request.segments == ("$batch",)
        exchange = self._admit(request, RequestOrigin.ENVELOPE if envelope else RequestOrigin.SINGLE)
        latency = self.faults.latency(request, exchange.way)
        await self.clock.sleep(latency / 2)
        response = await self._answer_through_faults(exchange)
        await self.clock.sleep(latency / 2)
        return response

    def _admit(
        self,
        request: GraphRequest,
        way: RequestOrigin,
        *,
        bearer_of: GraphRequest | None = None,
        parent: int | None = None,
    ) -> Exchange:
        request_id = str(uuid.uuid4())
        return Exchange(
            request=request,
            way=way,
            parent=parent,
            request_id=request_id,
            client_request_id=request.headers.get("client-request-id", request_id),
            caller=self._authorizer.authorize(
                _bearer((bearer_of or request).headers), request.method, "/" + "/".join(request.segments)
            ),
            faults=self.faults.match(request, way),
        )

    async def _answer_through_faults(self, exchange: Exchange) -> GraphResponse:
        for fault in exchange.faults:
            if not fault.after:
                refused = await self._before(exchange, fault)
                if refused is not None:
                    return refused
        if exchange.way is RequestOrigin.ENVELOPE:
            number, response = await self._carry_out_batch(exchange)
        else:
            number, response = self._carry_out(exchange)
        for fault in exchange.faults:
            if fault.after:
                response = await self._after(exchange, fault, number, response)
        return response

    async def _before(self, exchange: Exchange, fault: Fault) -> GraphResponse | None:
        """Apply a fault before the request is executed; return its answer, or `None` to continue."""
        if fault.doing in {FaultKind.PAUSE, FaultKind.DELAY}:
            if await self._hold(exchange, fault):
                return None
            self._record_fault(exchange, "dropped", None)
            raise ConnectionBroken(FaultKind.CUT)
        response = None if fault.error is None else self._scripted(fault, fault.error, exchange)
        self._record_fault(exchange, fault.label, response)
        if response is None:
            raise ConnectionBroken(fault.doing)
        return response

    async def _after(
        self, exchange: Exchange, fault: Fault, number: int, response: GraphResponse
    ) -> GraphResponse:
        """Apply a fault after the request was executed."""
        if fault.doing in {FaultKind.PAUSE, FaultKind.DELAY}:
            await self._hold(exchange, fault)
            return response
        with self.store.transaction():
            self.store.execute("UPDATE requests SET fault = ? WHERE n = ?", fault.label, number)
        if fault.error is not None:
            return self._scripted(fault, fault.error, exchange)
        match fault.doing:
            case FaultKind.ANSWER:
                return self._identified(fault.edited(response), exchange)
            case FaultKind.EMPTY_PAGE | FaultKind.REPEAT_ROW:
                return response  # the listing has applied it
            case _:
                raise ConnectionBroken(fault.doing, response)

    async def _hold(self, exchange: Exchange, fault: Fault) -> bool:
        """Wait while a request is held; return whether it continues."""
        milliseconds = fault.milliseconds
        seconds = None if milliseconds is None else self.clock.real(milliseconds / 1000)
        return await self.pauses.hold(exchange.request, after=fault.after, seconds=seconds)

    def _scripted(self, fault: Fault, error: ErrorResponse, exchange: Exchange) -> GraphResponse:
        """Answer with the error of a rule."""
        proxied = fault.proxied(error)
        if proxied is not None:
            return proxied
        headers: Mapping[str, str] = {}
        if fault.tells_throttle and isinstance(exchange.caller, Principal):
            tenant_id = self.store.meta("organization")["id"]
            headers = scripted_throttling(
                exchange.request, app_id=exchange.caller.app_id, tenant_id=tenant_id
            )
        refusal = self._refusal(error, exchange)
        return self._identified(replace(refusal, headers={**headers, **refusal.headers}), exchange)

    async def _carry_out_batch(self, exchange: Exchange) -> tuple[int, GraphResponse]:
        with self.store.transaction():
            number = self._begin_record(exchange)
        try:
            if isinstance(exchange.caller, ErrorResponse):
                raise exchange.caller
            items = read_batch(exchange.request)
            answers: dict[str, GraphResponse] = {}
            for item in items:
                answers[item.id] = await self._answer_item(item, exchange.request, answers, number)
            response = join_answers(items, answers)
        except ErrorResponse as error:
            response = self._refusal(error, exchange)
        response = self._identified(response, exchange)
        with self.store.transaction():
            self._end_record(number, exchange, response)
        return number, response

    async def _answer_item(
        self, item: BatchItem, envelope: GraphRequest, answers: Mapping[str, GraphResponse], parent: int
    ) -> GraphResponse:
        exchange = self._admit(item.request, RequestOrigin.ITEM, bearer_of=envelope, parent=parent)
        if any(answers[other].status >= 400 for other in item.depends_on):
            error = ErrorResponse(424, "FailedDependency", "A request this one depends on has failed.")
            return self._identified(self._refusal(error, exchange), exchange)
        return await self._answer_through_faults(exchange)

    def _carry_out(self, exchange: Exchange) -> tuple[int, GraphResponse]:
        with self.store.transaction():
            number = self._begin_record(exchange)
            self.store.execute("SAVEPOINT rules")
            try:
                response = self._by_the_rules(exchange, number)
                if any(fault.undoes for fault in exchange.faults):
                    self.store.execute("ROLLBACK TO rules")
            except ErrorResponse as error:
                self.store.execute("ROLLBACK TO rules")
                response = self._refusal(error, exchange)
            response = self._identified(response, exchange)
            self._end_record(number, exchange, response)
        return number, response

    def _by_the_rules(self, exchange: Exchange, number: int) -> GraphResponse:
        if isinstance(exchange.caller, ErrorResponse):
            raise exchange.caller
        headers: Mapping[str, str] = {}
        request = continued(self.store, exchange.request)
        if self._quotas is not None:
            tenant_id = self.store.meta("organization")["id"]
            headers = self._quotas.charge(request, app_id=exchange.caller.app_id, tenant_id=tenant_id)
        response = dispatch(
            Call(
                request=request,
                store=self.store,
                switches=switches_of(self.store),
                caller=exchange.caller,
                now=self.clock.now(),
                number=number,
                replica=self._replica(exchange.request),
                oddities=frozenset(fault.doing for fault in exchange.faults),
            )
        )
        return replace(response, headers={**response.headers, **headers})

    def _replica(self, request: GraphRequest) -> Replica:
        """Choose the replica that answers."""
        lag = 0.0
        if request.method == "GET":
            lag = self.faults.lag("reads")
        elif request.segments == ("invitations",):
            lag = self.faults.lag("invitations")
        return Replica(store=self.store, lag=self.clock.real(lag))

    def _refusal(self, error: ErrorResponse, exchange: Exchange) -> GraphResponse:
        body = error.envelope(
            now=self.clock.now(),
            request_id=exchange.request_id,
            client_request_id=exchange.client_request_id,
            inner="innererror" if switches_of(self.store).inner_error_lower_case else "innerError",
        )
        return replace(GraphResponse.of(body, status=error.status), headers=error.headers)

    def _identified(self, response: GraphResponse, exchange: Exchange) -> GraphResponse:
        headers = {"request-id": exchange.request_id, "client-request-id": exchange.client_request_id}
        if exchange.way is not RequestOrigin.ITEM:
            # The time of execution, however long the answer takes.
            headers["Date"] = http_date(self.clock.now())
        if response.content:
            headers["Content-Type"] = _JSON
        return replace(response, headers={**headers, **response.headers})

    def _record_fault(self, exchange: Exchange, label: str, response: GraphResponse | None) -> None:
        with self.store.transaction():
            number = self._begin_record(exchange)
            self._end_record(number, exchange, response)
            self.store.execute("UPDATE requests SET fault = ? WHERE n = ?", label, number)

    def _begin_record(self, exchange: Exchange) -> int:
        request = exchange.request
        return self.store.execute(
            "INSERT INTO requests (parent, time, method, url, app_id) VALUES (?, ?, ?, ?, ?)",
            exchange.parent,
            format_instant(self.clock.now()),
            request.method,
            f"/v1.0{request.path}" + (f"?{request.query}" if request.query else ""),
            None if isinstance(exchange.caller, ErrorResponse) else exchange.caller.app_id,
        )

    def _end_record(self, number: int, exchange: Exchange, response: GraphResponse | None) -> None:
        recorded = None
        if switches_of(self.store).record_bodies:
            recorded = _recorded(exchange.request, response)
        self.store.execute(
            "UPDATE requests SET status = ?, exchange = ? WHERE n = ?",
            response.status if response else None,
            recorded,
            number,
        )


def _bearer(headers: Mapping[str, str]) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _recorded(request: GraphRequest, response: GraphResponse | None) -> str:
    """Return the record of a request and its answer, without the token."""
    asked = {
        "requestHeaders": {
            name: "Bearer …" if name == "authorization" else value for name, value in request.headers.items()
        },
        "requestBody": _readable(request.body),
        "responseHeaders": dict(response.headers) if response else {},
    }
    # Our own answers are JSON already; parsing a page of a thousand users again is not worth it.
    answered = response.json_text if response else "null"
    return f'{dump(asked)[:-1]},"responseBody":{answered}}}'


def _readable(content: bytes) -> Any:
    if not content:
        return None
    try:
        return parse(content)
    except ValueError:
        return content.decode(errors="replace")
