"""What a fake GitHub holds: pull requests, runs, artifacts, and the answers it gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

REPOSITORY = "contoso/guests"
FORK = "somebody/guests"


@dataclass(kw_only=True)
class Pull:
    """A pull request."""

    number: int
    head: str
    repository: str = REPOSITORY
    base: str = "main"
    merged: bool = False
    closed: bool = False
    """Whether it was closed without being merged."""

    locked: bool = False
    """Whether nobody may write on it any more."""

    events: list[tuple[str, str]] = field(default_factory=list)
    """Name and instant of what has happened to it."""

    commits: set[str] = field(default_factory=set)
    """The commits on the base branch that the merge made."""


@dataclass(kw_only=True)
class Run:
    """A workflow run."""

    id: int
    workflow: str
    event: str
    branch: str
    head: str
    repository: str = REPOSITORY
    conclusion: str | None = None
    """`None` while it goes on."""

    attempt: int = 1
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(kw_only=True)
class Artifact:
    """A ZIP archive that a run has kept."""

    id: int
    run: int
    name: str
    content: bytes
    expired: bool = False


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Reply | None
"""`None`: the connection is closed without an answer."""
