"""Where new entries go: one file a domain, or one for all, and further ones for what would be too large."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reconciler.desired.reader import MAX_BYTES
from reconciler.editing.spelling import flow, scalar
from reconciler.importing.sorting import NewEntry, Sorted
from reconciler.model import Cloud, NotChecked, ObjectId, TenantId

FOLDER: Final = "guests"
"""The folder of the tree for new files."""

LARGEST_FILE: Final = MAX_BYTES // 2
"""Most bytes of a file that entries are added to: there is room to edit it, and values are within bounds."""

_ALL: Final = "all"
"""The file of all guests, which no domain can be named like: a domain has a dot."""

_LONGEST_NAME: Final = 100
"""Most characters of a file's name before the number: paths are short on some systems."""

# An underscore is in no domain name, so names made with it are none of another domain.
# Source: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|\Z)")


_Spelled = tuple[ObjectId, str]
"""A guest and the text of the entry."""


class Grouping(StrEnum):
    """Which entries share a file."""

    DOMAIN = "domain"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """New entries for one file of the tree."""

    file: str
    """Path relative to the tree, with forward slashes."""

    before: bytes | None
    """The content of the file; `None` for a new one."""

    ids: tuple[ObjectId, ...]
    """The guests who are added, sorted."""

    blocks: tuple[str, ...]
    """Their entries, each a block without dash and indentation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """A whole import, as it is reported."""

    tenant_id: TenantId
    cloud: Cloud
    found: Sorted

    additions: tuple[Addition, ...]
    """Sorted by file."""

    not_checked: tuple[NotChecked, ...]
    """Sorted."""

    dry_run: bool
    """Whether no file was written."""


def place(
    entries: Sequence[NewEntry], files: Mapping[str, bytes], *, grouping: Grouping
) -> tuple[Addition, ...]:
    """Return which entries go to which file, sorted by file; `files` are those of the tree."""
    groups: defaultdict[str, list[_Spelled]] = defaultdict(list)
    for entry in entries:
        name = _ALL if grouping is Grouping.NONE else _file_name(entry.domain)
        groups[name].append((entry.id, _spelled(entry)))
    existing = {file.lower(): file for file in sorted(files)}
    additions: list[Addition] = []
    for name, spelled in groups.items():
        additions += _fill(name, spelled, files, existing)
    return tuple(sorted(additions, key=lambda addition: addition.file))


def new_file(blocks: Sequence[str], *, head: str) -> bytes:
    """Return a file of guests that begins with `head`, which is whole lines or empty."""
    return f"{head}guests:\n{''.join(map(_item, blocks))}".encode()


def _fill(
    name: str, spelled: Sequence[_Spelled], files: Mapping[str, bytes], existing: Mapping[str, str]
) -> list[Addition]:
    """Fill the file of a group, then further ones; only the last one has room left."""
    additions: list[Addition] = []
    begun, number = 0, 1
    while begun < len(spelled):
        file = _file(name, number, existing)
        before = files.get(file)
        end = _fitting(spelled, begun, before)
        if end > begun:
            ids, blocks = zip(*spelled[begun:end], strict=True)
            additions.append(Addition(file=file, before=before, ids=ids, blocks=blocks))
        begun, number = end, number + 1
    return additions


def _fitting(spelled: Sequence[_Spelled], begun: int, before: bytes | None) -> int:
    """Return how far the entries from `begun` on fit in a file; a new file takes one in any case."""
    size, end = len(before or b""), begun
    for _, block in spelled[begun:]:
        size += len(_item(block).encode())
        if size > LARGEST_FILE and (end > begun or before is not None):
            break
        end += 1
    return end


def _file(name: str, number: int, existing: Mapping[str, str]) -> str:
    """Return a file's path: that of one that stands there, whatever the case of its name, or a new one."""
    stem = f"{FOLDER}/{name}" + (f"_{number}" if number > 1 else "")
    found = (existing.get(f"{stem}{suffix}") for suffix in (".yaml", ".yml"))
    return next((file for file in found if file is not None), f"{stem}.yaml")


def _file_name(domain: str) -> str:
    """Return a name that every system takes for a file: no device of Windows, and not too long."""
    if len(domain) > _LONGEST_NAME:
        return f"{domain[: _LONGEST_NAME - 17]}_{hashlib.sha256(domain.encode()).hexdigest()[:16]}"
    return f"_{domain}" if _DEVICE.match(domain) else domain


def _spelled(entry: NewEntry) -> str:
    """Return an entry as a block: the keys and an object id are plain in any YAML."""
    lines = [f"id: {entry.id}"]
    if entry.name is not None:
        lines.append(f"name: {scalar(entry.name)}")
    lines.append(f"email: {scalar(entry.email)}")
    if entry.alternates:
        lines.append(f"alternateEmails: {flow(entry.alternates)}")
    return "\n".join(lines)


def _item(block: str) -> str:
    indented = block.replace("\n", "\n    ")
    return f"  - {indented}\n"
