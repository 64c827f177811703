"""Reads one YAML file as plain data, with positions: the only place that imports yaml.

It reads the parser's events and builds nothing but dict, list and text. A loader that resolves tags or
aliases can be made to run code or to fill the memory, and one that composes a tree recurses in C: fifty
thousand opening brackets kill the process instead of raising.
"""

from collections.abc import Callable
from enum import Enum
from itertools import islice
from typing import Any, Final, NoReturn

import yaml

from reconciler.desired.characters import Hiding, hidden_characters
from reconciler.desired.document import Digits, Document, Flaw, Mark, Position, position_of
from reconciler.rules import Rule
from reconciler.schemas import quoted

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_PROBLEMS", "MAX_VALUES", "Position", "read"]

MAX_BYTES = 8 * 1024 * 1024
"""Largest file that is read, in bytes."""

MAX_DEPTH = 16
"""Deepest nesting of mappings and lists; the formats need six levels."""

MAX_VALUES = 1_000_000
"""Most mappings, lists, keys and scalars of one file; the shortest entries that fill a file are fewer."""

MAX_PROBLEMS = 10_000
"""Most problems that are collected from one file."""

# The unquoted scalars that are no text. All others stay text: `no` is Norwegian, `012` and `2026-11-20` are
# kept as written, and the schema says where a number is meant.
# Source: https://yaml.org/spec/1.2.2/#1032-tag-resolution
_CONSTANTS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", "")),
}


_HIDDEN: Final = {
    Hiding.LINE_BREAK: (Rule.HIDDEN_LINE_BREAK, "ends a line here, which no diff shows"),
    Hiding.DIRECTION: (Rule.HIDDEN_CHARACTER, "changes the direction of writing"),
    Hiding.INVISIBLE: (Rule.HIDDEN_CHARACTER, "stands here and shows nothing"),
}


def read(data: bytes) -> Document:
    """Read a file. Never raises for its content: flaws are collected in the document.

    Text only: a scalar is a bool or None where YAML's core schema says so and it is not quoted, a
    `Digits` where it is an unquoted run of digits, else str. Tags, anchors, aliases, keys that are
    not text, keys given twice and further documents are flaws; the first of two equal keys counts.
    """
    builder = _Builder()
    whole = True
    try:
        builder.build(data)
    except _StopReading as stop:
        whole = stop.whole
    return builder.finish(whole=whole)


def _position_of_byte(data: bytes, offset: int) -> Position:
    before = data[:offset].decode("utf-8-sig", errors="replace")
    return before.count("\n") + 1, len(before) - before.rfind("\n")


class _StopReading(Exception):
    """Raised to stop reading the file; the flaw has been recorded."""

    def __init__(self, *, whole: bool) -> None:
        super().__init__()
        self.whole = whole
        """Whether the part that was read is a document all the same."""


class _Due(Enum):
    """The role of the next node of a container, when it is not the value of a key that was read."""

    KEY = "a key of the mapping"
    ITEM = "an item of the list"
    NOTHING = "a value to be read over, because its key cannot be used"


# The look-up of a member in its class takes longer than handling an event should.
_KEY: Final = _Due.KEY
_ITEM: Final = _Due.ITEM
_NOTHING: Final = _Due.NOTHING


class _Handlers(dict[type[yaml.Event], Callable[[Any], None]]):
    """What is done for each event of the parser, by its class."""

    def __missing__(self, kind: type[yaml.Event]) -> NoReturn:
        """Raise `TypeError`: a file of which events were left out would be read as another one."""
        raise TypeError(f"the parser of YAML gave an event that is not known here: {kind.__name__}")


def _pass_over(_event: yaml.Event) -> None:
    """Skip an event that holds no value."""


class _Builder:
    """Builds a document from events. Nothing here recurses: the nesting is in `_outer`."""

    __slots__ = (
        "_container",
        "_documents",
        "_due",
        "_flaws",
        "_has_digits",
        "_marks",
        "_note",
        "_outer",
        "_repeated",
        "_top",
    )

    def __init__(self) -> None:
        self._top: list[Any] = []
        self._marks: dict[int, list[Mark]] = {id(self._top): []}
        self._flaws: list[Flaw] = []
        self._repeated: list[tuple[dict[str, Any], str, Mark]] = []
        self._documents = 0
        self._has_digits = False
        self._container: Any = self._top
        self._due: str | _Due = _ITEM
        self._note = self._marks[id(self._top)].append
        self._outer: list[tuple[Any, str | _Due, Callable[[Mark], None]]] = []

    def build(self, data: bytes) -> None:
        """Build the document from the events of a file. Raises `_StopReading`."""
        if len(data) > MAX_BYTES:
            self._stop(Rule.TOO_LARGE, f"the file has more than {MAX_BYTES} bytes", (1, 1))
        handlers = _Handlers(
            {
                yaml.ScalarEvent: self._scalar,
                yaml.MappingStartEvent: self._open_mapping,
                yaml.SequenceStartEvent: self._open_list,
                yaml.MappingEndEvent: self._close,
                yaml.SequenceEndEvent: self._close,
                yaml.AliasEvent: self._alias,
                yaml.DocumentStartEvent: self._document,
                yaml.DocumentEndEvent: _pass_over,
                yaml.StreamStartEvent: _pass_over,
                yaml.StreamEndEvent: _pass_over,
            }
        )
        try:
            # The parser itself would accept UTF-16, which git and editors treat as binary.
            self._check_characters(data.decode())
            events = iter(yaml.CSafeLoader(data).get_event, None)
            for event in islice(events, MAX_VALUES):
                handlers[event.__class__](event)
            for event in islice(events, 1):
                message = f"the file has more than {MAX_VALUES} values"
                self._stop(Rule.TOO_LARGE, message, position_of(event.start_mark))
        except UnicodeDecodeError as error:
            self._stop(Rule.ENCODING, "the file is not UTF-8", _position_of_byte(data, error.start))
        except yaml.reader.ReaderError as error:
            place = _position_of_byte(data, error.position)
            self._stop(Rule.ENCODING, "here stands a control character", place)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            why = ": ".join(part for part in (error.context, error.problem) if part)
            self._stop(Rule.SYNTAX, why, position_of(mark) if mark else (1, 1))

    def _check_characters(self, text: str) -> None:
        """Check that the file reads as it looks. Stops where the parser's lines are not those of git."""
        if text.isascii() and "\r" not in text:
            return
        breaks = False
        line, start, read = 1, int(text.startswith("\ufeff")), 0
        for hidden in hidden_characters(text):
            line += text.count("\n", read, hidden.offset)
            start = max(start, text.rfind("\n", read, hidden.offset) + 1)
            read = hidden.offset
            rule, what = _HIDDEN[hidden.hiding]
            breaks |= hidden.hiding is Hiding.LINE_BREAK
            self._flaw(rule, f"{hidden.code_point} {what}", (line, hidden.offset - start + 1))
        if breaks:
            raise _StopReading(whole=False)

    def finish(self, *, whole: bool) -> Document:
        """Return the document that was built."""
        document = Document(
            top=self._top, marks=self._marks, flaws=self._flaws, whole=whole, has_digits=self._has_digits
        )
        # Only now, when the keys are numbered once and for all, can the first of two be found cheaply.
        for mapping, key, mark in self._repeated:
            line, column = document.key_position(mapping, key)
            message = f"{quoted(key)} was given before, at {line}:{column}"
            self._flaws.append(Flaw(rule=Rule.DUPLICATE_KEY, message=message, position=position_of(mark)))
        return document

    def _flaw(self, rule: Rule, message: str, position: Position) -> None:
        self._flaws.append(Flaw(rule=rule, message=message, position=position))
        self._stop_at_limit(position)

    def _stop_at_limit(self, position: Position) -> None:
        if len(self._flaws) + len(self._repeated) >= MAX_PROBLEMS:
            self._stop(Rule.TOO_MANY_PROBLEMS, f"the file has {MAX_PROBLEMS} problems or more", position)

    def _stop(self, rule: Rule, message: str, position: Position, *, whole: bool = False) -> NoReturn:
        self._flaws.append(Flaw(rule=rule, message=message, position=position))
        raise _StopReading(whole=whole)

    def _document(self, event: yaml.DocumentStartEvent) -> None:
        self._documents += 1
        if self._documents > 1:
            message = "a second document begins here"
            self._stop(Rule.SECOND_DOCUMENT, message, position_of(event.start_mark), whole=True)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if event.anchor is not None or event.tag is not None:
            self._refuse_decoration(event)
        value = event.value
        if self._due is _KEY:
            if value in self._container:
                self._repeated.append((self._container, value, event.start_mark))
                self._due = _NOTHING
                self._stop_at_limit(position_of(event.start_mark))
            else:
                self._note(event.start_mark)
                self._due = value
        elif not event.implicit[0]:
            self._place(value, event.start_mark)
        elif value in _CONSTANTS:
            self._place(_CONSTANTS[value], event.start_mark)
        elif value.isdecimal() and value.isascii():
            self._has_digits = True
            self._place(Digits(value), event.start_mark)
        else:
            self._place(value, event.start_mark)

    def _place(self, value: object, mark: Mark) -> None:
        due = self._due
        if due is _ITEM:
            self._container.append(value)
            self._note(mark)
        elif due is _NOTHING:
            self._due = _KEY
        else:
            self._container[due] = value
            self._note(mark)
            self._due = _KEY

    def _open_mapping(self, event: yaml.MappingStartEvent) -> None:
        new: dict[str, Any] = {}
        self._open(new, event)
        self._due = _KEY

    def _open_list(self, event: yaml.SequenceStartEvent) -> None:
        new: list[Any] = []
        self._open(new, event)
        self._due = _ITEM

    def _open(self, new: object, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        mark = event.start_mark
        if event.anchor is not None or event.tag is not None:
            self._refuse_decoration(event)
        if len(self._outer) >= MAX_DEPTH:
            self._stop(Rule.TOO_DEEP, f"values are nested deeper than {MAX_DEPTH} levels", position_of(mark))
        if self._due is _KEY:
            self._flaw(
                Rule.KEY_NOT_TEXT, "a list or a mapping stands where a key is expected", position_of(mark)
            )
            self._due = _NOTHING
        else:
            self._place(new, mark)
        self._outer.append((self._container, self._due, self._note))
        marks = self._marks[id(new)] = []
        self._container, self._note = new, marks.append

    def _close(self, _event: yaml.Event) -> None:
        self._container, self._due, self._note = self._outer.pop()

    def _alias(self, event: yaml.AliasEvent) -> None:
        self._flaw(Rule.ALIAS, "an alias stands here", position_of(event.start_mark))
        if self._due is _KEY:
            self._due = _NOTHING
        else:
            self._place(None, event.start_mark)

    def _refuse_decoration(
        self, event: yaml.ScalarEvent | yaml.MappingStartEvent | yaml.SequenceStartEvent
    ) -> None:
        place = position_of(event.start_mark)
        if event.anchor is not None:
            self._flaw(Rule.ALIAS, "an anchor stands here", place)
        if event.tag is not None:
            self._flaw(Rule.TAG, "a tag stands here", place)
