"""Graph's answers: status, headers and parsed body, with the error envelope opened.

No part of a body is ever copied to a message here: bodies may hold addresses of strangers, and the answer to
an invitation holds a link that any reader can redeem.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from reconciler import bounded_json
from reconciler.errors import UnexpectedAnswer
from reconciler.rules import Rule

Row = Mapping[str, Any]
"""A JSON object as Graph sent it."""

_NEVER_FOREIGN = frozenset({401, 424, 429})
"""Refusals that mean the same from any server, and a failed batch, whose body is one of answers."""

_CODE = re.compile(r"[A-Za-z_.]{1,80}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer, of a request of its own or of an item of a batch."""

    status: int
    headers: httpx.Headers

    body: Any = field(repr=False)
    """The parsed JSON; `None` when there was no readable one. May hold secrets: never show it."""

    @classmethod
    def of(cls, response: httpx.Response) -> "Answer":
        """Parse a response whose body was read."""
        try:
            body = bounded_json.parse(response.content)
        except ValueError:
            body = None
        return cls(status=response.status_code, headers=response.headers, body=body)

    @property
    def request_id(self) -> str | None:
        """The `request-id` of the answer, for Microsoft's support."""
        request_id: str | None = self.headers.get("request-id")
        return request_id

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait before the next try; `None` when Graph named none that can be parsed.

        It is a number of seconds or a date. A date is measured from the answer's own `Date`: the two clocks
        may differ by more than the wait.
        Sources: https://learn.microsoft.com/graph/throttling,
        https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
        """
        text = self.headers.get("retry-after", "")
        try:
            seconds = float(text)
        except ValueError:
            then, now = _http_date(text), self.date
            return None if then is None or now is None else max(0.0, (then - now).total_seconds())
        return seconds if math.isfinite(seconds) and seconds >= 0 else None

    @property
    def date(self) -> datetime | None:
        """The time of the answer by its own `Date`: UTC, whole seconds; `None` without a readable one."""
        return _http_date(self.headers.get("date", ""))

    @property
    def has_envelope(self) -> bool:
        """Whether the body is Graph's error envelope: else a proxy may have sent the answer.

        Source: https://learn.microsoft.com/graph/errors
        """
        match self.body:
            case {"error": {"code": str(code)}}:
                return code != ""
            case _:
                return False

    @property
    def is_foreign(self) -> bool:
        """Whether this is a refusal or redirect not sent by Graph: it proves nothing about the directory.

        Proxies, gateways and captive portals use the same statuses, before a request has arrived or after it
        was executed.
        """
        return 300 <= self.status < 500 and self.status not in _NEVER_FOREIGN and not self.has_envelope

    def document(self, what: str) -> Row:
        """Return the body as a JSON object; raise `UnexpectedAnswer` naming `what` when it is none."""
        if not isinstance(self.body, dict):
            raise unexpected(what, "is not a JSON object, or is larger than what is read")
        return self.body

    @property
    def error(self) -> "GraphError":
        """The content of the error envelope; empty when there is none, or it cannot be read.

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


def _http_date(text: str) -> datetime | None:
    """Parse an HTTP date, which is UTC in each of its forms; `None` for any other text.

    Source: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7
    """
    try:
        instant = parsedate_to_datetime(text)
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def unexpected(what: str, flaw: str) -> UnexpectedAnswer:
    """Make the error for an answer of an undocumented shape."""
    return UnexpectedAnswer(
        f"the directory's answer about {what} {flaw}",
        rule=Rule.UNEXPECTED_ANSWER,
        hint="run the command again; if it stays, the directory or something on the way to it is broken",
    )
