"""Files that somebody has committed are neither run nor shown by any step of a workflow."""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.emulator.control.client import ControlClient
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import load_seed
from reconciler.sample import SAMPLE_TREE
from tests.e2e.fake_github import GitHub, github
from tests.e2e.origin import Origin, elsewhere
from tests.e2e.shell import REPOSITORY
from tests.e2e.workflows import VARIABLES, Job, Runner
from tests.support.planted import WORD, Planted

pytestmark = [
    pytest.mark.skipif(
        shutil.which("git") is None or shutil.which("bash") is None, reason="git or bash is not installed"
    ),
    pytest.mark.timeout(900),
]

CHIARA = "3d8c6b2e-ac2e-4f80-9c73-7b5c5b3e9023"
MOVE_CHIARA = {"guests/fabrikam.yaml": ("email: chiara@fabrikam.example", "email: chiara@adatum.example")}


@dataclass(frozen=True, kw_only=True)
class Planting:
    """A repository in whose checkouts everything is planted, and what has run there."""

    hosting: GitHub
    origin: Origin
    tenant: ControlClient
    runner: Runner
    planted: Planted

    def run(self, workflow: str, event: Any) -> dict[str, Job]:
        """Run a workflow, and look whether anything planted has run or was shown."""
        jobs = self.runner.run(workflow, event)
        steps = [step for job in jobs.values() for step in job.steps]
        said = "\n".join(f"{step.name}: {step.code}\n{step.stdout}\n{step.stderr}" for step in steps)
        assert self.planted.ran() == [], said
        shown = [
            said,
            *(job.summary for job in jobs.values()),
            *(one["body"] for one in (*self.hosting.comments, *self.hosting.issues)),
            *(str(one.content) for one in self.hosting.artifacts),
        ]
        assert [text for text in shown if WORD in text] == []
        return jobs


@contextmanager
def planting(folder: Path, *, workflows: Mapping[str, str] | None = None) -> Iterator[Planting]:
    """Serve the sample tenant and a repository; without `workflows`, the product's own."""
    (folder / "bare").mkdir()
    (folder / "marks").mkdir()
    planted = Planted(marks=folder / "marks", product=workflows is None)
    with (
        github(folder / "bare") as hosting,
        serve(None, seed=load_seed(SAMPLE_TREE / "emulator.yaml")) as emulator,
        ControlClient(emulator.root) as tenant,
    ):
        yield Planting(
            hosting=hosting,
            origin=Origin.create(hosting, folder, workflows=workflows, whole=True),
            tenant=tenant,
            runner=Runner(
                github=hosting,
                folder=folder,
                # Only what the first job installs may be imported, not this checkout.
                environment={"RECONCILER_GRAPH_URL": emulator.root, "PYTHONPATH": ""},
                plant=planted.plant,
                installs=True,
                # The product's own workflows run on the emulator, with no application to sign in as.
                variables={} if workflows is None else VARIABLES,
            ),
            planted=planted,
        )


def scripts() -> set[str]:
    """Collect the scripts of the action's steps, but for the one that ends a misspelled command."""
    document = yaml.safe_load((REPOSITORY / "action.yml").read_text())
    return {step["run"] for step in document["runs"]["steps"] if "run" in step} - {"exit 2"}


def whole_story(world: Planting) -> None:
    """Review, queue, merge, report and drift, and what a run by hand applies."""
    world.run("apply.yml", world.origin.on_main("workflow_dispatch"))
    pull = world.origin.propose(12, MOVE_CHIARA)
    world.run("plan.yml", world.origin.proposed(pull))
    world.run("apply.yml", world.origin.merge(pull))
    assert world.tenant.truth()[CHIARA].mail == "chiara@adatum.example"
    assert "1 applied" in world.hosting.comments_on(12)[-1]
    world.tenant.edit_user(CHIARA, {"mail": "chiara@elsewhere.example"})
    world.run("drift.yml", world.origin.on_main("schedule"))
    assert len(world.hosting.issues) == 1


def test_the_workflows_run_nothing_of_the_checkout(tmp_path: Path) -> None:
    """Beside the product's own files, nothing at the root of its checkout is imported, run, shown or kept."""
    with planting(tmp_path) as world:
        whole_story(world)
        assert scripts() - world.runner.ran == set()


def test_the_action_runs_nothing_of_the_checkout(tmp_path: Path) -> None:
    """In another repository not even a package called reconciler, a build file or a requirement counts."""
    with planting(tmp_path, workflows=elsewhere()) as world:
        whole_story(world)
        # That step is for an emulator, and has run in the test of the product's own workflows.
        left = scripts() - world.runner.ran
        assert [script for script in left if "emulator.txt" not in script] == []


def test_a_merge_that_nothing_ran_for_shows_no_report(tmp_path: Path) -> None:
    """A committed report is not told as this run's when its apply job was skipped or left none."""
    with planting(tmp_path) as world:
        pull = world.origin.propose(3, MOVE_CHIARA)
        jobs = world.run("apply.yml", world.origin.merge(pull))
        results = {name: job.result for name, job in jobs.items()}
        said = [f"{step.name}: {step.stderr[-500:]}" for step in jobs["report"].steps]
        assert results == {"plan": "success", "apply": "skipped", "report": "success"}, said
        [body] = world.hosting.comments_on(3)
        assert re.search(r"\d applied", body) is None
        assert "Nothing was approved by this pull request" in body
