"""A value is set in place of the old one, or below another key, and every other byte stays.

In the layouts `OLD` stands for the address before and `NEW` for the one after; a layout with one text is
edited where `OLD` stands.
"""

import pytest

from reconciler.desired.reader import read
from reconciler.editing import Assignment, CannotEdit, assign
from reconciler.editing.spelling import Verbatim

OLD, NEW = "ana@old.example", "ana.neu@new.example"

IN_PLACE = {
    "plain": "guests:\n  - id: a\n    email: OLD\n",
    "at the margin": "guests:\n- email: OLD\n  id: a\n",
    "far right": "guests:\n        -     email: OLD\n              id: a\n",
    "first key": "guests:\n  - email: OLD\n",
    "single quotes": "guests:\n  - email: 'OLD'\n",
    "double quotes": 'guests:\n  - email: "OLD"\n',
    "a quoted key": 'guests:\n  - "email": OLD\n',
    "a key in single quotes": "guests:\n  - 'email' : 'OLD'\n",
    "a quoted list": '"guests":\n  - email: OLD\n',
    "blanks around": "guests:\n  - email:    OLD   \n",
    "a blank before the colon": "guests:\n  - email : OLD\n",
    "a tab before the value": "guests:\n  - email:\tOLD\n",
    "a comment behind": "guests:\n  - email: OLD # ana@old.example\n",
    "a comment behind a quote": 'guests:\n  - email: "OLD" # "ana@old.example"\n',
    "comments around": "# a\nguests: # b\n  # c\n  - # d\n    email: OLD # e\n    # f\n  # g\n",
    "blank lines": "\n\nguests:\n\n  - id: a\n\n    email: OLD\n\n\n",
    "the value on the next line": "guests:\n  - email:\n      OLD\n    id: a\n",
    "a comment between key and value": "guests:\n  - email: # why\n      OLD\n    id: a\n",
    "braces": "guests:\n  - {id: a, email: OLD}\n",
    "braces without blanks": "guests:\n  - {id: a,email: OLD}\n",
    "braces with blanks": "guests:\n  - { id: a , email: OLD , name: b }\n",
    "braces and quotes": 'guests:\n  - {"id":"a","email":"OLD"}\n',
    "braces over lines": "guests:\n  - {\n    id: a, # b\n    email: OLD, # c\n  }\n",
    "all in brackets": "guests: [{id: a, email: OLD}]\n",
    "brackets over lines": "guests: [\n  {id: a, email: OLD},\n  {id: b, email: c},\n]\n",
    "all in braces": "{guests: [{email: OLD}]}\n",
    "JSON": '{"guests": [{"id": "a", "email": "OLD"}]}',
    "JSON over lines": '{\n\t"guests": [\n\t\t{"id": "a",\n\t\t"email": "OLD"}\n\t]\n}\n',
    "CRLF": "guests:\r\n  - id: a\r\n    email: OLD\r\n",
    "CRLF and a comment": "guests:\r\n  - email: OLD # b\r\n    id: a\r\n",
    "CRLF and braces": "guests:\r\n  - {email: OLD,\r\n     id: a}\r\n",
    "both line ends": "guests:\n  - id: a\r\n    email: OLD\n    name: b\r\n",
    "a byte order mark": "\ufeffguests:\n  - email: OLD\n",
    "a byte order mark and CRLF": "\ufeff# a\r\nguests:\r\n- email: OLD\r\n",
    "no line end": "guests:\n  - id: a\n    email: OLD",
    "no line end and quotes": "guests:\n  - email: 'OLD'",
    "no line end and braces": "guests:\n  - {email: OLD}",
    "a document's start": "---\nguests:\n  - email: OLD\n",
    "a document's start with a comment": "--- # a\nguests:\n  - email: OLD\n",
    "a document's end": "guests:\n  - email: OLD\n...\n",
    "a directive": "%YAML 1.2\n---\nguests:\n  - email: OLD\n",
    "letters before": "guests:\n  - name: caf\u00e9 \U0001f600\n    email: OLD # \u00e9\n",
    "text over lines before": "guests:\n  - name: |\n      email: x\n    email: OLD\n",
    "folded text before": "guests:\n  - name: >-\n      a\n\n      b\n    email: OLD\n",
    "quoted text over lines before": 'guests:\n  - name: "a\n      b"\n    email: OLD\n',
    "the old address elsewhere": "guests:\n  - name: ana@old.example\n    email: OLD\n",
    "the old address as an alternate": "guests:\n  - alternateEmails: [ana@old.example]\n    email: OLD\n",
    "an explicit key": "guests:\n  - ? email\n    : OLD\n",
    "a list at the margin of its key": "guests:\n- email: OLD\n  alternateEmails:\n  - b\n",
    "a hash in the text before": "guests:\n  - name: a#b\n    email: OLD\n",
}

REWRITTEN = {
    "folded text": ("guests:\n  - email: >-\n      OLD\n    id: a\n", "guests:\n  - email: NEW\n    id: a\n"),
    "literal text": ("guests:\n  - email: |-\n      OLD\n", "guests:\n  - email: NEW\n"),
    "literal text, CRLF": ("guests:\r\n- email: |-\r\n   OLD\r\n\r\n", "guests:\r\n- email: NEW\r\n\r\n"),
    "literal text, no line end": ("guests:\n  - email: |-\n      OLD", "guests:\n  - email: NEW"),
    "escapes": ('guests:\n  - email: "ana\\x40old.example"\n', 'guests:\n  - email: "NEW"\n'),
    "quotes over lines": ('guests:\n  - email: "ana\\\n      @old.example"\n', 'guests:\n  - email: "NEW"\n'),
}


@pytest.mark.parametrize("layout", IN_PLACE)
def test_an_address_is_replaced_in_its_place(layout: str) -> None:
    """Quotation marks, comments, blanks and line ends stay."""
    before, after = (IN_PLACE[layout].replace("OLD", text).encode() for text in (OLD, NEW))
    assert assign(before, [Assignment(path=("guests", 0, "email"), value=NEW)]) == after


@pytest.mark.parametrize("layout", REWRITTEN)
def test_text_over_lines_becomes_one_line(layout: str) -> None:
    """An address that was folded or escaped is written on one line; quotation marks around it stay."""
    before, after = (text.replace("OLD", OLD).replace("NEW", NEW).encode() for text in REWRITTEN[layout])
    assert assign(before, [Assignment(path=("guests", 0, "email"), value=NEW)]) == after


def test_there_are_sixty_layouts() -> None:
    """The promise of the documentation: sixty layouts and more, each edited and compared byte by byte."""
    assert len(IN_PLACE) + len(REWRITTEN) + len(NEW_KEYS) + len(RAISES) >= 60


NEW_KEYS = {
    "below the address": (
        "guests:\n  - id: a\n    email: b\n",
        "guests:\n  - id: a\n    email: b\n    KEY\n",
    ),
    "before other keys": (
        "guests:\n  - email: b # c\n    name: d\n",
        "guests:\n  - email: b # c\n    KEY\n    name: d\n",
    ),
    "at the margin": ("guests:\n- email: b\n", "guests:\n- email: b\n  KEY\n"),
    "CRLF": ("guests:\r\n  - email: b\r\n", "guests:\r\n  - email: b\r\n    KEY\r\n"),
    "no line end": ("guests:\n  - email: b", "guests:\n  - email: b\n    KEY"),
    "no line end, CRLF": ("guests:\r\n  - email: b", "guests:\r\n  - email: b\r\n    KEY"),
    "braces": ("guests:\n  - {email: b, id: a}\n", "guests:\n  - {email: b, KEY, id: a}\n"),
    "braces, last": ("guests: [{id: a, email: 'b'}]\n", "guests: [{id: a, email: 'b', KEY}]\n"),
    "braces over lines": (
        "guests:\n  - {id: a, # c\n     email: b}\n",
        "guests:\n  - {id: a, # c\n     email: b, KEY}\n",
    ),
    "folded text": (
        "guests:\n  - email: >-\n      b\n    id: a\n",
        "guests:\n  - email: >-\n      b\n    KEY\n    id: a\n",
    ),
    "in place of another": (
        "guests:\n  - email: b\n    resetAfter: 2025-01-01T00:00:00Z # c\n",
        "guests:\n  - email: b\n    KEY # c\n",
    ),
    "in place of a quoted one": (
        'guests:\n  - {resetAfter: "2025-01-01T00:00:00Z", email: b}\n',
        'guests:\n  - {resetAfter: "2026-11-23T12:00:00Z", email: b}\n',
    ),
    "a dash alone": ("guests:\n  -\n    email: b\n", "guests:\n  -\n    email: b\n    KEY\n"),
    "explicit keys": (
        "guests:\n  - ? id\n    : a\n    ? email\n    : b # c\n",
        "guests:\n  - ? id\n    : a\n    ? email\n    : b # c\n    KEY\n",
    ),
    "an explicit key": (
        "guests:\n  -   id: a\n      ? email\n      :   b\n      name: c\n",
        "guests:\n  -   id: a\n      ? email\n      :   b\n      KEY\n      name: c\n",
    ),
    "an explicit key at the margin": (
        "guests:\n- ?   email\n  : b\n",
        "guests:\n- ?   email\n  : b\n  KEY\n",
    ),
    "before a comment further right": (
        "guests:\n  - email: b\n      # of b\n    # c\n",
        "guests:\n  - email: b\n      # of b\n    KEY\n    # c\n",
    ),
    "before a comment": ("guests:\n  - email: b\n  # c\n", "guests:\n  - email: b\n    KEY\n  # c\n"),
}


@pytest.mark.parametrize("layout", NEW_KEYS)
def test_a_key_is_put_below_the_address(layout: str) -> None:
    """In block style on a line of its own, in braces beside the address; a value that stands there goes."""
    before, after = NEW_KEYS[layout]
    new = Assignment(path=("guests", 0, "resetAfter"), value=Verbatim("2026-11-23T12:00:00Z"), after="email")
    assert assign(before.encode(), [new]) == after.replace("KEY", "resetAfter: 2026-11-23T12:00:00Z").encode()


RAISE = {"maxChanges": 80, "until": Verbatim("2026-12-01"), "reason": "fabrikam: renamed"}
LINES = 'raise:\n    maxChanges: 80\n    until: 2026-12-01\n    reason: "fabrikam: renamed"\n'
BRACES = 'raise: {maxChanges: 80, until: 2026-12-01, reason: "fabrikam: renamed"}'

OLD_LINES = "raise:\n    maxChanges: 9\n    maxChangePercent: 90\n    until: 2025-01-01\n    reason: old\n"

RAISES = {
    "a policy": (
        "tenantId: a\npolicy:\n  maxChanges: 20 # b\ncloud: c\n",
        f"tenantId: a\npolicy:\n  maxChanges: 20 # b\n  {LINES}cloud: c\n",
    ),
    "a policy in braces": ("policy: {maxChanges: 20}\n", f"policy: {{maxChanges: 20, {BRACES}}}\n"),
    "an empty policy": ("policy: {}\n", f"policy: {{{BRACES}}}\n"),
    "a raise": (f"policy:\n  {OLD_LINES}  maxChanges: 20\n", f"policy:\n  {LINES}  maxChanges: 20\n"),
    "a raise, further right": (
        "policy:\n  raise:\n      maxChanges: 9\n      reason: old\n",
        f"policy:\n  {LINES.replace('    ', '      ')}",
    ),
    "a raise in braces": (
        "policy:\n  raise: {maxChanges: 9, until: 2025-01-01, reason: old} # b\n",
        f"policy:\n  {BRACES} # b\n",
    ),
    "CRLF": (
        "policy:\r\n  maxChanges: 20\r\n",
        f"policy:\n  maxChanges: 20\n  {LINES}".replace("\n", "\r\n"),
    ),
    "no line end": ("policy:\n  maxChanges: 20", f"policy:\n  maxChanges: 20\n  {LINES}".rstrip("\n")),
}


@pytest.mark.parametrize("layout", RAISES)
def test_a_mapping_is_written_in_the_style_around_it(layout: str) -> None:
    """A raise gets lines of its own, or braces where braces stand; an old one goes with all its keys."""
    before, after = RAISES[layout]
    assert assign(before.encode(), [Assignment(path=("policy", "raise"), value=RAISE)]) == after.encode()


def test_a_policy_is_begun() -> None:
    """A missing mapping is written with what it is to hold."""
    edited = assign(b"tenantId: a\n", [Assignment(path=("policy",), value={"raise": RAISE})])
    assert edited == f"tenantId: a\npolicy:\n  {LINES}".encode()
    assert read(edited).value["policy"]["raise"] == {**RAISE, "maxChanges": "80"}


def test_several_values_are_set_at_once() -> None:
    """Each in its own place, in whatever order they come."""
    before = b"guests:\n  - {email: a, alternateEmails: [b, 'c']}\n  - email: d\n"
    edited = assign(
        before,
        [
            Assignment(path=("guests", 1, "email"), value="D"),
            Assignment(path=("guests", 0, "alternateEmails", 1), value="C"),
            Assignment(path=("guests", 0, "email"), value="A"),
            Assignment(path=("guests", 1, "resetAfter"), value=Verbatim("2026"), after="email"),
        ],
    )
    assert (
        edited == b"guests:\n  - {email: A, alternateEmails: [b, 'C']}\n  - email: D\n    resetAfter: 2026\n"
    )


REFUSED = {
    "an anchor": ("guests:\n  - email: &a OLD\n", ("guests", 0, "email"), (2, 12)),
    "an alias": ("guests:\n  - {id: &a x, email: *a}\n", ("guests", 0, "email"), (2, 10)),
    "a merge key": ("guests:\n  - <<: {email: OLD}\n", ("guests", 0, "email"), (2, 5)),
    "a tag": ("guests:\n  - email: !!str OLD\n", ("guests", 0, "email"), (2, 12)),
    "a key twice": ("guests:\n  - email: a\n    email: OLD\n", ("guests", 0, "email"), (3, 5)),
    "no such entry": ("guests:\n  - email: a\n", ("guests", 1, "email"), (2, 3)),
    "no such list": ("people: []\n", ("guests", 0, "email"), (1, 1)),
    "a comment before folded text": (
        "guests:\n  - email: >- # why\n      OLD\n",
        ("guests", 0, "email"),
        (2, 12),
    ),
    "a list in its place": ("guests:\n  - email: [a] # [OLD]\n", ("guests", 0, "email", 1), (2, 12)),
    "a text where keys are to come": ("guests: a\n", ("guests", "email"), (1, 9)),
    "nested too deep": (f"guests: {'[' * 30}{']' * 30} # OLD\n", ("guests", 0, "email"), (1, 24)),
    "nothing at all": ("# OLD\n", ("guests", 0, "email"), (1, 1)),
}


@pytest.mark.parametrize("layout", REFUSED)
def test_what_cannot_be_edited_is_refused_with_its_place(layout: str) -> None:
    """Line and column are those of what stands in the way."""
    before, path, position = REFUSED[layout]
    with pytest.raises(CannotEdit) as refused:
        assign(before.encode(), [Assignment(path=path, value=NEW)])
    assert (refused.value.position, layout) == (position, layout)


def test_comments_inside_a_mapping_that_goes_are_not_lost() -> None:
    """A raise with a comment inside is edited by hand."""
    before = b"policy:\n  raise:\n    maxChanges: 9 # agreed with Kim\n    reason: a\n"
    with pytest.raises(CannotEdit) as refused:
        assign(before, [Assignment(path=("policy", "raise"), value=RAISE)])
    assert refused.value.position == (3, 19)


HASHES = {
    "double quotes": 'raise: {maxChanges: 9, reason: "ticket #12"} # c',
    "single quotes": "raise: {reason: ' #12', 'a #b': c} # c",
    "plain text": "raise: {reason: ticket#12}",
    "lines": 'raise:\n    reason: "ticket #12" # c',
    "text over lines": "raise:\n    reason: |\n      ticket\n      #12",
    "quotes over lines": 'raise:\n    reason: "ticket\n\n      #12"',
}


@pytest.mark.parametrize("layout", HASHES)
def test_a_hash_inside_a_text_is_no_comment(layout: str) -> None:
    """A mapping with such a text is replaced like any other."""
    before = f"policy:\n  {HASHES[layout]}\n".encode()
    edited = assign(before, [Assignment(path=("policy", "raise"), value=RAISE)])
    assert read(edited).value == {"policy": {"raise": {**RAISE, "maxChanges": "80"}}}
    assert edited.count(b" # c") == before.count(b" # c")


COMMENTS = {
    "between lines": ("raise:\n    a: 'b #c'\n    # d\n    e: f", (4, 5)),
    "in braces": ("raise: {a: 'b #c', # d\n    e: f}", (2, 22)),
    "behind a quotation mark": ("raise: {a: 'b'# d\n    , e: f}", (2, 17)),
    "behind a key": ("raise:\n    a: # d\n      b\n    e: f", (3, 8)),
    "behind the sign of a text over lines": ("raise:\n    a: | # d\n      b", (3, 10)),
    "before the last brace": ("raise: {a: b\n    # d\n    }", (3, 5)),
}


@pytest.mark.parametrize("layout", COMMENTS)
def test_a_comment_that_would_be_lost_is_refused_with_its_place(layout: str) -> None:
    """Wherever it stands in the mapping, also beside a text with a hash."""
    text, position = COMMENTS[layout]
    with pytest.raises(CannotEdit) as refused:
        assign(f"policy:\n  {text}\n".encode(), [Assignment(path=("policy", "raise"), value=RAISE)])
    assert refused.value.position == position


@pytest.mark.parametrize(
    ("new", "spelled"),
    [("no", '"no"'), ("a: b", '"a: b"'), ("2026-01-01", '"2026-01-01"'), ("plain text", "plain text")],
)
def test_plain_becomes_quoted_where_the_new_text_is_not_safe(new: str, spelled: str) -> None:
    """What a reader would take for a truth value, a date or a mapping gets quotation marks."""
    edited = assign(b"guests:\n  - name: x\n", [Assignment(path=("guests", 0, "name"), value=new)])
    assert edited == f"guests:\n  - name: {spelled}\n".encode()


def test_single_quotes_stay_around_an_apostrophe_and_not_around_what_cannot_be_seen() -> None:
    """An apostrophe is doubled; a character that shows nothing needs an escape, and so double quotes."""
    before = b"guests:\n  - name: 'x'\n"
    path = ("guests", 0, "name")
    assert assign(before, [Assignment(path=path, value="it's")]) == b"guests:\n  - name: 'it''s'\n"
    assert assign(before, [Assignment(path=path, value="a\u200bb")]) == b'guests:\n  - name: "a\\u200Bb"\n'


def test_a_mapping_does_not_replace_a_text() -> None:
    """What stands there was not written for keys."""
    with pytest.raises(CannotEdit) as refused:
        assign(b"policy:\n  raise: soon\n", [Assignment(path=("policy", "raise"), value=RAISE)])
    assert refused.value.position == (2, 10)
