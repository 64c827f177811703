"""The files for CI that `init` writes: whole, pinned, and on GitHub the product's own."""

import importlib
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.scaffold import CI
from tests.support.scaffolded import CI_FILES, SOURCE, scaffolded

ROOT = Path(__file__).parents[2]
EVERY = [(ci, emulator) for ci in CI_FILES for emulator in (False, True)]
NON_UNICODE = ("--regex-variant", "nonunicode")
"""Those schemas hold patterns which are none in Unicode mode."""
SCHEMA = {
    CI.GITHUB: ("--builtin-schema", "vendor.github-workflows"),
    CI.GITLAB: ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", *NON_UNICODE),
    CI.AZURE: (
        "--builtin-schema",
        "vendor.azure-pipelines",
        "--data-transform",
        "azure-pipelines",
        *NON_UNICODE,
    ),
}


def tool(name: str) -> str:
    """Find a tool beside this Python or on the path, or skip."""
    found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


def placed(folder: Path, ci: CI, *, emulator: bool) -> list[Path]:
    """Write the files of a repository into a folder; give those that the system runs."""
    for file, text in scaffolded(ci, emulator=emulator).items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return [folder / file for file in CI_FILES[ci]]


@pytest.mark.parametrize("name", ["plan", "apply", "drift"])
def test_the_product_is_its_own_example(name: str) -> None:
    """The workflows of this repository are those that `init` writes, but for the name of the product."""
    written = scaffolded(CI.GITHUB)[f".github/workflows/{name}.yml"]
    own = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text()
    assert own.count("uses: ./\n") == written.count(f"uses: {SOURCE.uses}\n") > 0
    assert written.replace(f"uses: {SOURCE.uses}\n", "uses: ./\n") == own


@pytest.mark.parametrize(("ci", "emulator"), EVERY)
def test_the_schema_of_the_system_finds_nothing(*, ci: CI, emulator: bool, tmp_path: Path) -> None:
    """Each file fits the description that its system publishes."""
    done = run(tool("check-jsonschema"), *SCHEMA[ci], *placed(tmp_path, ci, emulator=emulator))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("ci", CI_FILES)
def test_the_schema_of_the_system_can_find_something(ci: CI, tmp_path: Path) -> None:
    """A key that the system does not know is found, so that the schemas are in use."""
    first, *_ = placed(tmp_path, ci, emulator=False)
    first.write_text(re.sub(r"(?m)^(jobs|stages):", r"no-such-key: {\1: 1}\n\1:", first.read_text(), count=1))
    if ci is CI.GITLAB:  # where any name is a job
        first.write_text(first.read_text().replace("  stage: plan\n", "  stage: {}\n", 1))
    done = run(tool("check-jsonschema"), *SCHEMA[ci], first)
    assert done.returncode == 1, done.stdout + done.stderr


@pytest.mark.parametrize("emulator", [False, True])
def test_zizmor_finds_nothing(*, emulator: bool, tmp_path: Path) -> None:
    """The strictest look at what the workflows give away has nothing to say, with no configuration."""
    placed(tmp_path, CI.GITHUB, emulator=emulator)
    done = run(tool("zizmor"), "--offline", "--persona=pedantic", "--no-progress", tmp_path)
    assert done.returncode == 0, done.stdout


def scripts(value: Any) -> Iterator[str]:
    """Give every script of a document, whatever its system calls them."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key in {"script", "before_script", "inlineScript"}:
                lines = each if isinstance(each, list) else [each]
                yield "\n".join(one for line in lines for one in (line if isinstance(line, list) else [line]))
            else:
                yield from scripts(each)
    elif isinstance(value, list):
        for each in value:
            yield from scripts(each)


def documents(ci: CI, *, emulator: bool = False) -> Iterator[Any]:
    files = scaffolded(ci, emulator=emulator)
    return (yaml.safe_load(files[file]) for file in CI_FILES[ci])


@pytest.mark.parametrize(("ci", "emulator"), [each for each in EVERY if each[0] is not CI.GITHUB])
def test_shellcheck_finds_nothing(*, ci: CI, emulator: bool, tmp_path: Path) -> None:
    """What the shell is told is told safely."""
    check = tool("shellcheck")
    (document,) = documents(ci, emulator=emulator)
    for number, script in enumerate(scripts(document)):
        filled = re.sub(r"\$\(([A-Za-z]+\.[A-Za-z]+)\)", r"/\1", script)  # Azure's own variables
        path = tmp_path / f"{number}.sh"
        # GitLab joins the commands of a job, so that a variable is set in another list than it is used in.
        path.write_text(f"#!/bin/bash\n# shellcheck disable=SC2154,SC2034\n{filled}\n")
    found = sorted(tmp_path.glob("*.sh"))
    assert found
    done = run(check, *found)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("ci", [CI.GITLAB, CI.AZURE])
def test_only_commands_that_exist_are_named(ci: CI) -> None:
    """Every command and option of the product in the files is one that it has."""
    (document,) = documents(ci)
    text = "\n".join(scripts(document))
    used = re.findall(r"/bin/reconciler\"(?: --desired \S+)? (.*)", text)
    assert len(used) >= 5
    for line in used:
        name, *words = line.split()
        command = importlib.import_module(f"reconciler.cli.{name}").command
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, line


@pytest.mark.parametrize("ci", [CI.GITLAB, CI.AZURE])
def test_the_product_comes_from_the_commit_alone(ci: CI) -> None:
    """What is installed is fetched by its commit, hashed wheels apart, and the checkout is no part of it."""
    (document,) = documents(ci)
    text = "\n".join(scripts(document))
    fetched = re.findall(r"fetch --quiet --depth 1 (\S+) (\S+)$", text, re.MULTILINE)
    assert set(fetched) == {(SOURCE.url, SOURCE.commit)}
    assert set(re.findall(r"checkout --quiet --detach (\S+)$", text, re.MULTILINE)) == {SOURCE.commit}
    installs = re.findall(r".*pip install.*", text)
    assert installs
    for line in installs:
        assert "CI_PROJECT_DIR" not in line
        assert "BUILD_SOURCESDIRECTORY" not in line
        assert ("--require-hashes" in line) != ("--no-deps" in line)


def identities(workflow: Any) -> dict[str, tuple[str | None, bool]]:
    """Give, by job, the application it signs in as, and whether it has an environment."""
    return {
        name: (job.get("env", {}).get("AZURE_CLIENT_ID"), "environment" in job)
        for name, job in workflow["jobs"].items()
    }


def test_only_the_job_with_an_environment_may_write() -> None:
    """On GitHub the application that writes signs in where reviewers are asked, and nowhere else."""
    found = [each for workflow in documents(CI.GITHUB) for each in identities(workflow).values()]
    assert [each for each in found if each[1]] == [("${{ vars.APPLY_CLIENT_ID }}", True)]
    assert {each[0] for each in found if not each[1]} == {"${{ vars.PLAN_CLIENT_ID }}", None}


def test_every_action_is_pinned() -> None:
    """Each `uses:` ends in a whole commit."""
    text = "".join(scaffolded(CI.GITHUB)[file] for file in CI_FILES[CI.GITHUB])
    used = re.findall(r"uses: (\S+)", text)
    assert used
    assert [each for each in used if not re.search(r"@[0-9a-f]{40}$", each)] == []
