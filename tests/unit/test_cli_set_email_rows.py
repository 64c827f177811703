"""`set-email --from`: a list is taken as a whole, or every bad row of it is named and no byte changes."""

import io
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.support.edited_tree import TENANT_ID, EditedTree, entries, guest_id


@pytest.fixture
def tree(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> EditedTree:
    """Make a tree of 200 guests in four files, and a directory that cannot be reached."""
    monkeypatch.setenv("RECONCILER_GRAPH_URL", "http://127.0.0.1:9")
    made = EditedTree(tmp_path / "desired", capsys)
    made.write(tenant=f"tenantId: {TENANT_ID}\n", **{f"f{n}": entries(*range(n, 200, 4)) for n in range(4)})
    return made


def rows(tree: EditedTree, data: str | bytes) -> str:
    """Write a list beside the tree, and return its path."""
    path = tree.root.parent / "rows.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return str(path)


FORMS = {
    "ids": f"id,email\n{guest_id(1)},x@new.example\n",
    "addresses": "from,to\ng1@old.example,x@new.example\n",
    "semicolons": "from;to\ng1@old.example;x@new.example\n",
    "CRLF": "from,to\r\nG1@OLD.example,x@new.example\r\n",
    "a byte order mark": "\ufefffrom,to\ng1@old.example,x@new.example\n",
    "quotation marks": '"from","to"\n"g1@old.example","x@new.example"\n',
    "blanks and large letters": "From , TO\n g1@old.example , x@new.example\n",
    "blank lines": "from,to\n\n,\ng1@old.example,x@new.example\n\n",
    "no line end": "from,to\ng1@old.example,x@new.example",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_usual_form_of_csv_is_read(tree: EditedTree, form: str) -> None:
    """One row, one change."""
    ended = tree.run("set-email", "--from", rows(tree, FORMS[form]))
    assert ended.code == 0, ended.err
    assert tree.text("f1") == entries(*range(1, 200, 4)).replace("g1@old.example", "x@new.example")


def test_a_list_comes_from_stdin(tree: EditedTree, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` is stdin."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FORMS["ids"].encode())))
    assert tree.run("set-email", "--from", "-").code == 0
    assert "x@new.example" in tree.text("f1")


def test_rows_that_are_so_already_are_counted(tree: EditedTree) -> None:
    """198 changed, 2 are declared already."""
    lines = [f"{guest_id(n)},g{n}@{'old' if n < 2 else 'new'}.example" for n in range(200)]
    ended = tree.run("set-email", "--from", rows(tree, "\n".join(["id,email", *lines])))
    assert ended.code == 0
    assert "198 guests changed, 2 already declared." in ended.out
    assert tree.text("f3") == entries(*range(3, 200, 4), domain="new.example")


BAD = {
    "an unknown guest": (f"{guest_id(999)},x@new.example", "not-declared: no entry declares"),
    "an unknown address": ("g999@old.example,x@new.example", "not-declared: no entry declares"),
    "a refused address": (f"{guest_id(1)},a+b@new.example", "address: 'a+b@new.example' cannot be used"),
    "a guest named twice": (f"{guest_id(0)},x@new.example", "given-twice: line 2 is about the same guest"),
    "the address of another row": (
        f"{guest_id(1)},g0@new.example",
        "duplicate-address: 'g0@new.example' is given to",
    ),
    "the address of an entry that stays": (
        f"{guest_id(1)},g199@old.example",
        "duplicate-address: 'g199@old.example' st",
    ),
    "three cells": (f"{guest_id(1)},x@new.example,", "rows-form: a row has two cells, id and email"),
    "an empty cell": (f"{guest_id(1)},", "rows-form: a row has two cells, id and email"),
    "an open quotation mark": (f'{guest_id(1)},"x@new.example', "rows-form: this is not CSV"),
}


@pytest.mark.parametrize("case", BAD)
def test_one_bad_row_of_many_leaves_no_byte_changed(tree: EditedTree, case: str) -> None:
    """3, and the row is named by its line."""
    bad, message = BAD[case]
    lines = [f"{guest_id(n)},g{n}@new.example" for n in range(199) if n != 1]
    lines.insert(100, bad)
    listed = rows(tree, "\n".join(["id,email", *lines]))
    ended = tree.unchanged(lambda: tree.run("set-email", "--from", listed))
    assert ended.code == 3
    assert f"rows.csv:102:1: {message}" in ended.err
    assert "the change has 1 problem, and no file was changed" in ended.err


def test_all_bad_rows_are_named_at_once(tree: EditedTree) -> None:
    """Each with its line, in the order of the list, also behind a cell that holds line ends."""
    bad = [f"{guest_id(n)},a+{n}@new.example" for n in (3, 4)] + [f"{guest_id(999)},x@new.example"]
    listed = rows(tree, "\n".join(["id,email", '"\n\n",x@new.example', *bad]))
    ended = tree.unchanged(lambda: tree.run("set-email", "--from", listed))
    assert [line.split(":")[1] for line in ended.err.splitlines()[:4]] == ["2", "5", "6", "7"]


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        (b"", 1, "the list has no header"),
        (b"\n\n", 1, "the list has no header"),
        (b"mail,new\na,b\n", 1, "'mail,new' is not the header"),
        (b"id,email,name\n", 1, "'id,email,name' is not the header"),
        (b"from,to\nx@y.example,caf\xe9@y.example\n", 2, "the list is not UTF-8"),
        (b"from,to\n" + b"a" * 8 * 1024 * 1024, 1, "the list has more than"),
        (b"from,to\n" + b"a" * 200_000, 2, "this is not CSV from here on: field larger"),
    ],
)
def test_what_is_no_such_list_is_refused(tree: EditedTree, data: bytes, line: int, message: str) -> None:
    """3, with the place from which it is none."""
    listed = rows(tree, data)
    ended = tree.unchanged(lambda: tree.run("set-email", "--from", listed))
    assert ended.code == 3
    assert f"rows.csv:{line}:1: rows-form: {message}" in ended.err


def test_a_list_that_cannot_be_read_is_wrong_usage(tree: EditedTree) -> None:
    """2: the file was named by its user."""
    ended = tree.unchanged(lambda: tree.run("set-email", "--from", str(tree.root / "none.csv")))
    assert ended.code == 2
    assert "rows-unreadable" in ended.err


def test_blank_lines_above_the_header_count_for_nothing(tree: EditedTree, tmp_path: Path) -> None:
    """The separator is that of the header, wherever that stands."""
    rows = tmp_path / "rows.csv"
    rows.write_bytes(b"\r\n;\r\nfrom;to\r\ng1@old.example;g1@new.example\r\n")
    ended = tree.run("set-email", "--from", str(rows))
    assert ended.code == 0, ended.err
    assert "1 guest changed" in ended.out


@pytest.mark.parametrize("of_list", [True, False], ids=["a list", "a domain"])
def test_a_file_is_read_twice_at_most_however_much_is_refused(
    tree: EditedTree, monkeypatch: pytest.MonkeyPatch, *, of_list: bool
) -> None:
    """Once to check it and once for all positions in it, so a refusal takes twice the time of a check."""
    held = entries(*range(200)).replace("old.example", "new.example").replace("00000", "10000")
    tree.write(holders=held)
    parsed: Counter[bytes] = Counter()

    class CountingLoader(yaml.CSafeLoader):
        def __init__(self, stream: bytes) -> None:
            parsed[stream] += 1
            super().__init__(stream)

    lines = [f"g{n}@old.example,{'same' if n % 2 else f'g{n}'}@new.example" for n in range(200)]
    by_list = ("--from", rows(tree, "\n".join(["from,to", *lines])))
    monkeypatch.setattr(yaml, "CSafeLoader", CountingLoader)
    arguments = by_list if of_list else ("--domain", "old.example", "--to", "new.example")
    ended = tree.unchanged(lambda: tree.run("set-email", *arguments))
    assert ended.code == 3
    assert ended.err.count("duplicate-address") == (199 if of_list else 200)
    assert held.encode() in parsed
    assert max(parsed.values()) == 2


def test_a_list_that_was_taken_already_says_where_its_addresses_stand(tree: EditedTree) -> None:
    """After the change nobody is found by the former address: that the new one is declared helps."""
    listed = rows(tree, "from,to\ng1@old.example,x@new.example\n")
    assert tree.run("set-email", "--from", listed).code == 0
    ended = tree.unchanged(lambda: tree.run("set-email", "--from", listed))
    assert ended.code == 3
    assert f"x@new.example is declared already, for {guest_id(1)} in guests/f1.yaml" in ended.err
