"""Refuses a file for secrets where a commit would take it along."""

from pathlib import Path

from reconciler.errors import UsageError
from reconciler.git import is_offered_to_git
from reconciler.rules import Rule


def require_not_offered(path: Path, *, option: str) -> None:
    """Raise `UsageError` when the file of an option lies in a work tree of git that does not ignore it."""
    if is_offered_to_git(path):
        raise UsageError(
            f"{option} names {path}, which git does not ignore there: the next commit could take it along",
            rule=Rule.SECRET_OFFERED_TO_GIT,
            hint="redeem links are secrets: name a file outside of the work tree, or put it into .gitignore",
        )
