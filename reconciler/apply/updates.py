"""Builds the PATCH of one guest, and checks whether a read shows it."""

from typing import assert_never

from reconciler.apply.evidence import shows_update
from reconciler.apply.state import GuestState
from reconciler.apply.steps import Moment
from reconciler.model import (
    AddOtherMail,
    ClearMarker,
    EmailAddress,
    Guest,
    Marker,
    SetMail,
    SetOtherMails,
    UserUpdate,
)

PatchAction = AddOtherMail | SetMail | ClearMarker | SetOtherMails


def update_for(state: GuestState, action: PatchAction, guest: Guest, moment: Moment) -> UserUpdate:
    """Return the PATCH of an action for a guest as last read: it removes planned values only."""
    match action:
        case AddOtherMail(email=email):
            return UserUpdate(mail=None, other_mails=_with(guest.other_mails, email))
        case SetOtherMails(other_mails=listed):
            return UserUpdate(mail=None, other_mails=listed)
        case SetMail(email=email, other_mails=listed):
            added = _since_planned(state, guest)
            return UserUpdate(
                mail=email, other_mails=_with(listed, *added), marker=_fresh_marker(state, moment)
            )
        case ClearMarker(email=email):
            return UserUpdate(mail=email, other_mails=_with(guest.other_mails, email))
        case _ as unknown:
            assert_never(unknown)


def marker_domain(state: GuestState, moment: Moment) -> str | None:
    """Return the first domain in which a marker was not refused yet; `None` when there is none left."""
    return next((each for each in moment.marker_domains if each not in state.refused_domains), None)


def target_mail(state: GuestState) -> EmailAddress | None:
    """Return the value `mail` should have."""
    change = state.planned or state.recorded
    return next((action.email for action in change.actions if isinstance(action, SetMail)), None)


def is_shown(state: GuestState, guest: Guest) -> bool:
    """Return whether a read shows the writes of this run."""
    return shows_update(guest, mail=target_mail(state), other_mails=state.listed, own=frozenset(state.own))


def is_foreign(state: GuestState, guest: Guest) -> bool:
    """Return whether a read shows another client's write: neither this run's values nor those before."""
    before = state.before
    if before is None:
        return False
    as_before = (guest.mail, frozenset(guest.other_mails), guest.markers) == (
        before.mail,
        frozenset(before.other_mails),
        before.markers,
    )
    return not as_before and not is_shown(state, guest)


def _with(addresses: tuple[EmailAddress, ...], *more: EmailAddress) -> tuple[EmailAddress, ...]:
    """Return addresses and those of `more` that are not among them, in the spelling of the first."""
    missing = {address for address in more if address not in addresses}
    return tuple(sorted((*addresses, *missing), key=lambda address: (address.key, address.text)))


def _since_planned(state: GuestState, guest: Guest) -> tuple[EmailAddress, ...]:
    """Return the values added to `otherMails` since this run planned."""
    planned = (state.planned or state.recorded).precondition
    known = {*planned.other_mails, planned.mail}
    return tuple(address for address in guest.other_mails if address not in known)


def _fresh_marker(state: GuestState, moment: Moment) -> Marker:
    """Return a new marker that no write had before: it distinguishes late writes from later ones."""
    return Marker(
        seconds=int(moment.instant.timestamp()),
        nonce=moment.nonce,
        digits=state.recorded.marker_digits,
        domain=marker_domain(state, moment) or moment.marker_domains[0],
    )
