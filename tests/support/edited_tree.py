"""A desired tree in a folder, and the commands that edit its files, run in this process."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler import cli

TENANT_ID = "7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10"


def guest_id(number: int) -> str:
    """Return the object id of a numbered guest."""
    return f"{number:08x}-0000-4000-8000-000000000000"


def entries(*numbers: int, domain: str = "old.example") -> str:
    """Return a file of guests with an address each."""
    lines = (f"  - id: {guest_id(n)}\n    name: Guest {n}\n    email: g{n}@{domain}\n" for n in numbers)
    return "guests:\n" + "".join(lines) if numbers else "guests: []\n"


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class EditedTree:
    """A tree of one or more files; runs commands on it."""

    root: Path
    capture: pytest.CaptureFixture[str]

    def write(self, **files: str | bytes) -> None:
        """Write files of guests by the names of their partners, and `tenant` by its own."""
        for name, content in files.items():
            path = self.root / ("tenant.yaml" if name == "tenant" else f"guests/{name}.yaml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def text(self, name: str) -> str:
        """Return the content of a file."""
        return (
            (self.root / ("tenant.yaml" if name == "tenant" else f"guests/{name}.yaml")).read_bytes().decode()
        )

    def content(self) -> dict[str, bytes]:
        """Return every file of the folder."""
        return {str(path): path.read_bytes() for path in sorted(self.root.rglob("*")) if path.is_file()}

    def run(self, *arguments: str) -> Ended:
        """Run a command on the tree."""
        self.capture.readouterr()
        code = cli.run(["--desired", str(self.root), *arguments])
        printed = self.capture.readouterr()
        return Ended(code, printed.out, printed.err)

    def unchanged(self, act: Callable[[], Ended]) -> Ended:
        """Run a command that must not change a byte."""
        before = self.content()
        ended = act()
        assert self.content() == before
        return ended
