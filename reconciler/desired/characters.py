"""Finds characters of a text that a reviewer cannot see: they end a line, turn it around, or show nothing.

Git, and every page that shows a diff, ends a line at a line feed alone, while a YAML parser may end a comment
at other characters: whatever follows them would be a key to the parser and a comment to people.

Characters that show nothing have uses in a few scripts. They are allowed there, and nowhere else: joiners
where they shape the letters beside them, as names of internet domains have them, or join emoji; one variation
selector after a symbol, an ideograph or a Mongolian letter.

Sources: https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters (controls of direction),
https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point (what shows nothing),
https://www.rfc-editor.org/rfc/rfc5892#appendix-A.1 (joiners),
https://www.unicode.org/reports/tr51/#Emoji_Sequences (emoji).
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

_LINE_BREAKS: Final = "\x85\u2028\u2029"
_BYTE_ORDER_MARK: Final = "\ufeff"
_NON_JOINER: Final = "\u200c"
_JOINER: Final = "\u200d"
_KEYCAP: Final = "\u20e3"

_DIRECTION: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""The characters with the property Bidi_Control."""

_SUSPECT: Final = re.compile(
    rf"\r(?!\n)|[{_LINE_BREAKS}\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Line breaks, and the characters with the property Default_Ignorable_Code_Point or meant for annotation."""

_SELECTORS: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_MONGOLIAN_SELECTORS: Final = re.compile("[\u180b-\u180d\u180f]")
_SKIN_TONES: Final = re.compile("[\U0001f3fb-\U0001f3ff]")
_VIRAMA: Final = 9
"""Canonical combining class of the sign that takes a consonant's vowel away."""


class Hiding(Enum):
    """The way in which a character deceives a reader."""

    LINE_BREAK = auto()
    DIRECTION = auto()
    INVISIBLE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenCharacter:
    """A character that is not allowed where it stands."""

    offset: int
    """Characters before it in the text."""

    code_point: str
    """As `U+2028`."""

    hiding: Hiding


def hidden_characters(text: str) -> Iterator[HiddenCharacter]:
    """Yield the hidden characters of a text, in order; a byte order mark at its start is none."""
    for found in _SUSPECT.finditer(text):
        character, offset = found[0], found.start()
        if not _is_of_use(text, offset):
            yield HiddenCharacter(
                offset=offset, code_point=f"U+{ord(character):04X}", hiding=_hiding(character)
            )


def _hiding(character: str) -> Hiding:
    if character == "\r" or character in _LINE_BREAKS:
        return Hiding.LINE_BREAK
    return Hiding.DIRECTION if _DIRECTION.match(character) else Hiding.INVISIBLE


def _is_of_use(text: str, offset: int) -> bool:
    character, before, after = text[offset], text[max(0, offset - 1) : offset], text[offset + 1 : offset + 2]
    if character == _BYTE_ORDER_MARK:
        return offset == 0
    if not before:
        return False
    if _SELECTORS.match(character):
        return _is_ideograph(before) or _is_symbol(before) or (before in "0123456789#*" and after == _KEYCAP)
    if _MONGOLIAN_SELECTORS.match(character):
        return unicodedata.name(before, "").startswith("MONGOLIAN LETTER")
    if character == _NON_JOINER:
        return _is_virama(before) or (
            _is_cursive(_before_marks(text, offset)) and _is_cursive(_after_marks(text, offset))
        )
    if character == _JOINER:
        return _is_virama(before) or (_is_emoji_end(text, offset) and _is_symbol(after))
    return False


def _is_virama(character: str) -> bool:
    return unicodedata.combining(character) == _VIRAMA


def _is_cursive(character: str) -> bool:
    """Return whether a letter is of a script like Arabic or Syriac, whose letters join."""
    return bool(character) and unicodedata.bidirectional(character) == "AL"


def _is_symbol(character: str) -> bool:
    return bool(character) and unicodedata.category(character)[0] == "S"


def _is_ideograph(character: str) -> bool:
    return unicodedata.name(character, "").startswith(
        ("CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH")
    )


def _is_emoji_end(text: str, offset: int) -> bool:
    """Return whether an emoji, which may end with a selector or a skin tone, ends before `offset`."""
    place = offset - 1
    if place > 0 and (_SELECTORS.match(text[place]) or _SKIN_TONES.match(text[place])):
        place -= 1
    return _is_symbol(text[place])


_MOST_MARKS: Final = 8
"""Most combining marks between two letters that are looked over: a text of marks alone costs no more."""


def _before_marks(text: str, offset: int) -> str:
    for place in range(offset - 1, max(-1, offset - 2 - _MOST_MARKS), -1):
        if unicodedata.category(text[place]) != "Mn":
            return text[place]
    return ""


def _after_marks(text: str, offset: int) -> str:
    for character in text[offset + 1 : offset + 2 + _MOST_MARKS]:
        if unicodedata.category(character) != "Mn":
            return character
    return ""
