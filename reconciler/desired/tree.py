"""Reads the files of a desired tree into memory: the only part of loading that touches files.

It follows no links, opens nothing but regular files and reads no more than it has to, because a pull request
from a stranger can put anything into the folder. It does not parse the files.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from reconciler.desired.problems import ROOT, problem
from reconciler.desired.reader import MAX_BYTES
from reconciler.model import Problem
from reconciler.rules import Rule
from reconciler.schemas import quoted

TENANT_FILE = "tenant.yaml"
"""The file at the root that names the tenant of the tree."""

EMULATOR_FILE = "emulator.yaml"
"""The file at the root that belongs to the embedded emulator; not part of the desired state."""

MAX_FILES = 10_000
"""Most files of one tree."""

MAX_TREE_BYTES = 32 * 1024 * 1024
"""Most bytes of all files of one tree together; 100,000 entries with every key have about that many."""

_GIT_NAMES = frozenset({"head", "objects", "refs"})
"""What makes a folder a repository to git, which may not tell large letters from small ones.

Source: https://git-scm.com/docs/gitrepository-layout
"""

_SUFFIXES = frozenset({".yaml", ".yml"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The files of a desired tree, from a folder or from a git revision."""

    files: Mapping[str, bytes]
    """Path relative to the tree, with forward slashes, to content; those not `is_declaring` are ignored."""

    problems: tuple[Problem, ...] = ()
    """The files that could not be read."""


_TOO_LARGE = f"the tree has more than {MAX_FILES} files or {MAX_TREE_BYTES} bytes"


def too_large(files: Mapping[str, bytes]) -> Iterator[Problem]:
    """Yield the problem of a tree that is larger than what is read."""
    if len(files) > MAX_FILES or sum(map(len, files.values())) > MAX_TREE_BYTES:
        yield problem(ROOT, (1, 1), Rule.TOO_LARGE, _TOO_LARGE)


def is_declaring(file: str) -> bool:
    """Return whether a file of the tree, by its path, is part of the desired state."""
    suffix = PurePosixPath(file).suffix.lower()
    return suffix in _SUFFIXES and not is_hidden(file) and file != EMULATOR_FILE


def is_hidden(file: str) -> bool:
    """Return whether a path of the tree begins with a dot somewhere: such paths are never read."""
    return any(part.startswith(".") for part in PurePosixPath(file).parts)


def read_tree(root: Path) -> Tree:
    """Read the files of the desired tree in the folder `root`.

    Raises nothing: a file that cannot be read is a problem in the tree, for `load` to report with the others.
    """
    reading = _Reading()
    folders = [""]
    while folders and not reading.full:
        folder = folders.pop()
        try:
            with os.scandir(root / folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            named = quoted(str(root / folder))
            if folder:
                message = f"the folder {named} cannot be read: {error.strerror}"
                reading.problem(folder.removesuffix("/"), Rule.UNREADABLE, message)
            else:
                message = f"no desired tree can be read at {named}: {error.strerror}"
                reading.problem(ROOT, Rule.NO_TREE, message)
            continue
        folders += reading.take(folder, entries)
    return Tree(files=dict(sorted(reading.files.items())), problems=tuple(reading.problems))


class _Reading:
    """The part of a tree that was read so far."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.problems: list[Problem] = []
        self.full = False
        self._bytes = 0

    def problem(self, file: str, rule: Rule, message: str) -> None:
        self.problems.append(problem(file, (1, 1), rule, message))

    def take(self, folder: str, entries: Sequence[os.DirEntry[str]]) -> list[str]:
        """Read the files of a folder; return the folders in it, each with a slash at its end."""
        folders = []
        self._check_repository(folder, entries)
        for entry in entries:
            file = f"{folder}{entry.name}"
            if entry.name.startswith(".") or self.full:
                continue
            if entry.is_symlink():
                self.problem(file, Rule.SYMBOLIC_LINK, "this is a symbolic link")
            elif entry.is_dir(follow_symlinks=False):
                folders.append(f"{file}/")
            elif not is_declaring(file):
                continue
            elif not entry.is_file(follow_symlinks=False):
                self.problem(file, Rule.NOT_A_FILE, "this is neither a regular file nor a folder")
            else:
                self._read(file, entry.path)
        return folders

    def _check_repository(self, folder: str, entries: Sequence[os.DirEntry[str]]) -> None:
        found = [entry.name for entry in entries if entry.name.casefold() in _GIT_NAMES]
        # Git is often run in the root of a tree, so there a part is one too many.
        if len(found) >= (len(_GIT_NAMES) if folder else 1):
            message = f"git takes {', '.join(map(quoted, found))} for parts of a repository"
            self.problem(folder.removesuffix("/") or ROOT, Rule.GIT_REPOSITORY, message)

    def _read(self, file: str, path: str) -> None:
        try:
            with Path(path).open("rb") as opened:
                # One byte above the limit shows the reader that the file is too large.
                data = opened.read(MAX_BYTES + 1)
        except OSError as error:
            self.problem(file, Rule.UNREADABLE, f"the file cannot be read: {error.strerror}")
            return
        self.files[file] = data
        self._bytes += len(data)
        if len(self.files) > MAX_FILES or self._bytes > MAX_TREE_BYTES:
            self.full = True
            self.problem(file, Rule.TOO_LARGE, f"{_TOO_LARGE}; the rest was not read")
