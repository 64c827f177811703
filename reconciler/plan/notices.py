"""The warnings about a guest that block nothing."""

from collections.abc import Iterable
from datetime import datetime

from reconciler.model import (
    CallerKind,
    ChangeKind,
    DesiredGuest,
    EmailAddress,
    Guest,
    Live,
    NotChecked,
    Note,
    ObjectId,
    RedemptionState,
)
from reconciler.plan import unfinished
from reconciler.plan.compare import in_order
from reconciler.plan.difference import Difference
from reconciler.rules import Rule

_ASK_FOR_A_RESET = "if that is another person, set resetAfter to have the guest redeem anew"
_REDEEMS_ANEW = "whoever that is has to redeem anew after this reset"
_STAYS_WHILE_BLOCKED = "if that is another person, they stay signed in for as long as this guest is blocked"


def about_change(
    difference: Difference, *, live: Live, now: datetime, redeem_links: bool
) -> tuple[Note, ...]:
    """Collect the warnings of one change, sorted; without those about other owners, chains and domains."""
    return tuple(
        sorted(
            {
                *_about_entry(difference.entry, difference.guest, now=now),
                *_about_traces(difference),
                *unfinished.about_change(difference, now),
                *_about_reset(difference, live, redeem_links=redeem_links),
                *_about_account(difference),
                *_about_identity(
                    difference.entry, difference.guest, difference=difference, of_reset=_REDEEMS_ANEW
                ),
                *_about_removed(difference),
            }
        )
    )


def about_unchanged(
    entry: DesiredGuest, guest: Guest, *, before: EmailAddress | None, now: datetime
) -> tuple[Note, ...]:
    """Collect the warnings of a guest who is as declared, each with the guest's id, name and entry.

    `before` is the address declared at the base; `None` if it was the same.
    """
    notes = (
        *_about_entry(entry, guest, now=now),
        *_about_identity(entry, guest),
        *_about_open_links(entry, guest),
        *_about_taken_back(entry, guest, before),
    )
    return tuple(_with_place(entry, guest.display_name, note) for note in notes)


def about_blocked(
    entry: DesiredGuest, difference: Difference | None, obstacles: Iterable[Note], *, now: datetime
) -> tuple[Note, ...]:
    """Collect the warnings of a blocked guest that stand whether or not the change is made.

    Each has the guest's id, name and entry. `difference` is `None` for an id that is not among the users;
    `obstacles` are all rules that block them.
    """
    notes = _about_hold(entry, now) if difference is None else _about_standstill(difference, obstacles, now)
    name = entry.name if difference is None else difference.guest.display_name
    return tuple(_with_place(entry, name, note) for note in notes)


def about_checks(not_checked: Iterable[NotChecked]) -> tuple[Note, ...]:
    """Return for each check that could not be made its name, the cause, and the permission it needs."""
    return tuple(
        Note(
            rule=Rule.NOT_CHECKED,
            message=f"{missed.check} not checked: {missed.reason}"
            + (f"; grant {missed.permission}" if missed.permission else ""),
        )
        for missed in not_checked
    )


def base_invalid() -> Note:
    """Return the note that changes of the tree and drift cannot be distinguished."""
    return Note(
        rule=Rule.BASE_INVALID,
        message="the desired tree at the base revision is not valid, so what has changed since cannot be "
        "told: every row counts as drift, and merging approves none of them; once this is merged, apply by "
        "hand",
    )


def naming(guest: ObjectId, name: str | None, note: Note) -> Note:
    """Add the guest's id and name to a warning that stands outside the guest's change."""
    return Note(rule=note.rule, message=f"{guest}{_named(name)}: {note.message}")


def _with_place(entry: DesiredGuest, name: str | None, note: Note) -> Note:
    """Add the guest's id, name and the place of the entry, where a warning is to be put right."""
    place = f"{entry.source.file}:{entry.source.line}"
    return Note(rule=note.rule, message=f"{entry.id}{_named(name)} ({place}): {note.message}")


def _named(name: str | None) -> str:
    return "" if name is None else f" {name}"


def _about_standstill(difference: Difference, obstacles: Iterable[Note], now: datetime) -> Iterable[Note]:
    entry, guest = difference.entry, difference.guest
    yield from _about_entry(entry, guest, now=now)
    yield from _about_identity(entry, guest, difference=difference, of_reset=_STAYS_WHILE_BLOCKED)
    yield from _about_open_links(entry, guest)
    yield from unfinished.about_standstill(difference, obstacles, now)


def _about_entry(entry: DesiredGuest, guest: Guest, *, now: datetime) -> Iterable[Note]:
    yield from _about_hold(entry, now)
    if entry.reset_after is None or guest.state is RedemptionState.ACCEPTED:
        return
    if guest.mail != entry.email or guest.markers:
        return
    if guest.state_changed_at is None or guest.state_changed_at < entry.reset_after:
        yield Note(
            rule=Rule.RESET_NOT_NEEDED,
            message="the guest has not redeemed yet as far as the directory says, so resetAfter sends "
            "nothing; redeeming meets it, and it can be removed",
        )


def _about_hold(entry: DesiredGuest, now: datetime) -> Iterable[Note]:
    if entry.hold and not entry.hold.in_force(now):
        yield Note(
            rule=Rule.HOLD_EXPIRED,
            message=f"the hold ended on {entry.hold.until} ({entry.hold.reason}): remove it, or set a later "
            "day",
        )


def _about_identity(
    entry: DesiredGuest, guest: Guest, *, difference: Difference | None = None, of_reset: str = ""
) -> Iterable[Note]:
    """Compare the account that redeemed with the declared address, where `identities` show it.

    That a guest whose address is to change redeemed with the old one needs no warning. `of_reset` is a
    sentence on the effect of a reset in `difference`.
    """
    if guest.state is not RedemptionState.ACCEPTED:
        return
    expected = {entry.email}
    if difference is not None and difference.kind is ChangeKind.CHANGE_EMAIL and guest.mail is not None:
        expected.add(guest.mail)
    remedy = of_reset if difference is not None and difference.resets else _ASK_FOR_A_RESET
    for address in guest.passcode_addresses:
        if address not in expected:
            yield Note(
                rule=Rule.IDENTITY_DIFFERS,
                message=f"redeemed as {address}, declared is {entry.email}: {remedy}",
            )


def _about_removed(difference: Difference) -> Iterable[Note]:
    """Warn about addresses that somebody may have redeemed with, and that are removed without a reset.

    A change reverted after the wrong person redeemed looks the same.
    """
    guest = difference.guest
    if difference.resets or guest.state is not RedemptionState.ACCEPTED or guest.passcode_addresses:
        return
    removed = [
        address for address in in_order(guest.other_mails) if address not in difference.after.other_mails
    ]
    if removed:
        named = ", ".join(address.text for address in removed)
        yield Note(
            rule=Rule.MAY_HAVE_REDEEMED,
            message=f"{named} goes, and who has redeemed cannot be seen: if it was somebody there, they stay "
            "signed in; set resetAfter to have the guest redeem anew",
        )


def _about_taken_back(entry: DesiredGuest, guest: Guest, before: EmailAddress | None) -> Iterable[Note]:
    """Warn about the address of a reverted change, when somebody may have redeemed with it before."""
    if before is None or before not in guest.other_mails or before in (entry.alternate_emails or ()):
        return
    if guest.state is not RedemptionState.ACCEPTED or guest.passcode_addresses:
        return
    yield Note(
        rule=Rule.MAY_HAVE_REDEEMED,
        message=f"{before} was declared before and is still in otherMails, and who has redeemed cannot be "
        "seen: if it was somebody there, they stay signed in; declare alternateEmails to remove it, and set "
        "resetAfter to have the guest redeem anew",
    )


def _about_open_links(entry: DesiredGuest, guest: Guest) -> Iterable[Note]:
    """Warn about undeclared addresses of a pending guest: a change that was reverted halfway leaves one."""
    if guest.state is not RedemptionState.PENDING:
        return
    known = {guest.mail, entry.email, *(entry.alternate_emails or ())}
    kept = [address.text for address in in_order(guest.other_mails) if address not in known]
    remedy = (
        "to remove it and kill the link, declare alternateEmails"
        if entry.alternate_emails is None
        else "it goes, and the link with it, once nothing blocks the guest"
    )
    if kept:
        yield Note(
            rule=Rule.KEPT_ADDRESS,
            message=f"{', '.join(kept)} stays in otherMails of a guest who has not redeemed, and a link "
            f"sent there may still work; {remedy}",
        )


def _about_traces(difference: Difference) -> Iterable[Note]:
    """Warn about addresses that allow a sign-in although no entry declares them."""
    old = difference.guest.mail
    if difference.replaces_mail and old is None:
        yield Note(
            rule=Rule.NO_MAIL,
            message="mail is empty now, and once written it can be changed but never emptied again",
        )
    if difference.replaces_mail and old is not None:
        yield Note(
            rule=Rule.OLD_ADDRESS_REMAINS,
            message=f"{old} usually stays in proxyAddresses, which Graph lets nobody write; while it does, "
            "whoever reads that mailbox may be able to redeem again by opening an app directly",
        )
    if difference.carries_marker and not difference.replaces_mail and (left := _left_in_proxies(difference)):
        named = ", ".join(address.text for address in left)
        yield Note(
            rule=Rule.OLD_ADDRESS_REMAINS,
            message=f"{named} stays in proxyAddresses, which Graph lets nobody write; while it does, whoever "
            "reads that mailbox may be able to redeem again by opening an app directly",
        )
    if difference.entry.alternate_emails is None:
        kept = [address for address in difference.after.other_mails if address != difference.email]
        if kept:
            named = ", ".join(address.text for address in kept)
            yield Note(
                rule=Rule.KEPT_ADDRESS,
                message=f"{named} stays in otherMails and can sign in; to remove it, declare alternateEmails",
            )


def _left_in_proxies(difference: Difference) -> tuple[EmailAddress, ...]:
    """Return addresses that an earlier write of `mail` may have left: the address it replaced is unknown."""
    declared = {difference.after.mail, *difference.after.other_mails}
    return in_order({proxy.address for proxy in difference.guest.proxy_addresses} - declared)


def _about_reset(difference: Difference, live: Live, *, redeem_links: bool) -> Iterable[Note]:
    invitation = difference.entry.invitation
    if not difference.resets:
        return
    if not invitation.send_message and not redeem_links:
        yield Note(
            rule=Rule.NOBODY_TOLD,
            message="no message is sent, and no redeem link is kept: set sendMessage, apply with "
            "--redeem-links, or tell the person to sign in anew",
        )
    if invitation.send_message and invitation.message is not None and live.caller is CallerKind.APPLICATION:
        yield Note(
            rule=Rule.MESSAGE_DROPPED,
            message="Microsoft drops the custom message when an application sends the invitation: remove "
            "invitation.message, or apply as a person",
        )


def _about_account(difference: Difference) -> Iterable[Note]:
    if not difference.guest.account_enabled:
        yield Note(
            rule=Rule.GUEST_DISABLED,
            message="the account is disabled, so nobody can sign in: enable it, or put the guest on hold",
        )
