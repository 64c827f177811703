"""A valid tree as the content of its files, for commands that edit a few of many: the others are read once.

`load` builds all that planning needs; here only what an entry declares is kept, in the words of its file.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from reconciler.desired.changes import FileChange, changed_tree
from reconciler.desired.document import Path, Position
from reconciler.desired.guests import are_valid, check_guests
from reconciler.desired.loading import MAX_ENTRIES, bad_names, every_problem
from reconciler.desired.reader import read
from reconciler.desired.tenant import TenantFile, build_tenant, check_tenant
from reconciler.desired.tree import TENANT_FILE, Tree, is_declaring
from reconciler.errors import InvalidDesired, RejectedChange
from reconciler.model import ObjectId


class EntryKey(NamedTuple):
    """The place of an entry in a tree."""

    file: str
    """Path relative to the tree, with forward slashes."""

    number: int
    """From 0, in the list of its file."""


class Place(NamedTuple):
    """A value inside an entry."""

    key: EntryKey

    path: Path
    """From the entry to the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """A tree that broke no rule."""

    tree: Tree
    now: datetime
    tenant: TenantFile
    tenant_value: Mapping[str, Any]
    """The content of `tenant.yaml`."""

    files: Mapping[str, Sequence[Mapping[str, Any]]]
    """The entries of each file of guests, in the order of the files' names."""

    email_starts: Mapping[str, Sequence[int]]
    """By file, where the `email` of each entry begins, in characters from 0 behind a byte order mark."""

    ids: Mapping[ObjectId, EntryKey]
    emails: Mapping[str, EntryKey]
    """By declared `email` in lower case."""

    alternates: Mapping[str, tuple[EntryKey, int]]
    """By declared address in lower case, with its number in the list of the entry."""

    def entry(self, key: EntryKey) -> Mapping[str, Any]:
        """Return the content of an entry."""
        return self.files[key.file][key.number]

    def positions(self, places: Iterable[Place]) -> dict[Place, Position]:
        """Return where values of entries begin; each file with one of them is read once more for that."""
        by_file: dict[str, list[Place]] = defaultdict(list)
        for place in places:
            by_file[place.key.file].append(place)
        found: dict[Place, Position] = {}
        for file, wanted in by_file.items():
            # Dropped before the next file is read: positions take more room than what they are about.
            document = read(self.tree.files[file])
            found |= {place: document.position(("guests", place.key.number, *place.path)) for place in wanted}
        return found

    def check_after(self, changes: Sequence[tuple[FileChange, Any]]) -> list[str]:
        """Validate the tree after changes of some files, of each of which the new content is expected.

        Return the files that hold another content. Raises `RejectedChange` with every problem. Entries that
        stay are not checked again, however many there are.
        """
        contents = {change.file: self._content(change) for change, _ in changes}
        others = [change.file for change, expected in changes if contents[change.file] != expected]
        tree = changed_tree(self.tree, [change for change, _ in changes])
        if others or tree.problems or not self._is_valid_with(contents, changes):
            problems = every_problem(tree, now=self.now)
            if problems:
                raise RejectedChange(problems)
        return others

    def _is_valid_with(self, contents: Mapping[str, Any], changes: Sequence[tuple[FileChange, Any]]) -> bool:
        """Return whether the tree is valid with new contents of files, which are as expected."""
        listed = {file: _listed(content) for file, content in contents.items() if file != TENANT_FILE}
        if None in listed.values():
            return False
        known = {id(entry) for file in listed for entry in self.files.get(file, ())}
        new = [
            entry
            for change, expected in changes
            if change.file in listed
            for entry in expected["guests"]
            if id(entry) not in known
        ]
        return are_valid(new, now=self.now) and _index({**self.files, **listed}) is not None

    def _content(self, change: FileChange) -> Any:
        """Read a changed file, `tenant.yaml` with its rules; `None` for one with a problem."""
        if change.file == TENANT_FILE:
            checked = check_tenant(change.file, change.after)
            return None if checked.problems else checked.value
        document = read(change.after)
        return None if document.flaws else document.value


def survey(tree: Tree, *, now: datetime) -> Survey:
    """Check a tree by every rule. Raises `InvalidDesired` with every problem."""
    names = sorted(name for name in tree.files if is_declaring(name))
    contents = index = None
    starts: dict[str, list[int]] = {}
    if TENANT_FILE in names and not tree.problems and not any(bad_names(names)):
        contents = _contents({name: tree.files[name] for name in names}, now, starts)
    if contents is not None:
        index = _index(_entries(contents))
    if contents is None or index is None:
        raise InvalidDesired(every_problem(tree, now=now))
    return Survey(
        tree=tree,
        now=now,
        tenant=build_tenant(contents[TENANT_FILE]),
        tenant_value=contents[TENANT_FILE],
        files=_entries(contents),
        email_starts=starts,
        ids=index.ids,
        emails=index.emails,
        alternates=index.alternates,
    )


def _contents(
    files: Mapping[str, bytes], now: datetime, starts: dict[str, list[int]]
) -> dict[str, Any] | None:
    """Check files one by one, and return the content of each; `None` at the first problem.

    Adds to `starts` where each `email` of a file begins: the other positions take too much room.
    """
    contents: dict[str, Any] = {}
    for file, data in files.items():
        checked = check_tenant(file, data) if file == TENANT_FILE else check_guests(file, data, now=now)
        if checked.problems:
            return None
        contents[file] = checked.value
        if file != TENANT_FILE:
            starts[file] = checked.document.value_offsets(checked.value["guests"], "email")
    return contents


def _listed(content: Any) -> Any:
    """Return the entries of a file that holds a list of them and nothing else; `None` for another one."""
    if isinstance(content, dict) and content.keys() == {"guests"} and isinstance(content["guests"], list):
        return content["guests"]
    return None


def _entries(contents: Mapping[str, Any]) -> dict[str, Sequence[Mapping[str, Any]]]:
    return {file: content["guests"] for file, content in contents.items() if file != TENANT_FILE}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Index:
    """Where each id and address is declared."""

    ids: dict[ObjectId, EntryKey]
    emails: dict[str, EntryKey]
    alternates: dict[str, tuple[EntryKey, int]]


def _index(files: Mapping[str, Sequence[Mapping[str, Any]]]) -> _Index | None:
    """Find where each id and address is declared; `None` when one is twice, or there are too many entries."""
    index = _Index(ids={}, emails={}, alternates={})
    entries = alternates = 0
    for file, listed in files.items():
        entries += len(listed)
        for number, entry in enumerate(listed):
            key = EntryKey(file, number)
            index.ids[ObjectId(entry["id"].lower())] = key
            index.emails[entry["email"].lower()] = key
            if "alternateEmails" in entry:
                alternates += len(entry["alternateEmails"])
                for place, text in enumerate(entry["alternateEmails"]):
                    index.alternates[text.lower()] = key, place
    whole = entries <= MAX_ENTRIES and len(index.ids) == len(index.emails) == entries
    distinct = len(index.alternates) == alternates and index.emails.keys().isdisjoint(index.alternates)
    return index if whole and distinct else None
