"""Builds the desired state from the files of a tree, or lists every problem of the tree."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from reconciler.desired.characters import hidden_characters
from reconciler.desired.document import Path
from reconciler.desired.guests import addresses, build_guests, check_guests, entries
from reconciler.desired.problems import ROOT, problem
from reconciler.desired.reader import MAX_PROBLEMS
from reconciler.desired.schema_check import CheckedFile, bounded
from reconciler.desired.tenant import build_tenant, check_tenant
from reconciler.desired.tree import TENANT_FILE, Tree, is_declaring
from reconciler.errors import InvalidDesired
from reconciler.model import Desired, DesiredGuest, Problem
from reconciler.rules import Rule
from reconciler.schemas import quoted

MAX_ENTRIES = 100_000
"""Most guests of one tree."""


def load(tree: Tree, *, now: datetime) -> Desired:
    """Read the desired state from the files of a tree. Reads no file and no clock.

    `resetAfter` must not lie after `now`. Raises `InvalidDesired` with every problem of the tree, sorted by
    file, line and column, those of reading the files among them.
    """
    names = sorted(name for name in tree.files if is_declaring(name))
    checked: dict[str, CheckedFile] = {}
    desired = _desired(tree, names, now, checked)
    if desired is None:
        raise InvalidDesired(tuple(sorted(set(_problems(tree, names, now, checked)))))
    return desired


def every_problem(tree: Tree, *, now: datetime) -> tuple[Problem, ...]:
    """Return every problem of a tree, sorted by file, line and column."""
    names = sorted(name for name in tree.files if is_declaring(name))
    return tuple(sorted(set(_problems(tree, names, now, {}))))


def _desired(
    tree: Tree, names: Sequence[str], now: datetime, checked: dict[str, CheckedFile]
) -> Desired | None:
    """Build the desired state; `None` at the first problem. Adds the file with that problem to `checked`.

    The positions of a file are dropped before the next file is read: with twenty thousand guests, keeping
    them costs a third more time. So the problems are collected in a pass of their own.
    """
    if tree.problems or TENANT_FILE not in names or any(bad_names(names)):
        return None
    tenant = check_tenant(TENANT_FILE, tree.files[TENANT_FILE])
    if tenant.problems:
        return None
    settled = build_tenant(tenant.value)
    guests: list[DesiredGuest] = []
    for name in names:
        if name != TENANT_FILE:
            file = check_guests(name, tree.files[name], now=now)
            if file.problems:
                checked[name] = file
                return None
            guests += build_guests(file, settled.invitation)
    if len(guests) > MAX_ENTRIES or not _all_different(guests):
        return None
    return Desired(
        tenant_id=settled.tenant_id,
        cloud=settled.cloud,
        policy=settled.policy,
        marker_domain=settled.marker_domain,
        guests=tuple(sorted(guests, key=lambda guest: guest.id)),
        invitation=settled.invitation,
    )


def _all_different(guests: Sequence[DesiredGuest]) -> bool:
    claimed = [guest.email.key for guest in guests]
    for guest in guests:
        if guest.alternate_emails:
            claimed += (address.key for address in guest.alternate_emails)
    return len({guest.id for guest in guests}) == len(guests) and len(set(claimed)) == len(claimed)


def _problems(
    tree: Tree, names: Sequence[str], now: datetime, checked: dict[str, CheckedFile]
) -> Iterator[Problem]:
    """Find every problem of the tree, up to a number; `checked` are files that need not be checked again."""
    yield from tree.problems
    yield from bad_names(names)
    if TENANT_FILE in names:
        yield from check_tenant(TENANT_FILE, tree.files[TENANT_FILE]).problems
    elif {ROOT, TENANT_FILE}.isdisjoint(known.file for known in tree.problems):
        yield problem(TENANT_FILE, (1, 1), Rule.MISSING_TENANT, "the tree has no tenant.yaml")
    claims, found = _Claims(), 0
    for name in names:
        if name == TENANT_FILE:
            continue
        if found >= MAX_PROBLEMS:
            message = f"there are more than {MAX_PROBLEMS} problems in the files before this one"
            yield problem(name, (1, 1), Rule.TOO_MANY_PROBLEMS, message)
            break
        # The document is dropped before the next one is read: a hostile one takes a hundred megabytes.
        file = checked.pop(name, None) or check_guests(name, tree.files[name], now=now)
        yield from file.problems
        found += len(file.problems)
        claims.add(file)
        if claims.entries > MAX_ENTRIES:
            yield problem(
                name, (1, 1), Rule.TOO_LARGE, f"the tree declares more than {MAX_ENTRIES} guests here"
            )
            break
    yield from claims.duplicates


def bad_names(names: Sequence[str]) -> Iterator[Problem]:
    """Yield the problems of the names of files."""
    for name in names:
        if not name.isprintable() or ":" in name or any(hidden_characters(name)):
            message = "the name of the file holds a colon or a character that cannot be shown"
            yield problem(name, (1, 1), Rule.FILE_NAME, message)


class _Claims:
    """The ids and addresses that the files declare, without regard to case, and those declared twice."""

    def __init__(self) -> None:
        self.entries = 0
        self._ids: dict[str, _Place] = {}
        self._addresses: dict[str, _Place] = {}
        self._found: list[Problem] = []

    @property
    def duplicates(self) -> Iterator[Problem]:
        """The ids and addresses that occur more than once, up to a number."""
        return bounded(self._found)

    def add(self, file: CheckedFile) -> None:
        """Add what a file declares."""
        for index, entry in entries(file):
            self.entries += 1
            if self.entries > MAX_ENTRIES or len(self._found) > MAX_PROBLEMS:
                return
            guest_id = entry.get("id")
            if isinstance(guest_id, str):
                self._claim(self._ids, _Place(file, index, ("id",)), Rule.DUPLICATE_ID, guest_id)
            for text, path in addresses(entry):
                self._claim(self._addresses, _Place(file, index, path), Rule.DUPLICATE_ADDRESS, text)

    def _claim(self, known: dict[str, "_Place"], here: "_Place", rule: Rule, text: str) -> None:
        first = known.setdefault(text.lower(), here)
        # An email among the guest's own alternate addresses has a rule of its own.
        if first is here or (first.entry == here.entry and first.is_email):
            return
        where = f"{first.file}:{first.position[0]}:{first.position[1]}"
        message = f"{quoted(text)} stands already at {where}"
        self._found.append(problem(here.file, here.position, rule, message))


class _Place:
    """Where an id or address stands, without the document it stands in."""

    __slots__ = ("entry", "file", "is_email", "position")

    def __init__(self, checked: CheckedFile, index: int, path: Path) -> None:
        self.file = checked.file
        self.entry = (checked.file, index)
        self.is_email = path == ("email",)
        self.position = checked.document.position(("guests", index, *path))
