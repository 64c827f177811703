"""The values of a file with the span of each: where it begins, where it ends, and how it is written.

The desired tree is read elsewhere, faster, and with every rule: only files accepted there come here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from reconciler.desired.reader import MAX_DEPTH
from reconciler.editing.layout import Layout

BLOCK = "block"
FLOW = "flow"
PLAIN = "plain"
LITERAL: Final = ("|", ">")
"""Text over several lines that is not quoted."""

_VALUES: Final = (yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent, yaml.AliasEvent)
"""The events with which a value begins."""

_COMMENT: Final = re.compile(r"#[^\n]*")
"""A comment between values: the parser asks for no blank before it there."""


@dataclass(slots=True, kw_only=True)
class Node:
    """A value: a scalar, a list or a mapping."""

    start: int
    """Offset of its first character."""

    end: int
    """Offset after its last character; of no use for block style, where the parser looks ahead."""

    style: str
    """`plain`, `'`, `"`, `|` or `>` of a scalar; `block` or `flow` of a list or a mapping."""

    text: str | None = None
    """The value of a scalar."""

    items: list["Node"] = field(default_factory=list)
    """The items of a list."""

    pairs: dict[str, tuple["Node", "Node"]] = field(default_factory=dict)
    """Key and value of each key of a mapping, in order."""

    @property
    def last_end(self) -> int:
        """The offset after the last character of its last scalar or bracket."""
        if self.style == BLOCK:
            if self.items:
                return self.items[-1].last_end
            if self.pairs:
                key, value = next(reversed(self.pairs.values()))
                return max(key.end, value.last_end)
        return self.end

    def scalars(self) -> Iterator["Node"]:
        """Yield the scalars inside, keys and values in order; a scalar yields itself."""
        if self.text is not None:
            yield self
        for item in self.items:
            yield from item.scalars()
        for key, value in self.pairs.values():
            yield key
            yield from value.scalars()


def compose(data: bytes, layout: Layout) -> Node:
    """Return the root of a file. Raises `CannotEdit` for anchors, aliases, tags and merge keys."""
    events = iter(yaml.CSafeLoader(data).get_event, None)
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            return _Composer(events, layout).node(next(events))
    raise layout.cannot_edit("the file is empty", 0)


def comment_in(layout: Layout, node: Node) -> int | None:
    """Return where the first comment inside a value begins; `None` without any.

    Text of its scalars is none, whatever it holds; a text over several lines may have one behind its sign.
    """
    start, end = node.start, node.last_end if node.style == BLOCK else node.end
    for scalar in node.scalars():
        found = _COMMENT.search(layout.text, start, scalar.start)
        if found is None and scalar.style in LITERAL:
            found = _COMMENT.search(layout.text, scalar.start, layout.line_end(scalar.start))
        if found is not None:
            return found.start()
        start = scalar.end
    found = _COMMENT.search(layout.text, start, end)
    return None if found is None else found.start()


def comma_between(layout: Layout, start: int, end: int) -> int | None:
    """Return where the comma stands between two values, or behind the last one; `None` without any."""
    # A comment may hold a comma, which separates nothing.
    between = _COMMENT.sub(lambda found: " " * len(found[0]), layout.text[start:end])
    found = between.find(",")
    return None if found < 0 else start + found


def dash_of(layout: Layout, item: Node) -> int:
    """Return where the dash of an item in block style stands: blanks and comments alone may follow it."""
    start = layout.line_start(item.start)
    line = layout.text[start : item.start]
    while not line.rstrip(" \t\r\n").endswith("-"):
        if start == 0 or line.strip(" \t\r\n"):
            raise layout.cannot_edit("the dash of this entry was not found", item.start)
        end, start = start, layout.line_start(start - 1)
        line = _COMMENT.sub("", layout.text[start:end])
    return start + line.rindex("-")


class _Composer:
    """Builds nodes from the events of one document."""

    def __init__(self, events: Iterator[Any], layout: Layout) -> None:
        self._events = events
        self._layout = layout
        self._depth = 0

    def node(self, event: Any) -> Node:
        """Build the node that begins with an event."""
        kind: type = event.__class__
        if kind not in _VALUES:
            raise TypeError(f"the parser of YAML gave no value but {kind.__name__}")
        start = event.start_mark.index
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None or event.tag is not None:
            raise self._layout.cannot_edit("an anchor, an alias or a tag stands here", start)
        if isinstance(event, yaml.ScalarEvent):
            end = self._text_end(event) if event.style in LITERAL else _end(event)
            return Node(start=start, end=end, style=event.style or PLAIN, text=event.value)
        if self._depth >= MAX_DEPTH:
            raise self._layout.cannot_edit("values are nested too deep", start)
        node = Node(start=start, end=start, style=FLOW if event.flow_style else BLOCK)
        self._depth += 1
        self._fill(node, is_list=isinstance(event, yaml.SequenceStartEvent))
        self._depth -= 1
        return node

    def _text_end(self, event: Any) -> int:
        """Return where a text over several lines ends: the parser counts the blank lines below it too.

        They are part of it only behind the sign `+`.
        """
        start, text = event.start_mark.index, self._layout.text
        sign = _COMMENT.sub("", text[start : self._layout.line_end(start)])
        return _end(event) if "+" in sign else start + len(text[start : _end(event)].rstrip())

    def _fill(self, node: Node, *, is_list: bool) -> None:
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
                node.end = _end(event)
                return
            first = self.node(event)
            if is_list:
                node.items.append(first)
            else:
                node.pairs[self._key(first, node)] = first, self.node(next(self._events))

    def _key(self, key: Node, mapping: Node) -> str:
        if key.text is None or key.text in mapping.pairs:
            raise self._layout.cannot_edit("this key is no text, or was given before", key.start)
        if key.text == "<<" and key.style == PLAIN:
            raise self._layout.cannot_edit("a merge key stands here", key.start)
        return key.text


def _end(event: Any) -> int:
    return int(event.end_mark.index)
