import io
import os
from pathlib import Path

import pytest

from reconciler.desired import Tree, format_problem, is_declaring, read_tree
from reconciler.desired.reader import MAX_BYTES


def fill(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())


def problems(tree: Tree) -> list[tuple[str, str]]:
    return [(problem.rule, problem.file) for problem in tree.problems]


def test_declaring_files_are_read_in_order(tmp_path: Path) -> None:
    """Every YAML file at any depth is read, whatever its suffix's case; hidden and other files are not."""
    fill(tmp_path, "tenant.yaml", "b/c/d.yml", "b/a.YAML", "z.yaml", "emulator.yaml", "README.md")
    fill(tmp_path, ".git/x.yaml", "b/.x.yaml", "b/emulator.yaml")
    tree = read_tree(tmp_path)
    assert list(tree.files) == ["b/a.YAML", "b/c/d.yml", "b/emulator.yaml", "tenant.yaml", "z.yaml"]
    assert tree.files["b/c/d.yml"] == b"b/c/d.yml"
    assert not tree.problems


@pytest.mark.parametrize(
    ("file", "declaring"),
    [
        ("tenant.yaml", True),
        ("guests/a.yml", True),
        ("guests/emulator.yaml", True),
        ("emulator.yaml", False),
        ("guests/.a.yaml", False),
        (".github/workflows/plan.yaml", False),
        ("guests/a.json", False),
        (".yaml", False),
    ],
)
def test_is_declaring(file: str, declaring: bool) -> None:  # noqa: FBT001  (a table of cases)
    """A path alone says whether a file is part of the desired state, so git can be asked for it."""
    assert is_declaring(file) is declaring


@pytest.mark.parametrize("name", ["missing", "tenant.yaml"])
def test_no_folder(tmp_path: Path, name: str) -> None:
    """A tree that is missing, or no folder, is a problem and not a traceback."""
    fill(tmp_path, "tenant.yaml")
    tree = read_tree(tmp_path / name)
    assert problems(tree) == [("no-tree", ".")]
    # A folder has no line, and whoever has no tree yet needs to know how to get one.
    [shown] = map(format_problem, tree.problems)
    assert shown.startswith("no-tree: no desired tree can be read at '/")
    assert "--desired DIR" in shown
    assert "reconciler init" in shown


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A symbolic link is named and never read: to a file, to a folder, to nothing, or to itself."""
    fill(tmp_path / "tree", "tenant.yaml")
    fill(tmp_path, "secret/x.yaml")
    tree = tmp_path / "tree"
    (tree / "file.yaml").symlink_to(tmp_path / "secret/x.yaml")
    (tree / "folder").symlink_to(tmp_path / "secret")
    (tree / "loop").symlink_to(tree)
    (tree / "nothing.yaml").symlink_to(tree / "none")
    (tree / "self.yaml").symlink_to(tree / "self.yaml")
    found = read_tree(tree)
    assert list(found.files) == ["tenant.yaml"]
    names = ["file.yaml", "folder", "loop", "nothing.yaml", "self.yaml"]
    assert problems(found) == [("symbolic-link", name) for name in names]


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    """A pipe in the tree is a problem; opening it would wait for ever."""
    os.mkfifo(tmp_path / "pipe.yaml")
    assert problems(read_tree(tmp_path)) == [("not-a-file", "pipe.yaml")]


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be opened is a problem, and the others are read."""
    fill(tmp_path, "a.yaml", "b.yaml")
    really_open = io.open

    def refuse(file: str | Path, *arguments: str) -> io.IOBase:
        if str(file).endswith("a.yaml"):
            raise PermissionError(13, "Permission denied")
        return really_open(file, "rb")

    monkeypatch.setattr(io, "open", refuse)
    tree = read_tree(tmp_path)
    monkeypatch.undo()
    assert list(tree.files) == ["b.yaml"]
    assert problems(tree) == [("unreadable", "a.yaml")]
    assert "Permission denied" in tree.problems[0].message


def test_unreadable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that cannot be listed is a problem, and the others are read."""
    fill(tmp_path, "a/b.yaml", "c/d.yaml")
    really_list = os.scandir

    def refuse(folder: Path) -> "os._ScandirIterator[str]":
        if folder.name == "a":
            raise PermissionError(13, "Permission denied")
        return really_list(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    tree = read_tree(tmp_path)
    assert list(tree.files) == ["c/d.yaml"]
    assert problems(tree) == [("unreadable", "a")]


def test_no_more_than_the_limit_is_read_of_a_file(tmp_path: Path) -> None:
    """Of a huge file just enough is read for the reader to refuse it."""
    with (tmp_path / "huge.yaml").open("wb") as huge:
        huge.truncate(100 * MAX_BYTES)
    assert len(read_tree(tmp_path).files["huge.yaml"]) == MAX_BYTES + 1


def test_reading_ends_at_the_limit_of_the_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree with too many files or bytes is given up, and says so once."""
    monkeypatch.setattr("reconciler.desired.tree.MAX_FILES", 2)
    fill(tmp_path, "a.yaml", "b.yaml", "c.yaml", "d.yaml", "e/f.yaml")
    tree = read_tree(tmp_path)
    assert list(tree.files) == ["a.yaml", "b.yaml", "c.yaml"]
    assert problems(tree) == [("too-large", "c.yaml")]
