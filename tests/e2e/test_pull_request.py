"""The path of a pull request, by the workflows' own steps, on a real git repository."""

import io
import json
import shutil
import signal
import subprocess
import zipfile
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
from tests.e2e.shell import REPOSITORY, Shell, clean_environment
from tests.e2e.workflows import INSTALLING, Job, Runner, install_this_product

pytestmark = [
    pytest.mark.skipif(
        shutil.which("git") is None or shutil.which("bash") is None, reason="git or bash is not installed"
    ),
    # Dozens of processes one after the other, each of which imports the whole product.
    pytest.mark.timeout(900),
]

ANA = "1b6a4f0c-8a0c-4d6e-9a51-5f3a3f1c7e01"
CHIARA = "3d8c6b2e-ac2e-4f80-9c73-7b5c5b3e9023"
INES = "82d1b073-f173-44d5-a1c8-c0a0a083e578"

MOVE_CHIARA = {"guests/fabrikam.yaml": ("email: chiara@fabrikam.example", "email: chiara@adatum.example")}
MOVE_INES = {"guests/tailspin.yaml": ("email: ines@tailspin.example", "email: ines@adatum.example")}


@dataclass(frozen=True, kw_only=True)
class World:
    """A repository on GitHub, the tenant it declares, and the machine that runs its workflows."""

    hosting: GitHub
    origin: Origin
    tenant: ControlClient
    runner: Runner

    def newest(self, artifact: str, file: str) -> Any:
        """Read a JSON file out of the newest artifact of that name."""
        kept = [one for one in self.hosting.artifacts if one.name == artifact][-1]
        with zipfile.ZipFile(io.BytesIO(kept.content)) as files:
            return json.loads(files.read(file))

    def outcomes(self) -> dict[str, str]:
        """Tell what became of each guest in the newest report."""
        return {one["id"]: one["outcome"] for one in self.newest("run-report", "report.json")["outcomes"]}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Give the sample tree on the main branch, and the sample tenant, which outlives every job."""
    with _world(tmp_path) as world:
        yield world


@contextmanager
def _world(tmp_path: Path, *, workflows: Mapping[str, str] | None = None) -> Iterator[World]:
    bare = tmp_path / "bare"
    bare.mkdir()
    with (
        github(bare) as hosting,
        serve(None, seed=load_seed(SAMPLE_TREE / "emulator.yaml")) as emulator,
        ControlClient(emulator.root) as tenant,
    ):
        yield World(
            hosting=hosting,
            origin=Origin.create(hosting, tmp_path, workflows=workflows),
            tenant=tenant,
            runner=Runner(
                github=hosting, folder=tmp_path, environment={"RECONCILER_GRAPH_URL": emulator.root}
            ),
        )


def results(jobs: dict[str, Job]) -> dict[str, str]:
    """Tell how each job ended."""
    return {name: job.result for name, job in jobs.items()}


def said(jobs: dict[str, Job]) -> str:
    """Collect what the steps printed, for when a test fails."""
    return "\n".join(
        f"{name}/{step.name}: {step.code}\n{step.stderr}" for name, job in jobs.items() for step in job.steps
    )


def test_what_was_reviewed_is_applied_and_told(world: World) -> None:
    """Review, merge, report and drift: each is carried out, and said where people look for it."""
    origin, runner, hosting = world.origin, world.runner, world.hosting
    by_hand = runner.run("apply.yml", origin.on_main("workflow_dispatch"))
    assert results(by_hand) == {"plan": "success", "apply": "success", "report": "success"}, said(by_hand)
    assert "EMULATOR" in by_hand["plan"].summary
    assert "EMULATOR" in by_hand["apply"].summary
    assert hosting.comments == []

    pull = origin.propose(12, MOVE_CHIARA)
    planned = runner.run("plan.yml", origin.proposed(pull))
    assert results(planned) == {"plan": "success"}, said(planned)
    [comment] = hosting.comments_on(12)
    assert "EMULATOR" in comment
    assert "1 guest to change" in comment
    assert "`chiara@fabrikam.example`" in comment
    assert "`chiara@adatum.example`" in comment
    assert pull.head in comment
    assert world.tenant.truth()[CHIARA].mail == "chiara@fabrikam.example"

    merged = runner.run("apply.yml", origin.merge(pull))
    assert results(merged) == {"plan": "success", "apply": "success", "report": "success"}, said(merged)
    assert world.outcomes()[CHIARA] == "applied"
    assert world.tenant.truth()[CHIARA].mail == "chiara@adatum.example"
    fetched = merged["apply"].step("Fetch the journals of earlier runs")
    assert fetched.stdout == f"{hosting.runs[0].id}-apply-journal-1.jsonl\n"
    _, told = hosting.comments_on(12)
    assert "1 applied" in told
    assert "EMULATOR" in told
    assert pull.head in told

    calm = runner.run("drift.yml", origin.on_main("schedule"))
    assert results(calm) == {"drift": "success"}, said(calm)
    assert hosting.issues == []

    world.tenant.edit_user(INES, {"mail": "ines@elsewhere.example"})
    drifted = runner.run("drift.yml", origin.on_main("schedule"))
    assert drifted["drift"].step("Look for drift").code == 4
    [issue] = hosting.issues
    assert issue["state"] == "open"
    assert "ines@elsewhere.example" in issue["body"]
    assert "EMULATOR" in issue["body"]


def test_a_merge_queue_is_planned_and_approves_nothing(world: World) -> None:
    """In the queue the check runs, against the commit before the group; the review is what is applied."""
    origin, runner, hosting = world.origin, world.runner, world.hosting
    pull = origin.propose(14, MOVE_CHIARA)
    reviewed = runner.run("plan.yml", origin.proposed(pull))
    assert results(reviewed) == {"plan": "success"}, said(reviewed)
    other = origin.propose(15, MOVE_INES)
    assert results(runner.run("plan.yml", origin.proposed(other)))["plan"] == "success"
    runner.run("apply.yml", origin.merge(other))
    before = hosting.comments_on(14)

    queued = runner.run("plan.yml", origin.queued(pull))

    assert results(queued) == {"plan": "success"}, said(queued)
    assert hosting.comments_on(14) == before
    rows = {one["id"]: one["origin"] for one in world.newest("plan-merge-group", "plan.json")["changes"]}
    assert [guest for guest, origin in rows.items() if origin == "this-change"] == [CHIARA]
    merged = runner.run("apply.yml", origin.merge(pull))
    assert results(merged) == {"plan": "success", "apply": "success", "report": "success"}, said(merged)
    assert world.outcomes()[CHIARA] == "applied"
    assert f"at commit `{pull.head}`, is among those approved" in hosting.comments_on(14)[-1]


def test_an_old_run_by_hand_applies_nothing(world: World) -> None:
    """Run again after a merge, it would plan the older tree: neither its first job nor its second goes on."""
    origin, runner = world.origin, world.runner
    old = origin.on_main("workflow_dispatch")
    pull = origin.propose(9, MOVE_CHIARA)
    runner.run("plan.yml", origin.proposed(pull))
    origin.merge(pull)
    again = runner.run("apply.yml", old)
    assert results(again) == {"plan": "failure", "apply": "skipped", "report": "skipped"}, said(again)
    assert "not-at-tip" in again["plan"].step("Collect what was approved").stderr
    waited = Job(result="success", outputs={"work": "true"})
    alone = runner.run("apply.yml", old, only="apply", done={"plan": waited}, artifacts={"run-approved": {}})
    assert alone["apply"].result == "failure"
    assert [step.name for step in alone["apply"].steps][-1] == "Look whether the branch has moved on"
    assert world.tenant.truth()[CHIARA].mail == "chiara@fabrikam.example"


def test_a_guest_who_changed_after_the_review_is_left_alone(world: World) -> None:
    """A guest edited in the portal between review and merge is refused, and nobody else."""
    origin, runner, hosting = world.origin, world.runner, world.hosting
    pull = origin.propose(7, {**MOVE_CHIARA, **MOVE_INES})
    planned = runner.run("plan.yml", origin.proposed(pull))
    assert results(planned) == {"plan": "success"}, said(planned)

    world.tenant.edit_user(INES, {"mail": "ines@elsewhere.example"})
    merged = runner.run("apply.yml", origin.merge(pull, squash=True))

    assert results(merged) == {"plan": "success", "apply": "failure", "report": "success"}, said(merged)
    assert merged["apply"].step("Apply").code == 7
    outcomes = world.outcomes()
    assert outcomes[CHIARA] == "applied"
    assert outcomes[INES] == "stale"
    # The sample tree differs from the tenant elsewhere too: no merge approves that.
    assert outcomes[ANA] == "not-approved"
    truth = world.tenant.truth()
    assert truth[CHIARA].mail == "chiara@adatum.example"
    assert truth[INES].mail == "ines@elsewhere.example"
    told = hosting.comments_on(7)[-1]
    assert "1 applied" in told
    assert "1 stale" in told


def test_a_fork_gets_validation_and_a_kind_word(world: World) -> None:
    """A fork's pull request is checked without a sign-in, and its author is told why there is no plan."""
    pull = world.origin.propose(
        3, {"guests/fabrikam.yaml": ("chiara@fabrikam.example", "chiara+x@fabrikam.example")}, fork=True
    )
    jobs = world.runner.run("plan.yml", world.origin.proposed(pull))

    assert results(jobs) == {"plan": "failure"}, said(jobs)
    assert [step.name for step in jobs["plan"].steps if step.name not in INSTALLING] == [
        *("Remove the results of an earlier use", "Make a folder for results"),
        *("Validate", "Write SARIF"),
    ]
    validated = jobs["plan"].step("Validate")
    assert validated.code == 3
    assert validated.stdout.startswith("::error file=desired/guests/fabrikam.yaml,line=19,col=12,")
    assert "Thank you for this pull request. It comes from a fork" in jobs["plan"].summary
    assert world.newest("problems", "problems.sarif")["runs"][0]["results"]
    assert world.hosting.comments == []
    assert world.tenant.requests() == []


def test_another_repository_uses_the_action(tmp_path: Path) -> None:
    """Where the workflows name a commit of the product instead, nothing of it is in the repository."""
    with _world(tmp_path, workflows=elsewhere()) as world:
        origin, runner, hosting = world.origin, world.runner, world.hosting
        assert not (origin.clone / "action.yml").exists()
        pull = origin.propose(2, MOVE_CHIARA)
        planned = runner.run("plan.yml", origin.proposed(pull))
        assert results(planned) == {"plan": "success"}, said(planned)
        merged = runner.run("apply.yml", origin.merge(pull))
        assert results(merged) == {"plan": "success", "apply": "success", "report": "success"}, said(merged)
        assert world.tenant.truth()[CHIARA].mail == "chiara@adatum.example"
        assert "apply-journal-1" in {one.name for one in hosting.artifacts}
        comment, told = hosting.comments_on(2)
        assert "`chiara@adatum.example`" in comment
        assert "1 applied" in told
        drifted = runner.run("drift.yml", origin.on_main("schedule"))
        assert results(drifted) == {"drift": "failure"}, said(drifted)
        assert len(hosting.issues) == 1


def test_a_misspelled_command_is_no_green_job_that_did_nothing(tmp_path: Path) -> None:
    """The job ends at its first step, whose name lists the commands."""
    wrong = {"drift.yml": elsewhere()["drift.yml"].replace("command: drift", "command: drfit")}
    with _world(tmp_path, workflows=wrong) as world:
        jobs = world.runner.run("drift.yml", world.origin.on_main("schedule"))
    assert results(jobs) == {"drift": "failure"}
    [only] = jobs["drift"].steps
    assert only.name == "Refuse a command that is none of plan, approve, apply, report and drift"


def test_a_cancelled_run_finishes_what_is_half_done(tmp_path: Path) -> None:
    """The interruption reaches the process itself, which ends with a report before the kill that follows."""
    action = yaml.safe_load((REPOSITORY / "action.yml").read_text())
    [script] = [step["run"] for step in action["runs"]["steps"] if step["name"] == "Apply"]
    (tmp_path / "step.sh").write_text(script)
    install_this_product(tmp_path)
    shutil.copytree(SAMPLE_TREE, tmp_path / "desired")
    (tmp_path / "approved" / "plans").mkdir(parents=True)
    (tmp_path / "journals").mkdir()
    seed = load_seed(SAMPLE_TREE / "emulator.yaml")
    with serve(None, seed=seed) as emulator, ControlClient(emulator.root) as tenant:
        shell = Shell(folder=tmp_path, environment={"RECONCILER_GRAPH_URL": emulator.root})
        assert shell.run("plan", "--out", "approved/plans/own.json").returncode == 0
        # The answer to the first reset is on its way when somebody cancels the run.
        tenant.set_faults(
            {
                "rules": [{"on": "POST /invitations", "do": "pause", "where": "after", "at": 1}],
            }
        )
        places = {"RUNNER_TEMP": str(tmp_path), "GITHUB_WORKSPACE": str(tmp_path), "DESIRED": "desired"}
        environment = clean_environment({**shell.environment, **places})
        with subprocess.Popen(
            ["bash", "-e", tmp_path / "step.sh"],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            [held] = tenant.paused(wait=60)
            process.send_signal(signal.SIGINT)
            tenant.resume()
            try:
                output, _ = process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        assert held["path"] == "/invitations"
        assert process.returncode == 130, output
        report = json.loads((tmp_path / "report.json").read_text())
        assert report["exitCode"] == 130
        half_done = {
            guest.id
            for guest in tenant.truth().values()
            if guest.has_live_link and guest.mail != guest.invited
        }
        assert half_done == set()
