from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.cli.loading import load_plan, load_report, read_document, read_plan_file
from reconciler.errors import UnusablePlan
from reconciler.rules import Rule


@pytest.mark.parametrize("read", [read_plan_file, load_plan])
def test_a_plan_that_cannot_be_read_is_one_fault(read: Callable[[Path], object], tmp_path: Path) -> None:
    """Whichever command reads a plan, a missing file has the same id and the same remedy."""
    with pytest.raises(UnusablePlan) as refused:
        read(tmp_path / "plan.json")
    assert refused.value.rule is Rule.PLAN_UNREADABLE
    assert str(tmp_path / "plan.json") in refused.value.message
    assert refused.value.hint == "name a file that reconciler plan --out has written"


@pytest.mark.parametrize("read", [read_document, load_report])
def test_another_file_that_cannot_be_read(read: Callable[[Path], object], tmp_path: Path) -> None:
    """A report, or what may be either, is not called a plan."""
    with pytest.raises(UnusablePlan) as refused:
        read(tmp_path / "report.json")
    assert refused.value.rule is Rule.FILE_UNREADABLE
