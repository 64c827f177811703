"""The marker of an unfinished change: a value at the end of `otherMails` that no person can sign in with.

A change of address takes three writes. The first one sets `mail` and puts a marker beside it, the last
one takes the marker away: while it stands there, the guest is not as declared, whatever `mail` says.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.model.identity import EmailAddress

DEFAULT_MARKER_DOMAIN = "reconciler.invalid"
"""Belongs to nobody, and never will. Source: https://www.rfc-editor.org/rfc/rfc6761#section-6.4"""

DIGITS = 16
"""Hexadecimal digits of a change's digest that its marker carries."""

_LOCAL_PART = re.compile(r"pending-([0-9]{1,12})-([0-9a-f]{8})-([0-9a-f]{16})\Z")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Marker:
    """`pending-<seconds since 1970>-<nonce>-<digits of the change's digest>@<domain>`."""

    seconds: int
    """When the marker was written, in seconds since 1970 by the run's clock: for people, decides nothing."""

    nonce: str
    """Eight random hexadecimal digits: no two writes of a marker are the same."""

    digits: str
    """The first sixteen hexadecimal digits of the digest of the change that was begun."""

    domain: str
    """Lower case."""

    @property
    def local_part(self) -> str:
        """The name under which a journal knows this very marker."""
        return f"pending-{self.seconds}-{self.nonce}-{self.digits}"

    @property
    def instant(self) -> datetime:
        """When the marker was written, as it says itself; the last instant there is for a year past 9999."""
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
