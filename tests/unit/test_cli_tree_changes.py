"""Files of a tree are changed all or none, and each is whole at any moment."""

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.cli.tree_changes import carry_out, diff_of, write_changes
from reconciler.desired import read_tree
from reconciler.desired.changes import FileChange
from reconciler.desired.survey import survey
from reconciler.editing import Edited
from reconciler.errors import Refused, RejectedChange, UsageError
from reconciler.rules import Rule
from tests.support.edited_tree import TENANT_ID, entries


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a folder with two files, one of them readable for its owner alone."""
    root = tmp_path / "desired"
    (root / "guests").mkdir(parents=True)
    (root / "guests" / "a.yaml").write_bytes(b"old a\r\n")
    (root / "b.yaml").write_bytes(b"old b")
    (root / "b.yaml").chmod(0o600)
    return root


A = FileChange(file="guests/a.yaml", before=b"old a\r\n", after=b"new a\r\n")
B = FileChange(file="b.yaml", before=b"old b", after=b"new b")
C = FileChange(file="new/folder/c.yaml", before=None, after=b"new c\n")


def contents(root: Path) -> dict[str, bytes]:
    """Return every file of a folder, hidden ones too."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_all_files_are_written_with_their_modes(tree: Path) -> None:
    """No temporary file stays, and a new file gets a folder and the usual mode."""
    write_changes(tree, [A, B, C])
    assert contents(tree) == {"guests/a.yaml": A.after, "b.yaml": B.after, "new/folder/c.yaml": C.after}
    assert stat.S_IMODE((tree / "b.yaml").stat().st_mode) == 0o600
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tree / "new/folder/c.yaml").stat().st_mode) == 0o666 & ~umask


def test_a_file_that_does_not_change_is_not_touched(tree: Path) -> None:
    """Not even its inode is another."""
    before = (tree / "b.yaml").stat()
    write_changes(tree, [FileChange(file="b.yaml", before=b"old b", after=b"old b"), A])
    assert (tree / "b.yaml").stat() == before


@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda tree: (tree / "b.yaml").write_bytes(b"edited"),
        lambda tree: (tree / "b.yaml").unlink(),
        lambda tree: ((tree / "b.yaml").unlink(), (tree / "b.yaml").symlink_to(tree / "guests" / "a.yaml")),
        lambda tree: ((tree / "guests").rename(tree / "x"), (tree / "guests").symlink_to(tree / "x")),
        lambda tree: ((tree / "new").mkdir(), (tree / "new" / "folder").symlink_to(tree)),
        lambda tree: ((tree / "new" / "folder").mkdir(parents=True), (tree / C.file).write_bytes(b"there")),
    ],
)
def test_a_tree_that_changed_meanwhile_is_refused(tree: Path, meanwhile: object) -> None:
    """Edited, removed, a link, or there already: nothing is written, and no folder is left."""
    assert callable(meanwhile)
    meanwhile(tree)
    before = contents(tree)
    folders = sorted(path for path in tree.rglob("*") if path.is_dir())
    with pytest.raises(Refused) as refused:
        write_changes(tree, [A, C, B])
    assert refused.value.rule is Rule.FILE_CHANGED
    assert contents(tree) == before
    assert sorted(path for path in tree.rglob("*") if path.is_dir()) == folders


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_leaves_all_as_it_was(tree: Path) -> None:
    """The first file is not replaced when the second cannot be."""
    (tree / "guests").chmod(0o500)
    with pytest.raises(UsageError) as refused:
        write_changes(tree, [B, A])
    (tree / "guests").chmod(0o700)
    assert refused.value.rule is Rule.FILE_UNUSABLE
    assert contents(tree) == {"guests/a.yaml": A.before, "b.yaml": B.before}


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_between_two_files_puts_the_first_back(
    tree: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    """The last replacement fails: the others are undone, also a new file and its folder."""
    replace = Path.replace

    def failing(self: Path, target: Path) -> Path:
        if Path(target).name == "b.yaml":
            raise failure
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises((UsageError, KeyboardInterrupt)):
        write_changes(tree, [A, C, B])
    assert contents(tree) == {"guests/a.yaml": A.before, "b.yaml": B.before}
    assert not (tree / "new").exists()


def test_a_diff_is_for_the_working_directory(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tree's folder is named as git would name it from here."""
    monkeypatch.chdir(tree.parent)
    assert b"--- a/desired/b.yaml\n" in diff_of(Path("desired"), [B])
    monkeypatch.chdir(tree)
    assert b"--- a/b.yaml\n" in diff_of(tree, [B])
    monkeypatch.chdir(tree / "guests")
    assert b"--- a/b.yaml\n" in diff_of(Path(".."), [B])


def test_a_disk_that_is_full_leaves_no_trace(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second file cannot be written to the disk: no file is replaced, and no temporary one stays."""
    calls: list[int] = []
    fsync = os.fsync

    def failing(number: int) -> None:
        calls.append(number)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        fsync(number)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(UsageError) as refused:
        write_changes(tree, [A, B])
    assert refused.value.rule is Rule.FILE_UNUSABLE
    assert contents(tree) == {"guests/a.yaml": A.before, "b.yaml": B.before}


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_file_that_holds_anything_else_than_was_asked_for_is_not_written(
    tree: Path, *, dry_run: bool
) -> None:
    """Even when the tree would be valid with it: the place of the edit is named instead."""
    (tree / "tenant.yaml").write_text(f"tenantId: {TENANT_ID}\n")
    (tree / "b.yaml").unlink()
    (tree / "guests" / "a.yaml").write_text(entries(1))
    found = survey(read_tree(tree), now=datetime.now(UTC))
    after = entries(1, domain="new.example").encode()
    change = FileChange(file="guests/a.yaml", before=entries(1).encode(), after=after)
    edited = Edited(data=after, expected={"guests": []}, place=(4, 12))
    with pytest.raises(RejectedChange) as rejected:
        carry_out(tree, found, [(change, edited)], dry_run=dry_run)
    [problem] = rejected.value.problems
    assert (problem.file, problem.line, problem.column, problem.rule) == ("guests/a.yaml", 4, 12, Rule.LAYOUT)
    assert contents(tree)["guests/a.yaml"] == entries(1).encode()
