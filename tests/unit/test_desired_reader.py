from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.document import Digits, Path
from reconciler.desired.reader import MAX_BYTES, MAX_DEPTH, MAX_PROBLEMS, read
from reconciler.editing.layout import Layout
from reconciler.editing.nodes import compose


def rules(data: bytes) -> list[str]:
    return [flaw.rule for flaw in read(data).flaws]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("Yes", "Yes"),
        ("012", "012"),
        ("1_000", "1_000"),
        ("1.5", "1.5"),
        ("2026-11-20", "2026-11-20"),
        ("2026-11-20T09:00:00Z", "2026-11-20T09:00:00Z"),
        ("12:30:00", "12:30:00"),
        ("=", "="),
        ("true", True),
        ("false", False),
        ("True", True),
        ("FALSE", False),
        ("null", None),
        ("Null", None),
        ("~", None),
        ("", None),
        ("'true'", "true"),
        ('"null"', "null"),
        ('""', ""),
        ("|\n  a\n  b", "a\nb\n"),
    ],
)
def test_scalars_are_text(text: str, value: object) -> None:
    """An unquoted scalar is text unless it is true, false or null as YAML spells them."""
    document = read(f"key: {text}\n".encode())
    assert document.value == {"key": value}
    assert type(document.value["key"]) in {str, bool, type(None), Digits}
    assert not document.flaws


@pytest.mark.parametrize(
    ("text", "digits"), [("20", True), ("'20'", False), ("-20", False), ("٢٠", False), ("2.0", False)]
)
def test_digits_are_marked(text: str, digits: bool) -> None:  # noqa: FBT001  (a table of cases)
    """Only unquoted ASCII digits may become a number later."""
    document = read(f"[{text}]".encode())
    assert isinstance(document.value[0], Digits) is digits
    assert document.has_digits is digits


def test_empty_file_is_nothing() -> None:
    """A file without a document has no value, no flaw, and a first position."""
    document = read(b"# only a comment\n")
    assert document.value is None
    assert document.whole
    assert not document.flaws
    assert document.position(()) == (1, 1)


TREE = b"""\
top:
  - name: a
    list: [x, {deep: y}]
  - name: b
"""


@pytest.mark.parametrize(
    ("path", "value_at", "key_at"),
    [
        ((), (1, 1), None),
        (("top",), (2, 3), (1, 1)),
        (("top", 0), (2, 5), None),
        (("top", 0, "name"), (2, 11), (2, 5)),
        (("top", 0, "list"), (3, 11), (3, 5)),
        (("top", 0, "list", 0), (3, 12), None),
        (("top", 0, "list", 1, "deep"), (3, 22), (3, 16)),
        (("top", 1, "name"), (4, 11), (4, 5)),
    ],
)
def test_positions(path: Path, value_at: tuple[int, int], key_at: tuple[int, int] | None) -> None:
    """Every value and every key can be found again in the file."""
    document = read(TREE)
    assert document.position(path) == value_at
    if key_at is not None:
        assert document.position(path, on_key=True) == key_at


def test_item_lines() -> None:
    """A list tells on which line each of its items begins."""
    document = read(TREE)
    assert document.item_lines(document.value["top"]) == [2, 4]


def test_byte_order_mark_takes_no_column() -> None:
    """A file that begins with a byte order mark has the positions it has without."""
    assert read(b"\xef\xbb\xbfa: b").position(("a",)) == (1, 4)


@pytest.mark.parametrize(
    ("data", "rule", "position"),
    [
        ("a: é\nb: \xff".encode("latin-1"), "encoding", (1, 4)),
        (b"a: b\nb: \xff", "encoding", (2, 4)),
        ("a: b".encode("utf-16"), "encoding", (1, 1)),
        ("é: é\né: \x07".encode(), "encoding", (2, 4)),
        ("\ufeffé: \x07".encode(), "encoding", (1, 4)),
        (b"a: b: c", "syntax", (1, 5)),
        (b"a: [", "syntax", (2, 1)),
        (b'a: "\\ud800"', "syntax", (1, 7)),
        (b"a: b\n...\nc", "syntax", (3, 1)),
        (b"[" * 50_000, "too-deep", (1, MAX_DEPTH + 1)),
        (b"- " * 50_000, "too-deep", (1, 2 * MAX_DEPTH + 1)),
        (b"{a: " * 50_000, "too-deep", (1, 4 * MAX_DEPTH + 1)),
        (b"#" * (MAX_BYTES + 1), "too-large", (1, 1)),
    ],
    ids=lambda value: f"{value[:16]!r}" if isinstance(value, bytes) else None,
)
def test_unusable_files(data: bytes, rule: str, position: tuple[int, int]) -> None:
    """A file that cannot be read to its end has one flaw that says where, and no value worth checking."""
    document = read(data)
    assert [(flaw.rule, flaw.position) for flaw in document.flaws] == [(rule, position)]
    assert not document.whole


def test_deepest_nesting_is_read() -> None:
    """Nesting up to the limit is fine."""
    assert read(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH).whole


@pytest.mark.parametrize(
    ("text", "value", "found"),
    [
        ("a: &x b", {"a": "b"}, ["alias"]),
        ("a: !!str b", {"a": "b"}, ["tag"]),
        ("a: ! b", {"a": "b"}, ["tag"]),
        ("a: !x &y [b]", {"a": ["b"]}, ["alias", "tag"]),
        ("!x {a: b}", {"a": "b"}, ["tag"]),
        ("[&x a, *x]", ["a", None], ["alias", "alias"]),
        ("{*x : {y: z}, a: b}", {"a": "b"}, ["alias"]),
        ("? {k: v}\n: [l]\na: b", {"a": "b"}, ["key-not-text"]),
        ("? [k]\n: l\na: b", {"a": "b"}, ["key-not-text"]),
        ("a: b\na: [c]\nd: e", {"a": "b", "d": "e"}, ["duplicate-key"]),
        ("a: b\na: c\nd: e", {"a": "b", "d": "e"}, ["duplicate-key"]),
        ("a: b\n---\nc: d", {"a": "b"}, ["second-document"]),
    ],
)
def test_more_than_data(text: str, value: object, found: list[str]) -> None:
    """What is more than plain data is a flaw, and the rest of the file is still read."""
    document = read(text.encode())
    assert document.value == value
    assert [flaw.rule for flaw in document.flaws] == found
    assert document.whole


def test_duplicate_key_names_the_first() -> None:
    """A key given twice names the place of the one that counts."""
    (flaw,) = read(b"x:\n  a: b\n  c: d\n  c: e\n").flaws
    assert flaw.position == (4, 3)
    assert flaw.message == "'c' was given before, at 3:3"


@pytest.mark.parametrize("line", [b"- *a\n", b"a: b\n"])
def test_problems_are_bounded(line: bytes) -> None:
    """A file made of problems is given up after so many, instead of filling the memory."""
    found = rules(line * (MAX_PROBLEMS + 10))
    assert len(found) == MAX_PROBLEMS + 1
    assert found.count("too-many-problems") == 1


plain = st.recursive(
    st.text("abz019_é", min_size=1, max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=4)
    ),
    max_leaves=20,
)


def written(value: Any) -> str:
    """Write a value as flow YAML, all scalars quoted."""
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}": {written(item)}' for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return f'"{value}"'


def paths(value: Any, path: Path = ()) -> list[tuple[Path, str]]:
    """List every text in a value with its path."""
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in paths(item, (*path, key))]
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in paths(item, (*path, index))]
    return [(path, value)]


@given(plain)
def test_reading_is_the_reverse_of_writing(value: Any) -> None:
    """What was written is read back, and every text stands where its position says."""
    text = written(value)
    document = read(text.encode())
    assert document.value == value
    for path, leaf in paths(value):
        line, column = document.position(path)
        assert line == 1
        assert text[column - 1 :].startswith(f'"{leaf}"')


class UnknownEvent(yaml.Event):
    """An event of a parser to come."""


def test_an_event_that_is_not_known_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read without it, the file would be another one, such as an empty one: that is no flaw of the file."""

    def parser(_data: bytes) -> SimpleNamespace:
        events = iter([yaml.StreamStartEvent(), yaml.DocumentStartEvent(), UnknownEvent()])
        return SimpleNamespace(get_event=lambda: next(events, None))

    monkeypatch.setattr(yaml, "CSafeLoader", parser)
    with pytest.raises(TypeError, match="UnknownEvent"):
        read(b"a")
    with pytest.raises(TypeError, match="UnknownEvent"):
        compose(b"a", Layout.of(b"a"))
