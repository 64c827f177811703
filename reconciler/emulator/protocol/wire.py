"""The form of a Graph call inside the emulator, alone or in a batch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote

from reconciler.emulator.protocol.error_responses import ErrorResponse, bad_request

JsonObject = dict[str, Any]
"""A parsed JSON object: the form on the wire, and of directory objects in the store."""


dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Writes a value as compact JSON text."""


def parse(content: bytes) -> Any:
    """Parse JSON. Raises `ValueError`, also for nesting without end and for text that is no JSON."""
    try:
        parsed = json.loads(content)
        # Half of a surrogate pair can be encoded in JSON, but nowhere else.
        dump(parsed).encode()
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error
    return parsed


@dataclass(frozen=True, kw_only=True)
class GraphRequest:
    """One request to Graph."""

    method: str

    path: str
    """The path below the version root, still percent-encoded, beginning with a slash."""

    query: str
    """Still percent-encoded, without the question mark."""

    headers: Mapping[str, str]
    """Names in lower case."""

    body: bytes

    root: str
    """The version root the caller used, such as `http://127.0.0.1:8080/v1.0`: links point back there."""

    after: int = 0
    """Position where the page before ended, when a link to a next page was followed."""

    emptied: bool = False
    """Whether the page before was emptied by a fault."""

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The decoded parts of the path."""
        return tuple(unquote(part) for part in self.path.strip("/").split("/"))

    @cached_property
    def options(self) -> Mapping[str, str]:
        """The decoded query options; Graph takes them with or without `$`.

        Source: https://learn.microsoft.com/graph/query-parameters
        """
        options: dict[str, str] = {}
        for name, value in parse_qsl(self.query, keep_blank_values=True):
            known = name if name.startswith("$") else f"${name}"
            if known in options:
                raise bad_request(
                    f"Query option '{known}' was specified more than once, but it must be specified at "
                    "most once."
                )
            options[known] = value
        return options

    def json_object(self) -> JsonObject:
        """Parse the body. Raises `ErrorResponse` when it is no JSON object."""
        if not self.headers.get("content-type", "").startswith("application/json"):
            raise ErrorResponse(415, "UnsupportedMediaType", "The request body must be application/json.")
        try:
            parsed = parse(self.body)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise bad_request(
                "Unable to read JSON request payload. Please ensure Content-Type header is set and payload "
                "is of valid JSON format."
            )
        return parsed


@dataclass(frozen=True, kw_only=True)
class GraphResponse:
    """One answer of Graph."""

    status: int

    content: bytes = b""
    """JSON, nothing, or the type in `Content-Type`: the page of a proxy."""

    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def json_text(self) -> str:
        """The content as JSON text: itself, another type of content as a string, nothing as null."""
        text = self.content.decode()
        if self.headers.get("Content-Type", "application/json").startswith("application/json"):
            return text or "null"
        return dump(text)

    @classmethod
    def of(cls, body: JsonObject, *, status: int = 200) -> "GraphResponse":
        """Answer with a JSON object."""
        return cls(status=status, content=dump(body).encode())
