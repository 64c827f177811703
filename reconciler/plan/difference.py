"""The change that makes one guest as declared: its kind and its ordered actions.

Concerns one guest at a time. Other owners of an address, and every rule that blocks, are decided elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from reconciler.model import (
    Action,
    AddOtherMail,
    ChangeKind,
    ClearMarker,
    Desired,
    DesiredGuest,
    EmailAddress,
    Guest,
    ObjectId,
    RedemptionState,
    ResetRedemption,
    SetMail,
    SetOtherMails,
)
from reconciler.plan.compare import Written, carried_out, in_order

_MAIL_KINDS = frozenset({ChangeKind.CHANGE_EMAIL, ChangeKind.RESTORE_MAIL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The difference between one declared guest and the directory, and the actions that would remove it."""

    entry: DesiredGuest
    guest: Guest
    kind: ChangeKind

    email: EmailAddress
    """The declared address, in its live spelling if the object holds it already."""

    actions: tuple[Action, ...]
    """In the order in which they run."""

    after: Written
    """`mail` and `otherMails` after the last action."""

    added: tuple[EmailAddress, ...]
    """The addresses that the guest gains, sorted: a new `mail` always, others when new on the object."""

    resumes: str | None
    """The digits of the unfinished change that this one finishes; `None` for a change from the start."""

    fallback: ResetRedemption | None
    """For restore-mail: the reset to send if `identities` no longer show `email`."""

    @property
    def resets(self) -> bool:
        """Whether the change sends an invitation, whatever its kind."""
        return any(isinstance(action, ResetRedemption) for action in self.actions)

    @property
    def may_reset(self) -> bool:
        """Whether an invitation is sent, or would be if a read during the change finds another state."""
        return self.resets or self.fallback is not None

    @property
    def replaces_mail(self) -> bool:
        """Whether the change sets `mail` to another address."""
        return self.after.mail != self.guest.mail

    @property
    def carries_marker(self) -> bool:
        """Whether the change sets a marker while it runs."""
        return self.kind in _MAIL_KINDS

    @property
    def contested_addresses(self) -> tuple[EmailAddress, ...]:
        """The addresses whose other owners matter, sorted: those gained, and the one that may be invited."""
        return in_order({*self.added, self.email}) if self.may_reset else self.added

    @property
    def looks_half_done(self) -> bool:
        """Whether an earlier version of this program seems to have been interrupted before its last write.

        That version wrote `mail` last, and no marker.
        """
        return (
            self.kind is ChangeKind.CHANGE_EMAIL
            and not self.guest.markers
            and self.guest.state is RedemptionState.PENDING
            and self.email in self.guest.other_mails
        )

    @property
    def lacks_time(self) -> bool:
        """Whether no read could show afterwards that the reset that `resetAfter` asks for has happened."""
        return self.kind is ChangeKind.RESET and self.guest.state_changed_at is None


def find_difference(entry: DesiredGuest, guest: Guest) -> Difference | None:
    """Compare one declared guest with the directory; `None` when they are equal.

    A guest with a marker is never equal: a change of `mail` was begun, and no property of the object shows
    whether its reset was sent.
    """
    kind = _kind(entry, guest)
    if kind is None:
        return None
    spelling = _live_spelling(guest)
    email = spelling.get(entry.email, entry.email)
    invite = ResetRedemption(email=email, invitation=entry.invitation)
    actions = _actions(kind, entry, guest, spelling)
    after = carried_out(actions, Written(mail=guest.mail, other_mails=guest.other_mails))
    return Difference(
        entry=entry,
        guest=guest,
        kind=kind,
        email=email,
        actions=actions,
        after=after,
        added=_added(guest, after),
        resumes=guest.marker.digits if guest.marker and guest.mail == entry.email else None,
        fallback=invite if kind is ChangeKind.RESTORE_MAIL else None,
    )


def questions(desired: Desired, guests: Mapping[ObjectId, Guest]) -> tuple[EmailAddress, ...]:
    """Return the addresses whose owners the plan has to know, sorted, each once.

    `guests` are the declared ones that exist. Guests who are already as declared add none.
    """
    asked: set[EmailAddress] = set()
    for entry in desired.guests:
        guest = guests.get(entry.id)
        difference = find_difference(entry, guest) if guest else None
        if difference:
            asked.update(difference.contested_addresses)
    return in_order(asked)


def _kind(entry: DesiredGuest, guest: Guest) -> ChangeKind | None:
    """Choose the kind of change; `None` when guest and entry agree.

    A guest whose `identities` show the declared address need not be reset for it, unless `resetAfter` asks
    for that too. Several markers leave open which change was begun, so then `identities` are not relied on.
    """
    if guest.mail != entry.email or guest.markers:
        seen = guest.signs_in_with(entry.email) and len(guest.markers) <= 1
        restores = seen and not _reset_is_asked(entry, guest)
        return ChangeKind.RESTORE_MAIL if restores else ChangeKind.CHANGE_EMAIL
    if _reset_is_asked(entry, guest):
        return ChangeKind.RESET
    return ChangeKind.OTHER_MAILS if _rest_differs(entry, guest) else None


def _rest_differs(entry: DesiredGuest, guest: Guest) -> bool:
    """Return whether a declared list differs from `otherMails`; an undeclared one never does."""
    if entry.alternate_emails is None:
        return False
    return {entry.email, *entry.alternate_emails} != set(guest.other_mails)


def _reset_is_asked(entry: DesiredGuest, guest: Guest) -> bool:
    """Return whether `resetAfter` is due, or might be: an accepted guest without a time leaves that open."""
    if entry.reset_after is None or guest.state is not RedemptionState.ACCEPTED:
        return False
    return guest.state_changed_at is None or guest.state_changed_at < entry.reset_after


def _live_spelling(guest: Guest) -> dict[EmailAddress, EmailAddress]:
    """Map each address of the object to the spelling to send.

    It is not documented whether a reset compares with regard to case, so the live spelling is sent, as
    https://learn.microsoft.com/graph/api/invitation-post searches `otherMails` for it.
    """
    spelling: dict[EmailAddress, EmailAddress] = {}
    for address in in_order(guest.other_mails):
        spelling.setdefault(address, address)
    if guest.mail is not None:
        spelling.setdefault(guest.mail, guest.mail)
    return spelling


def _rest(
    entry: DesiredGuest, guest: Guest, spelling: Mapping[EmailAddress, EmailAddress]
) -> tuple[EmailAddress, ...]:
    """Return the whole of `otherMails` as it should be after the change.

    If the entry does not declare it, only a replaced `mail` is removed.
    """
    wanted = {entry.email, *(entry.alternate_emails or ())}
    if entry.alternate_emails is None:
        replaced = {guest.mail} - {entry.email}
        wanted |= set(guest.other_mails) - replaced
    return in_order(spelling.get(address, address) for address in wanted)


def _added(guest: Guest, after: Written) -> tuple[EmailAddress, ...]:
    live = {*guest.other_mails, guest.mail}
    gained = {address for address in after.other_mails if address not in live}
    if after.mail is not None and after.mail != guest.mail:
        gained.add(after.mail)
    return in_order(gained)


def _actions(
    kind: ChangeKind,
    entry: DesiredGuest,
    guest: Guest,
    spelling: Mapping[EmailAddress, EmailAddress],
) -> tuple[Action, ...]:
    email, rest = spelling.get(entry.email, entry.email), _rest(entry, guest, spelling)
    match kind:
        case ChangeKind.CHANGE_EMAIL:
            return (
                SetMail(email=email, other_mails=rest),
                ResetRedemption(email=email, invitation=entry.invitation),
                ClearMarker(email=email, other_mails=rest),
            )
        case ChangeKind.RESTORE_MAIL:
            return SetMail(email=email, other_mails=rest), ClearMarker(email=email, other_mails=rest)
        case ChangeKind.RESET:
            return _reset(entry, guest, email, rest)
        case ChangeKind.OTHER_MAILS:
            return _other_mails(entry, guest, email, rest)
        case _ as unknown:
            assert_never(unknown)


def _reset(
    entry: DesiredGuest,
    guest: Guest,
    email: EmailAddress,
    rest: tuple[EmailAddress, ...],
) -> tuple[Action, ...]:
    """Return the actions, the rest first: once reset, the guest is pending and nothing asks for it again."""
    invite = ResetRedemption(email=email, invitation=entry.invitation)
    if _rest_differs(entry, guest):
        return SetOtherMails(other_mails=rest), invite
    if email in guest.other_mails:
        return (invite,)
    return AddOtherMail(email=email), invite


def _other_mails(
    entry: DesiredGuest,
    guest: Guest,
    email: EmailAddress,
    rest: tuple[EmailAddress, ...],
) -> tuple[Action, ...]:
    """Return the replacement of the list; a pending guest may have a live link in a removed address."""
    write = SetOtherMails(other_mails=rest)
    loses = not set(guest.other_mails) <= set(rest)
    if guest.state is not RedemptionState.PENDING or not loses:
        return (write,)
    invite = ResetRedemption(email=email, invitation=entry.invitation)
    if email in guest.other_mails:
        return invite, write
    return AddOtherMail(email=email), invite, write
