"""The hint that a guest may sign in with another address than `mail`: evidence, never proof.

A guest whose `mail` somebody edited by hand and never reset agrees with an entry that declares it, while the
account that redeemed stays the old one. No rule acts on this hint, and no plan has it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from reconciler.model import EmailAddress, Guest, RedemptionState

SOON: Final = timedelta(days=7)
"""Longest time from the creation of a guest to a redemption that counts as the first one, of the invitation.

A later one may have been a reset for the new address.
"""

_EXTERNAL: Final = "#ext#"
"""Stands in the user principal name after the invited address, in which `_` replaces `@`.

Source: https://learn.microsoft.com/entra/external-id/user-properties
"""

_LONGEST_NAME: Final = 64
"""Most characters of a user principal name before its `@`.

Source: https://learn.microsoft.com/entra/identity/hybrid/connect/plan-connect-userprincipalname
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInHint:
    """The address that a guest may sign in with, and what says so."""

    address: EmailAddress

    evidence: str
    """What the directory shows, as a clause."""

    reset_after: datetime | None
    """The earliest whole second that, declared as `resetAfter`, resets the guest; `None` where none would."""


def may_sign_in_as(guest: Guest) -> SignInHint | None:
    """Return the hint about a guest; `None` without evidence, or where the directory shows `mail` itself."""
    if guest.state is not RedemptionState.ACCEPTED or guest.mail is None:
        return None
    shown = guest.passcode_addresses
    found = _in_identities(shown, guest.mail) if shown else _in_principal_name(guest, guest.mail)
    if found is None:
        return None
    address, evidence = found
    return SignInHint(address=address, evidence=evidence, reset_after=_next_second(guest.state_changed_at))


def _in_identities(shown: Iterable[EmailAddress], mail: EmailAddress) -> tuple[EmailAddress, str] | None:
    others = [address for address in shown if address != mail]
    return (others[0], "an identity of the guest shows it") if others else None


def _in_principal_name(guest: Guest, mail: EmailAddress) -> tuple[EmailAddress, str] | None:
    """Compare `mail` with the invited address, which the user principal name spells for ever."""
    if not _redeemed_soon(guest):
        return None
    invited, external, _ = (guest.user_principal_name or "").lower().partition(_EXTERNAL)
    local, at, domain = invited.rpartition("_")
    if not external or not local or not at or "." not in domain:
        return None
    if _spells(invited, mail):
        return None
    return EmailAddress(f"{local}@{domain}"), (
        "the user principal name spells it, and the state has not changed since soon after the guest was "
        "created"
    )


def _redeemed_soon(guest: Guest) -> bool:
    """Return whether the state last changed soon after the guest was created; false where that is unknown."""
    if guest.created_at is None or guest.state_changed_at is None:
        return False
    return guest.state_changed_at - guest.created_at <= SOON


def _spells(invited: str, mail: EmailAddress) -> bool:
    """Return whether a name may have been made from `mail`: digits make it unique, and a long one is cut."""
    name = mail.key.replace("@", "_")
    if invited.startswith(name):
        return invited == name or invited.removeprefix(name).isdecimal()
    return len(invited) + len(_EXTERNAL) >= _LONGEST_NAME and name.startswith(invited)


def _next_second(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.replace(microsecond=0) + timedelta(seconds=1)
