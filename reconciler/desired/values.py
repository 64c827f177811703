"""The rules about single values that a schema cannot state, and the values built when the rules hold."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from reconciler.desired.document import Path
from reconciler.model import EmailAddress, Invitation, parse_instant, parse_marker
from reconciler.rules import Rule
from reconciler.schemas import quoted

Breach = tuple[Path, Rule, str]
"""The path in a document, the rule broken there, and a message."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def text_at(value: Any, path: Path) -> str | None:
    """Return the text at `path`; `None` when it is no text, which the schema reports."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def marker_breaches(text: str | None, path: Path) -> Iterator[Breach]:
    """Check that an address is no marker; `None` passes."""
    if text is not None and spells_marker(text):
        yield path, Rule.MARKER_ADDRESS, f"{quoted(text)} reads as the marker of an unfinished change"


def day_breaches(text: str | None, path: Path) -> Iterator[Breach]:
    """Check that the text is a day, and no more than a day; `None` passes."""
    if text is not None and not _is_day(text):
        yield path, Rule.DATE, f"{quoted(text)} is not a day"


def reset_breaches(text: str | None, path: Path, now: datetime) -> Iterator[Breach]:
    """Check that the text is an instant that does not lie after `now`; `None` passes."""
    if text is None:
        return
    moment = _instant(text)
    if moment is None:
        yield path, Rule.INSTANT, f"{quoted(text)} is not an instant with a time zone"
    elif moment > now:
        yield path, Rule.FUTURE_RESET, f"{quoted(text)} is in the future"


def spells_marker(text: str) -> bool:
    """Return whether an address reads as the marker of an unfinished change."""
    return parse_marker(EmailAddress(text)) is not None


def _is_day(text: str) -> bool:
    # Python's parser alone would also accept week dates and days without hyphens.
    if not _DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _instant(text: str) -> datetime | None:
    # The form is that of https://www.rfc-editor.org/rfc/rfc3339#section-5.6; Python's parser accepts more.
    if not _INSTANT.fullmatch(text):
        return None
    try:
        return parse_instant(text)
    except (ValueError, OverflowError):  # no such day, or outside the years 1 to 9999 once it is in UTC
        return None


def read_invitation(value: dict[str, Any], defaults: Invitation) -> Invitation:
    """Build an invitation: the keys of a valid `invitation` replace the defaults."""
    cc = value.get("cc")
    return Invitation(
        redirect_url=value.get("redirectUrl", defaults.redirect_url),
        send_message=value.get("sendMessage", defaults.send_message),
        language=value.get("language", defaults.language),
        cc=defaults.cc if cc is None else EmailAddress(cc),
        message=value.get("message", defaults.message),
    )
