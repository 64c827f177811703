"""`set-email` as people call it: its diff applied by git, its list piped in, and the plan of the branch."""

import subprocess
from pathlib import Path

from reconciler.emulator.control.client import ControlClient
from tests.e2e.shell import Shell, clean_environment, command_line
from tests.support.repository import commit, git, new_repository

RENAMED = ("set-email", "--domain", "fabrikam.example", "--to", "newco.example")


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of the tree."""
    return {
        str(path): path.read_bytes() for path in sorted((folder / "desired").rglob("*")) if path.is_file()
    }


def test_git_makes_of_the_diff_what_the_command_writes(shell: Shell) -> None:
    """A dry run prints a diff and nothing else, byte for byte, also with CRLF and without a last line end."""
    file = shell.folder / "desired" / "guests" / "fabrikam.yaml"
    file.write_bytes(file.read_bytes().rstrip(b"\n").replace(b"\n", b"\r\n"))
    commit(new_repository(shell.folder))
    diff = subprocess.run(
        command_line(*RENAMED, "--dry-run"),
        cwd=shell.folder,
        env=clean_environment(shell.environment),
        capture_output=True,
        check=True,
    ).stdout
    subprocess.run(["git", "apply", "--whitespace=nowarn"], cwd=shell.folder, input=diff, check=True)
    by_git = contents(shell.folder)
    git(shell.folder, "checkout", "--quiet", "--", ".")
    assert shell.run(*RENAMED).returncode == 0
    assert contents(shell.folder) == by_git
    assert b"newco.example\r\n" in by_git[str(file)]


def test_a_list_is_piped_in(shell: Shell) -> None:
    """`-` is stdin of the process."""
    done = subprocess.run(
        command_line("set-email", "--from", "-"),
        cwd=shell.folder,
        env=clean_environment(shell.environment),
        input=b"from;to\r\nbo@fabrikam.example;bo@newco.example\r\n",
        capture_output=True,
        check=True,
    )
    assert b"bo@fabrikam.example -> bo@newco.example" in done.stdout


def test_the_plan_of_the_branch_has_no_refusal(shell: Shell, tenant: ControlClient) -> None:
    """A raise for the changes of this branch is enough for its plan, although the directory has drifted."""
    shell.edit("tenant.yaml", "maxChanges: 20", "maxChanges: 2")
    commit(new_repository(shell.folder))
    assert shell.plan("--base", "HEAD")["summary"]["changes"] >= 4
    done = shell.run(*RENAMED, "--raise-until", "2099-12-31", "--reason", "fabrikam was renamed")
    assert done.returncode == 0, done.stderr
    assert "maxChanges: 3" in (shell.folder / "desired" / "tenant.yaml").read_text()
    plan = shell.plan("--base", "HEAD")
    assert plan["refusals"] == []
    assert sum(change["origin"] == "this-change" for change in plan["changes"]) == 3
    assert tenant.history() == []
