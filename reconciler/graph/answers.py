"""What Graph answered: status, headers and the parsed body, with the error envelope opened.

Nothing of a body ever gets into a message from here: bodies may hold addresses of strangers, and
the answer to an invitation holds a link that whoever reads it can redeem.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from reconciler.errors import UnexpectedAnswer

Row = Mapping[str, Any]
"""A JSON object as Graph sent it."""

_CODE = re.compile(r"[A-Za-z_.]{1,80}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer, of a request of its own or of an item of a batch."""

    status: int
    headers: httpx.Headers

    body: Any = field(repr=False)
    """The parsed JSON; `None` when there was none that could be read. May hold secrets: never show it."""

    @classmethod
    def of(cls, response: httpx.Response) -> "Answer":
        """Open a response whose body was read."""
        try:
            body = json.loads(response.content)
        except (ValueError, RecursionError):  # the latter for a body that is nested too deeply
            body = None
        return cls(status=response.status_code, headers=response.headers, body=body)

    @property
    def request_id(self) -> str | None:
        """Graph's own id of the request, for Microsoft's support."""
        request_id: str | None = self.headers.get("request-id")
        return request_id

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait before the next try; `None` when Graph did not say.

        Source: https://learn.microsoft.com/graph/throttling
        """
        try:
            seconds = float(self.headers.get("retry-after", ""))
        except ValueError:
            return None
        return seconds if math.isfinite(seconds) and seconds >= 0 else None

    def document(self, what: str) -> Row:
        """Give the body as a JSON object; raise `UnexpectedAnswer` naming `what` when it is none."""
        if not isinstance(self.body, dict):
            raise unexpected(what, "is not a JSON object")
        return self.body

    @property
    def error(self) -> "GraphError":
        """Give what the error envelope says; empty when there is none, or it cannot be read.

        Source: https://learn.microsoft.com/graph/errors
        """
        match self.body:
            case {"error": {"code": str(code), **rest}}:
                message, details = rest.get("message"), rest.get("details")
            case _:
                return GraphError()
        return GraphError(
            code=code if _CODE.match(code) else "",
            message=message if isinstance(message, str) else "",
            details=tuple(
                (str(detail.get("code")), str(detail.get("target")))
                for detail in (details if isinstance(details, list) else ())
                if isinstance(detail, dict)
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphError:
    """The error envelope of an answer."""

    code: str = ""
    """Letters, dots and underscores only, so that it can be shown; empty when there is none."""

    message: str = field(default="", repr=False)
    """Graph's own words, for matching only: never show them."""

    details: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Pairs of code and target, for matching only."""


def unexpected(what: str, flaw: str) -> UnexpectedAnswer:
    """Make the error for an answer of a shape nobody documented."""
    return UnexpectedAnswer(
        f"the directory's answer about {what} {flaw}",
        rule="unexpected-answer",
        hint="run the command again; if it stays, the directory or something on the way to it is broken",
    )
