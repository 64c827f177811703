"""The token service of a stored tenant: its applications come from the seed, its key from the state."""

import secrets

from reconciler.emulator.identity.applications import applications_from
from reconciler.emulator.identity.tokens import TokenService
from reconciler.emulator.tenant.store import Store

_KEY = "tokenKey"


def tokens_of(store: Store, *, lifetime: int = 3600) -> TokenService:
    """Build the service that issues and reads a seeded tenant's tokens, valid for `lifetime` seconds.

    All services built from one state accept each other's tokens, in other processes and later runs too.
    """
    with store.transaction():
        if store.meta(_KEY) is None:
            store.set_meta(_KEY, secrets.token_hex(32))
        key = bytes.fromhex(store.meta(_KEY))
        seed = store.meta("seed")
        tenant_id = store.meta("organization")["id"]
    return TokenService(
        tenant_id=tenant_id,
        applications=applications_from(seed.get("applications", ())),
        key=key,
        lifetime=lifetime,
    )
