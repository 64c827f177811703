"""The context of a rule of the tenant while it answers one request."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.emulator.auth import Principal
from reconciler.emulator.faults import FaultKind
from reconciler.emulator.replicas import Replica
from reconciler.emulator.store import Store, StoredObject
from reconciler.emulator.switches import Switches
from reconciler.emulator.wire import GraphRequest, dump
from reconciler.model import format_instant


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request, its tenant, and its caller."""

    request: GraphRequest
    store: Store
    switches: Switches
    caller: Principal
    now: datetime
    number: int | None
    """The number of the request in the record; `None` for changes outside Graph."""

    replica: Replica
    """The replica for reads and the invitation service; writes use the store itself."""

    oddities: Collection[FaultKind] = ()
    """The faults to play while it is answered."""

    def user(self, key: str) -> StoredObject | None:
        """Return the user with this id or user principal name that is not deleted."""
        found = self.store.find("upn = ? AND kind = 'user' AND deleted IS NULL", key)
        return self.store.by_id(key) or next(found, None)


def stamp(moment: datetime, *, fractions: bool = False) -> str:
    """Format a time as the directory does."""
    return format_instant(moment if fractions else moment.replace(microsecond=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOrigin:
    """The origin of a write, for the history."""

    time: datetime

    operation: str
    """`patch`, `invite`, `reset`, `redeem`, `edit`, `portal-reset`, `tool-reset`, `create` or `delete`."""

    request: int | None = None
    """The number of the Graph request."""


def write(store: Store, before: StoredObject, after: StoredObject, origin: WriteOrigin) -> None:
    """Store a changed object and record each property that differs, hidden ones too."""
    store.update(after)
    note(store, after.id, _differences(_visible(before), _visible(after)), origin)


def create(store: Store, item: StoredObject, origin: WriteOrigin) -> StoredObject:
    """Store a new object and record it."""
    stored = store.insert(item)
    store.remember(stored.n, None)
    note(store, item.id, _differences({}, _visible(item)), origin)
    return stored


def note(store: Store, object_id: str, changes: Mapping[str, Any], origin: WriteOrigin) -> None:
    """Append to the history; a write that changed nothing is recorded as well."""
    store.execute(
        "INSERT INTO history (time, id, operation, request, changes) VALUES (?, ?, ?, ?, json(?))",
        format_instant(origin.time),
        object_id,
        origin.operation,
        origin.request,
        dump(changes),
    )


def _visible(item: StoredObject) -> dict[str, Any]:
    return {
        **item.body,
        "account": item.account,
        "invited": item.invited,
        "hasLiveLink": item.ticket is not None,
        "deleted": item.deleted,
    }


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {"before": before.get(name), "after": after.get(name)}
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }
