"""Reads the desired tree as it stood at a git revision, from the repository the tree lies in.

Nothing is checked out and no shell is involved. Only plumbing commands that read objects are run: neither
hooks nor filters run, and no link is followed.

Sources: https://git-scm.com/docs/git-rev-parse, https://git-scm.com/docs/git-ls-tree and
https://git-scm.com/docs/git-cat-file
"""

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.desired.problems import problem
from reconciler.desired.reader import MAX_BYTES
from reconciler.desired.tree import MAX_FILES, MAX_TREE_BYTES, ROOT, Tree, is_declaring, is_hidden
from reconciler.errors import UsageError
from reconciler.model import Problem
from reconciler.rules import Rule

_LINK = b"120000"
_SUBMODULE = b"160000"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A line of `git ls-tree`."""

    mode: bytes

    object: bytes
    """Name of the object, in hexadecimal digits."""

    size: int
    """In bytes; 0 for an entry that is no file."""

    path: str
    """Relative to the tree."""


def tree_at(revision: str, root: Path) -> Tree:
    """Read the files of the desired tree `root` as of a revision: a commit, a branch, a tag, `HEAD^1`.

    A tree that did not exist then is an empty one. A file that cannot be read is a problem in the tree.
    Raises `UsageError` when there is no git, no repository around `root`, or no such commit in it.
    """
    _ask(root, "rev-parse", "--is-inside-work-tree", refused=_no_repository(root))
    commit = _commit(revision, root)
    listing = _ask(root, "ls-tree", "-r", "-z", "-l", commit, refused=_unreadable(revision))
    wanted, problems = _sorted_out(_entries(listing))
    return Tree(files=_contents(wanted, root, refused=_unreadable(revision)), problems=tuple(problems))


def commit_of(root: Path) -> str | None:
    """Return the commit that is checked out in the repository of `root`; `None` outside of a repository."""
    try:
        found = _run(root, ("rev-parse", "--verify", "--quiet", "HEAD^{commit}"))
    except UsageError:
        return None
    return found.stdout.decode().strip() if found.returncode == 0 else None


def _commit(revision: str, root: Path) -> str:
    """Resolve a revision to the name of a commit, which git cannot parse as an option."""
    asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    found = _run(root, asked)
    if found.returncode == 0:
        return found.stdout.decode().strip()
    shallow = _run(root, ("rev-parse", "--is-shallow-repository")).stdout.strip() == b"true"
    raise UsageError(
        f"{revision!r} names no commit that this clone has",
        rule=Rule.UNKNOWN_REVISION,
        hint="the clone is shallow: fetch the whole history (actions/checkout with fetch-depth: 0, or "
        "git fetch --unshallow)"
        if shallow
        else "name a commit, a branch or a tag; git fetch brings those that are missing",
    )


def _entries(listing: bytes) -> Iterable[_Entry]:
    for line in listing.split(b"\0"):
        if line:
            described, _, path = line.partition(b"\t")
            mode, _, name, size = described.split()
            # A dash stands for an entry without a size, and BAD for a lost file.
            length = int(size) if size.isdigit() else 0
            yield _Entry(mode=mode, object=name, size=length, path=os.fsdecode(path))


def _sorted_out(entries: Iterable[_Entry]) -> tuple[list[_Entry], list[Problem]]:
    """Select the files that declare guests or the tenant, within the bounds that hold for a folder too."""
    wanted: list[_Entry] = []
    problems: list[Problem] = []
    room = MAX_TREE_BYTES
    for entry in entries:
        if is_hidden(entry.path):
            continue
        if entry.mode == _LINK:
            problems.append(problem(entry.path, (1, 1), Rule.SYMBOLIC_LINK, "this is a symbolic link"))
        elif entry.mode == _SUBMODULE:
            problems.append(problem(entry.path, (1, 1), Rule.NOT_A_FILE, "this is a submodule"))
        elif is_declaring(entry.path):
            wanted.append(entry)
            room -= entry.size
            if entry.size > MAX_BYTES:
                message = f"the file has {entry.size} bytes, {MAX_BYTES} are allowed"
                problems.append(problem(entry.path, (1, 1), Rule.TOO_LARGE, message))
    if len(wanted) > MAX_FILES or room < 0:
        message = f"the tree has more than {MAX_FILES} files or {MAX_TREE_BYTES} bytes"
        problems.append(problem(ROOT, (1, 1), Rule.TOO_LARGE, message))
    # A tree with a problem is refused whatever its files contain, so they are not read.
    return ([] if problems else wanted), problems


def _contents(entries: Sequence[_Entry], root: Path, *, refused: UsageError) -> dict[str, bytes]:
    """Read files with one command: for each, `<name> blob <size>`, a line feed, its bytes, a line feed."""
    if not entries:
        return {}
    asked = b"".join(entry.object + b"\n" for entry in entries)
    answer = _ask(root, "cat-file", "--batch", given=asked, refused=refused)
    files: dict[str, bytes] = {}
    at = 0
    for entry in entries:
        start = answer.index(b"\n", at) + 1
        if answer[at:start] != b"%s blob %d\n" % (entry.object, entry.size):
            raise refused
        at = start + entry.size + 1
        files[entry.path] = answer[start : at - 1]
    return files


def _ask(root: Path, *arguments: str, given: bytes = b"", refused: UsageError) -> bytes:
    done = _run(root, arguments, given=given)
    if done.returncode != 0:
        raise refused
    return done.stdout


def _run(root: Path, arguments: Sequence[str], *, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run git in the folder `root`; its messages are dropped: they could quote a stranger."""
    command = ("git", "--no-replace-objects", "-C", str(root.resolve()), *arguments)
    try:
        return subprocess.run(command, input=given, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise UsageError(
            "comparing with a revision needs git, which is not installed",
            rule=Rule.NO_GIT,
            hint="install git, or plan without --base and --since",
        ) from error


def _no_repository(root: Path) -> UsageError:
    return UsageError(
        f"{root} is in no git repository that git is willing to read",
        rule=Rule.NO_REPOSITORY,
        hint=f"plan in a clone of the repository; git -C {root} status says what git makes of this folder",
    )


def _unreadable(revision: str) -> UsageError:
    return UsageError(
        f"the files of {revision!r} cannot be read",
        rule=Rule.UNREADABLE_REVISION,
        hint="fetch the whole history and all its files (git fetch --refetch), and try git fsck",
    )
