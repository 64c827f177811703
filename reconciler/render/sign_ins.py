"""The addresses with which a guest can sign in, before a change and after it.

An address in `mail` or `otherMails` can sign in, and no other one as far as Graph shows.
"""

from reconciler.model import Change, EmailAddress
from reconciler.plan.compare import Written, before_and_after


def before(change: Change) -> frozenset[EmailAddress]:
    """Return the addresses on the object that a change was planned from."""
    return _addresses(before_and_after(change)[0])


def after(change: Change) -> frozenset[EmailAddress]:
    """Return the addresses on the object once a change is carried out."""
    return _addresses(before_and_after(change)[1])


def admitted(change: Change) -> tuple[EmailAddress, ...]:
    """Return the addresses that could not sign in before a change and can afterwards, sorted.

    A guest whose `mail` is restored is seen to sign in with that address already.
    """
    known = {*before(change), change.fallback and change.fallback.email}
    return tuple(address for address in change.gains if address not in known)


def shut_out(change: Change) -> tuple[EmailAddress, ...]:
    """Return the addresses that could sign in before a change and cannot afterwards, sorted."""
    return tuple(sorted(before(change) - after(change)))


def _addresses(values: Written) -> frozenset[EmailAddress]:
    return frozenset(values.other_mails) | ({values.mail} if values.mail is not None else frozenset())
