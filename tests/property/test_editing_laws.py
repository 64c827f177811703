"""What holds for every edit of every layout: it gives the edited value and nothing else."""

from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from reconciler.desired.reader import read
from reconciler.editing import Assignment, CannotEdit, append_entries, assign, entry_block, remove_entries
from tests.support.layouts import LaidOut, laid_out

NEW = "neue.adresse@new.example"

TAILS = st.lists(st.tuples(st.integers(0, 8), st.sampled_from(["# c", ""])), max_size=4).map(
    lambda lines: "".join(f"\n{' ' * column}{text}" for column, text in lines)
)
"""Lines below a list: comments, and blank lines with and without blanks."""


def guests(data: bytes) -> Any:
    """Return the entries of a file without a flaw."""
    document = read(data)
    assert not document.flaws
    return document.value["guests"]


def is_inserted(old: bytes, new: bytes) -> bool:
    """Return whether one run of bytes was put somewhere into a file."""
    start = 0
    while start < len(old) and old[start] == new[start]:
        start += 1
    return new.endswith(old[start:])


@given(laid_out())
def test_what_is_generated_is_read_as_it_is_meant(layout: LaidOut) -> None:
    """The laws are about files of which the content is known."""
    assert guests(layout.data) == list(layout.entries)


@given(laid_out(), st.data())
def test_another_address_takes_the_place_of_the_old_one(layout: LaidOut, data: st.DataObject) -> None:
    """Every other byte stays, the quotation marks too."""
    number = data.draw(st.integers(0, len(layout.entries) - 1))
    event(layout.addresses[number].style)
    edited = assign(layout.data, [Assignment(path=("guests", number, "email"), value=NEW)])
    assert edited == layout.with_address(number, NEW)
    expected = [dict(entry) for entry in layout.entries]
    expected[number]["email"] = NEW
    assert guests(edited) == expected


@given(laid_out())
def test_all_addresses_at_once(layout: LaidOut) -> None:
    """Many values are set in one pass, each in its own place."""
    new = [f"n{number}@new.example" for number in range(len(layout.entries))]
    edited = assign(
        layout.data,
        [Assignment(path=("guests", number, "email"), value=text) for number, text in enumerate(new)],
    )
    assert [entry["email"] for entry in guests(edited)] == new
    assert assign(
        edited,
        [
            Assignment(path=("guests", number, "email"), value=entry["email"])
            for number, entry in enumerate(layout.entries)
        ],
    ).count(b"\n") == (layout.data.count(b"\n") - sum(a.spelled.count("\n") for a in layout.addresses))


@given(laid_out(), st.data())
def test_a_missing_key_is_put_below_another(layout: LaidOut, data: st.DataObject) -> None:
    """One run of bytes is new, and every other entry is what it was; a key that is there gets the value."""
    number = data.draw(st.integers(0, len(layout.entries) - 1))
    path = ("guests", number, "resetAfter")
    edited = assign(layout.data, [Assignment(path=path, value="2026-11-23T12:00:00Z", after="email")])
    expected = [dict(entry) for entry in layout.entries]
    expected[number]["resetAfter"] = "2026-11-23T12:00:00Z"
    assert guests(edited) == expected
    if "resetAfter" not in layout.entries[number]:
        assert is_inserted(layout.data, edited)
        assert (
            list(guests(edited)[number]).index("resetAfter")
            == list(guests(edited)[number]).index("email") + 1
        )


@given(laid_out(), st.data())
def test_entries_go_and_the_others_stay(layout: LaidOut, data: st.DataObject) -> None:
    """What is left is what was there, in its order, and no line of it is another."""
    indexes = data.draw(st.sets(st.integers(0, len(layout.entries) - 1)))
    try:
        edited = remove_entries(layout.data, indexes)
    except CannotEdit:
        event("refused")
        assert b"[" in layout.data  # entries in brackets that share lines
        return
    assert guests(edited) == [entry for number, entry in enumerate(layout.entries) if number not in indexes]
    for part in (
        layout.addresses[number].spelled for number in range(len(layout.entries)) if number not in indexes
    ):
        assert part.replace("\n", layout.newline).encode() in edited
    assert edited.startswith(layout.mark)
    assert not indexes or len(edited) < len(layout.data)


@given(laid_out(), st.integers(1, 3))
def test_entries_are_added_after_the_others(layout: LaidOut, count: int) -> None:
    """The old file is the new one without one run of bytes, or two where a comma had to be put."""
    new = [{"id": f"n{number}", "name": "caf\u00e9: x", "email": NEW} for number in range(count)]
    edited = append_entries(layout.data, [entry_block(entry) for entry in new])
    assert guests(edited) == [*layout.entries, *new]
    first = edited[len(layout.mark) :].find(b"n0")
    assert is_inserted(layout.data, edited) or (first > 0 and b"}," in edited)
    lone = edited.replace(b"\r\n", b"")
    assert (b"\n" not in lone) if layout.newline == "\r\n" else (b"\r" not in edited)


@given(laid_out(), st.integers(1, 3))
def test_entries_that_are_added_and_removed_leave_no_trace(layout: LaidOut, count: int) -> None:
    """Both hold the same lines for those of an entry: the file is what it was, byte for byte."""
    blocks = [entry_block({"id": f"n{number}", "email": NEW}) for number in range(count)]
    before = len(layout.entries)
    added = append_entries(layout.data, blocks)
    assert remove_entries(added, range(before, before + count)) == layout.data


@given(
    st.sampled_from(
        [
            "guests: []",
            "guests: [] # c",
            "guests:\n- id: a",
            "guests:\n- id: a\n\n- id: b",
            "guests: [\n  {id: a}\n]",
        ]
    ),
    TAILS,
)
def test_whatever_stands_below_stays_when_entries_come_and_go(head: str, tail: str) -> None:
    """Comments in any column and blank lines, also where the list is empty before and after."""
    data = f"{head}{tail}".encode()
    before = len(guests(data))
    added = append_entries(data, [entry_block({"id": "n", "email": NEW})])
    assert remove_entries(added, [before]) == data
