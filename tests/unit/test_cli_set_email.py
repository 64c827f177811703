"""`set-email`: other addresses are declared, of one guest or of a domain; a refusal changes no byte."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.edited_tree import TENANT_ID, EditedTree, entries, guest_id

TENANT = f"tenantId: {TENANT_ID}\ncloud: emulator\n"


@pytest.fixture
def tree(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> EditedTree:
    """Make a tree of two files, and a directory that refuses connections: nothing here needs it."""
    monkeypatch.setenv("RECONCILER_GRAPH_URL", "http://127.0.0.1:9")
    made = EditedTree(tmp_path / "desired", capsys)
    made.write(tenant=TENANT, a=entries(1, 2), b=entries(3, domain="sub.old.example"))
    return made


def test_one_address_is_declared_by_id(tree: EditedTree) -> None:
    """Only the scalar changes, and the result says from what to what, and where."""
    ended = tree.run("set-email", guest_id(2).upper(), "Bo@new.example")
    assert ended.code == 0, ended.err
    assert tree.text("a") == entries(1, 2).replace("g2@old.example", "Bo@new.example")
    assert "g2@old.example -> Bo@new.example" in ended.out
    assert "guests/a.yaml" in ended.out
    assert "1 guest changed, 0 already declared." in ended.out


def test_one_address_is_declared_by_the_old_one(tree: EditedTree) -> None:
    """The declared address is found without regard to case, also in braces."""
    tree.write(b=f"guests: [{{email: 'G3@Old.example', id: {guest_id(3)}}}]\n")
    assert tree.run("set-email", "g3@oLD.example", "bo@new.example").code == 0
    assert tree.text("b") == f"guests: [{{email: 'bo@new.example', id: {guest_id(3)}}}]\n"


def test_the_same_address_changes_nothing(tree: EditedTree) -> None:
    """It is declared already, whatever the case of its letters."""
    ended = tree.unchanged(lambda: tree.run("set-email", guest_id(1), "G1@OLD.example"))
    assert ended.code == 0
    assert "0 guests changed, 1 already declared." in ended.out


@pytest.mark.parametrize(
    "arguments", [("--reset",), ("g1@old.example", "--reset"), ("x@new.example", "--reset")]
)
def test_a_reset_is_declared_as_of_now(tree: EditedTree, arguments: tuple[str, ...]) -> None:
    """Whole seconds in UTC, below the address; once more replaces what stands there."""
    tree.write(a=entries(1).replace("\n", "\r\n"))
    for _ in range(2):
        before = datetime.now(UTC)
        assert tree.run("set-email", guest_id(1), *arguments).code == 0
        found = re.findall(r"email: (\S+)\r\n    resetAfter: (\S+Z)\r\n\Z", tree.text("a"))
        assert found
        assert found[0][0] in arguments or "@" not in arguments[0]
        moment = datetime.fromisoformat(found[0][1])
        assert timedelta(seconds=-1) <= moment - before <= timedelta(seconds=20)
    assert tree.text("a").count("resetAfter") == 1
    assert tree.run("validate").code == 0


def test_a_guest_who_is_not_declared(tree: EditedTree) -> None:
    """2, with the remedy; an object id needs no directory, an address says that it could not be asked."""
    by_id = tree.unchanged(lambda: tree.run("set-email", guest_id(9), "x@new.example"))
    assert by_id.code == 2
    assert f"not-declared: no entry declares '{guest_id(9)}'\n" in by_id.err
    assert "reconciler import" in by_id.err
    by_address = tree.unchanged(lambda: tree.run("set-email", "g9@old.example", "x@new.example"))
    assert by_address.code == 2
    assert "the directory could not be asked for live addresses" in by_address.err


@pytest.mark.parametrize(
    ("email", "rule"),
    [
        ("a+b@new.example", "address"),
        ("caf\u00e9@new.example", "address"),
        ("nobody", "address"),
        ("pending-1780000000-0123abcd-0123456789abcdef@reconciler.invalid", "marker-address"),
    ],
)
def test_a_refused_address_names_the_place(tree: EditedTree, email: str, rule: str) -> None:
    """3, and nothing is written."""
    ended = tree.unchanged(lambda: tree.run("set-email", guest_id(2), email))
    assert ended.code == 3
    assert f"guests/a.yaml:7:12: {rule}: " in ended.err
    assert "no file was changed" in ended.err


def test_an_address_of_another_entry_names_both_places(tree: EditedTree) -> None:
    """Also when the other one declares it as an alternate address, in another file."""
    ended = tree.unchanged(lambda: tree.run("set-email", guest_id(2), "G3@sub.old.example"))
    assert ended.code == 3
    assert (
        "guests/a.yaml:7:12: duplicate-address: 'G3@sub.old.example' stands already at guests/b.yaml:4:12"
        in ended.err
    )
    tree.write(b=entries(3) + "    alternateEmails:\n      - x@new.example\n")
    ended = tree.unchanged(lambda: tree.run("set-email", guest_id(2), "x@new.example"))
    assert ended.code == 3
    assert (
        "guests/a.yaml:7:12: duplicate-address: 'x@new.example' stands already at guests/b.yaml:6:9"
        in ended.err
    )


def test_an_address_of_the_same_entry_names_its_rule(tree: EditedTree) -> None:
    """The guest's own alternate address cannot become the email without leaving the list."""
    tree.write(b=entries(3) + "    alternateEmails: [x@new.example]\n")
    ended = tree.unchanged(lambda: tree.run("set-email", guest_id(3), "x@new.example"))
    assert ended.code == 3
    assert "guests/b.yaml:4:12: email-in-alternates: " in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        (guest_id(1),),
        (guest_id(1), "x@new.example", "--domain", "old.example", "--to", "new.example"),
        ("--from", "x.csv", "--domain", "old.example", "--to", "new.example"),
        ("--domain", "old.example"),
        ("--to", "new.example"),
        ("--from", "x.csv", "--reset"),
        ("--domain", "old.example", "--to", "new.example", "--reset"),
        (guest_id(1), "x@new.example", "--alternates"),
    ],
)
def test_what_does_not_fit_together_is_wrong_usage(tree: EditedTree, arguments: tuple[str, ...]) -> None:
    """2, with the three ways to call the command."""
    ended = tree.unchanged(lambda: tree.run("set-email", *arguments))
    assert ended.code == 2
    assert "set-email-form" in ended.err


@pytest.mark.parametrize("domain", ["old.example", "OLD.example", "new@x.example", "nodot", "-x.example", ""])
def test_a_new_domain_must_be_another_domain(tree: EditedTree, domain: str) -> None:
    """2 for the same one, for an address, and for what has no dot."""
    ended = tree.unchanged(lambda: tree.run("set-email", "--domain", "old.example", "--to", domain))
    assert ended.code == 2
    assert "domain-form" in ended.err or "set-email-form" in ended.err


def test_a_domain_is_renamed(tree: EditedTree) -> None:
    """Exactly that domain in any case of letters; what stands before @ keeps its own, sub-domains stay."""
    tree.write(a=entries(1, 2).replace("g2@old.example", "G.Two@OLD.Example"))
    ended = tree.run("set-email", "--domain", "Old.example", "--to", "new.example")
    assert ended.code == 0, ended.err
    assert tree.text("a") == entries(1, 2, domain="new.example").replace("g2@", "G.Two@")
    assert tree.text("b") == entries(3, domain="sub.old.example")
    assert "2 guests changed" in ended.out


def test_alternate_addresses_are_counted_and_changed_on_request(tree: EditedTree) -> None:
    """They can sign in, so that they stay is said."""
    listed = entries(1) + "    alternateEmails: [a@old.example, b@other.example, 'C@old.example']\n"
    tree.write(a=listed, b=entries(3, domain="x.example") + "    alternateEmails: [d@old.example]\n")
    ended = tree.run("set-email", "--domain", "old.example", "--to", "new.example", "--dry-run")
    assert "people can sign in with them: 3 alternate addresses (" in ended.err
    assert tree.run("set-email", "--domain", "old.example", "--to", "new.example", "--alternates").code == 0
    assert tree.text("a") == listed.replace("old.example", "new.example")
    assert tree.text("b").endswith("alternateEmails: [d@new.example]\n")


def test_a_domain_that_nobody_has(tree: EditedTree) -> None:
    """0, and no byte changes."""
    ended = tree.unchanged(lambda: tree.run("set-email", "--domain", "other.example", "--to", "new.example"))
    assert ended.code == 0
    assert "0 guests changed" in ended.out


def test_a_collision_stops_the_whole_domain(tree: EditedTree) -> None:
    """Somebody has an address that another one would get: 3, and none is written."""
    tree.write(
        b=entries(3)
        + entries(1, domain="new.example").removeprefix("guests:\n").replace(guest_id(1), guest_id(4))
    )
    ended = tree.unchanged(lambda: tree.run("set-email", "--domain", "old.example", "--to", "new.example"))
    assert ended.code == 3
    assert (
        "guests/a.yaml:4:12: duplicate-address: 'g1@new.example' stands already at guests/b.yaml:7:12"
        in ended.err
    )


def test_two_guests_may_swap_their_addresses(tree: EditedTree) -> None:
    """An address that its holder gives up in the same call is free."""
    rows = tree.root.parent / "rows.csv"
    rows.write_text("from,to\ng1@old.example,g2@old.example\ng2@old.example,g1@old.example\n")
    assert tree.run("set-email", "--from", str(rows)).code == 0
    assert tree.text("a") == entries(1, 2).replace("g1@", "x").replace("g2@", "g1@").replace("xold", "g2@old")


def test_an_invalid_tree_is_not_edited(tree: EditedTree) -> None:
    """3, with the problems that stand there."""
    tree.write(b="guests:\n  - id: 1\n")
    ended = tree.unchanged(lambda: tree.run("set-email", guest_id(1), "x@new.example"))
    assert ended.code == 3
    assert "guests/b.yaml:2:5: missing-key" in ended.err


def test_a_layout_that_cannot_be_edited_is_refused_with_its_place(tree: EditedTree) -> None:
    """3; the other file, which could be edited, stays too."""
    tree.write(b=f"guests:\n  - id: {guest_id(3)}\n    email: >- # why\n      g3@old.example\n")
    ended = tree.unchanged(lambda: tree.run("set-email", "--domain", "old.example", "--to", "new.example"))
    assert ended.code == 3
    assert "guests/b.yaml:3:12: layout: a comment stands before a text over several lines" in ended.err


def test_an_edit_that_would_break_the_file_is_refused_with_a_place_in_it(tree: EditedTree) -> None:
    """3, as a layout: a place in the broken file that nobody sees would blame the user."""
    text = f"guests:\n  - ? # why\n      id\n    : {guest_id(3)}\n    ? email\n    : g3@old.example\n"
    tree.write(b=text)
    ended = tree.unchanged(lambda: tree.run("set-email", guest_id(3), "--reset"))
    assert ended.code == 3
    assert "guests/b.yaml:2:5: layout: this is not written in a way that can be edited" in ended.err
    assert "syntax" not in ended.err


def test_a_reset_is_declared_below_explicit_keys(tree: EditedTree) -> None:
    """In the column of their signs."""
    text = f"guests:\n  - ? id\n    : {guest_id(3)}\n    ? email\n    : g3@old.example\n"
    tree.write(b=text)
    assert tree.run("set-email", guest_id(3), "--reset").code == 0
    assert re.fullmatch(re.escape(text) + r"    resetAfter: \S+Z\n", tree.text("b"))


def test_json_names_every_change(tree: EditedTree) -> None:
    """The result for programs, of a run and of a dry run."""
    arguments = ("set-email", "--domain", "old.example", "--to", "new.example", "--format", "json")
    dry = json.loads(tree.unchanged(lambda: tree.run(*arguments, "--dry-run")).out)
    assert dry["written"] is False
    assert "+    email: g1@new.example\n" in dry["diff"]
    document = json.loads(tree.run(*arguments).out)
    assert document == {
        "changed": [
            {
                "id": guest_id(n),
                "name": f"Guest {n}",
                "file": "guests/a.yaml",
                "from": f"g{n}@old.example",
                "to": f"g{n}@new.example",
                "alternates": [],
                "resetAfter": None,
            }
            for n in (1, 2)
        ],
        "alreadyDeclared": 0,
        "alternatesLeft": 0,
        "files": ["guests/a.yaml"],
        "written": True,
        "raise": None,
        "raiseWritten": False,
    }


def test_a_domain_that_nobody_has_is_named_with_those_like_it(tree: EditedTree) -> None:
    """A misspelled domain changes nobody, and does not read as done."""
    ended = tree.run("set-email", "--domain", "odl.example", "--to", "new.example")
    assert ended.code == 0
    assert "No entry has an address in odl.example; similar: old.example" in ended.out
