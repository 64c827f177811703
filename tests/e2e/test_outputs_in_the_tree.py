"""A result is never written into the desired tree, nor an older one removed there."""

from pathlib import Path

import pytest

from reconciler.emulator.control.client import ControlClient
from tests.e2e.shell import Shell

OPTIONS = (
    ("import", "--report"),
    ("import", "--dry-run", "--report"),
    ("plan", "--out"),
    ("apply", "--auto-approve", "--report"),
    ("apply", "--auto-approve", "--journal"),
    ("apply", "--auto-approve", "--redeem-links"),
)


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("file", ["tenant.yaml", "guests/fabrikam.yaml", "new.YML", "emulator.yaml"])
@pytest.mark.parametrize("call", OPTIONS, ids=" ".join)
def test_a_file_of_the_tree_is_no_output(
    shell: Shell, tenant: ControlClient, call: tuple[str, ...], file: str
) -> None:
    """2, before anything is removed or asked; also for a file that the tree would read from then on."""
    before = contents(shell.folder / "desired")
    done = shell.run(*call, f"desired/../desired/{file}")
    assert done.returncode == 2, done.stderr
    assert "belongs to the desired tree" in done.stderr
    assert contents(shell.folder / "desired") == before
    assert tenant.requests() == []


def test_a_link_into_the_tree_is_seen_through(shell: Shell, tenant: ControlClient) -> None:
    """The folder is the tree, by whatever path it is named."""
    (shell.folder / "elsewhere").symlink_to("desired")
    done = shell.run("plan", "--out", "elsewhere/tenant.yaml")
    assert done.returncode == 2, done.stderr
    assert (shell.folder / "desired" / "tenant.yaml").exists()


def test_what_no_tree_reads_may_lie_there(shell: Shell, tenant: ControlClient) -> None:
    """A plan beside the entries, as JSON, is no entry."""
    assert shell.run("plan", "--out", "desired/plan.json").returncode == 0
    assert shell.run("validate").returncode == 0
