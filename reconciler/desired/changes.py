"""Changes of the files of a desired tree, which are made all or not at all, and their unified diff."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from reconciler.desired.loading import load
from reconciler.desired.tree import Tree, too_large
from reconciler.errors import InvalidDesired, RejectedChange
from reconciler.model import Desired

_CONTEXT: Final = 3
"""Lines that a diff shows around a change."""

_QUOTED: Final = re.compile(r'["\\\x00-\x1f\x7f]')
"""What git quotes in the name of a file. Source: https://git-scm.com/docs/git-config (core.quotePath)"""

_Span = tuple[int, int, int, int]
"""From and to in the old lines, from and to in the new ones."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class FileChange:
    """The change of one file of a tree."""

    file: str
    """Path relative to the tree, with forward slashes."""

    before: bytes | None
    """The content that was read; `None` for a new file."""

    after: bytes


def changed_tree(tree: Tree, changes: Sequence[FileChange]) -> Tree:
    """Return a tree with the changed files in place of the old ones; too large a one has that problem."""
    files = dict(sorted({**tree.files, **{change.file: change.after for change in changes}}.items()))
    return Tree(files=files, problems=(*tree.problems, *too_large(files)))


def load_changed(tree: Tree, changes: Sequence[FileChange], *, now: datetime) -> Desired:
    """Validate a tree as it would be after the changes. Raises `RejectedChange` with every problem."""
    try:
        return load(changed_tree(tree, changes), now=now)
    except InvalidDesired as error:
        raise RejectedChange(error.problems) from error


def unified_diff(changes: Sequence[FileChange], *, folder: str) -> bytes:
    """Return the changes as a diff for `git apply` and `patch`, byte for byte.

    `folder` is the path of the tree from where the diff is to be applied, empty for that place itself.
    """
    return b"".join(part for change in sorted(changes) for part in _file_diff(change, folder))


def _file_diff(change: FileChange, folder: str) -> Iterator[bytes]:
    old, new = _lines(change.before or b""), _lines(change.after)
    name = f"{folder}/{change.file}" if folder else change.file
    if change.before == change.after:
        return
    yield b"--- %s\n" % (b"/dev/null" if change.before is None else _path(f"a/{name}"))
    yield b"+++ %s\n" % _path(f"b/{name}")
    for hunk in _hunks(_replaced(old, new)):
        first, last = hunk[0], hunk[-1]
        start = max(0, first[0] - _CONTEXT)
        end = min(len(old), last[1] + _CONTEXT)
        new_start, new_end = first[2] - (first[0] - start), last[3] + (end - last[1])
        yield b"@@ -%s +%s @@\n" % (_range(start, end), _range(new_start, new_end))
        kept = start
        for span in hunk:
            yield from (_line(b" ", line) for line in old[kept : span[0]])
            yield from (_line(b"-", line) for line in old[span[0] : span[1]])
            yield from (_line(b"+", line) for line in new[span[2] : span[3]])
            kept = span[1]
        yield from (_line(b" ", line) for line in old[kept:end])


def _lines(data: bytes) -> list[bytes]:
    """Split at line feeds alone, as git does."""
    lines = data.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _line(sign: bytes, line: bytes) -> bytes:
    return sign + line if line.endswith(b"\n") else sign + line + b"\n\\ No newline at end of file\n"


def _path(name: str) -> bytes:
    if _QUOTED.search(name):
        escaped = _QUOTED.sub(lambda found: f"\\{ord(found[0]):03o}", name)
        return f'"{escaped}"'.encode()
    # A tab ends a name with blanks, as in git's own diffs.
    return name.encode() + (b"\t" if " " in name else b"")


def _range(start: int, end: int) -> bytes:
    # An empty range is named by the line before it.
    return b"%d,%d" % (start + (end > start), end - start)


def _hunks(spans: Sequence[_Span]) -> Iterator[list[_Span]]:
    hunk: list[_Span] = []
    for span in spans:
        if hunk and span[0] - hunk[-1][1] > 2 * _CONTEXT:
            yield hunk
            hunk = []
        hunk.append(span)
    if hunk:
        yield hunk


def _replaced(old: Sequence[bytes], new: Sequence[bytes]) -> list[_Span]:
    """Return which lines are replaced, in order.

    Lines that are there once on each side, such as those with ids, are anchors; what lies between two of them
    is compared from both ends. That takes time in proportion to the lines, whatever was changed.
    """
    spans: list[_Span] = []
    at_old = at_new = 0
    for stop_old, stop_new in [*_anchors(old, new), (len(old), len(new))]:
        start_old, start_new, end_old, end_new = at_old, at_new, stop_old, stop_new
        while start_old < end_old and start_new < end_new and old[start_old] == new[start_new]:
            start_old, start_new = start_old + 1, start_new + 1
        while start_old < end_old and start_new < end_new and old[end_old - 1] == new[end_new - 1]:
            end_old, end_new = end_old - 1, end_new - 1
        if start_old < end_old or start_new < end_new:
            spans.append((start_old, end_old, start_new, end_new))
        at_old, at_new = stop_old + 1, stop_new + 1
    return spans


def _anchors(old: Sequence[bytes], new: Sequence[bytes]) -> list[tuple[int, int]]:
    """Return the longest run of pairs of equal lines, unique on both sides, that rise on both sides."""
    once_old = {line for line, count in Counter(old).items() if count == 1}
    places = {line: place for place, line in enumerate(new) if line in once_old}
    repeated = {line for line, count in Counter(new).items() if count > 1}
    pairs = [(at, places[line]) for at, line in enumerate(old) if line in places and line not in repeated]
    ends: list[int] = []
    last: list[int] = []
    previous: list[int | None] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(ends, place)
        previous.append(last[length - 1] if length else None)
        ends[length : length + 1], last[length : length + 1] = [place], [number]
    found: list[tuple[int, int]] = []
    number_: Any = last[-1] if last else None
    while number_ is not None:
        found.append(pairs[number_])
        number_ = previous[number_]
    return found[::-1]
