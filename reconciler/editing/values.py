"""Sets values in a file: in place of those that stand there, or as new keys of a mapping."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reconciler.desired.document import Path
from reconciler.desired.reader import read
from reconciler.editing.layout import Layout, Splice
from reconciler.editing.nodes import BLOCK, FLOW, LITERAL, PLAIN, Node, comment_in, compose
from reconciler.editing.spelling import flow, in_style, scalar
from reconciler.editing.verifying import Edited, verified

_STEP: Final = 2
"""Columns by which the keys of a new mapping stand further right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A value to be set."""

    path: Path
    """To a value, or to a key that is missing in a mapping that is there."""

    value: Any
    """A text, a number or a truth value, or a mapping of such."""

    after: str | None = None
    """The key below which a missing key is put; `None`, or one that is missing itself: below the last one."""


def assign(data: bytes, assignments: Iterable[Assignment]) -> bytes:
    """Return a file with values set. Raises `CannotEdit`."""
    return verified(assigned(data, assignments, before=read(data).value))


def assigned(data: bytes, assignments: Iterable[Assignment], *, before: Any) -> Edited:
    """Return a file with values set, not verified yet; `before` is its content. Raises `CannotEdit`."""
    layout = Layout.of(data)
    root = compose(data, layout)
    expected = _Copied(before)
    splices: list[Splice] = []
    place = root.start
    for each in assignments:
        splice, place = _splice(layout, root, each)
        splices.append(splice)
        expected.set(each.path, each.value)
    return Edited(data=layout.spliced(sorted(splices)), expected=expected.value, place=layout.position(place))


def replaced_texts(
    data: bytes, starts: Sequence[int], assignments: Sequence[Assignment], *, before: Any
) -> Edited | None:
    """Return a file with texts replaced of which the beginnings are known, in characters from 0.

    The other values of the file need not be found then, which takes most of the time of `assigned`. `None`
    where a text is not written on one line and without escapes.
    """
    layout = Layout.of(data)
    expected = _Copied(before)
    splices: list[Splice] = []
    for start, each in zip(starts, assignments, strict=True):
        old = expected.get(each.path)
        mark = layout.text[start]
        begin = start + 1 if mark in "'\"" else start
        end = begin + len(old)
        if layout.text[begin:end] != old or (begin > start and layout.text[end : end + 1] != mark):
            return None
        new = in_style(each.value, mark if begin > start else "")
        splices.append((start, end + (begin - start), new))
        expected.set(each.path, each.value)
    place = layout.position(min(starts))
    return Edited(data=layout.spliced(sorted(splices)), expected=expected.value, place=place)


class _Copied:
    """A value of which only the containers are copied that a path leads through."""

    def __init__(self, value: Any) -> None:
        self.value = copy.copy(value)
        self._own = {id(self.value)}

    def get(self, path: Path) -> Any:
        value = self.value
        for step in path:
            value = value[step]
        return value

    def set(self, path: Path, value: Any) -> None:
        container = self.value
        for step in path[:-1]:
            inner = container[step]
            if id(inner) not in self._own:
                inner = container[step] = copy.copy(inner)
                self._own.add(id(inner))
            container = inner
        container[path[-1]] = value


def _splice(layout: Layout, root: Node, assignment: Assignment) -> tuple[Splice, int]:
    """Return the splice that sets one value, and the place to name when it cannot be."""
    node, inside_flow = root, root.style == FLOW
    for step in assignment.path[:-1]:
        node = _child(layout, node, step)
        inside_flow |= node.style == FLOW
    step = assignment.path[-1]
    if isinstance(step, str) and step not in node.pairs:
        return _inserted(layout, node, assignment, step, inside_flow=inside_flow), node.start
    child = _child(layout, node, step)
    column = _column(layout, node)
    return _replaced(layout, child, assignment.value, column, inside_flow=inside_flow), child.start


def _child(layout: Layout, node: Node, step: str | int) -> Node:
    if isinstance(step, int) and step < len(node.items):
        return node.items[step]
    if isinstance(step, str) and step in node.pairs:
        return node.pairs[step][1]
    raise layout.cannot_edit(f"{step!r} is not here", node.start)


def _replaced(layout: Layout, node: Node, value: Any, column: int, *, inside_flow: bool) -> Splice:
    """Return the splice for a value that stands there."""
    start, end = node.start, node.last_end if node.style == BLOCK else node.end
    old = layout.text[start:end]
    if node.text is None:
        comment = comment_in(layout, node)
        if comment is not None:
            raise layout.cannot_edit("a comment stands in the value that is to be replaced", comment)
        if node.style == FLOW or inside_flow:
            return start, end, flow(value)
        newline = layout.newline(start)
        return start, end, _block(value, column + _indentation(layout, node, column), newline)
    if isinstance(value, Mapping):
        raise layout.cannot_edit("a value stands where keys are to be written", start)
    if node.style not in LITERAL:
        return start, end, in_style(value, "" if node.style == PLAIN else node.style)
    if comment_in(layout, node) is not None:
        raise layout.cannot_edit("a comment stands before a text over several lines", start)
    return start, start + len(old.rstrip()), scalar(value)


def _inserted(layout: Layout, node: Node, assignment: Assignment, key: str, *, inside_flow: bool) -> Splice:
    """Return the splice for a key that is missing in a mapping."""
    if not node.pairs:
        if node.style == FLOW:
            return node.start + 1, node.end - 1, f"{scalar(key)}: {flow(assignment.value)}"
        raise layout.cannot_edit("no mapping stands here", node.start)
    neighbour = node.pairs.get(assignment.after or "") or next(reversed(node.pairs.values()))
    if inside_flow:
        end = neighbour[1].last_end
        return end, end, f", {scalar(key)}: {flow(assignment.value)}"
    column = _column(layout, node)
    place = layout.below_own(max(neighbour[0].end, neighbour[1].last_end), column)
    newline = layout.newline(place - 1)
    line = _block({key: assignment.value}, column, newline)
    return layout.at_line(place, f"{' ' * column}{line}{newline}", newline)


def _block(value: Any, column: int, newline: str) -> str:
    """Write a mapping in block style; its first line is not indented, because it stands somewhere already."""
    lines = []
    for key, item in value.items():
        if isinstance(item, Mapping):
            inner = " " * (column + _STEP)
            lines.append(f"{scalar(key)}:{newline}{inner}{_block(item, column + _STEP, newline)}")
        else:
            lines.append(f"{scalar(key)}: {flow(item)}")
    return f"{newline}{' ' * column}".join(lines)


def _column(layout: Layout, node: Node) -> int:
    """Return the column, from 0, in which the keys of a mapping begin."""
    first = next(iter(node.pairs.values()), None)
    start = node.start if first is None else first[0].start
    line = layout.text[layout.line_start(start) : start]
    # Only signs stand before a first key on its line; an explicit key begins with its own.
    bare = line.rstrip(" \t")
    return len(bare) - 1 if bare.endswith("?") else len(line)


def _indentation(layout: Layout, node: Node, column: int) -> int:
    return max(0, _column(layout, node) - column)
