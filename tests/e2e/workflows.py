"""Runs the workflows of `.github/workflows` as a runner of GitHub's would: their own `run:` steps, in order.

Actions are played by name, in one table; a workflow that uses another one fails here.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.expressions import holds, interpolate
from tests.e2e.fake_github import REPOSITORY, GitHub, Run
from tests.e2e.shell import REPOSITORY as CHECKOUT
from tests.e2e.shell import clean_environment
from tests.support.repository import git

PRODUCT = "OWNER/reconciler"
"""How the docs call this repository where another one uses its action."""

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

    installed: set[str] = field(default_factory=set)
    """What was installed: every job of a test has the same machine, so once is enough."""

    def run(self, workflow: str, event: Event) -> dict[str, Job]:
        """Run a workflow to its end; give its jobs by their keys."""
        run = self.github.start(
            workflow, event=event.name, branch=event.branch, head=event.head, repository=event.repository
        )
        source = git(self.github.bare, "show", f"{event.commit}:.github/workflows/{workflow}")
        content: Mapping[Any, Any] = yaml.safe_load(source)
        # YAML 1.1 reads the key `on` as true.
        assert event.name in content[True], f"{workflow} does not run on {event.name}"
        assert content["permissions"] == {}
        jobs: dict[str, Job] = {}
        for key, described in content["jobs"].items():
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
            "vars": {"PLAN_CLIENT_ID": "plan-app", "APPLY_CLIENT_ID": "apply-app"},
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

    def _run_steps(
        self, job: Job, steps: Sequence[Mapping[str, Any]], contexts: dict[str, Any], env: Mapping[str, Any]
    ) -> None:
        for step in steps:
            contexts["success"], contexts["failure"] = job.result == "success", job.result == "failure"
            if not holds(step.get("if"), contexts):
                continue
            if "uses" in step:
                self._use(job, step, contexts, env)
                continue
            own = {
                name: interpolate(str(value), contexts)
                for name, value in {**env, **step.get("env", {})}.items()
            }
            number = len(job.steps)
            output, summary = self.room / f"output-{number}", self.room / f"summary-{number}"
            environment = self._environment(own, output=output, summary=summary)
            script = step["run"]
            if script in self.machine.installed:
                continue
            done = self._script(script, self.room / f"step-{number}.sh", environment)
            job.steps.append(
                Step(name=step["name"], code=done.returncode, stdout=done.stdout, stderr=done.stderr)
            )
            job.summary += summary.read_text()
            if "id" in step:
                given = dict(line.split("=", 1) for line in output.read_text().splitlines())
                contexts["steps"][step["id"]] = {"outputs": given}
            if done.returncode:
                job.result = "failure"
            elif script.startswith("python -m pip install "):
                self.machine.installed.add(script)

    def _use(
        self, job: Job, step: Mapping[str, Any], contexts: dict[str, Any], env: Mapping[str, Any]
    ) -> None:
        action = step["uses"].partition("@")[0]
        options = {name: _option(value, contexts) for name, value in step.get("with", {}).items()}
        if action != PRODUCT:
            _ACTIONS[action](self, self.workspace, options)
            return
        described = yaml.safe_load((CHECKOUT / "action.yml").read_text())
        given = {
            name: options.get(name, _option(one.get("default"), contexts))
            for name, one in described["inputs"].items()
        }
        assert options.keys() <= given.keys()
        inner = {
            **contexts,
            "inputs": given,
            "github": {**contexts["github"], "action_path": str(CHECKOUT)},
        }
        assert all(one.get("shell") == "bash" for one in described["runs"]["steps"] if "run" in one)
        self._run_steps(job, described["runs"]["steps"], inner, {**env, "GITHUB_ACTION_PATH": str(CHECKOUT)})

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
        environment = clean_environment(
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
                # What there is to install is there, in this test's own environment: pip only looks.
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
                "PIP_DRY_RUN": "1",
                "PIP_NO_INDEX": "1",
                **signing_in,
                **self.machine.environment,
                **own,
            }
        )
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        return environment

    def _script(
        self, script: str, file: Path, environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        assert "${{" not in script, "an expression in a script lets data become code"
        file.write_text(script)
        return subprocess.run(
            ["bash", "-e", file],
            cwd=self.workspace,
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

    def set_up_python(self, workspace: Path, options: Mapping[str, Any]) -> None:
        """Play actions/setup-python: this test's own Python is the one."""
        cached = options.get("cache-dependency-path")
        assert cached is None or (workspace / cached).exists()

    def upload(self, workspace: Path, options: Mapping[str, Any]) -> None:
        """Play actions/upload-artifact: what is not there is left out."""
        paths = [workspace / line.strip() for line in options["path"].splitlines()]
        assert all(path.is_relative_to(workspace) for path in paths)
        root = paths[0] if len(paths) == 1 and paths[0].is_dir() else workspace
        files = [one for path in paths for one in (path.rglob("*") if path.is_dir() else [path])]
        kept = {one.relative_to(root).as_posix(): one.read_bytes() for one in files if one.is_file()}
        if kept:
            self.machine.github.upload(self.run, options["name"], kept)

    def download(self, workspace: Path, options: Mapping[str, Any]) -> None:
        """Play actions/download-artifact: one by its name, or each of a pattern into its own folder."""
        found = [one for one in self.machine.github.artifacts if one.run == self.run.id]
        if "name" in options:
            (only,) = [one for one in found if one.name == options["name"]]
            _unpack(only.content, workspace / options["path"])
            return
        for one in found:
            if one.name.startswith(options["pattern"].removesuffix("*")):
                _unpack(one.content, workspace / one.name)


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
