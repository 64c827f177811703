"""The changes by another administrator, outside Graph and unchecked by its rules."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from reconciler.emulator.resources.organization import organization_of
from reconciler.emulator.resources.users import recalculated
from reconciler.emulator.tenant.history import WriteOrigin, create, stamp, write
from reconciler.emulator.tenant.resets import redeem_link, reset_redemption
from reconciler.emulator.tenant.seed import Seed, plant
from reconciler.emulator.tenant.seeding import Seeder
from reconciler.emulator.tenant.store import Store, StoredObject, fold
from reconciler.emulator.tenant.switches import switches_of

_HIDDEN = ("account", "invited", "ticket")


def edit_user(store: Store, user: StoredObject, changes: Mapping[str, Any], now: datetime) -> None:
    """Set properties to the given values; `account`, `invited` and `ticket` are the hidden ones.

    `proxyAddresses` follows a new `mail` as it does through Graph, unless it is given too.
    """
    hidden = {name: changes[name] for name in _HIDDEN if name in changes}
    shown = {name: value for name, value in changes.items() if name not in _HIDDEN}
    if shown.get("mail") and "proxyAddresses" not in shown:
        shown["proxyAddresses"] = recalculated(
            user.body.get("proxyAddresses", []), shown["mail"], keep_old=switches_of(store).stale_proxies_kept
        )
    after = replace(user.with_properties(shown), **hidden)
    write(store, user, after, WriteOrigin(time=now, operation="edit"))


def reset_user(store: Store, user: StoredObject, address: str | None, now: datetime) -> str:
    """Reset a guest's redemption as another client, and return the link that redeems from now on.

    Without an address the client is an administrator in a portal, who resets to `mail`; with one it is
    another tool. No message is recorded. Raises `ValueError` for a user who was never invited, and for an
    address that is not in `mail` or `otherMails`: no tenant accepts a reset to another one.
    """
    wanted = address or user.body.get("mail")
    on_object = [user.body.get("mail") or "", *user.body.get("otherMails", [])]
    spelt = next((text for text in on_object if wanted and fold(text) == fold(wanted)), None)
    if not user.is_b2b or spelt is None:
        raise ValueError("nobody can be reset who was not invited, or to an address that is not on the user")
    origin = WriteOrigin(time=now, operation="tool-reset" if address else "portal-reset")
    after = reset_redemption(store, switches_of(store), user, address=spelt, origin=origin)
    return redeem_link(organization_of(store)["id"], after)


def add_user(store: Store, entry: Mapping[str, Any], now: datetime) -> str:
    """Add a guest, or a member when there is no `email`, as in a seed. Returns the id."""
    seeder = Seeder.of(store)
    item = seeder.guest(entry) if "email" in entry else seeder.member(entry)
    return create(store, item, WriteOrigin(time=now, operation="create")).id


def delete_user(store: Store, user: StoredObject, now: datetime) -> None:
    """Move a user to the deleted items."""
    after = replace(user, deleted=stamp(now), account=None, ticket=None)
    write(store, user, after, WriteOrigin(time=now, operation="delete"))


def begin_again(store: Store) -> None:
    """Restore the tenant to its seed, with its switches; the record is cleared."""
    document, turned = store.meta("seed"), store.meta("turned")
    store.clear()
    plant(store, Seed(document=document), switches=turned)
