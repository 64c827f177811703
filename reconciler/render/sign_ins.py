"""The addresses with which a guest can sign in, before a change and after it.

An address in `mail` or `otherMails` can sign in, and no other one as far as Graph shows.
"""

from reconciler.model import (
    AddOtherMail,
    Change,
    ClearMarker,
    EmailAddress,
    ResetRedemption,
    SetMail,
    SetOtherMails,
)


def before(change: Change) -> frozenset[EmailAddress]:
    """Return the addresses on the object that a change was planned from."""
    return frozenset(_present(*change.precondition.other_mails, change.precondition.mail))


def after(change: Change) -> frozenset[EmailAddress]:
    """Return the addresses on the object once a change is carried out."""
    for action in reversed(change.actions):
        match action:
            case SetMail(email=email, other_mails=final) | ClearMarker(email=email, other_mails=final):
                return frozenset((email, *final))
            case SetOtherMails(other_mails=final):
                return frozenset(_present(*final, change.precondition.mail))
            case AddOtherMail(email=email) | ResetRedemption(email=email):
                return before(change) | {email}
    return before(change)


def admitted(change: Change) -> tuple[EmailAddress, ...]:
    """Return the addresses that could not sign in before a change and can afterwards, sorted.

    A guest whose `mail` is restored is seen to sign in with that address already.
    """
    known = {*before(change), change.fallback and change.fallback.email}
    return tuple(address for address in change.gains if address not in known)


def shut_out(change: Change) -> tuple[EmailAddress, ...]:
    """Return the addresses that could sign in before a change and cannot afterwards, sorted."""
    return tuple(sorted(before(change) - after(change)))


def _present(*addresses: EmailAddress | None) -> list[EmailAddress]:
    return [address for address in addresses if address is not None]
