"""Characters that a reviewer cannot see are refused wherever they stand, but where a script needs them."""

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired import Tree, format_problem, load
from reconciler.desired.characters import hidden_characters
from reconciler.desired.reader import MAX_PROBLEMS, read
from reconciler.errors import InvalidDesired
from reconciler.model import Desired

NOW = datetime(2026, 11, 23, tzinfo=UTC)
TENANT = "tenantId: 7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10\n"
ENTRY = "guests:\n  - id: 1b6a4f0c-8a0c-4d6e-9a51-5f3a3f1c7e01\n    email: a@new.example"
LINE_BREAKS = ["\x85", "\u2028", "\u2029", "\r"]
DIRECTION = ["\u061c", "\u200e", "\u200f", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))]
INVISIBLE = [
    *("\u00ad", "\u034f", "\u115f", "\u17b4", "\u180e", "\u200b", "\u200c", "\u200d", "\u2060", "\u2064"),
    *("\u3164", "\ufe0f", "\ufeff", "\uffa0", "\ufff9", "\U0001d173", "\U000e0001", "\U000e0061"),
    *("\U000e007f", "\U000e0100", "\U000e01ef", "\U000e0fff"),
]

PLACES = {
    "comment": ENTRY + " # as {}agreed\n",
    "value": ENTRY + "\n    name: A{}na\n",
    "key": ENTRY + "\n    na{}me: Ana\n",
    "quoted": ENTRY + '\n    name: "A{}na"\n',
    "between": ENTRY + "\n{} # a comment\n    name: Ana\n",
}


def tree(guests: str) -> Desired:
    return load(Tree(files={"tenant.yaml": TENANT.encode(), "guests.yaml": guests.encode()}), now=NOW)


def problems(guests: str) -> list[str]:
    with pytest.raises(InvalidDesired) as caught:
        tree(guests)
    return [format_problem(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("character", [*LINE_BREAKS, *DIRECTION, *INVISIBLE], ids=ascii)
def test_what_cannot_be_seen_is_a_problem_with_its_place(character: str, place: str) -> None:
    """In comments, values, keys and between them: one character, its line, column and code point."""
    before, _, after = PLACES[place].partition("{}")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    rule = "hidden-line-break" if character in LINE_BREAKS else "hidden-character"
    told = problems(before + character + after)
    found = [each for each in told if rule in each]
    assert len(found) == 1
    assert f"guests.yaml:{line}:{column}: {rule}: U+{ord(character):04X} " in found[0]


@pytest.mark.parametrize("character", LINE_BREAKS, ids=ascii)
def test_a_comment_cannot_hold_a_key(character: str) -> None:
    """What a reviewer takes for a comment adds no address, and nothing is told of lines nobody sees."""
    [told] = problems(f"{ENTRY} # as agreed{character}    alternateEmails: [evil@evil.example]\n")
    assert "hidden-line-break" in told


def test_lines_are_those_of_git() -> None:
    """Every hidden character of a file is told, with the lines that a diff numbers."""
    document = read("# a\u2028b\u200bc\r\n# d\re\n\u202ef: g".encode())
    assert [flaw.position for flaw in document.flaws] == [(1, 4), (1, 6), (2, 4), (3, 1)]
    assert not document.whole


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + ENTRY + "\n",
        ENTRY.replace("\n", "\r\n") + "\r\n",
        *(
            f"{ENTRY}\n    name: {name}  # {name}\n"
            for name in (
                "می\u200cشود",  # Persian
                "नक़\u094d\u200dशा क\u094d\u200cष",  # Hindi
                "র্\u200dয",  # Bengali
                "李 葛\U000e0100城 辻\ufe00",
                "👩\u200d💻 👩🏽\u200d🚀 ❤\ufe0f 1\ufe0f\u20e3 🏳\ufe0f\u200d🌈",
                "ᠠ\u180b",  # Mongolian
                "E\u0301mile Z\u0300\u0323alg\u0488o",
                "Ελένη Анна אנה آنا 안나 แอนนา ანა Ὀ",
                "A\u00a0B",
            )
        ),
        ENTRY + '\n    name: "escaped \\u200f \\u2028 \\N"\n',
    ],
    ids=ascii,
)
def test_what_scripts_need_stays_allowed(text: str) -> None:
    """A byte order mark at the start, line ends of Windows, every script, its joiners, emoji, and escapes."""
    assert len(tree(text).guests) == 1


@pytest.mark.parametrize(
    "text",
    ["a\u200cb", "می\u200c", "\u200cم", "💻\u200dx", "a\u200d💻", "葛\ufe00\ufe01", "b\ufe0f", "1\ufe0fa"],
)
def test_a_joiner_or_selector_out_of_place_is_hidden(text: str) -> None:
    """Where no letter is shaped by it, and no symbol is chosen, such a character only hides."""
    assert len(list(hidden_characters(text))) == 1


@given(st.text(st.characters(exclude_categories=("Cf", "Cc", "Cs", "Zl", "Zp"))))
def test_visible_text_has_nothing_hidden(text: str) -> None:
    """Whatever Unicode gives a shape to is let be."""
    ignorable = {
        chr(point)
        for point in (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x3164)
    }
    shown = [
        char
        for char in text
        if char not in ignorable
        and char != "\uffa0"
        and not 0xFE00 <= ord(char) <= 0xFE0F
        and not 0xFFF0 <= ord(char) <= 0xFFFB
        and not 0x2065 <= ord(char) <= 0x206F
        and not 0xE0000 <= ord(char) <= 0xE0FFF
    ]
    assert list(hidden_characters("".join(shown))) == []


@given(st.text())
def test_no_format_character_is_let_be_without_a_use(text: str) -> None:
    """Whatever is allowed of the characters that format text is a joiner, or has a shape of its own."""
    offsets = {found.offset for found in hidden_characters(text)}
    shaped = ("ARABIC", "SYRIAC", "KAITHI", "EGYPTIAN")  # signs above or around numbers
    for place, char in enumerate(text):
        if unicodedata.category(char) == "Cf" and place not in offsets:
            allowed = char in "\u200c\u200d" or (char == "\ufeff" and place == 0)
            assert allowed or unicodedata.name(char).startswith(shaped)


def test_hidden_characters_without_end_are_bounded() -> None:
    """A file of nothing else has as many problems as any other file at most."""
    document = read(("#" + "\u200b" * 2 * MAX_PROBLEMS).encode())
    assert len(document.flaws) == MAX_PROBLEMS + 1


def test_a_file_name_hides_nothing() -> None:
    """A selector or filler in a name is a problem of the name, and is shown as an escape."""
    files = {"tenant.yaml": TENANT.encode(), "a\u3164\ufe0f.yaml": (ENTRY + "\n").encode()}
    with pytest.raises(InvalidDesired) as caught:
        load(Tree(files=files), now=NOW)
    [problem] = caught.value.problems
    assert (problem.rule, problem.file) == ("file-name", r"a\u3164\ufe0f.yaml")
