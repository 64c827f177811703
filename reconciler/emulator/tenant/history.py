"""Writes to directory objects, and records each in the tenant's history."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.emulator.protocol.wire import dump
from reconciler.emulator.tenant.store import Store, StoredObject
from reconciler.model import format_instant


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
