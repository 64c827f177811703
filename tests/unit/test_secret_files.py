"""A file of redeem links is not written where the next commit would take it along."""

from pathlib import Path

import pytest

from reconciler.cli import run
from reconciler.cli.secret_files import require_not_offered
from reconciler.errors import UsageError
from reconciler.git import is_offered_to_git
from tests.support.repository import commit, git, new_repository


@pytest.fixture
def work_tree(tmp_path: Path) -> Path:
    """Give a repository that ignores `/links*`."""
    root = new_repository(tmp_path / "guests")
    commit(root, _gitignore=b"/links*\n", desired__tenant_yaml=b"x")
    return root


@pytest.mark.parametrize("name", ["secrets.jsonl", "desired/links.jsonl", "-x", "*.jsonl", "new/links.jsonl"])
def test_a_file_that_git_would_add_is_refused(work_tree: Path, name: str) -> None:
    """In another folder, or under another name, the rule of the repository does not cover it."""
    with pytest.raises(UsageError) as caught:
        require_not_offered(work_tree / name, option="--redeem-links")
    assert (caught.value.rule, caught.value.exit_code) == ("secret-offered-to-git", 2)
    assert ".gitignore" in caught.value.hint
    assert not (work_tree / name).exists()


def test_a_refused_run_leaves_no_file_behind(
    work_tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing that git would add is created by a command that was refused for that."""
    monkeypatch.chdir(work_tree)
    options = ("--auto-approve", "--journal", "journal.jsonl", "--redeem-links", "secrets.jsonl")
    assert run(["apply", *options]) == 2
    assert "secret-offered-to-git" in capsys.readouterr().err
    assert git(work_tree, "status", "--porcelain", "--untracked-files=all") == ""


@pytest.mark.parametrize("name", ["links.jsonl", "links/today.jsonl"])
def test_an_ignored_file_is_taken(work_tree: Path, name: str) -> None:
    """What the repository ignores stays out of its commits."""
    require_not_offered(work_tree / name, option="--redeem-links")


def test_a_file_that_is_committed_already_is_refused(work_tree: Path) -> None:
    """A rule that comes too late ignores nothing: the file goes on being committed."""
    (work_tree / "links.jsonl").touch()
    git(work_tree, "add", "--force", "links.jsonl")
    assert is_offered_to_git(work_tree / "links.jsonl")


def test_an_account_of_its_own_rules_does_not_help_the_others(
    work_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next person who works in this folder need not ignore what this one does."""
    (tmp_path / "ignored").write_text("*.jsonl\n")
    (tmp_path / "settings").write_text(f"[core]\n\texcludesFile = {tmp_path}/ignored\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "settings"))
    assert is_offered_to_git(work_tree / "secrets.jsonl")


def test_outside_of_a_work_tree_any_file_is_taken(
    work_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no git is, or no repository, no commit takes anything along."""
    require_not_offered(tmp_path / "links.jsonl", option="--redeem-links")
    require_not_offered(work_tree / ".git" / ".." / ".." / "links.jsonl", option="--redeem-links")
    monkeypatch.setenv("PATH", "")
    require_not_offered(work_tree / "secrets.jsonl", option="--redeem-links")


def test_a_link_to_a_folder_in_a_work_tree_is_seen_through(work_tree: Path, tmp_path: Path) -> None:
    """The file lies where the link leads."""
    (tmp_path / "elsewhere").symlink_to(work_tree / "desired")
    assert is_offered_to_git(tmp_path / "elsewhere" / "secrets.jsonl")
