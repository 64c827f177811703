"""The marker of an unfinished change: a value at the end of `otherMails` that nobody can sign in with.

A change of address takes three writes. The first one sets `mail` and adds a marker, the last one removes the
marker: as long as it is present, the guest is not as declared, whatever `mail` holds.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.model.identity import EmailAddress

DEFAULT_MARKER_DOMAIN = "reconciler.invalid"
"""A name reserved never to be registered. Source: https://www.rfc-editor.org/rfc/rfc6761#section-6.4"""

DIGITS = 16
"""Hexadecimal digits of a change's digest that its marker carries."""

_LOCAL_PART = re.compile(r"pending-([0-9]{1,12})-([0-9a-f]{8})-([0-9a-f]{16})\Z")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Marker:
    """`pending-<seconds since 1970>-<nonce>-<digits of the change's digest>@<domain>`."""

    seconds: int
    """When the marker was written, in seconds since 1970 by the run's clock: for people, no rule reads it."""

    nonce: str
    """Eight random hexadecimal digits: no two writes of a marker are the same."""

    digits: str
    """The first sixteen hexadecimal digits of the digest of the change that was begun."""

    domain: str
    """Lower case."""

    @property
    def local_part(self) -> str:
        """The part before the `@`, by which a journal identifies this very marker."""
        return f"pending-{self.seconds}-{self.nonce}-{self.digits}"

    @property
    def instant(self) -> datetime:
        """The instant at which the marker was written, by its own seconds; clamped for years past 9999."""
        try:
            return datetime.fromtimestamp(self.seconds, UTC)
        except (OverflowError, ValueError, OSError):
            return datetime.max.replace(tzinfo=UTC)

    def __str__(self) -> str:
        return f"{self.local_part}@{self.domain}"


def parse_marker(address: EmailAddress) -> Marker | None:
    """Return the marker that an address spells, whatever its domain; `None` when it spells none."""
    local, at, domain = address.key.rpartition("@")
    found = _LOCAL_PART.match(local) if at else None
    if found is None:
        return None
    return Marker(seconds=int(found[1]), nonce=found[2], digits=found[3], domain=domain)


def digits_of(digest: str) -> str:
    """Return the digits by which a marker names a change, from the change's digest (`sha256:…`)."""
    return digest.removeprefix("sha256:")[:DIGITS]
