"""Decides what a read of the guest proves about a change. Pure; all rules of evidence are here.

A redemption state that became `Accepted` shows that somebody redeemed, never that our reset was sent.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from reconciler.guard.resumption import CLOCK_TOLERANCE, later
from reconciler.model import (
    AddOtherMail,
    Change,
    ClearMarker,
    EmailAddress,
    Guest,
    Marker,
    RedemptionState,
    ResetRedemption,
    SetMail,
    SetOtherMails,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """The redemption state at one moment."""

    state: RedemptionState | None
    changed_at: datetime | None


def redemption_of(guest: Guest) -> Redemption:
    """Return the redemption state of a guest as read."""
    return Redemption(state=guest.state, changed_at=guest.state_changed_at)


def proves_reset(guest: Guest, *, before: Redemption, patched_at: datetime | None) -> bool:
    """Return whether a reset whose answer was lost was certainly executed.

    `before` is the state as read before it was sent. `patched_at` is the `Date` of the answer to the first
    PATCH, in whole seconds: a reset before that may have been to the old address. `None` for a change without
    an earlier write.

    A guest who was accepted can only have accepted anew after a reset; a pending guest may have followed the
    earlier link.
    """
    accepted_before = before.state is RedemptionState.ACCEPTED
    pending = guest.state is RedemptionState.PENDING
    if not (pending or accepted_before) or not later(guest.state_changed_at, before.changed_at):
        return False
    return patched_at is None or not later(patched_at, guest.state_changed_at)


def reset_since(guest: Guest, at: datetime | None, *, shown_at: datetime | None) -> bool:
    """Return whether another client has reset the guest after our own reset, acknowledged at `at`.

    `shown_at` is the time by which an earlier read has shown our reset: then no tolerance is needed.
    """
    if at is None or guest.state is not RedemptionState.PENDING:
        return False
    return later(guest.state_changed_at, shown_at or at + CLOCK_TOLERANCE)


def time_of_reset(guest: Guest, at: datetime | None, *, before: Redemption | None) -> datetime | None:
    """Return the time by which a read shows our own reset, acknowledged at `at`; `None` when it does not.

    `before` is the state as read before the reset; `None` when an earlier run sent it. A time that was there
    before is of an earlier reset, which may be only seconds older.
    """
    changed = guest.state_changed_at
    if at is None or changed is None or guest.state is not RedemptionState.PENDING:
        return None
    if before is not None and not later(changed, before.changed_at):
        return None
    return changed if abs(changed - at) <= CLOCK_TOLERANCE else None


def shows_update(
    guest: Guest, *, mail: EmailAddress | None, other_mails: frozenset[EmailAddress], own: frozenset[Marker]
) -> bool:
    """Return whether a read shows a PATCH of this run; `mail` is `None` where it writes the list alone.

    A marker of ours alone is enough: any other values were written after it.
    """
    if own:
        return guest.mail == mail and guest.marker in own
    return frozenset(guest.other_mails) == other_mails and not guest.markers


def shows_result(
    change: Change, guest: Guest, *, listed: frozenset[EmailAddress], since: Redemption | None
) -> bool:
    """Return whether a guest is as a carried-out change leaves them; `since` is `None` without a reset.

    `listed` is `otherMails` as this run left them. The person may have redeemed meanwhile, so any later time
    is accepted. A guest who was pending before may have kept their time: whether a reset moves it then is not
    documented.
    """
    if guest.markers or frozenset(guest.other_mails) != listed or guest.mail != mail_after(change):
        return False
    if since is None:
        return True
    pending = guest.state is RedemptionState.PENDING and not later(since.changed_at, guest.state_changed_at)
    return pending or later(guest.state_changed_at, since.changed_at)


def mail_after(change: Change) -> EmailAddress | None:
    """Return `mail` as it is after a change."""
    mail = change.precondition.mail
    for action in change.actions:
        match action:
            case SetMail() | ClearMarker():
                mail = action.email
            case AddOtherMail() | SetOtherMails() | ResetRedemption():
                continue
            case _ as unknown:
                assert_never(unknown)
    return mail


def still_holds(guest: Guest, address: EmailAddress) -> bool:
    """Return whether an address that was to be freed is still held by its old owner."""
    proxies = (proxy.address for proxy in guest.proxy_addresses)
    return address == guest.mail or address in guest.other_mails or address in proxies
