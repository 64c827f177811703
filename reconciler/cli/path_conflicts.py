"""Refuses to take one file for two things: whatever is written last would destroy the other."""

import os
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from reconciler.cli.approved_plans import plan_files
from reconciler.errors import UsageError
from reconciler.rules import Rule

_PLAN = "--plan"
_JOURNAL = "--journal"
_EVIDENCE = "--evidence"


def check_distinct(
    written: Mapping[str, Path | None], plans: Sequence[Path], *, evidence: Sequence[Path] = ()
) -> None:
    """Raise `UsageError` when an option names what another one names, in whatever spelling.

    `written` has the file of each option that names one to write; `plans` are the files, and folders of
    files, of `--plan`; `evidence` is what `--evidence` names, the journal that this run goes on with perhaps.
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


def _marks(path: Path) -> Iterator[Hashable]:
    """Give what is the same for two paths to one file: where they lead, and the file, if there is one."""
    yield os.path.realpath(path)
    try:
        found = path.stat()
    except OSError:
        return
    yield found.st_dev, found.st_ino


def _would_be_read(path: Path, plans: Iterable[Path]) -> bool:
    """Tell whether a file that is not there yet would be one of a folder of plans."""
    folder, name = os.path.split(os.path.realpath(path))
    return name.endswith(".json") and any(folder == os.path.realpath(plan) for plan in plans)


def _same(message: str) -> UsageError:
    return UsageError(message, rule=Rule.SAME_FILE, hint="give each a file of its own")
