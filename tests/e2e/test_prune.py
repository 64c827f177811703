"""`prune` against a tenant over a real socket: entries of guests who are gone go, the rest is only read."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator.control.client import ControlClient
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import Seed
from tests.support.edited_tree import TENANT_ID, EditedTree, entries, guest_id

TENANT = f"tenantId: {TENANT_ID}\ncloud: emulator\n"
COUNT = 30
NOT_FOUND, LONG_DELETED, DELETED = guest_id(27), guest_id(28), guest_id(29)
LEFT = entries(24, 25, 26) + entries(29).replace("guests:", "")
"""The second file without those who are gone: the blank line above them stays, their comment does not."""


def days_ago(days: float) -> str:
    """Return an instant as the seed has it."""
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def seed() -> dict[str, Any]:
    """Return a tenant of thirty guests, of whom one never was, one is long deleted, and one was of late."""
    return {
        "tenant": {"id": TENANT_ID, "name": "Contoso", "initialDomain": "contoso.onmicrosoft.com"},
        "guests": [{"id": guest_id(n), "email": f"g{n}@old.example"} for n in range(27)],
        "deleted": [
            {"id": LONG_DELETED, "email": "g28@old.example", "deleted": days_ago(31)},
            {"id": DELETED, "email": "g29@old.example", "deleted": days_ago(5.5)},
        ],
    }


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[ControlClient]:
    """Serve the tenant, and point the commands at it."""
    with serve(None, seed=Seed(document=seed())) as emulator, ControlClient(emulator.root) as control:
        monkeypatch.setenv("RECONCILER_GRAPH_URL", emulator.root)
        yield control


@pytest.fixture
def tree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> EditedTree:
    """Declare all thirty, the last six in a file of their own, with comments."""
    made = EditedTree(tmp_path / "desired", capsys)
    commented = entries(*range(24, 30)).replace(
        f"  - id: {NOT_FOUND}", f"\n  # never came\n  - id: {NOT_FOUND}"
    )
    made.write(tenant=TENANT, a=entries(*range(24)), b=commented)
    return made


def test_those_who_are_gone_go(tree: EditedTree, tenant: ControlClient) -> None:
    """Who is not found, and who is deleted for more than thirty days; who was deleted of late stays."""
    ended = tree.run("prune")
    assert ended.code == 0, ended.err
    assert tree.text("b") == LEFT
    assert tree.text("a") == entries(*range(24))
    assert f"{NOT_FOUND} Guest 27 (g27@old.example, guests/b.yaml:" in ended.out
    assert (
        "deleted, stays: the user can be restored: deleted for 5 days, 30 are waited for (--deleted-days)"
        in ended.out
    )
    assert "2 entries removed, 1 kept." in ended.out
    assert "EMULATOR" in ended.err
    assert {request.method for request in tenant.requests()} <= {"GET", "POST"}
    assert {request.url for request in tenant.requests() if request.method == "POST"} <= {"/v1.0/$batch"}
    assert tenant.history() == []
    assert tree.unchanged(lambda: tree.run("prune")).code == 0


def test_the_days_are_an_option(tree: EditedTree, tenant: ControlClient) -> None:
    """With five days the third goes too; together they are no more than a tenth."""
    assert tree.run("prune", "--deleted-days", "5").code == 0
    assert tree.text("b") == entries(24, 25, 26)


def test_a_dry_run_shows_a_diff_alone(tree: EditedTree, tenant: ControlClient) -> None:
    """It writes nothing; JSON has the diff as a text."""
    ended = tree.unchanged(lambda: tree.run("prune", "--dry-run"))
    assert ended.code == 0
    assert ended.out.startswith("--- a/")
    assert "-  # never came\n" in ended.out
    assert "2 entries would be removed" in ended.err
    document = json.loads(tree.unchanged(lambda: tree.run("prune", "--dry-run", "--format", "json")).out)
    assert document["diff"] == ended.out
    assert document["written"] is False


def test_json_names_who_went_and_who_stayed(tree: EditedTree, tenant: ControlClient) -> None:
    """Each with its rule and where it stood."""
    document = json.loads(tree.run("prune", "--format", "json").out)
    assert [(row["id"], row["rule"], row["deletedAt"] is None) for row in document["removed"]] == [
        (NOT_FOUND, "not-found", True),
        (LONG_DELETED, "deleted", False),
    ]
    assert [row["id"] for row in document["kept"]] == [DELETED]
    assert document["kept"][0]["file"] == "guests/b.yaml"
    assert document["written"] is True


def test_more_than_the_policy_allows_needs_consent(tree: EditedTree, tenant: ControlClient) -> None:
    """5 with the numbers, and no byte changes; --yes removes them."""
    tree.write(tenant=f"{TENANT}policy: {{maxChangePercent: 6}}\n")
    ended = tree.unchanged(lambda: tree.run("prune"))
    assert ended.code == 5
    assert "prune-limit: 2 of 30 entries would go, 6 % are allowed; nothing was written" in ended.err
    assert "2 entries would be removed" in ended.out
    assert tree.unchanged(lambda: tree.run("prune", "--dry-run")).code == 5
    assert tree.run("prune", "--yes").code == 0
    assert tree.text("b") == LEFT


def test_all_of_a_file_needs_consent(tree: EditedTree, tenant: ControlClient) -> None:
    """5 with the file's name; with --yes the file keeps an empty list."""
    tree.write(b=entries(24, 25, 26, 29), c="# theirs\n" + entries(27, 28))
    ended = tree.unchanged(lambda: tree.run("prune"))
    assert ended.code == 5
    assert "prune-limit: all entries of guests/c.yaml would go" in ended.err
    assert tree.run("prune", "--yes").code == 0
    assert tree.text("c") == "# theirs\nguests: []\n"
    assert tree.run("validate").code == 0


def test_held_and_protected_guests_go_only_by_name(tree: EditedTree, tenant: ControlClient) -> None:
    """They are named with the reason; WHO removes the named ones and no others."""
    held = "    hold: {reason: on leave, until: 2099-12-31}\n"
    tree.write(
        tenant=f"{TENANT}policy: {{protected: [{LONG_DELETED.upper()}]}}\n",
        b=entries(24, 25, 26, 27) + held + entries(28, 29).removeprefix("guests:\n"),
    )
    ended = tree.unchanged(lambda: tree.run("prune"))
    assert ended.code == 0
    assert "on hold through 2099-12-31" in ended.out
    assert "the id is in policy.protected" in ended.out
    assert tree.run("prune", NOT_FOUND.upper()).code == 0
    assert tree.text("b") == entries(24, 25, 26, 28, 29)
    ended = tree.run("prune", "g28@old.example", guest_id(1))
    assert ended.code == 0
    assert f"{guest_id(1)} is a user of the tenant, so its entry stays." in ended.err
    assert tree.text("b") == entries(24, 25, 26, 29)
    assert tree.unchanged(lambda: tree.run("prune", guest_id(99))).code == 2


FAULTS = {
    "users that may not be read": ({"on": "GET /users", "do": "fail", "status": 403}, "users-not-readable"),
    "a page without rows": ({"on": "GET /users", "do": "answer", "without": ["value"]}, "unexpected-answer"),
    "a bin that may not be read": (
        {"on": "GET /directory/deletedItems/*", "do": "fail", "status": 403},
        "guest-not-read: the deleted users could not be read",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_read_is_not_taken_for_gone(
    tree: EditedTree, tenant: ControlClient, fault: str
) -> None:
    """6, and nothing is removed."""
    rule, message = FAULTS[fault]
    tenant.set_faults({"rules": [rule]})
    ended = tree.unchanged(lambda: tree.run("prune", "--yes"))
    assert ended.code == 6
    assert message in ended.err


def test_a_guest_of_an_undocumented_shape_stops_it(tree: EditedTree, tenant: ControlClient) -> None:
    """6: one who cannot be read may be anywhere."""
    tenant.edit_user(guest_id(3), {"externalUserState": "Elsewhere"})
    ended = tree.unchanged(lambda: tree.run("prune"))
    assert ended.code == 6
    assert f"guest-not-read: the directory gives externalUserState of {guest_id(3)}" in ended.err


def test_another_tenant_is_refused(tree: EditedTree, tenant: ControlClient) -> None:
    """5: nobody of the tree lives there, and all would go."""
    tree.write(tenant=TENANT.replace(TENANT_ID, guest_id(7)))
    ended = tree.unchanged(lambda: tree.run("prune", "--yes"))
    assert ended.code == 5
    assert "wrong-tenant" in ended.err


def test_an_invalid_tree_is_not_edited(tree: EditedTree, tenant: ControlClient) -> None:
    """3, before anything is asked of the directory."""
    tree.write(b="guests: 1\n")
    assert tree.unchanged(lambda: tree.run("prune")).code == 3
    assert tenant.requests() == []


def test_a_layout_that_cannot_be_edited_is_refused(tree: EditedTree, tenant: ControlClient) -> None:
    """3 with the place: the dash of the first entry stands behind another sign."""
    lines = entries(*range(27, 30)).removeprefix("guests:\n").replace("    ", "    ", 1)
    tree.write(b=f"? guests\n:{lines[1:]}")
    ended = tree.unchanged(lambda: tree.run("prune", "--yes"))
    assert ended.code == 3
    assert "guests/b.yaml:2:3: layout: " in ended.err


def test_set_email_finds_a_guest_by_the_live_address(tree: EditedTree, tenant: ControlClient) -> None:
    """Somebody changed the address in the directory: the entry is found by it, and only then asked."""
    assert tree.run("set-email", "g1@old.example", "x1@new.example").code == 0
    assert tenant.requests() == []
    tenant.edit_user(guest_id(2), {"mail": "Live@x.example"})
    ended = tree.run("set-email", "live@x.example", "x2@new.example")
    assert ended.code == 0, ended.err
    assert "g2@old.example -> x2@new.example" in ended.out
    assert len(tenant.history()) == 1


def test_set_email_names_two_guests_with_one_live_address(tree: EditedTree, tenant: ControlClient) -> None:
    """2, and both are named; none is chosen."""
    for number in (2, 25):
        tenant.edit_user(guest_id(number), {"mail": "live@x.example"})
    ended = tree.unchanged(lambda: tree.run("set-email", "live@x.example", "x@new.example"))
    assert ended.code == 2
    assert "ambiguous-guest" in ended.err
    assert "guests/a.yaml" in ended.err
    assert "guests/b.yaml" in ended.err


def test_set_email_says_who_is_not_declared(tree: EditedTree, tenant: ControlClient) -> None:
    """A live guest without an entry is not declared, and the directory was asked."""
    tenant.add_user({"email": "stranger@x.example"})
    ended = tree.unchanged(lambda: tree.run("set-email", "stranger@x.example", "x@new.example"))
    assert ended.code == 2
    assert "not-declared: no entry declares 'stranger@x.example'\n" in ended.err


def test_days_that_no_calendar_has_are_refused(tree: EditedTree) -> None:
    """A number of days is one that a date can lie back."""
    ended = tree.run("prune", "--deleted-days", "99999999999")
    assert ended.code == 2
    assert "--deleted-days" in ended.err
