"""An import that cannot be made whole leaves no file, and says why by its exit code."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator.control.client import ControlClient
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import Seed
from tests.e2e.shell import Shell, clean_environment, command_line
from tests.support.existing_tenant import existing_tenant
from tests.support.plans import TENANT

_USERS = "GET /users"


@pytest.fixture
def served() -> Iterator[tuple[str, ControlClient]]:
    seed = Seed(document=existing_tenant(guests=1200).seed())
    with serve(None, seed=seed) as emulator, ControlClient(emulator.root) as control:
        yield emulator.root, control


@pytest.fixture
def shell(tmp_path: Path, served: tuple[str, ControlClient]) -> Shell:
    (tmp_path / "desired").mkdir()
    (tmp_path / "desired" / "tenant.yaml").write_text(f"tenantId: {TENANT}\ncloud: emulator\n")
    return Shell(folder=tmp_path, environment={"RECONCILER_GRAPH_URL": served[0]})


def tree(shell: Shell) -> list[str]:
    return sorted(path.name for path in (shell.folder / "desired").rglob("*"))


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ({"on": _USERS, "do": "deny"}, "User.Read.All"),
        ({"on": _USERS, "do": "deny", "at": 2}, "User.Read.All"),
        ({"on": _USERS, "do": "expire-page-token"}, "expired"),
        (
            {"on": _USERS, "do": "answer", "fields": {"@odata.nextLink": "https://evil.example/v1.0/users"}},
            "foreign-link",
        ),
        ({"on": _USERS, "do": "answer", "without": ["value"], "at": 2}, "unexpected-answer"),
    ],
    ids=["no-permission", "later-page-refused", "expiring-pages", "foreign-link", "no-rows"],
)
def test_6_a_listing_that_is_not_whole_writes_no_file(
    shell: Shell, served: tuple[str, ControlClient], rule: dict[str, Any], named: str
) -> None:
    """A part of a tenant must never pass for the whole."""
    served[1].set_faults({"speed": 100, "rules": [rule]})
    (shell.folder / "report.json").write_text("{}")
    done = shell.run("import", "--report", "report.json")
    assert done.returncode == 6, done.stdout
    assert named in done.stderr
    assert "evil.example" not in done.stderr
    assert tree(shell) == ["tenant.yaml"]
    assert not (shell.folder / "report.json").exists()


def test_5_another_tenant(shell: Shell) -> None:
    """The tenant that tenant.yaml names must be the live one."""
    shell.edit("tenant.yaml", TENANT, TENANT.replace("7", "8"))
    done = shell.run("import")
    assert done.returncode == 5
    assert "wrong-tenant" in done.stderr
    assert tree(shell) == ["tenant.yaml"]


def test_3_an_invalid_tree(shell: Shell) -> None:
    """Every problem is named, and nothing is asked of the directory."""
    (shell.folder / "desired" / "guests.yaml").write_text("guests: [{id: 1}]\n")
    done = shell.run("import")
    assert done.returncode == 3
    assert "guests.yaml:1:" in done.stderr
    assert tree(shell) == ["guests.yaml", "tenant.yaml"]


@pytest.mark.parametrize("out", ["desired", "nowhere"])
def test_3_no_tree_names_the_command_that_begins_one(shell: Shell, out: str) -> None:
    """Somebody who has not begun yet learns how."""
    (shell.folder / "desired" / "tenant.yaml").unlink()
    done = shell.run("import", "--out", out)
    assert done.returncode == 3
    assert "reconciler init" in done.stderr


def test_3_a_file_that_cannot_be_added_to(shell: Shell) -> None:
    """A layout that entries cannot be added to is named with its place, and no other file is written."""
    guests = shell.folder / "desired" / "guests"
    guests.mkdir()
    (guests / "partner-01.example.yaml").write_text("guests:\n  [\n  ]\n")
    done = shell.run("import")
    if done.returncode:
        assert done.returncode == 3
        assert "guests/partner-01.example.yaml:" in done.stderr
        assert tree(shell) == ["guests", "partner-01.example.yaml", "tenant.yaml"]
    else:
        assert json.loads(shell.run("plan", "--format", "json").stdout)["changes"] == []


def test_2_a_report_that_cannot_be_written_is_refused_first(
    shell: Shell, served: tuple[str, ControlClient]
) -> None:
    """Before the directory is read, not after."""
    done = shell.run("import", "--report", "missing/report.json")
    assert done.returncode == 2
    assert served[1].requests() == []


def test_roles_that_cannot_be_read_are_named(shell: Shell, served: tuple[str, ControlClient]) -> None:
    """Nobody is taken for free of roles because nobody could look; the import goes on all the same."""
    served[1].set_faults({"rules": [{"on": "GET /roleManagement/directory/*", "do": "deny"}]})
    done = shell.run("import", "--format", "json")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert {missed["permission"] for missed in document["notChecked"]} >= {"RoleManagement.Read.Directory"}
    assert "holds-role" not in {row["rule"] for row in document["limited"]}
    assert "Not checked:" in shell.run("import").stdout


@pytest.mark.parametrize("file", ["pulled.yaml", "tenant.yaml"])
def test_5_a_tree_that_somebody_edits_meanwhile_is_left_as_it_is(
    shell: Shell, served: tuple[str, ControlClient], file: str
) -> None:
    """What was validated is another tree by then, also where the edited file is not one that is added to."""
    served[1].set_faults({"rules": [{"on": _USERS, "do": "pause", "where": "before", "at": 1}]})
    with subprocess.Popen(
        command_line("import"),
        cwd=shell.folder,
        env=clean_environment(shell.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert served[1].paused(wait=60)
        text = {"pulled.yaml": "guests: []\n", "tenant.yaml": f"tenantId: {TENANT}\ncloud: emulator \n"}[file]
        (shell.folder / "desired" / file).write_text(text)
        served[1].resume()
        _, said = running.communicate(timeout=60)
    assert running.returncode == 5, said
    assert "file-changed" in said
    assert file in said
    assert not (shell.folder / "desired" / "guests").exists()


@pytest.mark.parametrize(
    "domain", ["partner-01.example.", " partner-01.example", "a_b.example", "-x.example"]
)
def test_2_what_is_no_domain_is_not_a_domain_without_guests(shell: Shell, domain: str) -> None:
    """A blank or a dot too many would read as a partner whom nobody has invited."""
    done = shell.run("import", "--domain", domain)
    assert done.returncode == 2, done.stderr
    assert "is no domain" in done.stderr
