"""What somebody may commit to make a job run it, or to make a job show it as its own result."""

from dataclasses import dataclass
from pathlib import Path

WORD = "PLANTED"
"""Stands in every planted file that could be shown."""

_MODULES = (
    "click",
    "httpx",
    "json",
    "jsonschema",
    "os",
    "pathlib",
    "setuptools",
    "site",
    "sitecustomize",
    "subprocess",
    "usercustomize",
    "yaml",
)
_PACKAGES = ("encodings", "ensurepip", "hatchling", "pip", "venv")
_COMMANDS = ("apt-get", "bash", "git", "mkdir", "pip", "python", "python3", "reconciler", "rm")
_RESULTS = (
    "plan.json",
    "plan.html",
    "problems.sarif",
    "report.json",
    "approved/plan.json",
    "approved/pulls.json",
    "approved/plans/own.json",
    "journals/1.jsonl",
    "plan/plan.json",
    "run/plan.json",
    "run/report.json",
    "run-approved/plan.json",
    "run-approved/pulls.json",
    "run-approved/plans/own.json",
    "run-report/report.json",
)


@dataclass(frozen=True, kw_only=True)
class Planted:
    """Plants files in checkouts, and tells what became of them."""

    marks: Path
    """A folder outside of every checkout, in which code that runs leaves its name."""

    product: bool
    """Whether the checkout is one of the product, whose own files are its owners'."""

    def plant(self, workspace: Path) -> None:
        """Add everything to a checkout; never replace one of its own files."""
        if not self.product:
            self._adopters(workspace)
        for name in _MODULES:
            self._code(workspace / f"{name}.py")
        for name in _PACKAGES:
            self._code(workspace / name / "__init__.py")
            self._code(workspace / name / "__main__.py")
        for name in _COMMANDS:
            self._command(workspace / "bin" / name)
            if not (workspace / name).exists():
                self._command(workspace / name)
        mark = str(self.marks / "planted.pth")
        (workspace / "planted.pth").write_text(f"import _io; _io.open({mark!r}, 'w').close()\n")
        (workspace / "pip.conf").write_text("[global]\nindex-url = https://planted.invalid/simple\n")
        (workspace / ".netrc").write_text("default login planted password planted\n")
        (workspace / "setup.cfg").write_text("[install]\nprefix = planted\n")
        (workspace / ".python-version").write_text("2.7.18\n")
        (workspace / "pyvenv.cfg").write_text("home = planted\n")
        for name in _RESULTS:
            self._write(workspace / name, f'{{"{WORD}": 1}}\n')
        target = self.marks.parent / "target"
        target.write_text("mine")
        (workspace / "journal.jsonl").symlink_to(target)
        (workspace / "journal").mkdir()
        (workspace / "journal" / "journal.jsonl").symlink_to(target)

    def ran(self) -> list[str]:
        """Name the planted code that has run, and a link that was written through."""
        through = [] if (self.marks.parent / "target").read_text() == "mine" else ["journal.jsonl"]
        return sorted(path.name for path in self.marks.iterdir()) + through

    def _adopters(self, workspace: Path) -> None:
        for file in ("__init__.py", "__main__.py", "cli/__init__.py"):
            self._code(workspace / "reconciler" / file)
        self._code(workspace / "hatch_build.py")
        self._code(workspace / "setup.py")
        (workspace / "hatch.toml").write_text('[build.hooks.custom]\npath = "hatch_build.py"\n')
        backend = '[build-system]\nrequires = []\nbuild-backend = "hatch_build"\nbackend-path = ["."]\n'
        (workspace / "pyproject.toml").write_text(backend)
        self._write(workspace / "requirements" / "runtime.txt", "planted==1\n")

    def _code(self, path: Path) -> None:
        mark = str(self.marks / f"{path.parent.name}.{path.name}")
        self._write(path, f"import _io; _io.open({mark!r}, 'w').close()\nraise SystemExit('{WORD}')\n")

    def _command(self, path: Path) -> None:
        self._write(path, f"#!/bin/sh\n: > '{self.marks / path.name}'\necho {WORD}\nexit 97\n")
        path.chmod(0o755)

    def _write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
