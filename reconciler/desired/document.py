"""The result of reading one YAML file: plain data, its flaws, and the position of each value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.rules import Rule

Position = tuple[int, int]
"""Line and column, both from 1, the column in characters."""

Path = tuple[str | int, ...]
"""Keys and indexes from the root of a document to one of its values."""

# A position as the parser reports it. Every event has one, whatever the stubs say; the fields that the
# parsers in C and in Python share are `line` and `column`, both from 0.
Mark = Any


class Digits(str):
    """An unquoted scalar of decimal digits: text, unless the schema wants a whole number there."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """A problem of one file, before the name of the file is known."""

    rule: Rule
    message: str
    position: Position


class Document:
    """One YAML document as data; where the file has flaws, the part of it that could be read."""

    __slots__ = ("_key_numbers", "_marks", "_top", "flaws", "has_digits", "whole")

    def __init__(
        self,
        *,
        top: list[Any],
        marks: Mapping[int, Sequence[Mark]],
        flaws: Sequence[Flaw],
        whole: bool,
        has_digits: bool,
    ) -> None:
        self.flaws = flaws
        """The problems of the file as YAML."""
        self.whole = whole
        """False when reading had to stop: then no value is complete enough to be checked."""
        self.has_digits = has_digits
        """Whether there is a `Digits` anywhere in the value."""
        self._top = top
        self._marks = marks
        self._key_numbers: dict[int, dict[str, int]] = {}

    @property
    def value(self) -> Any:
        """The document: dict, list, str, `Digits`, bool or None, nested; None for an empty file."""
        return self._top[0] if self._top else None

    def position(self, path: Path, *, on_key: bool = False) -> Position:
        """Return where the value at `path` begins; with `on_key`, where the last key of `path` does.

        A value must stand at `path`. Containers must be those that were read; scalars in them may have been
        replaced.
        """
        if not self._top:
            return 1, 1
        container: Any = self._top
        number, item = 0, self._top[0]
        for step in path:
            container = item
            number = step if isinstance(step, int) else 2 * self._key_number(container, step) + 1
            item = container[step]
        return position_of(self._marks[id(container)][number - on_key])

    def item_lines(self, items: list[Any]) -> list[int]:
        """Return the line, from 1, on which each item of a list of this document begins."""
        return [mark.line + 1 for mark in self._marks[id(items)]]

    def value_offsets(self, mappings: list[dict[str, Any]], key: str) -> list[int]:
        """Return where the value of a key begins in each of some mappings, in characters from 0.

        A byte order mark is no character.
        """
        return [self._marks[id(mapping)][2 * list(mapping).index(key) + 1].index for mapping in mappings]

    def key_position(self, mapping: dict[str, Any], key: str) -> Position:
        """Return the position of `key` in a mapping of this document."""
        return position_of(self._marks[id(mapping)][2 * self._key_number(mapping, key)])

    def _key_number(self, mapping: dict[str, Any], key: str) -> int:
        # Numbered once for each mapping: a hostile one has a million keys, each a problem.
        numbers = self._key_numbers.get(id(mapping))
        if numbers is None:
            numbers = self._key_numbers[id(mapping)] = {name: n for n, name in enumerate(mapping)}
        return numbers[key]


def position_of(mark: Mark) -> Position:
    """Return line and column of a mark, both from 1."""
    return mark.line + 1, mark.column + 1
