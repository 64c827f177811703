"""The desired tree as of a revision, read from real repositories."""

from pathlib import Path

import pytest

from reconciler.desired import read_tree
from reconciler.desired.reader import MAX_BYTES
from reconciler.errors import UsageError
from reconciler.git import tree_at
from tests.support.repository import commit, git, new_repository

TENANT = b"tenantId: 7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10\n"
NOBODY = b"guests: []\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Give a repository with a desired tree in a folder of it."""
    root = new_repository(tmp_path / "repository")
    commit(root, README_md=b"hello", desired__tenant_yaml=TENANT, desired__guests__a_yaml=NOBODY)
    return root


def refusal(revision: str, root: Path) -> UsageError:
    with pytest.raises(UsageError) as caught:
        tree_at(revision, root)
    assert caught.value.exit_code == 2
    assert caught.value.hint
    return caught.value


def test_the_tree_of_a_revision_is_what_reading_the_folder_gave_then(repository: Path) -> None:
    """Files outside of the tree, hidden ones and those that declare nothing are left out."""
    root = repository / "desired"
    commit(
        repository,
        desired__b_yml=b"guests: [] # \xc3\xa4",
        desired__notes_txt=b"x",
        desired___hidden__x_yaml=NOBODY,
        desired__emulator_yaml=b"{}",
        other__c_yaml=NOBODY,
        desired__empty_yaml=b"",
    )
    then = read_tree(root)
    commit(repository, desired__guests__a_yaml=None, desired__b_yml=b"changed", desired__new_yaml=NOBODY)
    assert tree_at("HEAD", root) == read_tree(root)
    assert tree_at("HEAD~1", root) == then
    assert set(then.files) == {"b.yml", "empty.yaml", "guests/a.yaml", "tenant.yaml"}


@pytest.mark.parametrize("name", ["HEAD", "main", "v1", "refs/heads/main", "HEAD^0", "@"])
def test_a_revision_is_whatever_git_calls_one(repository: Path, name: str) -> None:
    """Branches, tags, also annotated ones, and expressions lead to their commit."""
    git(repository, "tag", "--annotate", "--message", "first", "v1")
    assert set(tree_at(name, repository / "desired").files) == {"guests/a.yaml", "tenant.yaml"}


def test_a_tree_at_the_root_of_the_repository_is_read(tmp_path: Path) -> None:
    """The desired tree may be the whole repository."""
    root = new_repository(tmp_path)
    commit(root, tenant_yaml=TENANT)
    assert tree_at("HEAD", root) == read_tree(root)


def test_a_tree_that_did_not_exist_then_is_empty(repository: Path) -> None:
    """The first pull request of a tree compares with nothing."""
    commit(repository, elsewhere__tenant_yaml=TENANT)
    tree = tree_at("HEAD~1", repository / "elsewhere")
    assert (tree.files, tree.problems) == ({}, ())


@pytest.mark.parametrize("name", ["*.yaml", ":(top)x.yaml", "a b.yaml", "-x.yaml", "ä.yaml", "a\nb.yaml"])
def test_any_name_of_a_file_or_folder_is_only_a_name(repository: Path, name: str) -> None:
    """Nothing in a name is a pattern, an option or the end of a line."""
    folder = repository / "desired" / name.removesuffix(".yaml")
    folder.mkdir()
    (folder / name).write_bytes(NOBODY)
    commit(repository)
    for root in (repository / "desired", folder):
        assert tree_at("HEAD", root) == read_tree(root)


def test_links_and_submodules_are_problems_and_not_followed(repository: Path, tmp_path: Path) -> None:
    """A link cannot bring in a file from outside of the tree, and what a submodule holds is not here."""
    other = new_repository(tmp_path / "other")
    commit(other, tenant_yaml=TENANT)
    (repository / "desired" / "link.yaml").symlink_to("/etc/passwd")
    git(repository, "submodule", "--quiet", "add", str(other), "desired/sub")
    commit(repository)
    tree = tree_at("HEAD", repository / "desired")
    assert tree.files == {}
    assert [(one.file, one.rule) for one in tree.problems] == [
        ("link.yaml", "symbolic-link"),
        ("sub", "not-a-file"),
    ]


def test_too_much_is_a_problem_and_not_read(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bounds of a folder hold for a revision too, for one file and for all together."""
    commit(repository, desired__big_yaml=b"#" * (MAX_BYTES + 1))
    tree = tree_at("HEAD", repository / "desired")
    assert (tree.files, [(one.file, one.rule) for one in tree.problems]) == ({}, [("big.yaml", "too-large")])
    monkeypatch.setattr("reconciler.git.MAX_FILES", 1)
    tree = tree_at("HEAD~1", repository / "desired")
    assert (tree.files, [(one.file, one.rule) for one in tree.problems]) == ({}, [(".", "too-large")])


@pytest.mark.parametrize(
    "revision", ["nowhere", "", "-x", "--all", "--help", "HEAD:desired", "HEAD..main", "HEAD^9", ":/x"]
)
def test_what_names_no_commit_is_refused(repository: Path, revision: str) -> None:
    """An unknown revision is wrong usage, and one that looks like an option is only unknown."""
    error = refusal(revision, repository / "desired")
    assert error.rule == "unknown-revision"
    assert "git fetch" in error.hint


def test_a_shallow_clone_says_how_to_get_the_rest(repository: Path, tmp_path: Path) -> None:
    """The usual mistake in a workflow is answered with the line that is missing."""
    commit(repository, desired__guests__a_yaml=b"guests: [] # again")
    git(tmp_path, "clone", "--quiet", "--depth=1", repository.as_uri(), "shallow")
    error = refusal("HEAD~1", tmp_path / "shallow" / "desired")
    assert error.rule == "unknown-revision"
    assert "fetch-depth: 0" in error.hint


def test_a_folder_outside_of_any_repository_is_refused(tmp_path: Path) -> None:
    """Without a repository there is nothing to compare with."""
    assert refusal("HEAD", tmp_path).rule == "no-repository"


def test_without_git_the_remedy_is_named(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without git can still plan, only not compare."""
    monkeypatch.setenv("PATH", "")
    assert refusal("HEAD", repository / "desired").rule == "no-git"


def test_a_damaged_repository_is_refused(repository: Path) -> None:
    """A file or a folder whose object is lost cannot be compared with."""
    root = repository / "desired"
    for name in ("HEAD:desired/tenant.yaml", "HEAD:desired"):
        lost = git(repository, "rev-parse", name)
        (repository / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
        assert refusal("HEAD", root).rule == "unreadable-revision"


def test_a_replaced_object_is_read_as_it_was_committed(repository: Path) -> None:
    """What stands in for an object on one machine does not change what the base declared."""
    commit(repository, desired__guests__a_yaml=b"guests: [] # other")
    first, second = (
        git(repository, "rev-parse", f"{rev}:desired/guests/a.yaml") for rev in ("HEAD~1", "HEAD")
    )
    git(repository, "replace", first, second)
    assert tree_at("HEAD~1", repository / "desired").files["guests/a.yaml"] == NOBODY
