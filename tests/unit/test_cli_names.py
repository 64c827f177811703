"""How the command line takes the names of commands, and the tree before or after them."""

import shutil
from pathlib import Path

import click
import pytest

from reconciler.cli import root, run
from tests.unit.test_docs_commands import commands

SAMPLE = Path(__file__).parents[1] / "cases" / "plan" / "the-four-cases" / "tree"


def takes_the_tree(command: click.Command) -> bool:
    """Tell whether a command reads or names the desired tree."""
    return any(parameter.name == "desired" for parameter in command.params)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with one tree, under no default name."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SAMPLE, tmp_path / "tree")
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "meant"), [("aply", "apply"), ("valdate", "validate"), ("github drfit", "drift")]
)
def test_a_mistyped_command_is_answered_with_the_one_that_is_meant(
    typed: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command is suggested as an option is, in groups as well."""
    assert run(typed.split()) == 2
    assert f"Did you mean {meant!r}?" in capsys.readouterr().err


def test_a_name_like_no_command_is_answered_without_a_guess(capsys: pytest.CaptureFixture[str]) -> None:
    """A suggestion that is none would mislead."""
    assert run(["zzz"]) == 2
    assert "No such command 'zzz'.\n" in capsys.readouterr().err


def test_the_tree_may_be_named_before_the_command_and_after_it() -> None:
    """Both places mean the same, also when both are used."""
    assert run(["validate"]) == 3
    assert run(["--desired", "tree", "validate"]) == 0
    assert run(["validate", "--desired", "tree"]) == 0
    assert run(["--desired", "tree", "validate", "--desired", "tree"]) == 0


def test_a_default_before_the_command_is_no_second_name(folder: Path) -> None:
    """The tree after the command counts, although another one has the default name."""
    (folder / "desired").mkdir()
    assert run(["validate", "--desired", "tree"]) == 0


def test_two_trees_are_refused_with_both_names(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody has to guess which of two trees was checked."""
    assert run(["--desired", "other", "validate", "--desired", "tree"]) == 2
    shown = capsys.readouterr().err
    assert "'other' before the command and 'tree' after it" in shown


def test_every_command_about_a_tree_takes_it_after_its_name() -> None:
    """What validate understands, its neighbours do; a command that reads no tree has no such option."""
    found = {name for name, command in commands(root) if takes_the_tree(command)}
    assert {"validate", "plan", "apply", "render", "emulator", "github comment"} <= found
    assert not found & {"demo", "compare", "github tip"}
