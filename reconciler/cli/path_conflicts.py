"""Refuses one file for two options: the last write would destroy the other content."""

import os
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from reconciler.cli.approved_plans import plan_files
from reconciler.desired.tree import EMULATOR_FILE, is_declaring
from reconciler.errors import UsageError
from reconciler.rules import Rule

_PLAN = "--plan"
_JOURNAL = "--journal"
_EVIDENCE = "--evidence"


def check_distinct(
    written: Mapping[str, Path | None], plans: Sequence[Path], *, evidence: Sequence[Path] = ()
) -> None:
    """Raise `UsageError` when two options name the same file, in any spelling.

    `written` has the file of each option that names one to write; `plans` are the files, and folders of
    files, of `--plan`; `evidence` are the paths of `--evidence`, which may include the journal that this run
    continues.
    """
    files = [(option, path) for option, path in written.items() if path is not None]
    named = [*files, *((_PLAN, file) for plan in plans for file in plan_files(plan))]
    owners: dict[Hashable, str] = {}
    for option, path in [*named, *((_EVIDENCE, path) for path in evidence)]:
        for mark in _marks(path):
            owner = owners.setdefault(mark, option)
            if owner != option and {owner, option} != {_JOURNAL, _EVIDENCE}:
                raise _same(f"{owner} and {option} name the same file, {path}")
    for option, path in files:
        if _would_be_read(path, plans):
            raise _same(f"{option} names {path}, which {_PLAN} would take for an approved plan")


def check_outside_tree(written: Mapping[str, Path | None], tree: Path) -> None:
    """Raise `UsageError` when an option names a file to write that is, or would be, part of the tree.

    An older result is removed before the tree is read, and a new one would be read as an entry's file.
    """
    root = Path(os.path.realpath(tree))
    for option, path in written.items():
        if path is None:
            continue
        real = Path(os.path.realpath(path))
        inside = real.relative_to(root).as_posix() if real.is_relative_to(root) else ""
        if inside and (is_declaring(inside) or inside == EMULATOR_FILE):
            raise UsageError(
                f"{option} names {path}, which belongs to the desired tree",
                rule=Rule.SAME_FILE,
                hint="name a file outside of the tree",
            )


def _marks(path: Path) -> Iterator[Hashable]:
    """Yield values equal for two paths to one file: the resolved path, and the file's id, if it exists."""
    yield os.path.realpath(path)
    try:
        found = path.stat()
    except OSError:
        return
    yield found.st_dev, found.st_ino


def _would_be_read(path: Path, plans: Iterable[Path]) -> bool:
    """Return whether a file that does not exist yet would be one of a folder of plans."""
    folder, name = os.path.split(os.path.realpath(path))
    return name.endswith(".json") and any(folder == os.path.realpath(plan) for plan in plans)


def _same(message: str) -> UsageError:
    return UsageError(message, rule=Rule.SAME_FILE, hint="give each a file of its own")
