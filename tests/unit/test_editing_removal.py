"""Entries go with the comments above them, and nothing else does."""

import pytest

from reconciler.editing import CannotEdit, remove_entries

LAYOUTS = {
    "one of two": ("guests:\n  - id: a\n    email: b\n  - id: c\n", {0}, "guests:\n  - id: c\n"),
    "the last of two": ("guests:\n  - id: a\n  - id: c # d\n", {1}, "guests:\n  - id: a\n"),
    "the comment above": (
        "guests:\n  # a\n  # is here\n  - id: a\n  # b\n  - id: b\n",
        {1},
        "guests:\n  # a\n  # is here\n  - id: a\n",
    ),
    "the comment above the first": ("guests:\n  # a\n  - id: a\n  - id: b\n", {0}, "guests:\n  - id: b\n"),
    "a comment above, with a blank line between": (
        "guests:\n  - id: a\n\n  # all of b\n\n  # b\n  - id: b\n",
        {1},
        "guests:\n  - id: a\n\n  # all of b\n",
    ),
    "a comment further right, below": (
        "guests:\n  - id: a\n    # of a\n  - id: b\n    # of b\n",
        {0},
        "guests:\n  - id: b\n    # of b\n",
    ),
    "a comment of the one before": (
        "guests:\n  - id: a\n    # of a\n  - id: b\n",
        {1},
        "guests:\n  - id: a\n    # of a\n",
    ),
    "blank lines between": (
        "guests:\n  - id: a\n\n  - id: b\n\n  - id: c\n",
        {1},
        "guests:\n  - id: a\n\n  - id: c\n",
    ),
    "blank lines between, the first": (
        "guests:\n\n  - id: a\n\n  - id: b\n",
        {0},
        "guests:\n\n  - id: b\n",
    ),
    "blank lines between, the last": ("guests:\n  - id: a\n\n  - id: b\n", {1}, "guests:\n  - id: a\n"),
    "all": ("# yaml\n\nguests:\n  # a\n  - id: a\n\n  - id: b\n", {0, 1}, "# yaml\n\nguests: []\n"),
    "all, with other comments": (
        "guests: # c\n  # stays\n\n  - id: a\n# stays too\n",
        {0},
        "guests: [] # c\n  # stays\n\n# stays too\n",
    ),
    "CRLF": ("guests:\r\n  # a\r\n  - id: a\r\n  - id: b\r\n", {0}, "guests:\r\n  - id: b\r\n"),
    "no line end, the last": ("guests:\n  - id: a\n  - id: b", {1}, "guests:\n  - id: a"),
    "no line end, CRLF, all": ("guests:\r\n  - id: a", {0}, "guests: []"),
    "no line end, the first": ("guests:\n  - id: a\n  - id: b", {0}, "guests:\n  - id: b"),
    "a byte order mark": ("\ufeffguests:\n- id: a\n- id: b\n", {1}, "\ufeffguests:\n- id: a\n"),
    "a dash alone": ("guests:\n  - # c\n    id: a\n  - id: b\n", {0}, "guests:\n  - id: b\n"),
    "text over lines": (
        "guests:\n  - name: |\n      - id: x\n      # y\n\n  - id: b\n",
        {0},
        "guests:\n  - id: b\n",
    ),
    "nested lists": (
        "guests:\n- id: a\n  alternateEmails:\n  - b\n  - c\n- id: d\n",
        {0},
        "guests:\n- id: d\n",
    ),
    "braces in lines": ("guests:\n  - {id: a}\n  - {id: b,\n     email: c}\n", {1}, "guests:\n  - {id: a}\n"),
    "brackets": ("guests: [{id: a}, {id: b}, {id: c}]\n", {1}, "guests: [{id: a}, {id: c}]\n"),
    "brackets, the first": ("guests: [{id: a}, {id: b}]\n", {0}, "guests: [{id: b}]\n"),
    "brackets, the last two": ("guests: [{id: a}, {id: b}, {id: c}]\n", {1, 2}, "guests: [{id: a}]\n"),
    "brackets, all": ("guests: [{id: a}, {id: b}, ]\n", {0, 1}, "guests: []\n"),
    "brackets over lines": (
        "guests: [\n  # a\n  {id: a}, # c, d\n  {id: b},\n]\n",
        {0},
        "guests: [\n  {id: b},\n]\n",
    ),
    "brackets over lines, the last": (
        "guests: [\n  {id: a},\n  {id: b} # c\n]\n",
        {1},
        "guests: [\n  {id: a}\n]\n",
    ),
    "brackets over lines, the last with a comma": (
        "guests: [\n  {id: a}, # c, d\n  {id: b},\n]\n",
        {1},
        "guests: [\n  {id: a}, # c, d\n]\n",
    ),
    "brackets over lines, all, with another comment": (
        "guests: [ # c\n  {id: a}\n]\n",
        {0},
        "guests: [ # c\n]\n",
    ),
    "brackets that share lines, all": ("guests: [{id: a},\n  {id: b}]\n", {0, 1}, "guests: []\n"),
    "brackets that share lines, all, with another comment": (
        "guests: [ # c\n  {id: a}, {id: b}]\n",
        {0, 1},
        "guests: [ # c\n  ]\n",
    ),
    "a comment with a comma, without a blank before it": (
        "guests: [\n  {id: a}#, c\n  , {id: b}]\n",
        {1},
        "guests: [\n  {id: a}]\n",
    ),
    "comments further right, below a blank line": (
        "guests:\n  - id: a\n\n    # hold: {}\n  - id: b\n",
        {0},
        "guests:\n  - id: b\n",
    ),
    "a key without a value above": (
        "guests:\n  - id: a\n    name:\n  - id: b\n\n# end\n",
        {1},
        "guests:\n  - id: a\n    name:\n\n# end\n",
    ),
    "a comment behind the key of the list": (
        "guests: # c\n  - id: a\n\n  - id: b\n",
        {0},
        "guests: # c\n  - id: b\n",
    ),
    "brackets over lines, all": ("guests: [\n  {id: a},\n  {id: b}\n]\n", {0, 1}, "guests: []\n"),
    "a document's end": ("---\nguests:\n- id: a\n...\n", {0}, "---\nguests: []\n...\n"),
    "none": ("guests: [] # \n", set(), "guests: [] # \n"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_entries_are_removed(layout: str) -> None:
    """The list stays a list, the others stay as they are, and no blank lines gather."""
    before, indexes, after = LAYOUTS[layout]
    assert remove_entries(before.encode(), indexes).decode() == after


def test_an_entry_that_shares_its_line_in_block_style_is_refused() -> None:
    """Behind an explicit key the first dash stands on the line of another sign."""
    with pytest.raises(CannotEdit) as refused:
        remove_entries(b"? guests\n: - id: a\n  - id: b\n", {0})
    assert refused.value.position == (2, 3)
