"""An existing tenant of 3,000 guests with every oddity is brought in over a real socket."""

import json
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler import schemas
from reconciler.emulator.control.client import ControlClient
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import Seed
from tests.e2e.shell import Shell
from tests.support.existing_tenant import ExistingTenant, existing_tenant, guest_number
from tests.support.plans import TENANT
from tests.support.repository import new_repository

TENANT_FILE = f"tenantId: {TENANT}\ncloud: emulator\n"


@pytest.fixture(scope="module")
def existing() -> ExistingTenant:
    return existing_tenant()


@pytest.fixture(scope="module")
def control(existing: ExistingTenant) -> Iterator[ControlClient]:
    with (
        serve(None, seed=Seed(document=existing.seed())) as emulator,
        ControlClient(emulator.root) as control,
    ):
        control.root = emulator.root  # type: ignore[attr-defined]
        yield control


@pytest.fixture
def served(control: ControlClient) -> Iterator[ControlClient]:
    """Give the tenant as it was at first, without faults and without requests."""
    control.forget_requests()
    yield control
    control.set_faults({})


@pytest.fixture
def shell(tmp_path: Path, served: ControlClient) -> Shell:
    """Give a folder with a tree that declares nobody, pointed at the tenant."""
    return _shell(tmp_path, served.root)  # type: ignore[attr-defined]


def _shell(folder: Path, root: str) -> Shell:
    (folder / "desired").mkdir(parents=True)
    (folder / "desired" / "tenant.yaml").write_text(TENANT_FILE)
    return Shell(folder=folder, environment={"RECONCILER_GRAPH_URL": root})


def files(shell: Shell) -> dict[str, bytes]:
    """Give every file of the tree but tenant.yaml."""
    tree = shell.folder / "desired"
    found = (path for path in sorted(tree.rglob("*")) if path.is_file() and path.name != "tenant.yaml")
    return {path.relative_to(tree).as_posix(): path.read_bytes() for path in found}


def stamps(shell: Shell) -> dict[Path, tuple[int, int]]:
    """Tell for each path which file it is, and when it was written."""
    return {
        path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in (shell.folder / "desired").rglob("*")
    }


def imported(shell: Shell, *arguments: str) -> dict[str, Any]:
    """Import, and give the JSON document."""
    done = shell.run("import", "--format", "json", *arguments)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.fixture(scope="module")
def bytes_of(
    existing: ExistingTenant, control: ControlClient, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """Give the files of an import into a new tree."""
    del existing
    shell = _shell(tmp_path_factory.mktemp("whole"), control.root)  # type: ignore[attr-defined]
    imported(shell)
    return files(shell)


def test_everybody_is_accounted_for_and_the_plan_is_empty(
    shell: Shell, served: ControlClient, existing: ExistingTenant
) -> None:
    """The lists are those expected and add up to the tenant; plan has nothing to change or to block."""
    document = imported(shell, "--report", "report.json")
    assert json.loads((shell.folder / "report.json").read_text()) == document
    assert list(schemas.violations("import", document)) == []
    rows = {name: {row["id"]: row for row in document[name]} for name in ("written", "limited", "leftOut")}
    assert {key: row["rule"] for key, row in rows["limited"].items()} == existing.limited
    assert {key: row["rule"] for key, row in rows["leftOut"].items()} == existing.left_out
    assert {hint["id"]: hint["rule"] for hint in document["hints"]} == existing.hints
    assert sum(map(len, rows.values())) == document["summary"]["guests"] == len(existing.ids) == 3000
    assert set().union(*rows.values()) == existing.ids
    for number, how in (
        (100, "assigned directly"),
        (101, "through the group Reviewers"),
        (102, "eligible for it"),
    ):
        assert f"(Reports Reader, {how})" in rows["limited"][guest_number(number)]["message"]
    sent = [request for request in served.requests() if not request.url.endswith("/$batch")]
    assert {request.method for request in sent} == {"GET"}
    assert served.history() == []
    plan = shell.plan()
    assert (plan["changes"], plan["blocked"]) == ([], [])
    assert plan["summary"]["unchanged"] == len(rows["written"]) + len(rows["limited"])


def test_each_domain_has_a_file_sorted_by_id(bytes_of: dict[str, bytes]) -> None:
    """Two hundred guests of one domain share a file; a name that Windows reserves is no file's name."""
    assert len(bytes_of) == 44
    assert "guests/_con.example.yaml" in bytes_of
    assert "guests/mixed-case.example.yaml" in bytes_of
    assert max(map(len, bytes_of)) < 120
    largest = bytes_of["guests/partner-00.example.yaml"].decode()
    ids = [line.split()[-1] for line in largest.splitlines() if line.startswith("  - id:")]
    assert ids == sorted(ids)
    assert len(ids) > 200


def test_the_order_of_pages_changes_no_byte(
    existing: ExistingTenant, bytes_of: dict[str, bytes], tmp_path: Path
) -> None:
    """A shuffled tenant, with empty pages, rows twice and pages that expire, gives the same bytes."""
    seed = Seed(document=existing.seed(order=random.Random(7)))  # noqa: S311 - no secret
    with serve(None, seed=seed) as emulator, ControlClient(emulator.root) as control:
        rules = [
            {"on": "GET /users", "do": "repeat-row", "chance": 50},
            {"on": "GET /users", "do": "empty-page", "at": 2, "times": 2},
            {"on": "GET /users", "do": "expire-page-token", "at": 3},
        ]
        control.set_faults({"rules": rules})
        shell = _shell(tmp_path, emulator.root)
        imported(shell)
        assert all(control.met())
    assert files(shell) == bytes_of


def test_an_import_into_its_own_tree_touches_no_file(shell: Shell, bytes_of: dict[str, bytes]) -> None:
    """Nobody is new: 0 added, and every file is the one that was there."""
    imported(shell)
    before = stamps(shell)
    done = shell.run("import")
    assert done.returncode == 0
    assert "0 added: no file was touched" in done.stdout
    assert stamps(shell) == before
    assert files(shell) == bytes_of


def test_what_was_edited_stays_byte_for_byte(shell: Shell, bytes_of: dict[str, bytes]) -> None:
    """Entries are added at the end; comments, line ends and a guest declared elsewhere stay as they are."""
    folder = shell.folder / "desired" / "guests"
    folder.mkdir()
    edited = (
        b"\xef\xbb\xbf# ours\r\nguests:\r\n- email: 'other@Partner-07.example'   # moved\r\n"
        b"  id: " + guest_number(7).encode()
    )
    (folder / "partner-07.example.yaml").write_bytes(edited)
    elsewhere = f"guests: [{{id: {guest_number(47)}, email: elsewhere@partner-07.example}}]"
    (shell.folder / "desired" / "team.yaml").write_text(elsewhere)
    document = imported(shell)
    after = files(shell)
    assert after["guests/partner-07.example.yaml"].startswith(edited)
    assert b"\n" not in after["guests/partner-07.example.yaml"].replace(b"\r\n", b"")
    assert after["team.yaml"] == elsewhere.encode()
    assert {row["id"] for row in document["alreadyDeclared"]} == {guest_number(7), guest_number(47)}
    assert document["summary"]["alreadyDeclared"] == 2
    untouched = {file: data for file, data in bytes_of.items() if file != "guests/partner-07.example.yaml"}
    assert {file: after[file] for file in untouched} == untouched
    assert imported(shell)["files"] == []


def test_a_dry_run_prints_the_diff_and_writes_nothing(shell: Shell, bytes_of: dict[str, bytes]) -> None:
    """`git apply` of what was printed gives the files of an import."""
    new_repository(shell.folder)
    done = shell.run("import", "--dry-run")
    assert done.returncode == 0
    assert files(shell) == {}
    assert "would be added" in done.stderr
    subprocess.run(["git", "apply", "-"], cwd=shell.folder, input=done.stdout.encode(), check=True)
    assert files(shell) == bytes_of


def test_a_domain_or_a_state_alone(shell: Shell) -> None:
    """Only guests of exactly that domain, or in that state; a domain that no guest has is no error."""
    document = imported(shell, "--domain", "PARTNER-01.example", "--domain", "con.example")
    assert {file["file"] for file in document["files"]} == {
        "guests/_con.example.yaml",
        "guests/partner-01.example.yaml",
    }
    document = imported(shell, "--state", "pending", "--group-by", "none")
    assert [file["file"] for file in document["files"]] == ["guests/all.yaml"]
    assert document["summary"]["written"] + document["summary"]["alreadyDeclared"] == 131
    none = shell.run("import", "--domain", "nobody.example")
    assert none.returncode == 0
    assert "0 guests: 0 written" in none.stdout
    for wrong in ("a@partner-01.example", "partner"):
        assert shell.run("import", "--domain", wrong).returncode == 2


def test_the_line_for_editors_leads_to_the_schema(shell: Shell) -> None:
    """Where the schema stands beside the tree, a new file names it, by a path that exists."""
    (shell.folder / "schemas").mkdir()
    shutil.copy(schemas.schema_path("guests"), shell.folder / "schemas")
    imported(shell, "--domain", "con.example")
    file = shell.folder / "desired" / "guests" / "_con.example.yaml"
    first = file.read_text().splitlines()[0]
    assert (file.parent / first.removeprefix("# yaml-language-server: $schema=")).is_file()


def test_names_are_escaped_on_the_screen(shell: Shell) -> None:
    """No control character, and no command of a GitHub runner, comes through."""
    (shell.folder / "desired" / "guests").mkdir()
    entries = [f"{{id: {guest_number(number)}, email: x{number}@x.example}}" for number in range(200, 225)]
    text = f"guests: [{', '.join(entries)}]\n"
    (shell.folder / "desired" / "guests" / "odd.yaml").write_text(text)
    document = shell.run("import", "--format", "json").stdout
    assert document.isascii()
    assert "##[" not in document
    assert "\x1b" not in shell.run("import").stdout
