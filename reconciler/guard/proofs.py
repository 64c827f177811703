"""Which resets of earlier runs prove a change: acknowledged by Graph, and written down in a journal.

Pure. Times on the guest prove nothing: a reset by somebody else just before our first write looks the same.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from reconciler.model import DIGITS, Change, EmailAddress, ObjectId


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgedReset:
    """A reset that an earlier run sent and Graph acknowledged, as a journal names it."""

    change: str | None
    """Digest of the change that the run applied."""

    marker: str | None
    """Local part of the marker on the guest; `None` when the change sets no marker."""

    address: str | None
    """`address_digest` of the invited address; `None` in journals that do not record it."""

    at: datetime
    """`Date` of the answer."""


Proofs = Mapping[str, datetime]
"""The `Date` of an acknowledged reset of one change: by the local part of the marker on the guest when it was
sent; of a change that sets no marker, by the change's digest.
"""


def proofs_of(
    recorded: Change, resets: Iterable[AcknowledgedReset], *, approved_at: datetime | None
) -> Proofs:
    """Return the resets that prove one of `recorded`, whose plan was made at `approved_at`.

    A marker names a change and not its address: if `mail` is written by hand while the marker is present, and
    that address is declared, the rest of the old change looks like the rest of the new one, whose reset was
    never sent. The same work has the same digest whenever it is planned, so without a marker only a reset
    counts that was sent since, in whole seconds as in the `Date` of answers.
    """
    target = recorded.reset or recorded.fallback
    invited = None if target is None else address_digest(recorded.id, target.email)
    proofs: dict[str, datetime] = {}
    for each in resets:
        if each.marker is not None:
            key, ours = each.marker, each.marker.endswith(f"-{recorded.marker_digits}")
        else:
            since = approved_at is not None and each.at >= approved_at.replace(microsecond=0)
            key, ours = recorded.digest, since and each.change == recorded.digest
        if ours and (target is None or each.address in {None, invited}):
            proofs[key] = max(proofs.get(key, each.at), each.at)
    return proofs


def address_digest(guest: ObjectId, address: EmailAddress) -> str:
    """Return sixteen hexadecimal digits that identify an address in a journal, which must not hold it."""
    return hashlib.sha256(f"{guest}\n{address.key}".encode()).hexdigest()[:DIGITS]
