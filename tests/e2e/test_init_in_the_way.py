"""What stands beside the files that `init` would write, and would count with them or instead of them."""

from pathlib import Path

import pytest

from tests.e2e.shell import Shell

INIT = ("init", "--tenant", "8e1a2b3c-6c1c-4d68-a01f-3a4d7a2a3b21")
FOR_GITHUB = (*INIT, "--ci", "github", "--uses", f"contoso/reconciler@{'0' * 40}")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Give an empty folder."""
    (tmp_path / "work").mkdir()
    return Shell(folder=tmp_path / "work")


@pytest.mark.parametrize(
    "there",
    ["desired/guests/OLD.YAML", "desired/x.Yml", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"],
)
def test_what_would_count_beside_the_new_files_is_in_the_way(shell: Shell, there: str) -> None:
    """Entries of another tree would be declared, and another file of owners would count instead."""
    path = shell.folder / there
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("guests: [\n")
    done = shell.run(*FOR_GITHUB)
    assert done.returncode == 2, done.stderr
    assert there in done.stderr
    assert [path for path in shell.folder.rglob("*") if path.is_file()] == [path]


@pytest.mark.parametrize("there", ["desired/.hidden/x.yaml", "desired/notes.txt"])
def test_what_no_tree_reads_is_in_nobodys_way(shell: Shell, there: str) -> None:
    """A file that counts for nothing stays where it is."""
    path = shell.folder / there
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    assert shell.run(*INIT).returncode == 0
    assert path.read_text() == "mine"
    assert shell.run("validate").returncode == 0
