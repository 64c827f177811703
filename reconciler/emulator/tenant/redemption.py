"""The actions of guests, outside Graph: redeeming by a link, and signing in by opening an app.

Sources: https://learn.microsoft.com/entra/external-id/redemption-experience and
https://learn.microsoft.com/entra/external-id/reset-redemption-status
"""

from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from reconciler.emulator.tenant.history import WriteOrigin, stamp, write
from reconciler.emulator.tenant.seeding import identities_of
from reconciler.emulator.tenant.store import Store, StoredObject, fold
from reconciler.emulator.tenant.switches import Switches

_PENDING = "PendingAcceptance"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """The result of an attempt to sign in."""

    result: str
    """`signed-in`, `redeemed` or `refused`."""

    id: str | None
    """The guest that is signed in."""

    reason: str
    """The cause, in a sentence."""


def redeem(store: Store, switches: Switches, *, link: str, account: str, now: datetime) -> SignIn:
    """Redeem a link with an outside account: any account that holds the link can, whatever its address."""
    ticket = _ticket(link)
    guest = next(store.find("ticket = ? AND deleted IS NULL", ticket), None) if ticket else None
    if guest is None:
        return SignIn(result="refused", id=None, reason="the link is not valid, or not any more")
    return _bind(store, switches, guest, account=account, now=now)


def sign_in(store: Store, switches: Switches, *, account: str, now: datetime) -> SignIn:
    """Open an app of the tenant directly with an outside account."""
    bound = _bound_to(store, account)
    if bound is not None:
        if not bound.body.get("accountEnabled", True):
            return SignIn(result="refused", id=None, reason="the guest is disabled")
        return SignIn(result="signed-in", id=bound.id, reason="the account is bound to this guest")
    for guest in store.find("state = ? AND deleted IS NULL", _PENDING):
        if fold(account) in could_redeem(guest, switches):
            return _bind(store, switches, guest, account=account, now=now)
    return SignIn(
        result="refused", id=None, reason="no guest is bound to the account or waits for its address"
    )


def could_redeem(guest: StoredObject, switches: Switches) -> list[str]:
    """Return the addresses whose owners could redeem by opening an app, without any link, sorted.

    The service searches `proxyAddresses` and the invited address; Microsoft recommends the new one in `mail`
    for this.
    """
    if guest.body.get("externalUserState") != _PENDING or not switches.direct_redemption:
        return []
    proxies = (proxy[5:] for proxy in guest.body.get("proxyAddresses", ()) if fold(proxy[:5]) == "smtp:")
    others = guest.body.get("otherMails", ()) if switches.other_mails_redeem else ()
    found = (*proxies, *others, guest.body.get("mail"), guest.invited)
    return sorted({fold(address) for address in found if address})


def _ticket(link: str) -> str | None:
    inner = parse_qs(urlsplit(link).query).get("rd", [""])[0]
    return parse_qs(urlsplit(inner).query).get("ticket", [None])[0]


def _bound_to(store: Store, account: str) -> StoredObject | None:
    return next(store.find("account = ? AND deleted IS NULL", account), None)


def _bind(store: Store, switches: Switches, guest: StoredObject, *, account: str, now: datetime) -> SignIn:
    domain = account.rpartition("@")[2].lower()
    if domain in switches.denied_domains or domain in switches.cross_tenant_blocked_domains:
        return SignIn(result="refused", id=None, reason="the tenant lets nobody of this domain in")
    if not guest.body.get("accountEnabled", True):
        return SignIn(result="refused", id=None, reason="the guest is disabled")
    if _bound_to(store, account) is not None:
        return SignIn(result="refused", id=None, reason="the account is bound to another guest")
    identities = identities_of(
        initial=store.meta("organization")["verifiedDomains"][0]["name"],
        principal_name=guest.body["userPrincipalName"],
        account=account,
        providers=store.meta("providers"),
    )
    after = guest.with_properties(
        {
            "externalUserState": "Accepted",
            "externalUserStateChangeDateTime": stamp(now, fractions=switches.state_time_fractions),
            "identities": identities,
        }
    )
    write(
        store, guest, replace(after, account=account, ticket=None), WriteOrigin(time=now, operation="redeem")
    )
    return SignIn(result="redeemed", id=guest.id, reason="the account is bound to this guest from now on")
