"""Keeps web pages away from the control surface, which needs no token.

A page in a browser on the same machine can send requests to loopback: with a form, or under a name of its own
that it lets resolve to 127.0.0.1. Such requests carry the page's origin, its name as host, or a form's type
of content; other clients send none of these.

Sources: https://fetch.spec.whatwg.org/#origin-header and https://fetch.spec.whatwg.org/#simple-header
"""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

CONTROL: Final = "/_emulator"
"""The path below which the control surface answers."""

_JSON = "application/json"


class ControlGuard:
    """Refuses requests to the control surface that a page of another origin can make a browser send."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward a request, or refuse it before its body is read."""
        app = self._app
        if scope["type"] == "http" and _is_control(scope["path"]):
            refused = _refused(Headers(scope=scope))
            if refused is not None:
                status, why = refused
                app = PlainTextResponse(f"{why}\n", status_code=status)
        await app(scope, receive, send)


def _is_control(path: str) -> bool:
    return path == CONTROL or path.startswith(f"{CONTROL}/")


def _refused(headers: Headers) -> tuple[int, str] | None:
    """Return the status and the reason of a refusal; `None` lets the request pass."""
    host = headers.get("host", "")
    if not _is_loopback(_host_of(f"//{host}")):
        return 421, "the control surface answers for loopback addresses only: use 127.0.0.1 or localhost"
    origin = headers.get("origin")
    if origin is not None and origin not in {f"http://{host}", f"https://{host}"}:
        return 403, "the control surface answers no page of another origin"
    kind = headers.get("content-type")
    if kind is not None and kind.partition(";")[0].strip().lower() != _JSON:
        return 415, f"the control surface takes {_JSON} only"
    if kind is None and headers.get("content-length", "0") != "0":
        return 415, f"say that the body is {_JSON}"
    return None


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
