"""The initial objects of a new tenant, written by a user in YAML."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.desired.reader import Position
from reconciler.desired.schema_check import CheckedFile
from reconciler.emulator.files import read_file
from reconciler.emulator.tenant.seeding import (
    PROVIDERS,
    entry_id,
    names_of,
    organization_from,
    plant_document,
)
from reconciler.emulator.tenant.store import Store
from reconciler.emulator.tenant.switches import turn_for_good
from reconciler.model import Problem
from reconciler.rules import OtherRule, Rule, RuleId
from reconciler.schemas import quoted

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """The initial state of a tenant. `load_seed` makes one from a file."""

    document: Mapping[str, Any]
    """The parsed file, of the shape `schemas/emulator.schema.json` describes; `{}` is an empty tenant."""


def load_seed(path: Path) -> Seed:
    """Read a seed from a YAML file.

    Raises `InvalidFile` with every problem of the file, `UsageError` when it cannot be read.
    """
    checked = read_file(
        path,
        what="the seed",
        rule=OtherRule("emulator-seed"),
        schema="emulator",
        more=lambda checked: [*_unknown_names(checked), *_duplicates(checked)],
    )
    return Seed(document=checked.document.value)


def plant(store: Store, seed: Seed, *, switches: Mapping[str, Any] | None = None) -> None:
    """Fill a new state from the seed; a state that was filled before is not changed.

    `switches` are set in either case. Raises `ValueError` for a switch that does not exist.
    """
    if store.meta("organization") is None:
        document = seed.document
        store.set_meta("seed", document)
        store.set_meta("organization", organization_from(document.get("tenant", {})))
        store.set_meta("providers", {**PROVIDERS, **document.get("providers", {})})
        store.set_meta("switches", document.get("switches", {}))
        plant_document(store, document)
    turn_for_good(store, switches or {})


def _duplicates(checked: CheckedFile) -> Iterator[Problem]:
    """Find entries that would be the same object."""
    places: dict[str, Position] = {}
    document = checked.document.value
    for section in ("guests", "deleted", "members", "groups", "contacts"):
        kind = "guest" if section == "deleted" else section.removesuffix("s")
        for number, entry in enumerate(document.get(section, ())):
            position = checked.document.position((section, number))
            line, column = places.setdefault(entry_id(kind, entry), position)
            if (line, column) != position:
                yield _problem(
                    checked,
                    position,
                    rule=Rule.DUPLICATE_ID,
                    message=f"this is the same object as at {line}:{column}",
                    hint="keep one of the two, or give each an id of its own",
                )


def _unknown_names(checked: CheckedFile) -> Iterator[Problem]:
    """Find references to groups and users that the file does not have."""
    document = checked.document.value
    groups = {entry["name"] for entry in document.get("groups", ())}
    anybody = names_of(document)
    for path, group in (*_named(document, "guests", "groups"), *_named(document, "members", "groups")):
        if group not in groups:
            yield _unknown(checked, path, group)
    for path, member in (*_named(document, "groups", "members"), *_named(document, "groups", "owners")):
        if member not in anybody and not _GUID.fullmatch(member):
            yield _unknown(checked, path, member)
    for number, entry in enumerate(document.get("roles", ())):
        if entry["holder"] not in anybody and not _GUID.fullmatch(entry["holder"]):
            yield _unknown(checked, ("roles", number, "holder"), entry["holder"])


def _named(
    document: Mapping[str, Any], section: str, key: str
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for number, entry in enumerate(document.get(section, ())):
        for position, name in enumerate(entry.get(key, ())):
            yield (section, number, key, position), name


def _unknown(checked: CheckedFile, path: tuple[str | int, ...], name: str) -> Problem:
    return _problem(
        checked,
        checked.document.position(path),
        rule=OtherRule("unknown-name"),
        message=f"{quoted(name)} is nothing this file declares",
        hint="name a group, an address or a user principal name of this file, or give an id",
    )


def _problem(checked: CheckedFile, position: Position, *, rule: RuleId, message: str, hint: str) -> Problem:
    line, column = position
    return Problem(file=checked.file, line=line, column=column, rule=rule, message=message, hint=hint)
