"""What somebody may commit, or leave behind, to make git run their code or tell their history.

Each attack is first shown to work on plain git, so that a test cannot pass because its bait is stale.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.desired import read_tree
from reconciler.errors import UsageError
from reconciler.git import commit_of, tree_at
from tests.support.repository import commit, git, new_repository

TENANT = b"tenantId: 7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10\n"
HONEST = b"guests: [] # honest\n"
FORGED = b"guests: [] # forged\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a repository with an honest history of its tree."""
    root = new_repository(tmp_path / "checkout")
    commit(root, desired__tenant_yaml=TENANT, desired__a_yaml=HONEST)
    return root


@pytest.fixture
def forged(tmp_path: Path) -> Path:
    """Give the bare repository of a history in which the tree stood at the top and said something else."""
    work = new_repository(tmp_path / "forged")
    commit(work, tenant_yaml=TENANT, a_yaml=FORGED, desired__tenant_yaml=TENANT, desired__a_yaml=FORGED)
    git(work, "pack-refs", "--all")
    git(work, "config", "core.bare", "true")
    return work / ".git"


def planted(bare: Path, into: Path) -> None:
    """Copy a repository's own files, none of which is called `.git`, into a folder."""
    shutil.copytree(bare, into, dirs_exist_ok=True)
    for name in ("index", "hooks", "logs"):
        path = into / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def believed(folder: Path) -> bytes:
    """Give what plain git, asked in a folder, says of `a.yaml` at the top of the repository it finds."""
    command = ["git", "-c", "safe.bareRepository=all", "-C", str(folder), "cat-file", "blob", "HEAD:a.yaml"]
    return subprocess.run(command, capture_output=True, check=False).stdout


@pytest.mark.parametrize("place", ["desired", "."])
def test_a_repository_without_the_name_git_tells_no_history(checkout: Path, forged: Path, place: str) -> None:
    """The files of a bare repository may be committed anywhere; the history stays the checkout's."""
    planted(forged, checkout / place)
    tree = tree_at("HEAD", checkout / "desired")
    assert tree.files["a.yaml"] == HONEST
    assert commit_of(checkout / "desired") == git(checkout, "--git-dir=.git", "rev-parse", "HEAD")


def test_plain_git_believes_such_a_repository(checkout: Path, forged: Path) -> None:
    """Nothing may run git in a folder of the tree, for this reason."""
    planted(forged, checkout / "desired")
    assert believed(checkout / "desired") == FORGED


def test_a_folder_between_the_tree_and_the_repository_is_no_repository(checkout: Path, forged: Path) -> None:
    """The tree may lie deep; each folder on the way up may hold a planted repository."""
    commit(checkout, a__b__desired__tenant_yaml=TENANT, a__b__desired__a_yaml=HONEST)
    planted(forged, checkout / "a" / "b")
    planted(forged, checkout / "a")
    assert tree_at("HEAD", checkout / "a" / "b" / "desired").files["a.yaml"] == HONEST


def test_a_lost_object_is_fetched_from_nowhere(checkout: Path, tmp_path: Path) -> None:
    """A promised remote whose address is a command is not asked, even where the repository allows it."""
    for name, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "evil",
        "remote.evil.promisor": "true",
        "remote.evil.url": f"ext::sh -c touch% {tmp_path}/EXECUTED",
        "protocol.ext.allow": "always",
    }.items():
        git(checkout, "config", name, value)
    lost = git(checkout, "rev-parse", "HEAD:desired/a.yaml")
    (checkout / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    with pytest.raises(UsageError) as caught:
        tree_at("HEAD", checkout / "desired")
    assert caught.value.rule == "unreadable-revision"
    assert not (tmp_path / "EXECUTED").exists()
    subprocess.run(["git", "-C", checkout, "cat-file", "blob", lost], capture_output=True, check=False)
    assert (tmp_path / "EXECUTED").exists(), "the bait is stale: plain git did not run it"


@pytest.mark.parametrize(
    "setting",
    ["core.fsmonitor", "core.pager", "core.sshCommand", "core.hooksPath", "core.editor", "core.askPass"],
)
def test_no_command_of_the_configuration_runs(checkout: Path, tmp_path: Path, setting: str) -> None:
    """Nothing that a configuration names as a program is started."""
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/EXECUTED\n")
    program.chmod(0o755)
    git(checkout, "config", setting, str(program))
    assert tree_at("HEAD", checkout / "desired").files["a.yaml"] == HONEST
    assert not (tmp_path / "EXECUTED").exists()


KINDS = (
    "ceiling",
    "common",
    "namespace",
    "objects",
    "parameters",
    "pathspecs",
    "programs",
    "repository",
    "setting",
    "settings",
    "traces",
)


def environment_of(forged: Path, tmp_path: Path) -> dict[str, dict[str, str]]:
    """Give environments that lead plain git to other repositories, objects, settings or programs."""
    settings = tmp_path / "settings"
    settings.write_text(f"[core]\n\tworktree = {forged.parent}\n\tfsmonitor = touch {tmp_path}/EXECUTED\n")
    return {
        "repository": {"GIT_DIR": str(forged)},
        "common": {"GIT_COMMON_DIR": str(forged)},
        "objects": {"GIT_OBJECT_DIRECTORY": str(forged / "objects")},
        "settings": {"GIT_CONFIG_GLOBAL": str(settings), "GIT_CONFIG_SYSTEM": str(settings)},
        "setting": {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "core.fsmonitor",
            "GIT_CONFIG_VALUE_0": f"touch {tmp_path}/EXECUTED",
        },
        "parameters": {"GIT_CONFIG_PARAMETERS": f"'core.fsmonitor=touch {tmp_path}/EXECUTED'"},
        "namespace": {"GIT_NAMESPACE": "evil"},
        "programs": {"GIT_EXEC_PATH": str(tmp_path)},
        "ceiling": {"GIT_CEILING_DIRECTORIES": str(tmp_path / "checkout")},
        "pathspecs": {"GIT_ICASE_PATHSPECS": "1"},
        "traces": {"GIT_TRACE": str(tmp_path / "EXECUTED")},
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_environment_does_not_lead_elsewhere(
    checkout: Path, forged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """What a shell or an earlier step has set for git does not count here."""
    for name, value in environment_of(forged, tmp_path)[kind].items():
        monkeypatch.setenv(name, value)
    assert tree_at("HEAD", checkout / "desired").files["a.yaml"] == HONEST
    assert not (tmp_path / "EXECUTED").exists()


def nested_file(checkout: Path, forged: Path) -> None:
    planted(forged, checkout / "store")
    (checkout / "desired" / ".git").write_text("gitdir: ../store\n")


def nested_link(checkout: Path, forged: Path) -> None:
    planted(forged, checkout / "store")
    (checkout / "desired" / ".git").symlink_to("../store")


def submodule(checkout: Path, forged: Path) -> None:
    git(checkout, "rm", "--quiet", "-r", "desired")
    git(checkout, "submodule", "--quiet", "add", "--force", str(forged.parent / ".git"), "desired")


@pytest.mark.parametrize("plant", [nested_file, nested_link, submodule])
def test_a_repository_among_the_files_under_review_is_refused(
    checkout: Path, forged: Path, plant: Callable[[Path, Path], None]
) -> None:
    """An archive may hold what git refuses to commit, and a submodule's history is somebody else's."""
    plant(checkout, forged)
    assert believed(checkout / "desired") == FORGED, "the bait is stale: plain git tells the right history"
    with pytest.raises(UsageError) as caught:
        tree_at("HEAD", checkout / "desired")
    assert caught.value.rule == "no-repository"
    assert commit_of(checkout / "desired") is None


def test_a_repository_of_another_account_is_refused(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shared folder above the tree may hold anybody's `.git`."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another account")
    os.chown(checkout / ".git", 12345, 12345)
    with pytest.raises(UsageError) as caught:
        tree_at("HEAD", checkout / "desired")
    assert caught.value.rule == "no-repository"


def test_a_checkout_of_another_account_is_read(checkout: Path) -> None:
    """In a container the checkout often belongs to another account, which plain git calls dubious."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another account")
    for folder, _, names in os.walk(checkout):
        for name in (".", *names):
            os.lchown(Path(folder) / name, 12345, 12345)
    assert tree_at("HEAD", checkout / "desired").files["a.yaml"] == HONEST


@pytest.mark.parametrize("inside", [True, False])
def test_a_linked_work_tree_is_read(checkout: Path, tmp_path: Path, *, inside: bool) -> None:
    """`git worktree add` puts a file in the place of the folder, which leads to the repository's own."""
    place = checkout / "branches" / "one" if inside else tmp_path / "one"
    git(checkout, "worktree", "add", "--quiet", "--detach", str(place))
    assert tree_at("HEAD", place / "desired").files["a.yaml"] == HONEST


@pytest.mark.parametrize("name", ["HEAD", "objects", "refs", "Objects"])
def test_a_tree_with_parts_of_a_repository_is_invalid(checkout: Path, name: str) -> None:
    """Whoever runs git in the tree by hand would be led astray, so review stops it."""
    commit(checkout, **{f"desired__{name}__x_txt": b"x"})
    (problem,) = read_tree(checkout / "desired").problems
    assert (problem.file, problem.rule) == (".", "git-repository")
    assert repr(name) in problem.message


def test_a_repository_deep_in_the_tree_is_invalid(checkout: Path, forged: Path) -> None:
    """A folder may be called refs; the three together are a repository."""
    commit(checkout, desired__partners__refs__a_yaml=HONEST)
    assert read_tree(checkout / "desired").problems == ()
    planted(forged, checkout / "desired" / "partners")
    (problem,) = read_tree(checkout / "desired").problems
    assert (problem.file, problem.rule) == ("partners", "git-repository")


def test_what_the_base_held_does_not_hinder_its_removal(checkout: Path, forged: Path) -> None:
    """A pull request that takes such files out again can be planned."""
    planted(forged, checkout / "desired")
    git(checkout, "--git-dir=.git", "--work-tree=.", "add", "--all", "--force", "desired")
    git(checkout, "--git-dir=.git", "--work-tree=.", "commit", "--quiet", "--message", "Plant")
    tree = tree_at("HEAD", checkout / "desired")
    assert (tree.problems, tree.files["a.yaml"]) == ((), HONEST)
