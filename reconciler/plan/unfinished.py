"""The notes of a plan about unfinished changes and about markers."""

from collections.abc import Iterable
from datetime import datetime

from reconciler.model import (
    ChangeKind,
    Desired,
    Guest,
    Live,
    Marker,
    Note,
    RedemptionState,
    Refusal,
    format_instant,
)
from reconciler.plan.blocking import ABOUT_THE_ADDRESS
from reconciler.plan.difference import Difference
from reconciler.rules import Rule

_BELONGS_TO_NOBODY = ".invalid"
"""Source: https://www.rfc-editor.org/rfc/rfc6761#section-6.4"""

_NEVER_BY_HAND = "never delete a marker by hand"


def refused_domain(desired: Desired, live: Live) -> Iterable[Refusal]:
    """Refuse a domain of markers that another organization owns: its users could redeem with a marker."""
    domain = desired.marker_domain
    if domain.endswith(_BELONGS_TO_NOBODY) or domain in (live.verified_domains or ()):
        return
    unread = "" if live.verified_domains is not None else " (which could not be read)"
    yield Refusal(
        rule=Rule.MARKER_DOMAIN,
        message=f"markerDomain is {domain}, which neither ends in {_BELONGS_TO_NOBODY} nor is a verified "
        f"domain of this tenant{unread}, so its owner could redeem with a marker: remove markerDomain from "
        "tenant.yaml, or set a verified domain",
    )


def about_undeclared(desired: Desired, live: Live) -> Iterable[Note]:
    """Warn about guests who carry a marker and whom no entry would finish."""
    declared = {entry.id for entry in desired.guests}
    carrying = {guest.id for guest in live.guests.values() if guest.markers}
    left = sorted({*live.markers_left, *carrying} - declared)
    if left:
        yield Note(
            rule=Rule.MARKER_LEFT,
            message="a change of address was begun and not finished, and no entry declares the guest: "
            f"{', '.join(left)}; declare them again and apply, which finishes the change; {_NEVER_BY_HAND}",
        )


def about_change(difference: Difference, now: datetime) -> Iterable[Note]:
    """Report for a changed guest which change is unfinished, and why it resets nobody."""
    yield from _about_earlier_version(difference)
    yield from _about_marker(difference, now)
    yield from _about_restoring(difference)


def about_standstill(difference: Difference, obstacles: Iterable[Note], now: datetime) -> Iterable[Note]:
    """Warn that a blocked guest has an unfinished change, and about its effect."""
    yield from _about_lockout(difference, obstacles)
    yield from _about_marked_standstill(difference.guest, now)


def _about_earlier_version(difference: Difference) -> Iterable[Note]:
    if difference.looks_half_done:
        yield Note(
            rule=Rule.HALF_DONE,
            message="looks like a change that an earlier version cut short; it is done again from the start, "
            "which may send a second message",
        )


def _about_restoring(difference: Difference) -> Iterable[Note]:
    """Return why nobody is reset, and when somebody is after all."""
    if difference.fallback is not None and difference.replaces_mail:
        cause = (
            "a change was begun" if difference.guest.markers else "a backup was restored, or mail was edited"
        )
        yield Note(
            rule=Rule.LOOKS_RESTORED,
            message=f"the guest is seen to sign in with {difference.email} already: {cause}; mail is "
            "put right without a reset, unless the guest is no longer seen to sign in with that address once "
            "it is written: then a reset follows",
        )


def _about_lockout(difference: Difference, obstacles: Iterable[Note]) -> Iterable[Note]:
    """Warn that an earlier version reset a blocked guest and did not reach its last write, of `mail`."""
    if not difference.looks_half_done:
        return
    old = difference.guest.mail
    stands = (
        "the guest is locked out, and mail is still empty"
        if old is None
        else f"nobody can sign in with {old} any more, which is still in mail"
    )
    undo = ""
    if old is not None and {note.rule for note in obstacles} <= ABOUT_THE_ADDRESS:
        undo = f"; or undo the change: declare {old} again, with alternateEmails, and apply"
    yield Note(
        rule=Rule.HALF_DONE,
        message=f"looks like a change that an earlier version cut short before its last write: {stands}; "
        f"remove what blocks the guest and apply{undo}",
    )


def _about_marker(difference: Difference, now: datetime) -> Iterable[Note]:
    guest = difference.guest
    if not guest.markers:
        return
    if difference.replaces_mail:
        this_change = "this one replaces it and is carried out from the start"
    elif difference.resumes is None:
        this_change = (
            "several markers leave open what it was, so this one is carried out from the start, and a second "
            "message may go out"
        )
    elif difference.kind is ChangeKind.RESTORE_MAIL:
        this_change = (
            f"the guest is seen to sign in with {difference.email}, so it is finished without a reset, "
            "unless that is no longer seen once mail is written: then a reset follows"
        )
    else:
        this_change = (
            "it is finished from the start, and a second message may go out unless the journal of the "
            "earlier run is at hand and shows that the reset was sent"
        )
    yield Note(rule=Rule.HALF_DONE, message=f"{_begun(guest, now)}; {this_change}; {_NEVER_BY_HAND}")


def _about_marked_standstill(guest: Guest, now: datetime) -> Iterable[Note]:
    """Return who can sign in until the change is finished."""
    if guest.markers:
        yield Note(
            rule=Rule.HALF_DONE,
            message=f"{_begun(guest, now)}: mail is {guest.mail or 'empty'}, {_who_gets_in(guest)}; remove "
            f"what blocks the guest and apply; {_NEVER_BY_HAND}",
        )


def _begun(guest: Guest, now: datetime) -> str:
    begun = " and ".join(_described(marker, now) for marker in guest.markers)
    return f"a change of address was begun and not finished ({begun})"


def _described(marker: Marker, now: datetime) -> str:
    ahead = ", which lies in the future" if marker.instant > now else ""
    return f"change {marker.digits}, marked {format_instant(marker.instant)}{ahead}"


def _who_gets_in(guest: Guest) -> str:
    match guest.state:
        case RedemptionState.PENDING:
            return "and only who redeems can sign in; whom the last invitation went to cannot be seen"
        case RedemptionState.ACCEPTED if guest.passcode_addresses:
            seen = " and ".join(address.text for address in guest.passcode_addresses)
            return f"but only {seen} can sign in"
        case _:
            return "but only who has redeemed can sign in, and with which address cannot be seen"
