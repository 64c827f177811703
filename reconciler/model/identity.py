"""Identifiers, e-mail addresses and instants: the values that all others contain.

The one place where an address is normalised: two `EmailAddress` are equal when they differ
in case only, and each keeps the spelling it came with.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import total_ordering
from typing import NewType

ObjectId = NewType("ObjectId", str)
"""An Entra object id: a GUID in lower case. The key of a guest; it never changes."""

TenantId = NewType("TenantId", str)
"""An Entra tenant id: a GUID in lower case."""

MAX_ADDRESS_LENGTH = 250
"""Longest value, in characters, that Graph accepts in `otherMails`.

Source: https://learn.microsoft.com/graph/api/user-update
"""

# The characters an invitation refuses anywhere in the address, `@` aside.
# Source: https://learn.microsoft.com/graph/api/resources/invitation
_REFUSED = re.compile(r"""[~!#$%^&*()+=\[\]{}\\/|;:"<>?,\s\x00-\x1f\x7f]""")
MAX_LOCAL_PART = 64
"""Longest part before the `@`. Source: https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1.1"""

_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z")


@total_ordering
@dataclass(frozen=True, slots=True)
class EmailAddress:
    """An e-mail address, compared, hashed and sorted without regard to case.

    Any text the directory reports is accepted; `address_flaw` says whether Graph would accept it.
    """

    text: str = field(compare=False)
    """The address as it was written. This spelling is sent; never compare it."""

    key: str = field(init=False, repr=False)
    """The address in lower case: what equality, hash and order compare."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", self.text.lower())

    def __lt__(self, other: "EmailAddress") -> bool:
        return self.key < other.key

    def __str__(self) -> str:
        return self.text

    @property
    def domain(self) -> str:
        """The part after the last `@`, in lower case; empty when there is no `@`."""
        return self.key.rpartition("@")[2] if "@" in self.key else ""


def address_flaw(text: str) -> str | None:
    """Return why an invitation would refuse this address; `None` when it would accept it.

    The rules are those of https://learn.microsoft.com/graph/api/resources/invitation (characters,
    ends of the local part), https://learn.microsoft.com/graph/api/user-update (length, no accents),
    https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1 (length of the local part) and
    https://www.rfc-editor.org/rfc/rfc3696#section-2 (no number for a top-level domain). The schemas have them
    as a pattern.
    """
    if len(text) > MAX_ADDRESS_LENGTH:
        return f"it has {len(text)} characters, {MAX_ADDRESS_LENGTH} are allowed"
    if not text.isascii():
        return "it holds letters outside ASCII, which Graph refuses in mail and otherMails"
    local, at, domain = text.partition("@")
    if not at or not local or not domain or "@" in domain:
        return "it is not of the form name@domain"
    refused = _REFUSED.search(text)
    if refused:
        return f"it holds {refused.group()!r}, which Graph refuses in an invited address"
    if len(local) > MAX_LOCAL_PART:
        return f"the part before @ has {len(local)} characters, {MAX_LOCAL_PART} are allowed"
    if local[0] in ".-" or local[-1] in ".-":
        return "the part before @ begins or ends with a dot or hyphen"
    if ".." in local:
        return "the part before @ holds two dots in a row"
    labels = domain.split(".")
    if len(labels) < 2 or not all(_LABEL.match(label) for label in labels):
        return f"{domain!r} is not a domain name"
    if labels[-1].isdigit():
        return f"{domain!r} ends in a number, as no domain name does"
    return None


def parse_instant(text: str) -> datetime:
    """Parse an ISO 8601 instant that has a time zone, as UTC; digits past microseconds are cut.

    Raises `ValueError` when the text is no instant or has no time zone.
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return instant.astimezone(UTC)


def day_of(instant: datetime) -> date:
    """Return the day of an instant in UTC, by which days in the desired tree are counted."""
    return instant.astimezone(UTC).date()


def format_instant(instant: datetime) -> str:
    """Format an instant as ISO 8601 in UTC with a `Z`; fractions of a second only where there are any."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
