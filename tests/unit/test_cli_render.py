"""`reconciler render`: saved documents in another form."""

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.cli import run
from reconciler.documents import dump, plan_to_json, report_to_json
from reconciler.model import Plan
from reconciler.plan import make_plan
from tests.support.directory import NOW, declared, desired, guest, live
from tests.support.plans import mixed_report


def plan_of_one() -> Plan:
    """Plan another address for a guest."""
    return make_plan(desired(declared(1, email="ana@new.example")), live(guest(1, "ana@old.example")), NOW)


def write(folder: Path, plan: Plan) -> None:
    (folder / "plan.json").write_text(dump(plan_to_json(plan)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the working directory, outside of a workflow."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    return tmp_path


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_a_saved_document_is_shown_in_another_form(
    folder: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    """Plans and reports can be looked at without asking the directory again."""
    write(folder, plan_of_one())
    report = replace(mixed_report(), digest=f"sha256:{'0' * 64}")
    (folder / "report.json").write_text(dump(report_to_json(report)))
    assert run(["render", "plan.json", "--format", form]) == 0
    assert "ana@new.example" in capsys.readouterr().out
    assert run(["render", "report.json", "--format", form]) == 0
    assert "applied" in capsys.readouterr().out


def test_a_saved_plan_annotates_and_a_report_cannot(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only a plan knows lines of the desired tree."""
    blocked = desired(declared(1, email="ana@new.example"))
    write(folder, make_plan(blocked, live(), NOW))
    assert run(["render", "plan.json", "--format", "github"]) == 0
    assert capsys.readouterr().out.startswith("::error file=desired/")
    (folder / "report.json").write_text(
        dump(report_to_json(replace(mixed_report(), digest=f"sha256:{'0' * 64}")))
    )
    assert run(["render", "report.json", "--format", "github"]) == 2


@pytest.mark.parametrize("content", [b"\xff", b"[]", b"{}"])
def test_what_is_neither_is_refused(folder: Path, content: bytes) -> None:
    """Any other file ends with a sentence."""
    (folder / "x.json").write_bytes(content)
    assert run(["render", "x.json"]) == 5
    assert run(["render", "missing.json"]) == 5
