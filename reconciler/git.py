"""Reads the desired tree as it stood at a git revision, from the repository the tree lies in.

Nothing is checked out and no shell is involved. Only plumbing commands that read objects are run: neither
hooks nor filters run, and no link is followed. The files of the tree are a stranger's: git is never told to
look for a repository among them. It gets the repository's folder by name, an environment of its own, and no
configuration but the repository's.

Sources: https://git-scm.com/docs/git-rev-parse, https://git-scm.com/docs/git-ls-tree,
https://git-scm.com/docs/git-cat-file, https://git-scm.com/docs/git (GIT_ALLOW_PROTOCOL, GIT_NO_LAZY_FETCH)
and https://git-scm.com/docs/git-config (safe.bareRepository)
"""

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.desired.problems import ROOT, problem
from reconciler.desired.reader import MAX_BYTES
from reconciler.desired.tree import MAX_FILES, MAX_TREE_BYTES, Tree, is_declaring, is_hidden
from reconciler.errors import UsageError
from reconciler.model import Problem
from reconciler.rules import Rule

_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "none",  # overrides any protocol.*.allow of the repository's own configuration
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_CONFIGURATION = (
    "safe.bareRepository=explicit",
    "protocol.allow=never",
    "core.fsmonitor=false",
    f"core.hooksPath={os.devnull}",
    "gc.auto=0",
    "maintenance.auto=false",
)
_KEPT_VARIABLES = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR")
"""What git needs of the caller's environment to start. Any other could lead it to another repository."""

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


@dataclass(frozen=True, slots=True)
class _Repository:
    """A repository that has a work tree, found by its folder's name alone."""

    work_tree: Path

    git_dir: Path
    """`.git` in the work tree: a folder, or the file of a linked work tree."""

    @staticmethod
    def around(root: Path) -> "_Repository":
        """Find the nearest folder from `root` upwards that holds `.git`, which git refuses to commit.

        A folder that looks like a repository without being called `.git` is none: its files may have been
        committed. Raises `UsageError` when there is no repository that may be believed.
        """
        folder = root.resolve()
        for work_tree in (folder, *folder.parents):
            git_dir = work_tree / ".git"
            if git_dir.is_symlink() or git_dir.exists():
                found = _Repository(work_tree, git_dir)
                found._check(folder)
                return found
        raise _no_repository(root)

    def _check(self, folder: Path) -> None:
        """Refuse a `.git` that another account, or a file among those under review, has made."""
        if self.git_dir.is_symlink() or self.git_dir.lstat().st_uid != folder.stat().st_uid:
            raise _no_repository(folder)
        if self.git_dir.is_dir():
            return
        stated = self.git_dir.read_text("utf-8", "replace").removeprefix("gitdir:").strip()
        target = (self.work_tree / stated).resolve()
        for outer in (self.work_tree, *self.work_tree.parents):
            if target.is_relative_to(outer) and (outer / ".git").exists():
                inside = target.relative_to(outer).parts
                # A submodule's history belongs to others than that of the repository it stands in.
                if inside[:1] != (".git",) or inside[1:2] == ("modules",):
                    raise _no_repository(folder)

    def ask(self, *arguments: str, given: bytes = b"", refused: UsageError) -> bytes:
        """Run git and return what it prints; raise `refused` when it fails."""
        done = self.run(*arguments, given=given)
        if done.returncode != 0:
            raise refused
        return done.stdout

    def run(self, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run git on this repository; its messages are dropped: they could quote a stranger."""
        settings = (*_CONFIGURATION, f"safe.directory={self.work_tree}")
        command = (
            "git",
            *(part for setting in settings for part in ("-c", setting)),
            "--no-replace-objects",
            "--no-pager",
            f"--git-dir={self.git_dir}",
            f"--work-tree={self.work_tree}",
            *arguments,
        )
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        try:
            return subprocess.run(
                command,
                cwd=self.work_tree,
                env=kept | _ENVIRONMENT,
                input=given,
                capture_output=True,
                check=False,
            )
        except FileNotFoundError as error:
            raise UsageError(
                "comparing with a revision needs git, which is not installed",
                rule=Rule.NO_GIT,
                hint="install git, or plan without --base and --since",
            ) from error


def tree_at(revision: str, root: Path) -> Tree:
    """Read the files of the desired tree `root` as of a revision: a commit, a branch, a tag, `HEAD^1`.

    A tree that did not exist then is an empty one. A file that cannot be read is a problem in the tree.
    Raises `UsageError` when there is no git, no repository around `root`, or no such commit in it.
    """
    repository = _Repository.around(root)
    refused = _no_repository(root)
    if repository.ask("rev-parse", "--is-inside-work-tree", refused=refused).strip() != b"true":
        raise refused
    commit = _commit(revision, repository)
    wanted, problems = _sorted_out(_listing(commit, root, repository, refused=_unreadable(revision)))
    files = _contents(wanted, repository, refused=_unreadable(revision))
    return Tree(files=files, problems=tuple(problems))


def commit_of(root: Path) -> str | None:
    """Return the commit that is checked out in the repository of `root`; `None` outside of a repository."""
    try:
        found = _Repository.around(root).run("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    except UsageError:
        return None
    return found.stdout.decode().strip() if found.returncode == 0 else None


def is_offered_to_git(path: Path) -> bool:
    """Return whether a file, which need not exist, lies in a work tree that does not ignore it.

    `git add --all` would put such a file into a commit. Only the repository's own rules count, not those of
    the account: others have other ones. Without git nothing adds it.
    """
    folder = path.resolve().parent
    for work_tree in (folder, *folder.parents):
        if (work_tree / ".git").exists():
            repository = _Repository(work_tree, work_tree / ".git")
            try:
                asked = repository.run("check-ignore", "--quiet", "--", str(folder / path.name))
            except UsageError:
                return False
            return asked.returncode != 0
    return False


def _commit(revision: str, repository: _Repository) -> str:
    """Resolve a revision to the name of a commit, which git cannot parse as an option."""
    asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    found = repository.run(*asked)
    if found.returncode == 0:
        return found.stdout.decode().strip()
    shallow = repository.run("rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
    raise UsageError(
        f"{revision!r} names no commit that this clone has",
        rule=Rule.UNKNOWN_REVISION,
        hint="the clone is shallow: fetch the whole history (actions/checkout with fetch-depth: 0, or "
        "git fetch --unshallow)"
        if shallow
        else "name a commit, a branch or a tag; git fetch brings those that are missing",
    )


def _listing(commit: str, root: Path, repository: _Repository, *, refused: UsageError) -> list[_Entry]:
    """List the files of the tree at a commit, by paths relative to the tree."""
    within = root.resolve().relative_to(repository.work_tree).as_posix()
    folder = "" if within == "." else f"{within}/"
    pattern = (f":(literal){folder}",) if folder else ()
    listed = repository.ask(
        "ls-tree", "-r", "-z", "-l", "--full-tree", commit, "--", *pattern, refused=refused
    )
    return [
        replace(entry, path=entry.path.removeprefix(folder))
        for entry in _entries(listed)
        if entry.path.startswith(folder)
    ]


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


def _contents(entries: Sequence[_Entry], repository: _Repository, *, refused: UsageError) -> dict[str, bytes]:
    """Read files with one command: for each, `<name> blob <size>`, a line feed, its bytes, a line feed."""
    if not entries:
        return {}
    asked = b"".join(entry.object + b"\n" for entry in entries)
    answer = repository.ask("cat-file", "--batch", given=asked, refused=refused)
    files: dict[str, bytes] = {}
    at = 0
    for entry in entries:
        start = answer.index(b"\n", at) + 1
        if answer[at:start] != b"%s blob %d\n" % (entry.object, entry.size):
            raise refused
        at = start + entry.size + 1
        files[entry.path] = answer[start : at - 1]
    return files


def _no_repository(root: Path) -> UsageError:
    return UsageError(
        f"{root} is in no git repository that can be believed",
        rule=Rule.NO_REPOSITORY,
        hint="plan in a clone or a linked work tree, owned by the account that owns its files; neither a "
        "submodule nor a repository among the files under review is believed",
    )


def _unreadable(revision: str) -> UsageError:
    return UsageError(
        f"the files of {revision!r} cannot be read",
        rule=Rule.UNREADABLE_REVISION,
        hint="fetch the whole history and all its files (git fetch --refetch), and try git fsck",
    )
