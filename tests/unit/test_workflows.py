"""The workflows are small, pinned and poor in rights, and every step is a command that a person can run."""

import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTION = ROOT / "action.yml"
ALL = [*WORKFLOWS, ACTION]
NAMES = [path.name for path in ALL]

PINNED = re.compile(r"^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
LOCAL = "./"
OUTSIDE = "${{ runner.temp }}/run"
INSTALLS = re.compile(
    r"exit 2|"
    r'python -I -m venv "\$RUNNER_TEMP/reconciler"|(rm -rf|mkdir) "\$RUNNER_TEMP/run"|'
    r'"\$RUNNER_TEMP/reconciler/(bin|Scripts)/python" -I -m pip install .*'
)
PRODUCT = re.compile(r'(exec )?"\$RUNNER_TEMP/reconciler/(bin|Scripts)/reconciler" ')
SHELL = re.compile(r"[;\n|]|&&|\$\(|`|\b(?:if|for|while|case)\b")


def tool(name: str) -> str:
    """Find a tool beside this Python or on the path, or skip."""
    found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def content(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def steps(path: Path) -> Iterator[dict[str, Any]]:
    document = content(path)
    jobs = [document["runs"]] if path == ACTION else document["jobs"].values()
    for job in jobs:
        yield from job["steps"]


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in content(path)["jobs"].items():
            yield f"{path.stem}/{name}", job


def uses_action(step: dict[str, Any]) -> dict[str, Any]:
    """Give what a step passes to the action of this repository."""
    return dict(step["with"]) if step.get("uses") == LOCAL else {}


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


def test_there_are_four() -> None:
    """Pull requests, merges, drift and the project's own checks each have a workflow."""
    assert [path.stem for path in WORKFLOWS] == ["apply", "ci", "drift", "plan"]


@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_every_step_is_one_command(path: Path) -> None:
    """There is no logic in YAML: a step is one command, and nothing of the event becomes part of it."""
    for step in steps(path):
        if "run" in step:
            assert not SHELL.search(step["run"]), step["run"]
            assert "${{" not in step["run"], step["run"]


@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_every_action_is_pinned(path: Path) -> None:
    """An action is named by the commit that was looked at, with its version beside it."""
    used = [line.partition("uses:")[2].strip() for line in path.read_text().splitlines() if "uses:" in line]
    assert len(used) == sum("uses" in step for step in steps(path))
    # The action of this repository comes with the commit that is checked out.
    assert [one for one in used if one != LOCAL and not PINNED.match(one)] == []


@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_no_step_looks_into_the_checkout_for_code(path: Path) -> None:
    """Python starts without the working folder, and the product by the path of its installed command."""
    for step in steps(path):
        if "run" not in step or step["run"].startswith("make "):
            continue
        assert INSTALLS.fullmatch(step["run"]) or PRODUCT.match(step["run"]), step["run"]
        if PRODUCT.match(step["run"]):
            folder = OUTSIDE if path.name != "ci.yml" else "${{ runner.temp }}"
            assert step["working-directory"] == folder, step["name"]
        if " pip install " in step["run"]:
            assert "--require-hashes --only-binary :all:" in step["run"] or "--no-index" in step["run"]


def test_only_jobs_without_rights_run_the_checkouts_own_commands() -> None:
    """`make` runs whatever the checkout holds, so nothing but the code itself may be in its reach."""
    making = [
        (name, job)
        for name, job in jobs()
        if any(step.get("run", "").startswith("make ") for step in job["steps"])
    ]
    assert {name for name, _ in making} == {"ci/checks", "ci/audit"}
    for _, job in making:
        assert job["permissions"] == {"contents": "read"}
        assert "env" not in job
        assert "environment" not in job


@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_artifacts_come_from_and_go_outside_of_the_checkout(path: Path) -> None:
    """What is kept or fetched lies in the folder for results."""
    for step in steps(path):
        if "-artifact@" in step.get("uses", ""):
            lines = step["with"]["path"].splitlines()
            assert [line for line in lines if not f"{line}/".startswith(f"{OUTSIDE}/")] == [], step["name"]


def test_a_later_step_uses_only_a_plan_of_this_run() -> None:
    """A page, an artifact or an issue that is made after a failure needs a plan that was written."""
    for step in steps(ACTION):
        late = "cancelled()" in step.get("if", "")
        if late and step["name"].startswith(("Write the page", "Keep the plan", "Keep the issue")):
            assert ".outputs.planned == 'true'" in step["if"], step["name"]


def test_everything_has_an_owner() -> None:
    """A file that nobody has thought of belongs to the administrators; only guests are anybody else's."""
    lines = (ROOT / ".github" / "CODEOWNERS").read_text().splitlines()
    rules = [line.split() for line in lines if line and not line.startswith("#")]
    assert rules[0] == ["*", "@your-organization/identity-admins"]
    others = [pattern for pattern, *owners in rules if owners != rules[0][1:]]
    assert others == ["/desired/"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=[path.name for path in WORKFLOWS])
def test_rights_are_given_job_by_job(path: Path) -> None:
    """A workflow has no rights of its own, no secrets, and no event that runs strangers' code with ours."""
    text = path.read_text()
    assert content(path)["permissions"] == {}
    assert all("permissions" in job for job in content(path)["jobs"].values())
    assert "secrets." not in text
    assert "pull_request_target" not in text
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_only_two_jobs_may_sign_in_and_write() -> None:
    """Signing in to plan is for reading; signing in to apply is bound to the environment."""
    signing_in = {name: job for name, job in jobs() if job["permissions"].get("id-token") == "write"}
    assert set(signing_in) == {"apply/plan", "apply/apply", "drift/drift", "plan/plan"}
    clients = {name: job["env"]["AZURE_CLIENT_ID"] for name, job in signing_in.items()}
    assert clients.pop("apply/apply") == "${{ vars.APPLY_CLIENT_ID }}"
    assert set(clients.values()) == {"${{ vars.PLAN_CLIENT_ID }}"}
    assert [name for name, job in jobs() if "environment" in job] == ["apply/apply"]
    assert signing_in["apply/apply"]["permissions"] == {
        "contents": "read",
        "id-token": "write",
        "actions": "read",
    }


def test_runs_wait_for_each_other() -> None:
    """Nothing that talks to the tenant is cancelled by a newer run, and every merge is looked at."""
    for name in ("apply", "drift", "plan"):
        document = content(ROOT / ".github" / "workflows" / f"{name}.yml")
        assert document["concurrency"]["cancel-in-progress"] is False
    # YAML 1.1 reads the key `on` as true.
    assert content(ROOT / ".github" / "workflows" / "apply.yml")[True]["push"] == {"branches": ["main"]}


def test_a_cancelled_apply_hears_of_it() -> None:
    """The process takes the shell's place, so that the interruption reaches it."""
    applies = [step["run"] for step in steps(ACTION) if " apply " in step.get("run", "")]
    assert len(applies) == 1
    assert applies[0].startswith("exec ")


def test_every_attempt_keeps_its_journal_for_the_next() -> None:
    """What a run that failed or was cancelled has recorded is kept, under a name of its own, and fetched."""
    names = [step["name"] for step in steps(ACTION)]
    fetch, apply = names.index("Fetch the journals of earlier runs"), names.index("Apply")
    assert fetch < apply < names.index("Keep the journal")
    [kept] = [step for step in steps(ACTION) if step["name"] == "Keep the journal"]
    assert "always()" in kept["if"]
    assert kept["with"]["name"] == "apply-journal-${{ github.run_attempt }}"
    [applied] = [step["run"] for step in steps(ACTION) if step["name"] == "Apply"]
    name = kept["with"]["path"].removeprefix(f"{OUTSIDE}/")
    assert applied.endswith(f"--journal {name} --evidence journals")


@pytest.mark.parametrize("name", ["plan", "apply", "drift"])
def test_a_job_checks_out_and_calls_the_action(name: str) -> None:
    """What a job does stands once, in the action; the workflow says when, with which sign-in and rights."""
    for job in content(ROOT / ".github" / "workflows" / f"{name}.yml")["jobs"].values():
        checkout, action = job["steps"]
        assert checkout["uses"].startswith("actions/checkout@")
        assert action["uses"] == LOCAL
        assert "run" not in action


def test_every_command_of_the_action_is_called_and_does_something() -> None:
    """The workflows call each command; the action has steps for each, and refuses every other word."""
    called = {step["with"]["command"] for _, job in jobs() for step in job["steps"] if uses_action(step)}
    refusal, *others = steps(ACTION)
    assert set(re.findall(r"inputs\.command != '(\w+)'", refusal["if"])) == called
    conditions = " ".join(step.get("if", "") for step in others)
    assert set(re.findall(r"inputs\.command == '(\w+)'", conditions)) == called


@pytest.mark.parametrize("given", ["outputs", "inputs"])
def test_what_a_workflow_gives_and_takes_the_action_has(given: str) -> None:
    """GitHub passes over an input, and gives nothing for an output, that the action does not declare."""
    known = content(ACTION)[given].keys()
    text = "".join((ROOT / ".github" / "workflows" / f"{name}.yml").read_text() for name in ("plan", "apply"))
    used = {
        "inputs": {key for _, job in jobs() for step in job["steps"] for key in uses_action(step)},
        "outputs": set(re.findall(r"steps\.(?:approve|apply)\.outputs\.(\w+)", text)),
    }[given]
    assert used
    assert used <= known


def test_the_schemas_of_github_find_nothing() -> None:
    """GitHub's own descriptions of workflows and actions fit."""
    check = tool("check-jsonschema")
    workflows = run(check, "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)
    assert workflows.returncode == 0, workflows.stdout
    updates = ROOT / ".github" / "dependabot.yml"
    dependabot = run(check, "--builtin-schema", "vendor.dependabot", updates)
    assert dependabot.returncode == 0, dependabot.stdout
    action = run(check, "--builtin-schema", "vendor.github-actions", ACTION)
    assert action.returncode == 0, action.stdout


def test_the_commands_in_the_docs_are_safe(tmp_path: Path) -> None:
    """The blocks to paste, one after the other, are a script that shellcheck has nothing against."""
    check = tool("shellcheck")
    script = tmp_path / "setup.sh"
    script.write_text("#!/usr/bin/env bash\n" + "".join(blocks("setup-github.md", "bash")))
    done = run(check, script)
    assert done.returncode == 0, done.stdout


def test_zizmor_finds_nothing() -> None:
    """The strictest look at what a workflow gives away has nothing to say."""
    config = ROOT / ".github" / "zizmor.yml"
    updates = ROOT / ".github" / "dependabot.yml"
    options = ("--offline", "--persona=pedantic", "--no-progress", "--config", config)
    done = run(tool("zizmor"), *options, *ALL, updates)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_shellcheck_finds_nothing(path: Path, tmp_path: Path) -> None:
    """What the shell is told is told safely."""
    check = tool("shellcheck")
    scripts: list[Path] = []
    for number, step in enumerate(steps(path)):
        if "run" in step:
            scripts.append(tmp_path / f"{number}.sh")
            scripts[-1].write_text(f"#!/usr/bin/env bash\n{step['run']}\n")
    if scripts:  # a job that calls the action has none
        done = run(check, *scripts)
        assert done.returncode == 0, done.stdout
