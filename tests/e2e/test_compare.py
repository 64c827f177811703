"""`reconciler compare`: approvals looked at from files alone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.documents import dump, plan_to_json
from reconciler.model import Cloud, Origin, Plan
from reconciler.plan import make_plan
from tests.e2e.shell import Shell
from tests.support.directory import NEW, NOW, declared, desired, guest, guest_id, live

TREE = desired(declared(1), declared(2, email="bo@new.example"), declared(3, email="cy@new.example"))
GUESTS = (guest(1), guest(2, "bo@old.example"), guest(3, "cy@old.example"))


def plan_of(**fields: object) -> Plan:
    return replace(make_plan(TREE, live(*GUESTS), NOW), **fields)  # type: ignore[arg-type]


def write(path: Path, plan: Plan) -> None:
    path.write_text(dump(plan_to_json(plan)), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Shell:
    """Give a folder with a fresh plan, and approvals: of guest 1, and of guest 2 as drift."""
    fresh = plan_of()
    write(tmp_path / "plan.json", fresh)
    (tmp_path / "approved").mkdir()
    for number, origin in ((1, Origin.THIS_CHANGE), (2, Origin.ELSEWHERE)):
        tree = desired(TREE.guests[number - 1])
        one = make_plan(tree, live(*GUESTS), NOW)
        rows = tuple(replace(row, origin=origin) for row in one.changes)
        write(tmp_path / "approved" / f"{number}.json", replace(one, changes=rows))
    return Shell(folder=tmp_path)


def test_what_would_run_and_what_would_not_is_named_with_the_reason(folder: Shell) -> None:
    """From a folder of approvals, or from the files by name, the answer is the same."""
    done = folder.run("compare", "plan.json", "--plan", "approved", "--format", "json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [row["id"] for row in document["wouldRun"]] == [guest_id(1)]
    assert [(row["id"], row["outcome"]) for row in document["wouldNotRun"]] == [
        (guest_id(2), "not-approved"),
        (guest_id(3), "not-approved"),
    ]
    assert "drift" in document["wouldNotRun"][0]["message"]
    assert "drift" not in document["wouldNotRun"][1]["message"]
    assert document["summary"] == {"planned": 3, "wouldRun": 1, "toCheck": 0, "wouldNotRun": 2}
    named = folder.run(
        *("compare", "plan.json", "--format", "json"),
        *("--plan", "approved/2.json", "--plan", "approved/1.json"),
    )
    assert named.stdout == done.stdout


@pytest.mark.parametrize("format_", ["text", "markdown"])
def test_people_read_it_too(folder: Shell, format_: str) -> None:
    """Both forms say who would be changed to what, and why the others would not."""
    done = folder.run("compare", "plan.json", "--plan", "approved", "--format", format_)
    assert done.returncode == 0
    for part in (guest_id(1), NEW, "not-approved", "1 guest would be changed, 2 would not."):
        assert part in done.stdout


def test_a_change_that_would_not_run_shows_in_the_exit_code_on_request(folder: Shell) -> None:
    """A program can tell without reading; blocked guests are no matter of approval."""
    arguments = ("compare", "plan.json", "--detailed-exitcode", "--plan")
    assert folder.run(*arguments, "approved").returncode == 4
    assert folder.run(*arguments, "plan.json").returncode == 0
    write(folder.folder / "plan.json", make_plan(TREE, live(), NOW))
    assert folder.run(*arguments, "plan.json").returncode == 0


def test_an_approved_guest_without_a_change_is_only_looked_at(folder: Shell) -> None:
    """What an earlier run has done is told apart from what would run."""
    done = make_plan(TREE, live(*GUESTS[1:], guest(1, NEW)), NOW)
    write(folder.folder / "plan.json", replace(done, cloud=Cloud.EMULATOR))
    document = json.loads(folder.run("compare", "plan.json", "--plan", "approved", "--format", "json").stdout)
    assert [row["id"] for row in document["toCheck"]] == [guest_id(1)]
    shown = folder.run("compare", "plan.json", "--plan", "approved").stdout
    assert shown.startswith("EMULATOR")
    assert "only looks" in shown
    assert folder.run("compare", "plan.json", "--plan", "approved", "--format", "markdown").stdout.startswith(
        "**EMULATOR"
    )


def test_a_partial_plan_is_refused_on_either_side(folder: Shell) -> None:
    """Neither approves such a plan, nor can anything be said from it about the whole."""
    write(folder.folder / "partial.json", plan_of(since="HEAD~1"))
    for arguments in (("partial.json", "--plan", "approved"), ("plan.json", "--plan", "partial.json")):
        refused = folder.run("compare", *arguments)
        assert (refused.returncode, refused.stdout) == (5, "")
        assert "partial-plan" in refused.stderr


def test_without_approvals_there_is_nothing_to_compare(folder: Shell) -> None:
    """An approval has to be named; an empty folder approves nothing."""
    assert folder.run("compare", "plan.json").returncode == 2
    (folder.folder / "none").mkdir()
    assert (
        "0 guests would be changed, 3 would not."
        in folder.run("compare", "plan.json", "--plan", "none").stdout
    )
