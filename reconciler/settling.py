"""The instant from which reads count: the last write of an earlier run may not show in them before.

The instant of the last write is kept for each tenant in the user's state directory. It is a hint that may
be deleted at any time: whatever is wrong with it, it counts as unknown, and nothing is ever refused for it.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from platformdirs import user_state_path

from reconciler.model import TenantId, format_instant, parse_instant

_APPLICATION: Final = "reconciler"
_LAST_WRITE: Final = "lastWrite"

_LARGEST: Final = 1024
"""Most bytes of a hint that are read; a hint has less than a hundred."""

_KEPT_AHEAD: Final = timedelta(seconds=1)

_SKEW: Final = timedelta(days=1)
"""A kept instant further ahead than that comes from a clock that was wrong, and must not stay for ever."""


def settled_at(
    *, started: datetime, last_writes: Iterable[datetime | None], known: bool, watch: float
) -> datetime:
    """Return the instant from which reads show what earlier runs have written, `watch` seconds after it.

    `started` is when this process began, `last_writes` the instants in the hint and the journals, `None` for
    one without an instant. Where nothing is `known` of earlier runs (no hint, no journal, no evidence), one
    may have ended just before this one began; and a write cannot be later than that.
    """
    found = [min(instant, started) for instant in last_writes if instant is not None]
    if not known:
        found.append(started)
    if not found:
        return started
    return max(found) + timedelta(seconds=watch)


def read_hint(tenant: TenantId, root: str) -> datetime | None:
    """Return when a run on this machine last wrote to a tenant; `None` when that is not known.

    `root` is the URL of Graph, so that an emulator of a tenant is not taken for the tenant.
    """
    place = _place(tenant, root)
    return None if place is None else _read(place)


def write_hint(tenant: TenantId, root: str, instant: datetime) -> None:
    """Store the instant of a write, unless a later one is stored already. Raises nothing: it is a hint."""
    place = _place(tenant, root)
    if place is None:
        return
    with suppress(OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = _read(place)
        if kept is None or not instant <= kept <= instant + _SKEW:
            _replace(place, json.dumps({_LAST_WRITE: format_instant(instant)}) + "\n")


class LastWrite:
    """Updates the hint while a run writes."""

    def __init__(self, tenant: TenantId, root: str) -> None:
        self._tenant = tenant
        self._root = root
        self._kept: datetime | None = None

    def touch(self, instant: datetime) -> None:
        """Record a write: stored at most once a second, dated a second ahead, so that none is after it."""
        if self._kept is None or instant > self._kept:
            self._kept = instant + _KEPT_AHEAD
            write_hint(self._tenant, self._root, self._kept)


def _place(tenant: TenantId, root: str) -> Path | None:
    try:
        folder = user_state_path(_APPLICATION, appauthor=False)
    except RuntimeError:
        # The user of a container may have no home.
        return None
    name = hashlib.sha256(f"{tenant}\n{root}".encode()).hexdigest()
    return folder / f"settling-{tenant}-{name[:16]}.json"


def _read(place: Path) -> datetime | None:
    try:
        with place.open("rb") as opened:
            return parse_instant(json.loads(opened.read(_LARGEST))[_LAST_WRITE])
    except (OSError, ValueError, OverflowError, KeyError, TypeError, RecursionError):
        return None


def _replace(place: Path, text: str) -> None:
    number, name = tempfile.mkstemp(dir=place.parent, prefix=".settling-")
    try:
        # mkstemp makes a file its owner's alone.
        with os.fdopen(number, "w", encoding="utf-8") as opened:
            opened.write(text)
        Path(name).replace(place)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
