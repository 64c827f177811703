"""The files that `init` writes for GitLab and Azure run and show nothing that somebody has committed."""

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import load_seed
from reconciler.sample import SAMPLE_TREE
from reconciler.scaffold import CI, Source
from tests.e2e.shell import REPOSITORY, clean_environment
from tests.support.planted import WORD, Planted
from tests.support.repository import git
from tests.support.scaffolded import scaffolded

pytestmark = [
    pytest.mark.skipif(
        shutil.which("git") is None or shutil.which("bash") is None, reason="git or bash is not installed"
    ),
    pytest.mark.timeout(900),
]

PARTS = ("LICENSE", "README.md", "pyproject.toml", "reconciler", "requirements")


@dataclass(kw_only=True)
class Machine:
    """A machine with a checkout of an adopter's repository in which everything is planted."""

    room: Path
    source: Source
    planted: Planted
    environment: dict[str, str]
    said: list[str] = field(default_factory=list)

    installed: Path | None = None
    """The command that the first job has installed."""

    @property
    def gitlab(self) -> Any:
        """The file that GitLab runs."""
        return yaml.safe_load(scaffolded(CI.GITLAB, source=self.source)[".gitlab-ci.yml"])

    @property
    def azure(self) -> Any:
        """The file that Azure Pipelines runs."""
        return yaml.safe_load(scaffolded(CI.AZURE, source=self.source)["azure-pipelines.yml"])

    @property
    def checkout(self) -> Path:
        """The folder that a runner has checked out."""
        return self.room / "checkout"

    def bash(self, script: str, *, folder: Path | None = None, **environment: str) -> int:
        """Run a script as a runner does, and look whether anything planted has run or was shown."""
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script],
            cwd=folder or self.checkout,
            env=clean_environment({**self.environment, **environment}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
        self.said.append(f"{script}\n{done.returncode}\n{done.stdout}\n{done.stderr}")
        assert self.planted.ran() == [], self.said[-1]
        assert WORD not in done.stdout + done.stderr
        return done.returncode

    def installing(self, script: str, place: str) -> str:
        """Let an installation fetch nothing; from the second job on, use what the first has installed."""
        if "-m venv" in script:
            if self.installed:
                return f'mkdir -p "{place}/bin"; ln -s {self.installed} "{place}/bin/reconciler"'
            borrowed = sysconfig.get_path("purelib")
            each = f'for each in "{place}"/lib/python*/site-packages; do'
            return f'{script}; {each} echo {borrowed} > "$each/borrowed.pth"; done'
        return "true" if self.installed and "-m pip" in script else script


def product(folder: Path) -> str:
    """Make a repository of the product; give its commit."""
    folder.mkdir()
    for part in PARTS:
        copy: Any = shutil.copytree if (REPOSITORY / part).is_dir() else shutil.copy
        copy(REPOSITORY / part, folder / part)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Release")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """Give a checkout whose newest commit changes one guest, a tenant, and GitHub with the product."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in ("marks", "tmp", "tools"):
        (tmp_path / name).mkdir()
    source = Source(repository="contoso/reconciler", commit=product(tmp_path / "product"))
    for file, text in scaffolded(CI.NONE, emulator=True).items():
        (checkout / file).parent.mkdir(parents=True, exist_ok=True)
        (checkout / file).write_text(text)
    git(checkout, "init", "--quiet", "--initial-branch=main")
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--message", "Begin")
    guests = checkout / "desired" / "guests" / "fabrikam.yaml"
    guests.write_text(guests.read_text().replace("chiara@fabrikam.example", "chiara@adatum.example"))
    git(checkout, "commit", "--quiet", "--all", "--message", "Change")
    planted = Planted(marks=tmp_path / "marks", product=False)
    planted.plant(checkout)
    # What the image brings along.
    (tmp_path / "tools" / "apt-get").write_text("#!/bin/sh\n")
    (tmp_path / "tools" / "apt-get").chmod(0o755)
    with serve(None, seed=load_seed(SAMPLE_TREE / "emulator.yaml")) as emulator:
        path = f"{tmp_path / 'tools'}:{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
        environment = {
            "PATH": path,
            "PYTHONPATH": "",
            "PIP_NO_INDEX": "1",
            "RECONCILER_GRAPH_URL": emulator.root,
            "TMPDIR": str(tmp_path / "tmp"),
            # The address of the product's repository on GitHub leads to the one above.
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.file://{tmp_path / 'product'}.insteadOf",
            "GIT_CONFIG_VALUE_0": source.url,
        }
        yield Machine(room=tmp_path, source=source, planted=planted, environment=environment)


def flat(lines: list[Any]) -> list[str]:
    """Join nested lists of commands, as GitLab does."""
    return [one for line in lines for one in (flat(line) if isinstance(line, list) else [line])]


def gitlab(machine: Machine, job: str) -> int:
    """Run a job of GitLab's: one shell for all commands."""
    base = git(machine.checkout, "rev-parse", "HEAD^")
    file = machine.gitlab
    commands = flat([*file["default"]["before_script"], *file[job]["script"]])
    script = "\n".join(machine.installing(command, "$TOOLS/reconciler") for command in commands)
    code = machine.bash(
        script,
        CI_PROJECT_DIR=str(machine.checkout),
        CI_MERGE_REQUEST_DIFF_BASE_SHA=base,
        CI_COMMIT_BEFORE_SHA=base,
        STATEMENT="a-statement",
    )
    if machine.installed is None:
        (machine.installed,) = (machine.room / "tmp").glob("*/reconciler/bin/reconciler")
    return code


@pytest.mark.parametrize("plan", ["plan:merged", "plan:drift"])
def test_gitlab(machine: Machine, plan: str) -> None:
    """Each job plans, shows and applies by itself; a link in the journal's place is refused by name."""
    assert gitlab(machine, "validate") == 0, machine.said
    assert gitlab(machine, "plan:review") == 0, machine.said
    assert WORD not in (machine.checkout / "run" / "plan.html").read_text()
    assert gitlab(machine, plan) == (4 if plan == "plan:drift" else 0), machine.said
    assert gitlab(machine, "apply") == 2
    assert "it is a symbolic link" in machine.said[-1]
    (machine.checkout / "journal.jsonl").unlink()
    (machine.checkout / "journal.jsonl").touch()  # the cache's
    assert gitlab(machine, "apply") == 0, machine.said[-1]
    assert "applied" in machine.said[-1]
    for name in machine.gitlab["apply"]["artifacts"]["paths"]:
        assert WORD not in (machine.checkout / name).read_text()
    statements = [*(machine.room / "tmp").glob("*/statement")]
    assert {path.stat().st_mode & 0o077 for path in (*statements, *(one.parent for one in statements))} == {0}


def azure_steps(machine: Machine, stage: int) -> list[Mapping[str, Any]]:
    (job,) = machine.azure["stages"][stage]["jobs"]
    return list(job["steps"])


def azure(machine: Machine, stage: int) -> dict[str, int]:
    """Run a stage of Azure's: each step a shell of its own; give the exit codes by their names."""
    temp = machine.room / f"temp-{stage}"
    temp.mkdir()
    places = {"Agent.TempDirectory": temp, "Pipeline.Workspace": machine.room / "pipeline"}

    def filled(text: str) -> str:
        return re.sub(r"\$\(([\w.]+)\)", lambda found: str(places.get(found[1], found[1])), text)

    codes: dict[str, int] = {}
    for step in azure_steps(machine, stage):
        if "publish" in step and Path(filled(step["publish"])).exists():
            target = places["Pipeline.Workspace"] / filled(step["artifact"])
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(filled(step["publish"]), target)
        script = step.get("script") or step.get("inputs", {}).get("inlineScript")
        if script is None:
            continue
        folder = step.get("workingDirectory") or step.get("inputs", {}).get("workingDirectory")
        codes[step["displayName"]] = machine.bash(
            machine.installing(filled(script), f"{temp}/reconciler"),
            folder=Path(filled(folder)) if folder else None,
            AGENT_TEMPDIRECTORY=str(temp),
            BUILD_SOURCESDIRECTORY=str(machine.checkout),
            PIPELINE_WORKSPACE=str(places["Pipeline.Workspace"]),
        )
    machine.installed = machine.installed or temp / "reconciler" / "bin" / "reconciler"
    return codes


def test_azure(machine: Machine) -> None:
    """Both stages go through, and what they publish is what they have made."""
    for stage in (0, 1):
        assert set(azure(machine, stage).values()) == {0}, machine.said
    assert "applied" in machine.said[-1]
    published = [path for path in (machine.room / "pipeline").rglob("*") if path.is_file()]
    assert {path.name for path in published} == {"plan.json", "plan.html", "report.json", "journal.jsonl"}
    assert [path for path in published if WORD in path.read_text()] == []
