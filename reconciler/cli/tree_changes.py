"""Writes changes of a desired tree to its folder: all files or none, and each whole at any moment."""

import os
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from reconciler.desired.changes import FileChange, unified_diff
from reconciler.desired.problems import problem
from reconciler.desired.survey import Survey
from reconciler.desired.tree import Tree, read_tree
from reconciler.editing import CannotEdit, Edited, verified
from reconciler.errors import Refused, RejectedChange, UsageError
from reconciler.rules import Rule
from reconciler.rules.editing import EDITING

_TEMPORARY: Final = ".reconciler-"
"""Prefix of the temporary files, which the dot keeps out of the tree."""


def not_editable(file: str, error: CannotEdit) -> RejectedChange:
    """Return the error of a command for a file that cannot be edited by position."""
    return rejected(file, error.position, Rule.LAYOUT, error.message)


def rejected(file: str, position: tuple[int, int], rule: Rule, message: str) -> RejectedChange:
    """Return the error of a command for one place in a file of the tree."""
    return RejectedChange((problem(file, position, rule, message, hint=EDITING[rule].remedy),))


def carry_out(
    root: Path, survey: Survey, edits: Sequence[tuple[FileChange, Edited]], *, dry_run: bool
) -> bytes | None:
    """Validate edited files together with the rest of the tree, and write them; a dry run returns the diff.

    Raises `RejectedChange` when the tree would be invalid, or a file would hold anything else than was asked
    for; no file is changed then.
    """
    changes = [change for change, _ in edits]
    try:
        others = survey.check_after([(change, edited.expected) for change, edited in edits])
    except RejectedChange:
        # Problems of a file that no one asked for are not the user's, and stand in no file of theirs.
        for change, edited in edits:
            _check_as_asked(change.file, edited)
        raise
    for change, edited in edits:
        if change.file in others:
            raise not_editable(change.file, edited.refused)
    if dry_run:
        return diff_of(root, changes)
    check_unchanged(root, survey.tree)
    write_changes(root, changes)
    return None


def check_unchanged(root: Path, tree: Tree) -> None:
    """Raise `Refused` when a file of a tree is not as it was read: another tree was validated then."""
    now = read_tree(root)
    files = sorted(tree.files.keys() | now.files.keys())
    differing = [file for file in files if tree.files.get(file) != now.files.get(file)]
    if differing:
        raise _changed(root / differing[0])


def _check_as_asked(file: str, edited: Edited) -> None:
    """Raise `RejectedChange` for an edited file that holds anything else than was asked for."""
    try:
        verified(edited)
    except CannotEdit as error:
        raise not_editable(file, error) from error


def diff_of(root: Path, changes: Sequence[FileChange]) -> bytes:
    """Return the changes as a diff that `git apply` takes in the working directory."""
    here = Path.cwd().resolve()
    folder = root.resolve()
    within = folder.relative_to(here).as_posix() if folder.is_relative_to(here) else ""
    return unified_diff(changes, folder="" if within == "." else within)


def write_changes(root: Path, changes: Sequence[FileChange]) -> None:
    """Write the changed files of the tree `root`, each in place of the old one, with its mode.

    Every new content is on the disk before the first file is replaced; a kill later on leaves each file old
    or new. Raises `Refused` when a file is not the one that was read, and `UsageError` when one cannot be
    written; no file is changed then.
    """
    changes = [change for change in changes if change.before != change.after]
    made: list[Path] = []
    ready: list[tuple[Path, Path, FileChange]] = []
    try:
        for change in changes:
            target = _target(root, change, made)
            ready.append((_temporary(target, change.after), target, change))
        for _, target, change in ready:
            _check_unchanged(target, change)
        _replace_all(ready)
    except OSError as error:
        raise UsageError(
            f"{error.filename or root} cannot be written: {error.strerror}",
            rule=Rule.FILE_UNUSABLE,
            hint="make the tree writable for the account that runs this; no file was changed",
        ) from error
    finally:
        for temporary, _, _ in ready:
            temporary.unlink(missing_ok=True)
        for folder in reversed(made):
            with suppress(OSError):  # it holds a file now, as it should
                folder.rmdir()
    for folder in {target.parent for _, target, _ in ready}:
        _sync_folder(folder)


def _target(root: Path, change: FileChange, made: list[Path]) -> Path:
    """Return the path of a file, without a link on the way to it; make missing folders for a new one."""
    folder = root
    *names, name = change.file.split("/")
    for part in names:
        folder /= part
        if change.before is None and not os.path.lexists(folder):
            folder.mkdir()
            made.append(folder)
        if not stat.S_ISDIR(folder.lstat().st_mode):
            raise _changed(folder)
    return folder / name


def _temporary(target: Path, data: bytes) -> Path:
    """Write a content beside the file that it is for, and wait until it is on the disk."""
    number, name = tempfile.mkstemp(dir=target.parent, prefix=_TEMPORARY)
    temporary = Path(name)
    try:
        with os.fdopen(number, "wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(number)
        temporary.chmod(_mode(target))
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _mode(target: Path) -> int:
    with suppress(FileNotFoundError):
        return stat.S_IMODE(target.lstat().st_mode)
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


def _check_unchanged(target: Path, change: FileChange) -> None:
    if change.before is None:
        if os.path.lexists(target):
            raise _changed(target)
        return
    try:
        plain = stat.S_ISREG(target.lstat().st_mode)
        same = plain and target.read_bytes() == change.before
    except FileNotFoundError:
        same = False
    if not same:
        raise _changed(target)


def _replace_all(ready: Sequence[tuple[Path, Path, FileChange]]) -> None:
    """Replace the files one after the other; a failure on the way puts those back that were replaced."""
    replaced: list[tuple[Path, FileChange]] = []
    try:
        for temporary, target, change in ready:
            replaced.append((target, change))
            temporary.replace(target)
    except BaseException:
        for target, change in reversed(replaced):
            with suppress(OSError):
                _put_back(target, change)
        raise


def _put_back(target: Path, change: FileChange) -> None:
    if change.before is None:
        target.unlink(missing_ok=True)
    elif target.read_bytes() != change.before:
        _temporary(target, change.before).replace(target)


def _sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk, where the system can."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _changed(path: Path) -> Refused:
    return Refused(
        f"{path} is not as it was read: something else changed it meanwhile",
        rule=Rule.FILE_CHANGED,
        hint="run the command again; no file was changed",
    )
