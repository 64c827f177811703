"""Approved changes, and guests as our own first write or somebody else has left them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from reconciler.guard.resumption import ResumePoint
from reconciler.model import Change, DesiredGuest, Guest, Marker, RedemptionState
from reconciler.plan import make_plan
from tests.support.directory import NEW, NOW, REDEEMED, declared, desired, guest, live
from tests.support.plans import marker_of

ACCEPTED, PENDING = RedemptionState.ACCEPTED, RedemptionState.PENDING
LATER = REDEEMED + timedelta(days=30)
EARLIER = REDEEMED - timedelta(days=30)
OTHER = "second@newco.example"
WHOLE = ["SetMail", "ResetRedemption", "ClearMarker"]


def recorded(entry: DesiredGuest, found: Guest) -> Change:
    """Give the change that was planned from a guest."""
    (change,) = make_plan(desired(entry), live(found), NOW).changes
    return change


def left(point: ResumePoint) -> list[str]:
    """Name the actions that are left."""
    return [action.name for action in point.remaining]


CHANGE = recorded(declared(), guest())
OWN = marker_of(CHANGE.marker_digits)
FOREIGN = marker_of("f" * 16)


def begun(marker: Marker | None = OWN, **fields: Any) -> Guest:
    """Make the guest as our first write has left them."""
    return guest(mail=NEW, markers=() if marker is None else (marker,), **fields)


def pending(others: Sequence[str], changed: datetime | None = REDEEMED) -> Guest:
    """Make a pending guest with the address OLD."""
    return guest(others=others, state=PENDING, changed=changed)
