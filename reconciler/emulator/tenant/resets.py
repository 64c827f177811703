"""The effect of a reset of the redemption on a guest, through Graph or outside it.

Source: https://learn.microsoft.com/entra/external-id/reset-redemption-status
"""

import secrets
from dataclasses import replace
from urllib.parse import quote, urlencode

from reconciler.emulator.protocol.wire import JsonObject
from reconciler.emulator.tenant.history import WriteOrigin, stamp, write
from reconciler.emulator.tenant.store import Store, StoredObject, fold
from reconciler.emulator.tenant.switches import Switches

PENDING = "PendingAcceptance"


def reset_redemption(
    store: Store, switches: Switches, guest: StoredObject, *, address: str, origin: WriteOrigin
) -> StoredObject:
    """Invite a guest anew with an address; the former link and the former account stop working.

    Returns the changed guest. The caller has checked that the reset is allowed.
    """
    changes: JsonObject = {
        "externalUserState": PENDING,
        # No account is bound: only the entry of the host tenant is left.
        # Source: https://learn.microsoft.com/entra/external-id/user-properties
        "identities": [
            entry for entry in guest.body.get("identities", []) if entry["signInType"] == "userPrincipalName"
        ],
    }
    if guest.body.get("externalUserState") != PENDING or switches.pending_reset_moves_time:
        changes["externalUserStateChangeDateTime"] = stamp(
            origin.time, fractions=switches.state_time_fractions
        )
    proxies = guest.body.get("proxyAddresses", [])
    if switches.invitation_adds_proxy and f"smtp:{fold(address)}" not in {fold(proxy) for proxy in proxies}:
        changes["proxyAddresses"] = [*proxies, f"smtp:{address}"]
    after = replace(guest.with_properties(changes), account=None, invited=address, ticket=new_ticket())
    write(store, guest, after, origin)
    return after


def new_ticket() -> str:
    """Return the secret of a new redeem link."""
    return secrets.token_urlsafe(32)


def redeem_link(tenant_id: str, guest: StoredObject) -> str:
    """Return the link that redeems the guest's live invitation: any holder of it can redeem."""
    parameters = {"tenant": tenant_id, "user": guest.id, "ticket": guest.ticket, "ver": "2.0"}
    inner = f"https://invitations.microsoft.com/redeem/?{urlencode(parameters)}"
    return f"https://login.microsoftonline.com/redeem?rd={quote(inner, safe='')}"
