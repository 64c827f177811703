"""What can be seen of a change in the guest as read. Pure; the laws of evidence stand here.

A redemption state that became `Accepted` tells that somebody redeemed, never that our reset was sent.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from reconciler.guard.staleness import later
from reconciler.model import (
    AddOtherMail,
    AddressOwner,
    AddressUse,
    Change,
    EmailAddress,
    Guest,
    ObjectId,
    OwnerKind,
    Precondition,
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

    @classmethod
    def of(cls, guest: Guest) -> "Redemption":
        """Take it from a guest as read."""
        return cls(state=guest.state, changed_at=guest.state_changed_at)

    @classmethod
    def planned_from(cls, precondition: Precondition) -> "Redemption":
        """Take it from the state a change was planned from."""
        return cls(state=precondition.state, changed_at=precondition.state_changed_at)


def proves_reset(before: Redemption, guest: Guest) -> bool:
    """Tell whether a reset has certainly happened since `before`, which was read moments ago.

    Who was accepted can only have been accepted anew after a reset; who was pending may have followed the
    link from before.
    """
    accepted_before = before.state is RedemptionState.ACCEPTED
    pending = guest.state is RedemptionState.PENDING
    return (pending or accepted_before) and later(guest.state_changed_at, before.changed_at)


def shows_result(change: Change, guest: Guest, *, since: Redemption | None) -> bool:
    """Tell whether a guest looks as a carried-out change leaves them; `since` is `None` without a reset.

    The person may have redeemed meanwhile, so any later time will do. A guest who was pending before may
    have kept their time: whether a reset moves it then is not documented.
    """
    return _lists_shown(change, guest) and (since is None or _reset_shown(since, guest))


def _reset_shown(since: Redemption, guest: Guest) -> bool:
    pending_since = guest.state is RedemptionState.PENDING and not later(
        since.changed_at, guest.state_changed_at
    )
    return pending_since or later(guest.state_changed_at, since.changed_at)


def _lists_shown(change: Change, guest: Guest) -> bool:
    mail, addresses, added = guest.mail, frozenset(guest.other_mails), frozenset[EmailAddress]()
    for action in change.actions:
        match action:
            case AddOtherMail():
                added |= {action.email}
            case SetMail():
                mail, addresses, added = action.email, frozenset(action.other_mails), frozenset()
            case SetOtherMails():
                addresses, added = frozenset(action.other_mails), frozenset()
            case ResetRedemption():
                pass
            case _ as unknown:
                assert_never(unknown)
    return guest.mail == mail and frozenset(guest.other_mails) == addresses | added


def still_holds(guest: Guest, address: EmailAddress) -> bool:
    """Tell whether an address that was to be freed still stands on its old owner."""
    proxies = (proxy.address for proxy in guest.proxy_addresses)
    return address == guest.mail or address in guest.other_mails or address in proxies


def rivals(guest: ObjectId, owners: Iterable[AddressOwner]) -> tuple[AddressOwner, ...]:
    """Give those who hold an address so that `guest` cannot have it.

    `otherMails` need not be unique; only with another guest would the address let both sign in.
    """
    return tuple(
        owner
        for owner in owners
        if owner.id != guest and (owner.use is not AddressUse.OTHER_MAILS or owner.kind is OwnerKind.GUEST)
    )
