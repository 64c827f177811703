"""Entries are added at the end of a file's list, in the style that stands there."""

import pytest

from reconciler.desired.reader import read
from reconciler.editing import CannotEdit, append_entries, entry_block

NEW = entry_block({"id": "2c7b5a1d-9b1d-4e7f-8b62-6a4b4a2d8f12", "email": "bo@fabrikam.example"})

LAYOUTS = {
    "block": (b"guests:\n  - id: a\n    email: b\n", b"guests:\n  - id: a\n    email: b\n  - ID\n    EM\n"),
    "at the margin": (b"guests:\n- id: a\n  email: b\n", b"guests:\n- id: a\n  email: b\n- ID\n  EM\n"),
    "CRLF and a byte order mark": (
        b"\xef\xbb\xbfguests:\r\n    - id: a\r\n",
        b"\xef\xbb\xbfguests:\r\n    - id: a\r\n    - ID\r\n      EM\r\n",
    ),
    "no line end at the end": (b"guests:\n  - id: a", b"guests:\n  - id: a\n  - ID\n    EM"),
    "no line end, CRLF": (b"guests:\r\n  - id: a", b"guests:\r\n  - id: a\r\n  - ID\r\n    EM"),
    "an empty list": (b"guests: []\n", b"guests:\n  - ID\n    EM\n"),
    "an empty list, a comment, no line end": (b"guests:   [ ] # no", b"guests: # no\n  - ID\n    EM"),
    "an empty list in braces": (b"{guests: []}\n", b"{guests: [{ID, EM}]}\n"),
    "brackets": (b"guests: [{id: a}]\n", b"guests: [{id: a}, {ID, EM}]\n"),
    "brackets with a comma": (b"guests: [{id: a}, ]\n", b"guests: [{id: a}, {ID, EM}, ]\n"),
    "brackets over lines": (
        b"guests: [\n  {id: a} # one, two\n]\n",
        b"guests: [\n  {id: a}, # one, two\n  {ID, EM}\n]\n",
    ),
    "brackets over lines with a comma": (
        b"guests: [\r\n\t{id: a}, # one\r\n]\r\n",
        b"guests: [\r\n\t{id: a}, # one\r\n\t{ID, EM},\r\n]\r\n",
    ),
    "blank lines between": (
        b"guests:\n  - id: a\n\n  # b\n  - id: b\n\n# end\n",
        b"guests:\n  - id: a\n\n  # b\n  - id: b\n\n  - ID\n    EM\n\n# end\n",
    ),
    "a document's marks": (
        b"---\nguests:\n- id: a # c\n...\n",
        b"---\nguests:\n- id: a # c\n- ID\n  EM\n...\n",
    ),
    "a dash alone": (b"guests:\n -\n   # c\n   id: a\n", b"guests:\n -\n   # c\n   id: a\n - ID\n   EM\n"),
    "a text over lines at the end": (
        b"guests:\n  - id: a\n    name: |\n      x\n\n# c\n",
        b"guests:\n  - id: a\n    name: |\n      x\n  - ID\n    EM\n\n# c\n",
    ),
    "a text over lines with the blank lines below it": (
        b"guests:\n  - id: a\n    name: |+ # -\n      x\n\n# c\n",
        b"guests:\n  - id: a\n    name: |+ # -\n      x\n\n  - ID\n    EM\n# c\n",
    ),
    "a key without a value at the end": (
        b"guests:\n  - id: a\n    name:\n# c\n",
        b"guests:\n  - id: a\n    name:\n  - ID\n    EM\n# c\n",
    ),
    "a key of the last entry that was commented out": (
        b"guests:\n  - id: a\n    # hold: {}\n\n    # name: x\n  # b\n",
        b"guests:\n  - id: a\n    # hold: {}\n\n    # name: x\n  - ID\n    EM\n  # b\n",
    ),
    "a key that was commented out, CRLF, no line end": (
        b"guests:\r\n- id: a\r\n  # hold: {}",
        b"guests:\r\n- id: a\r\n  # hold: {}\r\n- ID\r\n  EM",
    ),
    "brackets over lines, a key that was commented out": (
        b"guests: [\n  {id: a}\n    # hold: {}\n  # b\n]\n",
        b"guests: [\n  {id: a},\n    # hold: {}\n  {ID, EM}\n  # b\n]\n",
    ),
    "an empty list, a comment below": (
        b"guests: []\n\n      # - id: a\n",
        b"guests:\n      - ID\n        EM\n\n      # - id: a\n",
    ),
    "a comment without a blank before it": (
        b"guests: [\n  {id: a}#, b\n]\n",
        b"guests: [\n  {id: a},#, b\n  {ID, EM}\n]\n",
    ),
    "letters of any alphabet": (
        "guests:\n  - id: a # \U0001f600\n    name: \u00e9\n".encode(),
        "guests:\n  - id: a # \U0001f600\n    name: \u00e9\n  - ID\n    EM\n".encode(),
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_entry_is_added_in_the_style_of_the_file(layout: str) -> None:
    """The new entry comes last, and no other byte changes."""
    before, after = LAYOUTS[layout]
    first, second = (line.encode() for line in NEW.split("\n"))
    assert append_entries(before, [NEW]) == after.replace(b"ID", first).replace(b"EM", second)


REFUSED = {
    "no list": (b"# nothing\n", (1, 1)),
    "another key": (b"people: []\n", (1, 1)),
    "a null": (b"guests:\n", (1, 8)),
    "an anchor": (b"guests: &all\n  - id: a\n", (1, 9)),
    "an alias": (b"guests:\n  - id: &a x\n    name: *a\n", (2, 9)),
    "a tag": (b"guests:\n  - id: !!str x\n", (2, 9)),
    "a merge key": (b"guests:\n  - id: a\n    <<: {email: b}\n", (3, 5)),
    "a text whose end would change": (b"guests:\n  - id: a\n    name: |\n      x", (2, 3)),
    "a complex key": (b"? guests\n: - id: a\n", (2, 3)),
}


@pytest.mark.parametrize("layout", REFUSED)
def test_what_cannot_be_extended_is_refused_with_its_place(layout: str) -> None:
    """Nothing is guessed: line and column are those of the value that stands in the way."""
    before, position = REFUSED[layout]
    with pytest.raises(CannotEdit) as refused:
        append_entries(before, [NEW])
    assert refused.value.position == position


def test_nothing_to_add_changes_nothing() -> None:
    """A file that could not even be read stays."""
    assert append_entries(b"\xff", []) == b"\xff"


NAMES = (
    *("no", "2024-01-01", "- [x]: #", "\u202egnirts\x07", "a: b", "x" * 300, "", " ", "~", "012", "1_0", "="),
    *("'", '"', "\\", "\U0001f600", "a #b", "null", "yes", "!x", "&x", "*x", "@x", "%x", "`x", "---", "..."),
    *("a\tb", "a\nb", "\ufeffx", "x ", "0x1f", "1:30", "<<", "O'Brien, Ltd.", "{", "]", ",", "?", "-", ":"),
    *("caf\u00e9", "\u2028", "\u00a0"),
)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_reads_back_as_it_was(name: str) -> None:
    """A name is quoted where a reader, or a person, could take it for something else."""
    block = entry_block({"id": "a", "name": name, "alternateEmails": ["x@y.example"]})
    data = append_entries(b"guests: []\n", [block])
    assert not read(data).flaws
    assert read(data).value["guests"] == [{"id": "a", "name": name, "alternateEmails": ["x@y.example"]}]
    assert append_entries(b"{guests: []}\n", [block]).count(b"\n") == 1


@pytest.mark.parametrize("block", ["", "- a", "id: [", "id: &a x", "a\nb: c"])
def test_an_entry_that_is_no_mapping_is_refused(block: str) -> None:
    """Whatever is handed in, the file stays one that can be read."""
    with pytest.raises(CannotEdit):
        append_entries(b"guests: []\n", [block])


def test_an_entry_holds_numbers_and_truth_values_unquoted() -> None:
    """As a reader of the schema wants them."""
    entry = {"id": "a", "invitation": {"sendMessage": False, "cc": "x@y.example"}, "hold": None, "count": 5}
    expected = "id: a\ninvitation: {sendMessage: false, cc: x@y.example}\nhold: null\ncount: 5"
    assert entry_block(entry) == expected
