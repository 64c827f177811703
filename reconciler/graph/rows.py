"""Parses the rows of Graph into the product's own values; a row of an unknown shape is an error."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from reconciler.graph.guids import GUID
from reconciler.graph.responses import Row, unexpected
from reconciler.model import (
    EmailAddress,
    Guest,
    Identity,
    Marker,
    ObjectId,
    ProxyAddress,
    RedemptionState,
    parse_instant,
    parse_marker,
)

_T = TypeVar("_T")


def object_id(value: Any, *, what: str) -> ObjectId:
    """Parse an object id, in lower case."""
    text = value.lower() if isinstance(value, str) else ""
    if not GUID.fullmatch(text):
        raise unexpected(what, "holds an object without an id")
    return ObjectId(text)


def rows(document: Row, *, what: str) -> list[Row]:
    """Return the rows of a page."""
    value = document.get("value")
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise unexpected(what, "has no list of objects")
    return value


def is_b2b(row: Row) -> bool:
    """Return of a raw row what `Guest.is_b2b` is of a parsed one."""
    return row.get("creationType") == "Invitation" or row.get("externalUserState") is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class OddGuest:
    """A user object of which a property has a shape nobody documented."""

    id: ObjectId

    property: str
    """The name of the property in Graph."""


def guest(row: Row) -> Guest:
    """Parse a user object as `guest_or_odd` does. Raises `UnexpectedAnswer` for an odd one."""
    found = guest_or_odd(row)
    if isinstance(found, OddGuest):
        raise unexpected(f"user {found.id}", f"has a {found.property} of a shape nobody documented")
    return found


def guest_or_odd(row: Row) -> Guest | OddGuest:
    """Parse a user object that was requested with `USER_FIELDS`. Raises only for a row without an id.

    A value that spells a marker is a marker, in any domain, and no address.
    Source: https://learn.microsoft.com/graph/api/resources/user
    """
    key = object_id(row.get("id"), what="users")
    try:
        return _guest(key, row)
    except _Misshapen as misshapen:
        return OddGuest(id=key, property=str(misshapen))


def _guest(key: ObjectId, row: Row) -> Guest:
    entries = [(text, _marker(text)) for text in _texts(row, "otherMails")]
    return Guest(
        id=key,
        user_principal_name=_maybe_text(row, "userPrincipalName"),
        display_name=_maybe_text(row, "displayName"),
        user_type=_maybe_text(row, "userType"),
        account_enabled=_maybe_bool(row, "accountEnabled") is not False,
        creation_type=_maybe_text(row, "creationType"),
        state=_maybe(row, "externalUserState", RedemptionState),
        state_changed_at=_maybe(row, "externalUserStateChangeDateTime", parse_instant),
        mail=_maybe(row, "mail", EmailAddress),
        other_mails=tuple(sorted(EmailAddress(text) for text, marker in entries if marker is None)),
        proxy_addresses=proxy_addresses(_texts(row, "proxyAddresses")),
        identities=tuple(map(_identity, _list(row, "identities", dict))),
        on_premises_synced=_maybe_bool(row, "onPremisesSyncEnabled") is True,
        markers=tuple(sorted({marker for _, marker in entries if marker is not None})),
        created_at=_maybe(row, "createdDateTime", parse_instant),
        management_restricted=_maybe_bool(row, "isManagementRestricted") is True
        if "isManagementRestricted" in row
        else None,
    )


def _identity(entry: Row) -> Identity:
    try:
        return Identity(
            sign_in_type=_maybe_text(entry, "signInType"),
            issuer=_maybe_text(entry, "issuer"),
            issuer_assigned_id=_maybe_text(entry, "issuerAssignedId"),
        )
    except _Misshapen:
        raise _Misshapen("identities") from None


def deletion_time(row: Row, *, what: str) -> datetime | None:
    """Parse when an object was deleted, UTC; `None` where the directory does not say."""
    try:
        return _maybe(row, "deletedDateTime", parse_instant)
    except _Misshapen:
        raise unexpected(what, "has a deletedDateTime of a shape nobody documented") from None


def carries_marker(row: Row) -> bool:
    """Return whether a raw row, even a malformed one, carries a marker."""
    values = row.get("otherMails")
    texts = values if isinstance(values, list) else ()
    return any(isinstance(text, str) and _marker(text) is not None for text in texts)


def check_addresses(row: Row, *, what: str) -> None:
    """Check that every address of a directory object can be read. Raises `UnexpectedAnswer`."""
    try:
        for name in ("mail", "userPrincipalName"):
            _maybe_text(row, name)
        for name in ("otherMails", "proxyAddresses"):
            _texts(row, name)
    except _Misshapen as misshapen:
        raise unexpected(what, f"has a {misshapen} of a shape nobody documented") from None


def addresses_in(row: Row) -> tuple[str | None, str | None, list[str], list[str]]:
    """Return `mail`, `userPrincipalName`, `otherMails` and `proxyAddresses` of any directory object.

    Values that are no text are omitted: one odd object must not hide the holders of other addresses.
    """
    mail, name = row.get("mail"), row.get("userPrincipalName")
    lists = [row.get("otherMails"), row.get("proxyAddresses")]
    others, proxies = (
        [each for each in values if isinstance(each, str)] if isinstance(values, list) else []
        for values in lists
    )
    return mail if isinstance(mail, str) else None, name if isinstance(name, str) else None, others, proxies


def proxy_addresses(values: Iterable[str]) -> tuple[ProxyAddress, ...]:
    """Parse the SMTP entries of `proxyAddresses`, sorted by address; other kinds of address are omitted."""
    smtp = (
        ProxyAddress(address=EmailAddress(value[5:]), primary=value.startswith("SMTP:"))
        for value in values
        if value[:5].lower() == "smtp:"
    )
    return tuple(sorted(smtp, key=lambda entry: (entry.address, not entry.primary)))


def _marker(text: str) -> Marker | None:
    # Nearly every text is an address, which its first character shows.
    return parse_marker(EmailAddress(text)) if text[:8].lower() == "pending-" else None


class _Misshapen(ValueError):
    """Raised with the name of the property that is not as documented."""


def _maybe(row: Row, name: str, read: Callable[[str], _T]) -> _T | None:
    value = _maybe_text(row, name)
    try:
        return None if value is None else read(value)
    except (ValueError, OverflowError):  # the latter for an instant outside the years 1 to 9999
        raise _Misshapen(name) from None


def _maybe_text(row: Row, name: str) -> str | None:
    value = row.get(name)
    if value is not None and not isinstance(value, str):
        raise _Misshapen(name)
    return value


def _maybe_bool(row: Row, name: str) -> bool | None:
    value = row.get(name)
    if value is not None and not isinstance(value, bool):
        raise _Misshapen(name)
    return value


def _texts(row: Row, name: str) -> list[str]:
    return _list(row, name, str)


def _list(row: Row, name: str, kind: type[_T]) -> list[_T]:
    value = row.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, kind) for entry in value):
        raise _Misshapen(name)
    return value
