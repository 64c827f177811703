"""The version of the product that CI files name: a repository on GitHub, and a commit of it."""

import re
from dataclasses import dataclass
from typing import Final

# Source: https://docs.github.com/rest/repos/repos
_REPOSITORY: Final = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,37}[A-Za-z0-9])?/(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,100}"
)
_COMMIT: Final = re.compile(r"[0-9a-fA-F]{40}")
_SHORT: Final = re.compile(r"[0-9a-fA-F]{7,39}")


class SourceFlaw(ValueError):
    """The reason why a text is no `OWNER/REPOSITORY@COMMIT`, with the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A commit of the product's repository."""

    repository: str
    """`OWNER/REPOSITORY`, as GitHub spells it."""

    commit: str
    """40 hexadecimal digits, in lower case."""

    @property
    def uses(self) -> str:
        """The form in which a workflow of GitHub's names an action."""
        return f"{self.repository}@{self.commit}"

    @property
    def url(self) -> str:
        """The address that git fetches from."""
        return f"https://github.com/{self.repository}.git"

    @property
    def manual(self) -> str:
        """The address of the repository's pages as of the commit."""
        return f"https://github.com/{self.repository}/blob/{self.commit}"


def parse_source(text: str) -> Source:
    """Return the repository and commit of a text. Raises `SourceFlaw`.

    A tag or a branch can be moved to other code, which would then run beside the sign-in that writes.
    """
    repository, at, commit = text.partition("@")
    if not _REPOSITORY.fullmatch(repository):
        raise SourceFlaw("must be OWNER/REPOSITORY@COMMIT: a repository on GitHub and 40 hexadecimal digits")
    if not at or not commit:
        raise SourceFlaw(f"names no commit: add @ and the 40 hexadecimal digits of a commit of {repository}")
    if _COMMIT.fullmatch(commit):
        return Source(repository=repository, commit=commit.lower())
    if _SHORT.fullmatch(commit):
        raise SourceFlaw(
            f"has {len(commit)} digits of a commit, and GitHub takes all 40 only: git rev-parse {commit}"
        )
    raise SourceFlaw(
        "ends in a tag or a branch, which can be moved to other code: give the commit's 40 hexadecimal "
        f"digits, as in: git ls-remote https://github.com/{repository}"
    )
