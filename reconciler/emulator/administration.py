"""What another administrator does to the tenant, apart from Graph and unchecked by its rules."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from reconciler.emulator.call import Origin, create, stamp, write
from reconciler.emulator.planting import Planter
from reconciler.emulator.seed import Seed, plant
from reconciler.emulator.store import Store, StoredObject

_HIDDEN = ("account", "invited", "ticket")


def edit_user(store: Store, user: StoredObject, changes: Mapping[str, Any], now: datetime) -> None:
    """Set properties as they are given; `account`, `invited` and `ticket` are the hidden ones."""
    hidden = {name: changes[name] for name in _HIDDEN if name in changes}
    shown = {name: value for name, value in changes.items() if name not in _HIDDEN}
    after = replace(user.with_properties(shown), **hidden)
    write(store, user, after, Origin(time=now, operation="edit"))


def add_user(store: Store, entry: Mapping[str, Any], now: datetime) -> str:
    """Add a guest, or a member when there is no `email`, as in a seed. Gives the id."""
    planter = Planter.of(store)
    item = planter.guest(entry) if "email" in entry else planter.member(entry)
    return create(store, item, Origin(time=now, operation="create")).id


def delete_user(store: Store, user: StoredObject, now: datetime) -> None:
    """Move a user to the bin."""
    after = replace(user, deleted=stamp(now), account=None, ticket=None)
    write(store, user, after, Origin(time=now, operation="delete"))


def begin_again(store: Store) -> None:
    """Take the tenant back to its seed; the switches too, and the record starts anew."""
    document, turned = store.meta("seed"), store.meta("turned")
    store.clear()
    plant(store, Seed(document=document), switches=turned)
