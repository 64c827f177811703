"""The demo tells its story to the end, from nothing but the installed command."""

import json
import re

import pytest

from reconciler.cli import demo_story
from reconciler.cli.demo_stage import Stage
from tests.e2e.shell import Shell


def test_the_whole_story_is_told(shell: Shell) -> None:
    """Four cases by name, a killed job that heals, a comment, a stale guest, a refusal; no plan twice."""
    done = shell.run("demo", RECONCILER_GRAPH_URL="https://graph.example", AZURE_TENANT_ID="ignored")

    assert done.returncode == 0, done.stdout + done.stderr
    steps = re.findall(r"^\$ reconciler (\S+)", done.stdout, re.MULTILINE)
    before, after = ["validate", "plan", "apply", "apply", "plan"], ["set-email", "plan", "apply"]
    assert steps == [*before, *after, "set-email", "apply"]
    for case in ("a new e-mail address", "deleted and created again", "another company", "is now Hugo's"):
        assert done.stdout.count(case) == 1
    assert done.stdout.count("why   mail is ana@fabrikam.example, declared is ana.ruiz@") == 1
    assert "(killed)" in done.stdout
    assert done.stdout.count("; resets: 1\n") == 4, "the killed job and the next one reset each guest once"
    assert done.stdout.count("groups and apps as before: yes") == 4
    assert done.stdout.count(": redeemed\n") == 4
    assert done.stdout.count(": refused (") == 3
    assert "`chiara@fabrikam.example` → `chiara.rossi@fabrikam.example`" in done.stdout
    assert "stale: 1 guest" in done.stdout
    assert done.stdout.count("Writes that reached the tenant: 0") == 2
    assert not (shell.folder / ".reconciler").exists(), "nothing outside its own folder is written"


def test_what_it_wrote_can_be_kept(shell: Shell) -> None:
    """Tree, plan, report and journal stay in the folder that --keep names, also when it is there already."""
    (shell.folder / "kept").mkdir()
    done = shell.run("demo", "--keep", "kept")

    assert done.returncode == 0, done.stdout + done.stderr
    kept = shell.folder / "kept"
    assert {"desired", "plan.json", "reviewed.json", "report.json", "journal.jsonl"} <= {
        path.name for path in kept.iterdir()
    }
    assert json.loads((kept / "report.json").read_text())["exitCode"] == 0


def test_a_folder_with_something_in_it_is_left_alone(shell: Shell) -> None:
    """--keep never writes between somebody's files."""
    (shell.folder / "kept").mkdir()
    (shell.folder / "kept" / "mine").write_text("mine")
    done = shell.run("demo", "--keep", "kept")

    assert done.returncode == 2
    assert "kept is not empty" in done.stderr
    assert [path.name for path in (shell.folder / "kept").iterdir()] == ["mine"]


@pytest.mark.parametrize("bad", [0, 1])
def test_one_part_that_ends_badly_spoils_the_story(monkeypatch: pytest.MonkeyPatch, bad: int) -> None:
    """The exit code is 0 only when every part went as told, and a bad part keeps none from being told."""
    told: list[int] = []

    def part(_: object, number: int) -> bool:
        told.append(number)
        return number - 1 != bad

    monkeypatch.setattr(demo_story, "PARTS", (part, part))
    assert demo_story.tell(object.__new__(Stage)) is False
    assert told == [1, 2]
