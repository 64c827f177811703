"""One file cannot be two things of an apply, however it is spelled."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.cli.path_conflicts import check_distinct
from reconciler.errors import UsageError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a file, a folder, and other ways to both."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "there.json").write_text("{}")
    os.link("there.json", "hard.json")
    Path("soft.json").symlink_to("there.json")
    Path("ahead.json").symlink_to("missing.json")
    Path("way").symlink_to("folder")
    return tmp_path


SPELLINGS: list[tuple[str, Callable[[Path], str]]] = [
    ("missing.json", lambda _: "missing.json"),
    ("missing.json", lambda _: "./folder/../missing.json"),
    ("missing.json", lambda here: str(here / "missing.json")),
    ("missing.json", lambda _: "ahead.json"),
    ("there.json", lambda _: "soft.json"),
    ("there.json", lambda _: "hard.json"),
    ("folder/missing", lambda _: "way/missing"),
]


@pytest.mark.parametrize(("one", "spelled"), SPELLINGS)
@pytest.mark.parametrize(
    "options", [("--report", "--journal"), ("--journal", "--redeem-links"), ("--redeem-links", "--report")]
)
def test_two_files_to_write_are_two(
    here: Path, one: str, spelled: Callable[[Path], str], options: tuple[str, str]
) -> None:
    """Two options that lead to one file are wrong usage, and the message names both."""
    first, second = options
    with pytest.raises(UsageError, match=f"{first} and {second}") as wrong:
        check_distinct({first: Path(one), second: Path(spelled(here))}, [])
    assert wrong.value.exit_code == 2


@pytest.mark.parametrize(("one", "spelled"), SPELLINGS)
def test_no_plan_is_written_over(here: Path, one: str, spelled: Callable[[Path], str]) -> None:
    """A plan that was approved is nothing to write into."""
    with pytest.raises(UsageError, match="--journal and --plan"):
        check_distinct({"--report": None, "--journal": Path(one)}, [Path(spelled(here))])


@pytest.mark.parametrize("file", ["folder/plan.json", "folder/new.json", "way/new.json"])
def test_nothing_is_written_among_the_plans(file: str) -> None:
    """In a folder of plans, what is written would be read as one of them."""
    Path("folder/plan.json").write_text("{}")
    with pytest.raises(UsageError, match="--plan"):
        check_distinct({"--report": Path(file)}, [Path("there.json"), Path("folder")])


@pytest.mark.parametrize(("one", "spelled"), SPELLINGS)
@pytest.mark.parametrize("option", ["--report", "--redeem-links"])
def test_no_evidence_is_written_over(
    here: Path, one: str, spelled: Callable[[Path], str], option: str
) -> None:
    """A journal of an earlier run is nothing to write into, but for the journal that goes on in it."""
    with pytest.raises(UsageError, match=f"{option} and --evidence"):
        check_distinct({option: Path(one)}, [], evidence=[Path(spelled(here))])
    check_distinct({"--journal": Path(one)}, [], evidence=[Path(spelled(here))])


def test_different_files_are_taken() -> None:
    """Files of their own are fine, also beside the plans under a name that is no plan's."""
    written = {
        "--report": Path("report.json"),
        "--journal": Path("folder/journal.jsonl"),
        "--redeem-links": None,
    }
    check_distinct(written, [Path("there.json"), Path("folder"), Path("soft.json")])
