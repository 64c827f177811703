"""Spells values as YAML: plain where that is safe in any style and to any reader, else in quotation marks."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconciler.desired.characters import hidden_characters

_PLAIN: Final = re.compile(
    r"""(?=[A-Za-z0-9/_.(+\u00a1-\ud7ff])[^\x00-\x1f\x7f-\xa0:#,\[\]{}\ud800-\uffff]+
    (?:(?::(?=[^\x00-\x20\x7f-\xa0,\[\]{}\ud800-\uffff]))[^\x00-\x1f\x7f-\xa0:#,\[\]{}\ud800-\uffff]+)*""",
    re.VERBOSE,
)
"""What every reader takes for one line of text, inside brackets too. Far narrower than the specification."""

_OTHER_TYPE: Final = re.compile(
    r"""(?ix) true|false|yes|no|on|off|y|n|null|~|\.nan|[-+]?\.inf
    | [-+]?[0-9][0-9_,.:]*(?:e[-+]?[0-9]+)? | [-+]?\.[0-9]+(?:e[-+]?[0-9]+)?
    | 0x[0-9a-f_]+ | 0o?[0-7_]+ | 0b[01_]+
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt\ ].*)?"""
)
"""What a reader of some version of YAML takes for another type than text: boolean, null, number, date."""


class Verbatim(str):
    """A text that is safe to write as it is, such as a day: others may take it for another type."""

    __slots__ = ()


def scalar(value: str | int, /) -> str:
    """Write a scalar on one line: a text plain or in double quotation marks, which hide no character."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Verbatim) or is_plain(value):
        return value
    return double_quoted(value)


def in_style(value: str | int, mark: str) -> str:
    """Write a scalar with the quotation mark that stood there; plain where there was none, and it is safe."""
    if mark == '"' and isinstance(value, str):
        return double_quoted(value)
    if mark == "'" and isinstance(value, str) and value.isprintable() and not any(hidden_characters(value)):
        return "'" + value.replace("'", "''") + "'"
    return scalar(value)


def is_plain(text: str) -> bool:
    """Return whether a text needs no quotation marks."""
    return (
        _PLAIN.fullmatch(text) is not None
        and not text.endswith(" ")
        and _OTHER_TYPE.fullmatch(text) is None
        and not any(hidden_characters(text))
    )


def double_quoted(text: str) -> str:
    """Write a text in double quotation marks; what cannot be seen becomes an escape.

    JSON's escapes are YAML's, but for characters beyond U+FFFF: YAML knows no surrogates. Half of a pair,
    which no file can hold, becomes U+FFFD.
    """
    hidden = {found.offset for found in hidden_characters(text)}
    parts = []
    for place, character in enumerate(text):
        if character in '"\\' or character < " ":
            parts.append(json.dumps(character)[1:-1])
        elif place in hidden or not character.isprintable():
            code = 0xFFFD if "\ud800" <= character <= "\udfff" else ord(character)
            parts.append(f"\\U{code:08X}" if code > 0xFFFF else f"\\u{code:04X}")
        else:
            parts.append(character)
    return f'"{"".join(parts)}"'


def flow(value: Any) -> str:
    """Write a value on one line, lists and mappings in brackets."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(flow, value)) + "]"
    return "null" if value is None else scalar(value)


def entry_block(entry: Mapping[str, Any]) -> str:
    """Write a mapping as a block, a line each key, without indentation; lists and mappings in brackets."""
    return "\n".join(f"{scalar(key)}: {flow(value)}" for key, value in entry.items())
