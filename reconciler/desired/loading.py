"""Builds the desired state from the files of a tree, or lists every problem of the tree."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from reconciler.desired.characters import hidden_characters
from reconciler.desired.document import Path
from reconciler.desired.guests import addresses, build_guests, check_guests, entries
from reconciler.desired.problems import problem
from reconciler.desired.schema_check import CheckedFile, bounded
from reconciler.desired.tenant import build_tenant, check_tenant
from reconciler.desired.tree import ROOT, TENANT_FILE, Tree, is_declaring
from reconciler.errors import InvalidDesired
from reconciler.model import Desired, DesiredGuest, Problem
from reconciler.rules import Rule
from reconciler.schemas import quoted

_Place = tuple[CheckedFile, Path]


def load(tree: Tree, *, now: datetime) -> Desired:
    """Read the desired state from the files of a tree. Reads no file and no clock.

    `resetAfter` must not lie after `now`. Raises `InvalidDesired` with every problem of the tree, sorted by
    file, line and column, those of reading the files among them.
    """
    names = sorted(name for name in tree.files if is_declaring(name))
    desired = _desired(tree, names, now)
    if desired is None:
        raise InvalidDesired(tuple(sorted(set(_problems(tree, names, now)))))
    return desired


def _desired(tree: Tree, names: Sequence[str], now: datetime) -> Desired | None:
    """Build the desired state; `None` at the first problem.

    The positions of a file are dropped before the next file is read: with twenty thousand guests, keeping
    them costs a third more time. So the problems are collected in a pass of their own.
    """
    if tree.problems or TENANT_FILE not in names or any(_bad_names(names)):
        return None
    tenant = check_tenant(TENANT_FILE, tree.files[TENANT_FILE])
    if tenant.problems:
        return None
    settled = build_tenant(tenant.value)
    guests: list[DesiredGuest] = []
    for name in names:
        if name != TENANT_FILE:
            checked = check_guests(name, tree.files[name], now=now)
            if checked.problems:
                return None
            guests += build_guests(checked, settled.invitation)
    if not _all_different(guests):
        return None
    return Desired(
        tenant_id=settled.tenant_id,
        cloud=settled.cloud,
        policy=settled.policy,
        marker_domain=settled.marker_domain,
        guests=tuple(sorted(guests, key=lambda guest: guest.id)),
    )


def _all_different(guests: Sequence[DesiredGuest]) -> bool:
    claimed = [guest.email.key for guest in guests]
    for guest in guests:
        if guest.alternate_emails:
            claimed += (address.key for address in guest.alternate_emails)
    return len({guest.id for guest in guests}) == len(guests) and len(set(claimed)) == len(claimed)


def _problems(tree: Tree, names: Sequence[str], now: datetime) -> Iterator[Problem]:
    """Find every problem of the tree."""
    yield from tree.problems
    yield from _bad_names(names)
    if TENANT_FILE in names:
        yield from check_tenant(TENANT_FILE, tree.files[TENANT_FILE]).problems
    elif {ROOT, TENANT_FILE}.isdisjoint(known.file for known in tree.problems):
        yield problem(TENANT_FILE, (1, 1), Rule.MISSING_TENANT, "the tree has no tenant.yaml")
    checked = [check_guests(name, tree.files[name], now=now) for name in names if name != TENANT_FILE]
    for file in checked:
        yield from file.problems
    yield from bounded(_duplicates(checked))


def _bad_names(names: Sequence[str]) -> Iterator[Problem]:
    for name in names:
        if not name.isprintable() or ":" in name or any(hidden_characters(name)):
            message = "the name of the file holds a colon or a character that cannot be shown"
            yield problem(name, (1, 1), Rule.FILE_NAME, message)


def _duplicates(checked: Sequence[CheckedFile]) -> Iterator[Problem]:
    """Find ids and addresses that occur in the tree more than once, without regard to case."""
    ids: dict[str, _Place] = {}
    claimed: dict[str, _Place] = {}
    for file in checked:
        for index, entry in entries(file):
            guest_id = entry.get("id")
            if isinstance(guest_id, str):
                here: _Place = (file, ("guests", index, "id"))
                if (first := ids.setdefault(guest_id.lower(), here)) is not here:
                    yield _duplicate(here, first, Rule.DUPLICATE_ID, guest_id)
            for text, path in addresses(entry):
                here = (file, ("guests", index, *path))
                first = claimed.setdefault(text.lower(), here)
                # An email among the guest's own alternate addresses has a rule of its own.
                if first is not here and first != (file, ("guests", index, "email")):
                    yield _duplicate(here, first, Rule.DUPLICATE_ADDRESS, text)


def _duplicate(here: _Place, first: _Place, rule: Rule, text: str) -> Problem:
    file, path = here
    known, known_path = first
    line, column = known.document.position(known_path)
    return file.problem(path, rule, f"{quoted(text)} stands already at {known.file}:{line}:{column}")
