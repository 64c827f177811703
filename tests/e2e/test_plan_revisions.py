"""`plan --base` and `plan --since` on a real repository, against an emulator over a real socket."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator.control.client import ControlClient
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import Seed
from tests.e2e.shell import Shell
from tests.e2e.test_main_job import ANA, BO, FOUR
from tests.support.repository import commit, git, new_repository

TENANT = "7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10"
PAGES = 3
GUESTS = PAGES * 999


@pytest.fixture
def repository(shell: Shell) -> Shell:
    """Give the sample tree as the first commit of a repository."""
    commit(new_repository(shell.folder))
    return shell


def entry_of(shell: Shell, guest: str) -> tuple[Path, str]:
    """Find the file that declares a guest, and the lines of the entry."""
    for path in sorted((shell.folder / "desired").rglob("*.yaml")):
        text = path.read_text()
        if path.name != "emulator.yaml" and guest in text:
            (entry,) = [one for one in text.split("\n  - ") if guest in one]
            return path, f"\n  - {entry.rstrip()}"
    raise AssertionError(guest)


def remove(shell: Shell, guest: str) -> None:
    path, entry = entry_of(shell, guest)
    path.write_text(path.read_text().replace(entry, ""))


def origins(plan: dict[str, Any]) -> dict[str, str]:
    return {row["id"]: row["origin"] for row in (*plan["changes"], *plan["blocked"])}


def test_rows_say_whose_change_they_are(repository: Shell, tenant: ControlClient) -> None:
    """One edited entry is of this change, the others differ for reasons of their own."""
    path, entry = entry_of(repository, ANA)
    path.write_text(path.read_text().replace(entry, f"{entry}\n    resetAfter: 2026-01-01T00:00:00Z"))
    plan = repository.plan("--base", "HEAD")
    assert {row["id"] for row in plan["changes"]} == FOUR
    assert {guest for guest, origin in origins(plan).items() if origin == "this-change"} == {ANA}


def test_only_blocked_guests_of_this_change_fail_the_check(repository: Shell, tenant: ControlClient) -> None:
    """A pull request is not red for guests whose entries it left alone."""
    path, _ = entry_of(repository, ANA)
    stranger = "00000000-0000-4000-8000-0000000000aa"
    path.write_text(f"{path.read_text().rstrip()}\n  - id: {stranger}\n    email: nobody@newco.example\n")
    assert repository.run("plan", "--base", "HEAD", "--fail-on-blocked").returncode == 4
    commit(repository.folder)
    assert repository.run("plan", "--fail-on-blocked").returncode == 4
    done = repository.run("plan", "--base", "HEAD", "--fail-on-blocked")
    assert done.returncode == 0, done.stderr


def test_an_entry_that_is_gone_is_named_with_the_state_of_its_guest(
    repository: Shell, tenant: ControlClient
) -> None:
    """A reviewer sees who is no longer looked after."""
    before = tenant.truth()[BO]
    remove(repository, BO)
    plan = repository.plan("--base", "HEAD")
    (gone,) = plan["noLongerDeclared"]
    assert (gone["id"], gone["found"], gone["mail"]) == (BO, "live", before.mail)
    assert BO not in origins(plan)
    assert "no-longer-declared" in {note["rule"] for note in plan["warnings"]}
    assert repository.plan()["summary"]["unmanaged"] == plan["summary"]["unmanaged"]


def test_a_base_that_is_not_valid_approves_nothing(repository: Shell, tenant: ControlClient) -> None:
    """Where the base cannot be read, all rows are drift; a partial plan is refused there."""
    commit(repository.folder, desired__broken_yaml=b"guests: [")
    (repository.folder / "desired" / "broken.yaml").unlink()
    plan = repository.plan("--base", "HEAD")
    assert set(origins(plan).values()) == {"elsewhere"}
    assert "base-invalid" in {note["rule"] for note in plan["warnings"]}
    refused = repository.run("plan", "--since", "HEAD")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "base-invalid" in refused.stderr


def test_before_the_first_tree_everything_is_new(shell: Shell, tenant: ControlClient) -> None:
    """The pull request that brings the tree owns all of it."""
    new_repository(shell.folder)
    commit(shell.folder)
    first = git(shell.folder, "commit-tree", "-m", "Nothing", git(shell.folder, "mktree"))
    assert set(origins(shell.plan("--base", first)).values()) == {"this-change"}


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (("--base", "HEAD", "--since", "HEAD"), "base-and-since"),
        (("--base", "nowhere"), "unknown-revision"),
        (("--since=--help",), "unknown-revision"),
    ],
)
def test_revisions_that_make_no_sense_are_wrong_usage(
    repository: Shell, arguments: tuple[str, ...], rule: str
) -> None:
    """Nothing is asked of the directory, and the rule says what to correct."""
    done = repository.run("plan", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert rule in done.stderr


def test_a_partial_plan_is_marked_and_never_approves(repository: Shell, tenant: ControlClient) -> None:
    """What looked at one entry is not taken for a review of the tree."""
    path, entry = entry_of(repository, ANA)
    path.write_text(path.read_text().replace(entry, f"{entry}\n    invitation: {{language: de-DE}}"))
    plan = repository.plan("--since", "HEAD", "--out", "partial.json")
    assert (plan["partial"], plan["since"], plan["summary"]["declared"]) == (True, "HEAD", 1)
    assert list(origins(plan)) == [ANA]
    refused = repository.run("apply", "--plan", "partial.json")
    assert refused.returncode == 5
    assert "partial-plan" in refused.stderr
    assert tenant.history() == []


@pytest.fixture(scope="module")
def crowd() -> Iterator[tuple[str, ControlClient]]:
    """Serve a tenant whose listing takes several pages; give its root too."""
    guests = [{"id": _id(number), "email": f"guest{number}@old.example"} for number in range(GUESTS)]
    seed = Seed(document={"tenant": {"id": TENANT}, "guests": guests})
    with serve(None, seed=seed) as emulator, ControlClient(emulator.root) as control:
        yield emulator.root, control


def _id(number: int) -> str:
    return f"00000000-0000-4000-9000-{number:012x}"


@pytest.mark.parametrize("number", [0, GUESTS - 1], ids=["first", "last"])
def test_one_changed_guest_costs_few_requests_in_a_large_tenant(
    crowd: tuple[str, ControlClient], tmp_path: Path, number: int
) -> None:
    """Fast feedback does not list the tenant: 12 requests at most, wherever the guest is in the listing."""
    root, control = crowd
    shell = Shell(folder=tmp_path, environment={"RECONCILER_GRAPH_URL": root})
    entries = (f"  - {{id: {_id(n)}, email: guest{n}@old.example}}\n" for n in range(GUESTS))
    tree = new_repository(tmp_path) / "desired"
    tree.mkdir()
    (tree / "tenant.yaml").write_text(f"tenantId: {TENANT}\n")
    (tree / "all.yaml").write_text("guests:\n" + "".join(entries))
    commit(tmp_path)
    shell.edit("all.yaml", f"guest{number}@old.example", "ana@newco.example")
    control.forget_requests()
    plan = shell.plan("--since", "HEAD")
    assert [row["id"] for row in plan["changes"]] == [_id(number)]
    assert plan["summary"]["unmanaged"] == 0
    assert sum(request.parent is None for request in control.requests()) <= 12


def test_a_holder_outside_of_the_change_is_looked_at(tmp_path: Path) -> None:
    """Whether an address becomes free depends on a declared guest whose entry did not change."""
    guests = [{"id": _id(n), "email": f"p{n}@old.example"} for n in (1, 2, 3)]
    document = {"tenant": {"id": TENANT}, "guests": guests}
    shell = Shell(folder=tmp_path)
    tree = new_repository(tmp_path) / "desired"
    tree.mkdir()
    (tree / "tenant.yaml").write_text(f"tenantId: {TENANT}\n")
    chain = [f"  - {{id: {_id(n)}, email: p{n + 1}@old.example}}\n" for n in (2, 3)]
    (tree / "a.yaml").write_text("guests:\n" + "".join(chain))
    commit(tmp_path)
    (tree / "b.yaml").write_text(f"guests:\n  - {{id: {_id(1)}, email: p2@old.example}}\n")
    with serve(None, seed=Seed(document=document)) as emulator:
        shell.environment["RECONCILER_GRAPH_URL"] = emulator.root
        partial, whole = shell.plan("--since", "HEAD"), shell.plan("--base", "HEAD")
    assert [row["waitsFor"] for row in partial["changes"]] == [_id(2)]
    assert json.dumps(partial["changes"][0]) in json.dumps(whole["changes"])
