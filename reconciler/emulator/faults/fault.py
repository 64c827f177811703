"""A fault of one request: its kind, and the answer that it makes of a good one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from http.client import responses
from typing import Any

from reconciler.emulator.protocol.error_responses import ErrorResponse
from reconciler.emulator.protocol.wire import GraphResponse, JsonObject


class FaultKind(StrEnum):
    """The effect of a rule on the requests it matches."""

    FAIL = "fail"
    CUT = "cut"
    CUT_BODY = "cut-body"
    HANG = "hang"
    PAUSE = "pause"
    DELAY = "delay"
    DENY = "deny"
    EXPIRE_TOKEN = "expire-token"  # noqa: S105  no secret
    EXPIRE_PAGE_TOKEN = "expire-page-token"  # noqa: S105
    ANSWER = "answer"
    EMPTY_PAGE = "empty-page"
    REPEAT_ROW = "repeat-row"


class Form(StrEnum):
    """The form of a scripted answer."""

    GRAPH = "graph"
    HTML = "html"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault of one request."""

    doing: FaultKind
    after: bool
    """Whether it occurs after the request was executed, rather than before."""

    error: ErrorResponse | None
    """The answer, for faults that have one."""

    tells_throttle: bool
    """Whether a 429 has scope and reason too."""

    entry: Mapping[str, Any]
    """The rule."""

    undoes: bool
    """Whether an answer of success has changed nothing."""

    label: str
    """For the record, such as `fail after`."""

    @property
    def milliseconds(self) -> int | None:
        """The milliseconds a request is held, on the emulator's clock; `None`: until it is resumed."""
        return self.entry["milliseconds"] if self.doing is FaultKind.DELAY else None

    def proxied(self, error: ErrorResponse) -> GraphResponse | None:
        """Return the answer of a proxy between client and Graph; `None` where Graph itself answers."""
        form = Form(self.entry.get("form", Form.GRAPH))
        if form is Form.GRAPH:
            return None
        if form is Form.EMPTY:
            return GraphResponse(status=error.status, headers=error.headers)
        title = f"{error.status} {responses.get(error.status, '')}".strip()
        page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
        headers = {**error.headers, "Content-Type": "text/html; charset=utf-8"}
        return GraphResponse(status=error.status, content=page.encode(), headers=headers)

    def edited(self, response: GraphResponse) -> GraphResponse:
        """Return a success as edited by `answer`; one without a body has only another status."""
        status = self.entry.get("status", response.status)
        if response.status >= 300 or (not response.content and status == response.status):
            return response
        answered: JsonObject = json.loads(response.content or b"{}")
        body = {**answered, **self.entry.get("fields", {})}
        missing = self.entry.get("without", ())
        changed = {name: value for name, value in body.items() if name not in missing}
        return replace(GraphResponse.of(changed, status=status), headers=response.headers)
