"""`apply --base`: a plan file can only narrow what git's own history says was changed."""

import json
from pathlib import Path

import pytest

from reconciler.emulator.control.client import ControlClient
from tests.e2e.shell import Shell
from tests.e2e.test_main_job import FOUR
from tests.support.repository import commit, new_repository

CHIARA = "3d8c6b2e-ac2e-4f80-9c73-7b5c5b3e9023"
FORGED = "forged.json"


@pytest.fixture
def repository(shell: Shell) -> Shell:
    """Give the sample tree, from which the tenant differs for four guests, as an applied commit."""
    commit(new_repository(shell.folder))
    return shell


def forge(shell: Shell) -> None:
    """Make a plan that approves all there is to do: without a base, no row is drift, and all digests fit."""
    assert shell.run("plan", "--out", FORGED).returncode == 0


def outcomes(shell: Shell) -> dict[str, str]:
    """Tell what became of each guest, except of those whom the sample shows as blocked."""
    report = json.loads((shell.folder / "report.json").read_text())
    return {one["id"]: one["outcome"] for one in report["outcomes"] if one["outcome"] != "blocked"}


def test_a_forged_plan_does_not_apply_drift(repository: Shell, tenant: ControlClient) -> None:
    """A commit that only renames an entry for its readers approves nothing, whatever file is handed in."""
    repository.edit("guests/fabrikam.yaml", "name: Chiara Conti", "name: Chiara C.")
    commit(repository.folder)
    forge(repository)

    done = repository.run("apply", "--plan", FORGED, "--base", "HEAD^1", "--report", "report.json")

    assert done.returncode == 0, done.stderr
    assert outcomes(repository) == dict.fromkeys(FOUR, "not-approved")
    assert "this is drift" in (repository.folder / "report.json").read_text()
    assert tenant.history() == []


def test_a_forged_plan_applies_no_more_than_was_merged(repository: Shell, tenant: ControlClient) -> None:
    """Beside a merged change the drift of other guests stays where it is."""
    repository.edit("guests/fabrikam.yaml", "email: chiara@fabrikam.example", "email: chiara@adatum.example")
    commit(repository.folder)
    forge(repository)

    done = repository.run("apply", "--plan", FORGED, "--base", "HEAD^1", "--report", "report.json")

    assert done.returncode == 0, done.stderr
    assert outcomes(repository) == {**dict.fromkeys(FOUR, "not-approved"), CHIARA: "applied"}
    assert {write.id for write in tenant.history()} == {CHIARA}


def test_what_was_merged_still_needs_a_plan_that_approves_it(
    repository: Shell, tenant: ControlClient
) -> None:
    """The base approves nothing by itself: both are needed."""
    (repository.folder / "old").mkdir()
    assert repository.run("plan", "--base", "HEAD", "--out", "old/plan.json").returncode == 0
    repository.edit("guests/fabrikam.yaml", "email: chiara@fabrikam.example", "email: chiara@adatum.example")
    commit(repository.folder)

    done = repository.run("apply", "--plan", "old", "--base", "HEAD^1", "--report", "report.json")

    assert done.returncode == 0, done.stderr
    assert outcomes(repository) == dict.fromkeys({*FOUR, CHIARA}, "not-approved")
    assert tenant.history() == []


def test_an_entry_that_is_gone_is_applied_beside(repository: Shell, tenant: ControlClient) -> None:
    """A guest whom only the base declares is looked up, and left as they are."""
    path = repository.folder / "desired" / "guests" / "gone.yaml"
    path.write_text(
        "guests:\n  - id: 00000000-0000-4000-8000-0000000000aa\n    email: nobody@newco.example\n"
    )
    commit(repository.folder)
    path.unlink()
    commit(repository.folder)
    forge(repository)
    done = repository.run("apply", "--plan", FORGED, "--base", "HEAD^1")
    assert done.returncode == 0, done.stderr
    assert "no-longer-declared" in done.stderr
    assert tenant.history() == []


@pytest.mark.parametrize("consent", [(), ("--auto-approve",)])
def test_a_base_without_a_plan_is_refused(
    repository: Shell, tenant: ControlClient, consent: tuple[str, ...]
) -> None:
    """Who approves what they are shown is not narrowed behind their back."""
    done = repository.run("apply", "--base", "HEAD", *consent)
    assert done.returncode == 2
    assert "base-without-plan" in done.stderr or "no-consent" in done.stderr
    assert tenant.requests() == []


@pytest.mark.parametrize("revision", ["", "HEAD^1", "--output=x", "0" * 40])
def test_a_revision_that_is_none_ends_the_run(
    repository: Shell, tenant: ControlClient, revision: str
) -> None:
    """A base that got lost on the way is no base, and nothing runs without one: above all an empty name."""
    forge(repository)
    asked = len(tenant.requests())
    done = repository.run("apply", "--plan", FORGED, f"--base={revision}")
    assert done.returncode == 2, done.stderr
    assert len(tenant.requests()) == asked
    assert not Path(repository.folder / "x").exists()
