"""Runs the workflows of `.github/workflows` as a runner of GitHub's would: their own `run:` steps, in order.

Actions are played by name, in one table; a workflow that uses another one fails here.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.expressions import holds, interpolate
from tests.e2e.fake_github import REPOSITORY, GitHub, Run
from tests.e2e.shell import COMMAND, clean_environment
from tests.e2e.shell import REPOSITORY as CHECKOUT
from tests.support.repository import git

PRODUCT = "OWNER/reconciler"
"""How the docs call this repository where another one uses its action."""

LOCAL = "./"
"""How the workflows of this repository call its action."""

INSTALLING = (
    "Make a virtual environment",
    "Install what the product needs",
    "Install what the emulator needs",
    "Install the product",
)
"""Steps of the action that run where `Runner.installs` says so; elsewhere this test's own product is used."""

VARIABLES = {"PLAN_CLIENT_ID": "plan-app", "APPLY_CLIENT_ID": "apply-app"}

_STEP_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step that has run."""

    name: str
    code: int
    stdout: str
    stderr: str


@dataclass(kw_only=True)
class Job:
    """A job that has run or was skipped."""

    result: str
    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""

    def step(self, name: str) -> Step:
        """Find a step by its name."""
        return next(one for one in self.steps if one.name == name)


@dataclass(frozen=True, kw_only=True)
class Event:
    """What starts a run, as GitHub tells it to the steps."""

    name: str
    payload: Mapping[str, Any]
    commit: str
    """What is checked out."""

    ref: str
    """Such as `refs/heads/main`."""

    ref_name: str
    head: str
    """The commit that the run is listed under: of a pull request, the proposed one."""

    branch: str
    repository: str = REPOSITORY
    """Where the commit comes from."""

    base_ref: str = ""
    head_ref: str = ""


@dataclass(kw_only=True)
class Runner:
    """A machine that runs workflows of one repository."""

    github: GitHub
    folder: Path
    environment: dict[str, str]
    """What the test adds for every step, such as where the tenant is."""

    plant: Callable[[Path], None] = lambda workspace: None
    """Adds to every checkout what a stranger could have committed."""

    installs: bool = False
    """Whether the first job installs the product as the action says; later ones use what it has installed."""

    installed: Path | None = None
    """The command that was installed."""

    variables: Mapping[str, str] = field(default_factory=lambda: dict(VARIABLES))
    """Of the repository."""

    ran: set[str] = field(default_factory=set)
    """The scripts of all steps that have run."""

    def run(
        self,
        workflow: str,
        event: Event,
        *,
        only: str | None = None,
        done: Mapping[str, Job] | None = None,
        artifacts: Mapping[str, Mapping[str, bytes]] | None = None,
    ) -> dict[str, Job]:
        """Run a workflow to its end; give its jobs by their keys.

        With `only`, run one job again, when those of `done` have run and have kept `artifacts`.
        """
        run = self.github.start(
            workflow, event=event.name, branch=event.branch, head=event.head, repository=event.repository
        )
        source = git(self.github.bare, "show", f"{event.commit}:.github/workflows/{workflow}")
        content: Mapping[Any, Any] = yaml.safe_load(source)
        # YAML 1.1 reads the key `on` as true.
        assert event.name in content[True], f"{workflow} does not run on {event.name}"
        assert content["permissions"] == {}
        jobs: dict[str, Job] = dict(done or {})
        for name, files in (artifacts or {}).items():
            self.github.upload(run, name, files)
        for key, described in content["jobs"].items():
            if only is not None and key != only:
                continue
            jobs[key] = _Runner(self, run, workflow, event, jobs).job(key, described)
        failed = any(job.result == "failure" for job in jobs.values())
        run.conclusion = "failure" if failed else "success"
        return jobs


@dataclass
class _Runner:
    machine: Runner
    run: Run
    workflow: str
    event: Event
    jobs: dict[str, Job]
    room: Path = field(init=False)
    permissions: Mapping[str, str] = field(init=False)

    def job(self, key: str, described: Mapping[str, Any]) -> Job:
        needs = described.get("needs", [])
        needed = {name: self.jobs[name] for name in ([needs] if isinstance(needs, str) else needs)}
        contexts: dict[str, Any] = {
            "github": {
                "event": self.event.payload,
                "event_name": self.event.name,
                "repository": REPOSITORY,
                "ref": self.event.ref,
                "run_attempt": self.run.attempt,
            },
            "vars": self.machine.variables,
            "needs": {name: {"result": job.result, "outputs": job.outputs} for name, job in needed.items()},
            "success": all(job.result == "success" for job in needed.values()),
            "failure": any(job.result == "failure" for job in needed.values()),
            "cancelled": False,
        }
        if not holds(described.get("if"), contexts):
            return Job(result="skipped")
        return self._steps(key, described, contexts)

    def _steps(self, key: str, described: Mapping[str, Any], contexts: dict[str, Any]) -> Job:
        self.room = self.machine.folder / f"run-{self.run.id}-{key}"
        self.workspace.mkdir(parents=True)
        self.temp.mkdir()
        contexts["runner"] = {"temp": str(self.temp)}
        self.permissions = described["permissions"]
        if self.event.repository != REPOSITORY:
            self.permissions = {name: "read" for name in self.permissions if name != "id-token"}
        token = f"token-{self.run.id}-{key}"
        self.machine.github.tokens[token] = self.permissions
        contexts["github"]["token"] = token
        contexts["steps"] = {}
        job = Job(result="success")
        self._run_steps(job, described["steps"], contexts, described.get("env", {}))
        job.outputs = {
            name: interpolate(value, contexts) for name, value in described.get("outputs", {}).items()
        }
        return job

    @property
    def workspace(self) -> Path:
        return self.room / "workspace"

    @property
    def temp(self) -> Path:
        return self.room / "temp"

    def _run_steps(
        self, job: Job, steps: Sequence[Mapping[str, Any]], contexts: dict[str, Any], env: Mapping[str, Any]
    ) -> None:
        contexts["env"] = {name: interpolate(str(value), contexts) for name, value in env.items()}
        for step in steps:
            contexts["success"], contexts["failure"] = job.result == "success", job.result == "failure"
            if not holds(step.get("if"), contexts):
                continue
            if "uses" in step:
                self._use(job, step, contexts, env)
                continue
            if step["name"] in INSTALLING and (self.machine.installed or not self.machine.installs):
                install_this_product(self.temp, self.machine.installed or COMMAND)
                continue
            own = {
                name: interpolate(str(value), contexts)
                for name, value in {**env, **step.get("env", {})}.items()
            }
            number = len(job.steps)
            output, summary = self.room / f"output-{number}", self.room / f"summary-{number}"
            environment = self._environment(own, output=output, summary=summary)
            folder = Path(interpolate(step.get("working-directory", str(self.workspace)), contexts))
            done = self._script(step["run"], self.room / f"step-{number}.sh", environment, folder)
            job.steps.append(
                Step(name=step["name"], code=done.returncode, stdout=done.stdout, stderr=done.stderr)
            )
            job.summary += summary.read_text()
            self.machine.ran.add(step["run"])
            if step["name"] == INSTALLING[0]:
                borrow_packages(self.temp)
            elif step["name"] == INSTALLING[-1]:
                self.machine.installed = self.temp / "reconciler" / "bin" / "reconciler"
            if "id" in step:
                given = dict(line.split("=", 1) for line in output.read_text().splitlines())
                contexts["steps"][step["id"]] = {"outputs": given}
            if done.returncode:
                job.result = "failure"

    def _use(
        self, job: Job, step: Mapping[str, Any], contexts: dict[str, Any], env: Mapping[str, Any]
    ) -> None:
        action = step["uses"].partition("@")[0]
        options = {name: _option(value, contexts) for name, value in step.get("with", {}).items()}
        if action not in {PRODUCT, LOCAL}:
            _ACTIONS[action](self, self.workspace, options)
            return
        path = self.workspace if action == LOCAL else CHECKOUT
        described = yaml.safe_load((path / "action.yml").read_text())
        given = {
            name: options.get(name, _option(one.get("default"), contexts))
            for name, one in described["inputs"].items()
        }
        assert options.keys() <= given.keys()
        inner = {**contexts, "inputs": given, "steps": {}}
        assert all(one.get("shell") == "bash" for one in described["runs"]["steps"] if "run" in one)
        self._run_steps(job, described["runs"]["steps"], inner, {**env, "GITHUB_ACTION_PATH": f"{path}/"})
        if "id" in step:
            outputs = {name: interpolate(one["value"], inner) for name, one in described["outputs"].items()}
            contexts["steps"][step["id"]] = {"outputs": outputs}

    def _environment(self, own: Mapping[str, str], *, output: Path, summary: Path) -> dict[str, str]:
        event = self.room / "event.json"
        event.write_text(json.dumps(self.event.payload))
        output.touch()
        summary.touch()
        signing_in = (
            {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://oidc.invalid", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x"}
            if self.permissions.get("id-token") == "write"
            else {}
        )
        return clean_environment(
            {
                "CI": "true",
                "GITHUB_ACTIONS": "true",
                "GITHUB_API_URL": self.machine.github.root,
                "GITHUB_BASE_REF": self.event.base_ref,
                "GITHUB_EVENT_NAME": self.event.name,
                "GITHUB_EVENT_PATH": str(event),
                "GITHUB_HEAD_REF": self.event.head_ref,
                "GITHUB_OUTPUT": str(output),
                "GITHUB_REF": self.event.ref,
                "GITHUB_REF_NAME": self.event.ref_name,
                "GITHUB_REPOSITORY": REPOSITORY,
                "GITHUB_RUN_ID": str(self.run.id),
                "GITHUB_SERVER_URL": "https://github.example",
                "GITHUB_SHA": self.event.commit,
                "GITHUB_STEP_SUMMARY": str(summary),
                "GITHUB_WORKFLOW_REF": f"{REPOSITORY}/.github/workflows/{self.workflow}@{self.event.ref}",
                "GITHUB_WORKSPACE": str(self.workspace),
                "RUNNER_TEMP": str(self.temp),
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "PIP_NO_INDEX": "1",
                **signing_in,
                **self.machine.environment,
                **own,
            }
        )

    def _script(
        self, script: str, file: Path, environment: Mapping[str, str], folder: Path
    ) -> subprocess.CompletedProcess[str]:
        assert "${{" not in script, "an expression in a script lets data become code"
        file.write_text(script)
        return subprocess.run(
            ["bash", "-e", file],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_STEP_SECONDS,
        )

    def check_out(self, workspace: Path, options: Mapping[str, Any]) -> None:
        """Play actions/checkout."""
        assert options.keys() <= {"persist-credentials", "fetch-depth"}
        assert options["persist-credentials"] is False
        depth = options.get("fetch-depth", 1)
        git(workspace, "init", "--quiet", "--initial-branch=main")
        git(workspace, "remote", "add", "origin", f"file://{self.machine.github.bare}")
        shallow = ["--depth=1"] if depth else ["+refs/heads/*:refs/remotes/origin/*"]
        git(workspace, "fetch", "--quiet", "origin", *shallow, self.event.commit)
        git(workspace, "checkout", "--quiet", "--detach", self.event.commit)
        self.machine.plant(workspace)

    def set_up_python(self, workspace: Path, options: Mapping[str, Any]) -> None:
        """Play actions/setup-python: this test's own Python is the one."""
        assert options.keys() == {"python-version"}

    def upload(self, workspace: Path, options: Mapping[str, Any]) -> None:
        """Play actions/upload-artifact: what is not there is left out."""
        paths = [workspace / line.strip() for line in options["path"].splitlines()]
        assert all(path.is_relative_to(self.temp) for path in paths), (
            "a result would be kept from the checkout"
        )
        root = paths[0] if len(paths) == 1 and paths[0].is_dir() else paths[0].parent
        files = [one for path in paths for one in (path.rglob("*") if path.is_dir() else [path])]
        kept = {one.relative_to(root).as_posix(): one.read_bytes() for one in files if one.is_file()}
        if kept:
            self.machine.github.upload(self.run, options["name"], kept)

    def download(self, workspace: Path, options: Mapping[str, Any]) -> None:
        """Play actions/download-artifact: one by its name, or each of a pattern into its own folder."""
        found = [one for one in self.machine.github.artifacts if one.run == self.run.id]
        assert Path(options["path"]).is_relative_to(self.temp), "a result would lie in the checkout"
        if "name" in options:
            (only,) = [one for one in found if one.name == options["name"]]
            _unpack(only.content, workspace / options["path"])
            return
        for one in found:
            if one.name.startswith(options["pattern"].removesuffix("*")):
                _unpack(one.content, workspace / options["path"] / one.name)


def borrow_packages(temp: Path) -> None:
    """Let a new virtual environment find what this test's own one has, so that pip has nothing to fetch."""
    (packages,) = temp.glob("reconciler/lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))


def install_this_product(temp: Path, installed: Path = COMMAND) -> None:
    """Put a command that is installed elsewhere where the action installs the product."""
    folder = temp / "reconciler" / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    command = folder / "reconciler"
    command.write_text(f'#!/bin/sh\nexec "{installed}" "$@"\n')
    command.chmod(0o755)


def _option(value: Any, contexts: Mapping[str, Any]) -> Any:
    return interpolate(value, contexts) if isinstance(value, str) else value


def _unpack(archive: bytes, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "archive.zip").write_bytes(archive)
    shutil.unpack_archive(folder / "archive.zip", folder)
    (folder / "archive.zip").unlink()


_ACTIONS: Mapping[str, Callable[[_Runner, Path, Mapping[str, Any]], None]] = {
    "actions/checkout": _Runner.check_out,
    "actions/setup-python": _Runner.set_up_python,
    "actions/upload-artifact": _Runner.upload,
    "actions/download-artifact": _Runner.download,
}
"""The actions that a workflow may use, and what they do here."""
