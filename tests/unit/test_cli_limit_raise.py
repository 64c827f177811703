"""More changes than the limits allow: the raise that is needed is printed, or written for its reviewers."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.edited_tree import TENANT_ID, EditedTree, entries, guest_id

RENAMED = ("set-email", "--domain", "old.example", "--to", "new.example")
LATER = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()


@pytest.fixture
def tree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> EditedTree:
    """Make a tree of 120 guests, 30 of them in one domain: more than both limits allow."""
    made = EditedTree(tmp_path / "desired", capsys)
    made.write(tenant=f"tenantId: {TENANT_ID}\n", a=entries(*range(30)))
    made.write(b=entries(*range(30, 120), domain="other.example"))
    return made


def printed_raise(out: str) -> str:
    """Return the block of YAML at the end of a result."""
    return out[out.index("policy:\n") :]


def test_the_raise_that_is_printed_is_valid_as_it_stands(tree: EditedTree) -> None:
    """Pasted into tenant.yaml, it makes the same call need no raise any more."""
    ended = tree.run(*RENAMED, "--dry-run")
    assert ended.code == 0
    block = printed_raise(ended.err)
    assert "maxChanges: 30\n" in block
    assert "maxChangePercent: 25\n" in block
    assert "reason: set-email --domain old.example --to new.example\n" in block
    tree.write(tenant=f"tenantId: {TENANT_ID}\n{block}")
    assert tree.run("validate").code == 0
    again = tree.run(*RENAMED)
    assert again.code == 0
    assert "policy:" not in again.out


@pytest.mark.parametrize(
    "policy",
    [
        "policy:\n  maxChanges: 5  # few\n",
        "policy:\n  raise: {maxChanges: 6, until: 2099-12-31, reason: an old one}\n  maxChanges: 5\n",
    ],
)
def test_where_a_policy_stands_the_raise_is_what_goes_below_it(tree: EditedTree, policy: str) -> None:
    """The key `policy` is not printed a second time; the text names the line, and a raise to be replaced."""
    tree.write(tenant=f"tenantId: {TENANT_ID}\n{policy}")
    out = tree.run(*RENAMED, "--dry-run").err
    assert "Put this below policy (tenant.yaml:2)" in out
    assert ("in place of the raise" in out) is ("an old one" in policy)
    block = out[out.index("  raise:\n") :]
    first, *others = [line for line in policy.splitlines(keepends=True) if "an old one" not in line]
    tree.write(tenant="".join([f"tenantId: {TENANT_ID}\n", first, block, *others]))
    assert tree.run("validate").code == 0
    assert "raise:" not in tree.run(*RENAMED).out


def test_a_raise_that_is_replaced_is_named(tree: EditedTree) -> None:
    """Its last day and its reason go, and the reviewers are told."""
    tree.write(
        tenant=f"tenantId: {TENANT_ID}\npolicy:\n"
        "  raise: {maxChanges: 6, until: 2099-12-31, reason: an old one}\n"
    )
    out = tree.run(*RENAMED, "--raise-until", LATER, "--reason", "renamed").out
    assert "takes the place of the one until 2099-12-31: an old one" in out


def test_a_list_is_named_without_its_folder(tree: EditedTree, tmp_path: Path) -> None:
    """The reason goes into a reviewed file: nobody's home folder stands there."""
    rows = tmp_path / "private" / "rows.csv"
    rows.parent.mkdir()
    rows.write_text("from,to\n" + "".join(f"g{n}@old.example,g{n}@new.example\n" for n in range(30)))
    document = json.loads(tree.run("set-email", "--from", str(rows), "--format", "json").out)
    assert document["raise"]["reason"] == "set-email --from rows.csv"


def test_the_raise_is_printed_with_the_result(tree: EditedTree) -> None:
    """The files are changed, the limits are not; JSON has the raise as an object."""
    document = json.loads(tree.run(*RENAMED, "--format", "json").out)
    assert document["raise"] == {
        "maxChanges": 30,
        "maxChangePercent": 25,
        "until": document["raise"]["until"],
        "reason": "set-email --domain old.example --to new.example",
    }
    assert document["raiseWritten"] is False
    assert tree.text("tenant") == f"tenantId: {TENANT_ID}\n"
    assert "30 guests" not in tree.run(*RENAMED).out


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "policy:\n  raise:\n    RAISE\n"),
        ("policy:\n  maxChanges: 5  # few\n", "policy:\n  maxChanges: 5  # few\n  raise:\n    RAISE\n"),
        (
            "policy:\n  raise: {maxChanges: 99, maxChangePercent: 90, until: 2020-01-01, reason: old}\n",
            "policy:\n  raise: {BRACES}\n",
        ),
    ],
)
def test_the_raise_is_written_into_the_tenants_file(tree: EditedTree, before: str, after: str) -> None:
    """Together with the addresses; one that has ended goes, with every limit that it raised."""
    tree.write(tenant=f"tenantId: {TENANT_ID}\n{before}cloud: global\n")
    ended = tree.run(*RENAMED, "--raise-until", LATER, "--reason", "fabrikam: renamed")
    assert ended.code == 0, ended.err
    lines = ["maxChanges: 30", "maxChangePercent: 25", f"until: {LATER}", 'reason: "fabrikam: renamed"']
    after = after.replace("RAISE", "\n    ".join(lines)).replace("BRACES", ", ".join(lines))
    if before:
        assert tree.text("tenant") == f"tenantId: {TENANT_ID}\n{after}cloud: global\n"
    else:
        assert tree.text("tenant") == f"tenantId: {TENANT_ID}\ncloud: global\n{after}"
    assert tree.run("validate").code == 0
    assert tree.text("a") == entries(*range(30), domain="new.example")


def test_a_raise_that_is_not_needed_is_not_written(tree: EditedTree) -> None:
    """The result says so."""
    tree.write(a=entries(1))
    ended = tree.run(*RENAMED, "--raise-until", LATER, "--reason", "fabrikam was renamed")
    assert "no raise was written" in ended.out
    assert tree.text("tenant") == f"tenantId: {TENANT_ID}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--raise-until", LATER),
        ("--reason", "x"),
        ("--raise-until", "2020-01-01", "--reason", "x"),
        ("--raise-until", "soon", "--reason", "x"),
        ("--raise-until", "20991231", "--reason", "x"),
        ("--raise-until", "2026-W01-1", "--reason", "x"),
    ],
)
def test_a_raise_needs_a_day_to_come_and_a_reason(tree: EditedTree, arguments: tuple[str, ...]) -> None:
    """2, and nothing is written."""
    ended = tree.unchanged(lambda: tree.run(*RENAMED, *arguments))
    assert ended.code == 2
    assert "raise-form" in ended.err


@pytest.mark.parametrize("reason", ["<why so many>", "   "])
def test_a_placeholder_is_no_reason(tree: EditedTree, reason: str) -> None:
    """3, as validate would say; the addresses are not written either."""
    ended = tree.unchanged(lambda: tree.run(*RENAMED, "--raise-until", LATER, "--reason", reason))
    assert ended.code == 3
    assert "wrong-form" in ended.err


def test_a_comment_in_the_raise_is_not_lost(tree: EditedTree) -> None:
    """3 with the place: such a raise is edited by hand."""
    commented = "policy:\n  raise:\n    maxChanges: 1 # Kim\n    until: 2020-01-01\n    reason: x\n"
    tree.write(tenant=f"tenantId: {TENANT_ID}\n{commented}")
    ended = tree.unchanged(lambda: tree.run(*RENAMED, "--raise-until", LATER, "--reason", "x"))
    assert ended.code == 3
    assert "tenant.yaml:4:19: layout" in ended.err


def test_the_reason_names_the_call(tree: EditedTree) -> None:
    """Of one guest and of a list too, where the policy allows none at all."""
    tree.write(tenant=f"tenantId: {TENANT_ID}\npolicy: {{maxChanges: 0}}\n")
    rows = tree.root.parent / "rows.csv"
    rows.write_text("from,to\ng2@old.example,g2@new.example\n")
    one = tree.run("set-email", "g1@old.example", "g1@new.example")
    assert "reason: set-email g1@old.example" in one.out
    listed = tree.run("set-email", "--from", str(rows))
    assert "set-email --from rows.csv" in listed.out


@pytest.mark.parametrize("more", ["", ", raise: {maxChanges: 1, until: 2020-01-01, reason: 'no'}"])
def test_a_policy_in_braces_is_printed_whole(tree: EditedTree, more: str) -> None:
    """Nothing can be put below it; every other key keeps its value."""
    policy = f"policy: {{maxChanges: 5, deniedDomains: [wingtip.example]{more}}}\n"
    tree.write(tenant=f"tenantId: {TENANT_ID}\n{policy}")
    out = tree.run(*RENAMED, "--dry-run").err
    assert "Put this in place of policy (tenant.yaml:2)" in out
    block = out[out.index("policy: {") :]
    assert block.startswith(
        "policy: {maxChanges: 5, deniedDomains: [wingtip.example], raise: {maxChanges: 30,"
    )
    tree.write(tenant=f"tenantId: {TENANT_ID}\n{block}")
    assert tree.run("validate").code == 0
    assert "raise:" not in tree.run(*RENAMED).out


def test_the_same_call_again_writes_the_raise_that_it_asked_for(tree: EditedTree) -> None:
    """The first call has changed the files, so the second one changes no address, and counts those."""
    rows = tree.root.parent / "rows.csv"
    rows.write_text("id,email\n" + "".join(f"{guest_id(n)},g{n}@new.example\n" for n in range(30)))
    assert "give --raise-until DAY" in tree.run("set-email", "--from", str(rows)).out
    again = tree.run("set-email", "--from", str(rows), "--raise-until", LATER, "--reason", "renamed")
    assert "0 guests changed, 30 already declared." in again.out
    assert "maxChanges: 30\n" in tree.text("tenant")


def test_where_nothing_is_left_to_change_the_limits_are_not_judged(tree: EditedTree) -> None:
    """After a domain was renamed, its call finds nobody: only the plan knows how many changes wait."""
    tree.run(*RENAMED)
    again = tree.run(*RENAMED, "--raise-until", LATER, "--reason", "renamed")
    assert "0 guests changed, 0 already declared." in again.out
    assert "The limits allow" not in again.out
    assert "the plan says how many changes wait" in again.out
