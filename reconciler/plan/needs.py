"""What one guest needs to be as declared: the kind of change and its ordered actions.

Looks at one guest at a time. Who else holds an address, and every rule that blocks, is decided
elsewhere.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.model import (
    Action,
    AddOtherMail,
    ChangeKind,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """The difference between one declared guest and the directory, and what would remove it."""

    entry: DesiredGuest
    guest: Guest
    kind: ChangeKind

    email: EmailAddress
    """The declared address, in its live spelling where it stands on the object already."""

    actions: tuple[Action, ...]
    """In the order in which they run."""

    mail_after: EmailAddress | None
    """`mail` after the last action."""

    other_mails_after: tuple[EmailAddress, ...]
    """`otherMails` after the last action, sorted."""

    added: tuple[EmailAddress, ...]
    """The addresses that the guest gains, sorted: a new `email` always, others when new on the object."""

    @property
    def resets(self) -> bool:
        """Whether an invitation is sent, whatever the kind."""
        return any(isinstance(action, ResetRedemption) for action in self.actions)

    @property
    def looked_at(self) -> tuple[EmailAddress, ...]:
        """The addresses whose other owners matter, sorted: those gained, and the one that is invited."""
        return in_order({*self.added, self.email}) if self.resets else self.added

    @property
    def looks_half_done(self) -> bool:
        """Whether a change of address seems to have been cut short between its reset and its last write."""
        return (
            self.kind is ChangeKind.CHANGE_EMAIL
            and self.guest.state is RedemptionState.PENDING
            and self.email in self.guest.other_mails
        )

    @property
    def lacks_time(self) -> bool:
        """Whether nothing could tell afterwards that the reset `resetAfter` asks for has happened."""
        return self.kind is ChangeKind.RESET and self.guest.state_changed_at is None


def find_need(entry: DesiredGuest, guest: Guest) -> Need | None:
    """Compare one declared guest with the directory; `None` when they are equal."""
    moves = guest.mail != entry.email
    resets = not moves and _reset_is_asked(entry, guest)
    rest_differs = entry.alternate_emails is not None and {
        entry.email,
        *entry.alternate_emails,
    } != set(guest.other_mails)
    if not (moves or resets or rest_differs):
        return None

    spelling = _live_spelling(guest)
    email = spelling.get(entry.email, entry.email)
    rest = _declared_rest(entry, guest, spelling) if moves or rest_differs else None
    if moves:
        kind, actions = ChangeKind.CHANGE_EMAIL, _change_email(entry, email, rest or ())
    elif resets:
        kind, actions = ChangeKind.RESET, _reset(entry, guest, email, rest)
    else:
        kind, actions = ChangeKind.OTHER_MAILS, _other_mails(entry, guest, email, rest or ())

    after = rest
    if after is None:
        missing = () if email in guest.other_mails else (email,)
        after = in_order((*guest.other_mails, *missing))
    live = {*guest.other_mails, guest.mail}
    added = {address for address in after if address not in live}
    return Need(
        entry=entry,
        guest=guest,
        kind=kind,
        email=email,
        actions=actions,
        mail_after=email if moves else guest.mail,
        other_mails_after=after,
        added=in_order({*added, email} if moves else added),
    )


def questions(desired: Desired, guests: Mapping[ObjectId, Guest]) -> tuple[EmailAddress, ...]:
    """Name the addresses whose owners have to be known to plan, sorted, each once.

    `guests` are the declared ones that exist. Guests who are already as declared ask nothing.
    """
    asked: set[EmailAddress] = set()
    for entry in desired.guests:
        guest = guests.get(entry.id)
        need = find_need(entry, guest) if guest else None
        if need:
            asked.update(need.looked_at)
    return in_order(asked)


def in_order(addresses: Iterable[EmailAddress]) -> tuple[EmailAddress, ...]:
    """Sort addresses; two that differ in case only have an order too, or it would be left to chance."""
    return tuple(sorted(addresses, key=lambda address: (address.key, address.text)))


def _reset_is_asked(entry: DesiredGuest, guest: Guest) -> bool:
    """Tell whether `resetAfter` is due, or might be: an accepted guest without a time cannot tell."""
    if entry.reset_after is None or guest.state is not RedemptionState.ACCEPTED:
        return False
    return guest.state_changed_at is None or guest.state_changed_at < entry.reset_after


def _live_spelling(guest: Guest) -> dict[EmailAddress, EmailAddress]:
    """Map each address of the object to the spelling to send.

    Nothing says whether a reset compares with regard to case, so what stands there is sent as it
    stands, as https://learn.microsoft.com/graph/api/invitation-post looks it up in `otherMails`.
    """
    spelling: dict[EmailAddress, EmailAddress] = {}
    for address in in_order(guest.other_mails):
        spelling.setdefault(address, address)
    if guest.mail is not None:
        spelling.setdefault(guest.mail, guest.mail)
    return spelling


def _declared_rest(
    entry: DesiredGuest, guest: Guest, spelling: Mapping[EmailAddress, EmailAddress]
) -> tuple[EmailAddress, ...]:
    """Give the whole of `otherMails` as it should be in the end."""
    if entry.alternate_emails is not None:
        wanted = {entry.email, *entry.alternate_emails}
    else:
        wanted = {*guest.other_mails, entry.email} - {guest.mail}
    return in_order(spelling.get(address, address) for address in wanted)


def _change_email(
    entry: DesiredGuest, email: EmailAddress, rest: tuple[EmailAddress, ...]
) -> tuple[Action, ...]:
    """Order the actions so that `mail` comes last.

    The writes are not atomic: after writing `mail` and before the reset a guest would look finished
    while only the old account can sign in. The first write is there even when the address is: Graph
    refuses to write `otherMails` of a role holder
    (https://learn.microsoft.com/graph/api/resources/users), and there nothing is lost yet.
    """
    return (
        AddOtherMail(email=email),
        _invite(entry, email),
        SetMail(email=email, other_mails=rest),
    )


def _reset(
    entry: DesiredGuest,
    guest: Guest,
    email: EmailAddress,
    rest: tuple[EmailAddress, ...] | None,
) -> tuple[Action, ...]:
    """Write the declared rest first: once reset, the guest is pending and nothing asks again."""
    invite = _invite(entry, email)
    if rest is not None:
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
    """Replace the list; a pending guest who loses an address may lose it with a live link in it."""
    write = SetOtherMails(other_mails=rest)
    loses = not set(guest.other_mails) <= set(rest)
    if guest.state is not RedemptionState.PENDING or not loses:
        return (write,)
    invite = _invite(entry, email)
    if email in guest.other_mails:
        return invite, write
    return AddOtherMail(email=email), invite, write


def _invite(entry: DesiredGuest, email: EmailAddress) -> ResetRedemption:
    invitation = entry.invitation
    return ResetRedemption(
        email=email,
        send_message=invitation.send_message,
        language=invitation.language,
        redirect_url=invitation.redirect_url,
        cc=invitation.cc,
        message=invitation.message,
    )
