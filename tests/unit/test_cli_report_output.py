"""Where the report is left, and what comes first."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from reconciler.cli.report_output import exit_code_without_report, leave_report
from tests.support.plans import mixed_report

DIGEST = f"sha256:{'0' * 64}"


def test_a_report_is_left_in_every_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file gets JSON, stdout gets text, and a workflow's summary gets Markdown."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    leave_report(replace(mixed_report(), digest=DIGEST), tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text())["digest"] == DIGEST
    assert capsys.readouterr().out
    assert "<!-- reconciler-report" in (tmp_path / "summary.md").read_text()


def test_a_place_that_fails_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A report file that cannot be written is told, and the report is shown all the same."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    report = replace(mixed_report(), digest=DIGEST, exit_code=0)
    assert not leave_report(report, tmp_path / "missing" / "report.json")
    shown = capsys.readouterr()
    assert "file-unusable" in shown.err
    assert "exit code 7." in shown.out


@pytest.mark.parametrize(("exit_code", "ends_with"), [(0, 7), (1, 1), (2, 2), (5, 5), (7, 7), (130, 130)])
def test_a_lost_report_is_no_success(exit_code: int, ends_with: int) -> None:
    """A run whose report is lost never ends with 0, and keeps a code that says more."""
    assert exit_code_without_report(exit_code) == ends_with


def test_the_file_is_written_before_anything_is_rendered(tmp_path: Path) -> None:
    """A report that text cannot show, which would be a bug, is in the file all the same."""
    broken = replace(mixed_report().outcomes[0], rule=None, message=cast("Any", 7))
    report = replace(mixed_report(), digest=DIGEST, outcomes=(broken,))
    with pytest.raises((TypeError, AttributeError)):
        leave_report(report, tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text())["outcomes"][0]["id"] == broken.id
