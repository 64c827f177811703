"""The files that list guests: the rules about one entry, and the guests built from valid entries."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from reconciler.desired.schema_check import CheckedFile, check
from reconciler.desired.values import (
    Breach,
    day_breaches,
    marker_breaches,
    read_invitation,
    reset_breaches,
    spells_marker,
    text_at,
)
from reconciler.model import (
    DesiredGuest,
    EmailAddress,
    Hold,
    Invitation,
    ObjectId,
    Source,
    parse_instant,
)
from reconciler.rules import Rule
from reconciler.schemas import quoted, violations

_SCHEMA = "guests"

_CC = ("invitation", "cc")
_HOLD_UNTIL = ("hold", "until")
_RESET_AFTER = ("resetAfter",)

_PLAIN = frozenset({"id", "name", "email"})


def check_guests(file: str, data: bytes, *, now: datetime) -> CheckedFile:
    """Check the file by its schema and by the rules about the values of each entry."""
    checked = check(file, data, _SCHEMA)
    return checked.with_violations(_breaches(entries(checked), now))


def entries(checked: CheckedFile) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the entries of a guests file that are mappings, with their index, even if they break rules."""
    listed = checked.value.get("guests") if isinstance(checked.value, dict) else None
    if isinstance(listed, list):
        for index, entry in enumerate(listed):
            if isinstance(entry, dict):
                yield index, entry


MOST_ALTERNATES = 249
"""Longest list of an entry; the schema refuses any other."""


def addresses(entry: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Yield every address an entry claims, with its path inside the entry."""
    email = entry.get("email")
    if isinstance(email, str):
        yield email, ("email",)
    if "alternateEmails" in entry and isinstance(entry["alternateEmails"], list):
        for index, text in enumerate(entry["alternateEmails"][:MOST_ALTERNATES]):
            if isinstance(text, str):
                yield text, ("alternateEmails", index)


def build_guests(checked: CheckedFile, invitation: Invitation) -> Iterator[DesiredGuest]:
    """Build the guests of a file that broke no rule; `invitation` holds the tenant's defaults."""
    lines = checked.document.item_lines(checked.value["guests"])
    for index, entry in entries(checked):
        reset_after = entry.get("resetAfter")
        yield DesiredGuest(
            id=ObjectId(entry["id"].lower()),
            name=entry.get("name"),
            email=EmailAddress(entry["email"]),
            alternate_emails=_alternates(entry),
            reset_after=None if reset_after is None else parse_instant(reset_after),
            invitation=read_invitation(entry["invitation"], invitation)
            if "invitation" in entry
            else invitation,
            hold=_hold(entry),
            source=Source(file=checked.file, line=lines[index]),
        )


def are_valid(listed: Sequence[Mapping[str, Any]], *, now: datetime) -> bool:
    """Return whether entries without a file conform to the schema and to the rules about their values."""
    conform = not any(violations(_SCHEMA, {"guests": listed}))
    return conform and not any(_breaches(enumerate(listed), now))


def _breaches(listed: Iterable[tuple[int, Mapping[str, Any]]], now: datetime) -> Iterator[Breach]:
    for index, entry in listed:
        # Nearly every entry has only these keys, and there are many entries.
        email = entry.get("email")
        if entry.keys() <= _PLAIN and not (isinstance(email, str) and spells_marker(email)):
            continue
        for path, rule, message in _entry_breaches(entry, now):
            yield ("guests", index, *path), rule, message


def _entry_breaches(entry: Mapping[str, Any], now: datetime) -> Iterator[Breach]:
    for text, path in addresses(entry):
        yield from marker_breaches(text, path)
    yield from _email_among_alternates(entry)
    yield from marker_breaches(text_at(entry, _CC), _CC)
    yield from day_breaches(text_at(entry, _HOLD_UNTIL), _HOLD_UNTIL)
    yield from reset_breaches(text_at(entry, _RESET_AFTER), _RESET_AFTER, now)


def _email_among_alternates(entry: Mapping[str, Any]) -> Iterator[Breach]:
    email = text_at(entry, ("email",))
    for text, path in addresses(entry):
        if path != ("email",) and email is not None and text.lower() == email.lower():
            yield path, Rule.EMAIL_IN_ALTERNATES, f"{quoted(text)} is this guest's email"


def _alternates(entry: Mapping[str, Any]) -> tuple[EmailAddress, ...] | None:
    texts = entry.get("alternateEmails")
    return None if texts is None else tuple(sorted(map(EmailAddress, texts)))


def _hold(entry: Mapping[str, Any]) -> Hold | None:
    hold = entry.get("hold")
    return None if hold is None else Hold(reason=hold["reason"], until=date.fromisoformat(hold["until"]))
