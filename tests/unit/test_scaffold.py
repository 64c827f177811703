"""What stands in the first files of a repository: decided from choices, without a folder."""

import re
from dataclasses import replace
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import Cloud
from reconciler.scaffold import (
    ADMINISTRATORS,
    CI,
    Choices,
    Owners,
    SourceFlaw,
    new_files,
    owner_flaw,
    parse_source,
)
from tests.support.scaffolded import DATA, OWNERS, SOURCE, TENANT, scaffolded

HEX = st.text("0123456789abcdefABCDEF", min_size=40, max_size=40)
REPOSITORIES = st.from_regex(r"\A[A-Za-z0-9]{1,10}/[A-Za-z0-9_-]{1,20}\Z")
EVERY = [(ci, emulator) for ci in CI for emulator in (False, True)]


@given(repository=REPOSITORIES, commit=HEX)
def test_a_whole_commit_of_a_repository_is_a_version(repository: str, commit: str) -> None:
    """The repository stays as it is spelled; a commit is written in lower case, as git prints it."""
    source = parse_source(f"{repository}@{commit}")
    assert source.uses == f"{repository}@{commit.lower()}"
    assert source.url == f"https://github.com/{repository}.git"


@given(
    repository=REPOSITORIES,
    reference=st.text(max_size=60).filter(lambda text: not re.fullmatch(r"[0-9a-fA-F]{40}", text)),
)
def test_nothing_else_is_a_version(repository: str, reference: str) -> None:
    """A tag, a branch, a part of a commit, or anything around one is refused."""
    with pytest.raises(SourceFlaw):
        parse_source(f"{repository}@{reference}")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("contoso/reconciler@v1.2.0", "ends in a tag or a branch"),
        ("contoso/reconciler@main", "ends in a tag or a branch"),
        ("contoso/reconciler@0123456", "has 7 digits"),
        ("contoso/reconciler@" + "0" * 39, "has 39 digits"),
        ("contoso/reconciler@" + "0" * 64, "ends in a tag or a branch"),
        ("contoso/reconciler", "names no commit"),
        ("contoso/reconciler@", "names no commit"),
        ("contoso@" + "0" * 40, "must be OWNER/REPOSITORY@COMMIT"),
        ("contoso/..@" + "0" * 40, "must be OWNER/REPOSITORY@COMMIT"),
        ("contoso/a b@" + "0" * 40, "must be OWNER/REPOSITORY@COMMIT"),
        ("contoso/reconciler\n@" + "0" * 40, "must be OWNER/REPOSITORY@COMMIT"),
        ("./@" + "0" * 40, "must be OWNER/REPOSITORY@COMMIT"),
        ("https://github.com/contoso/reconciler@" + "0" * 40, "must be OWNER/REPOSITORY@COMMIT"),
    ],
)
def test_a_refused_version_says_why(text: str, reason: str) -> None:
    """Whoever gave another form reads which one is wanted."""
    with pytest.raises(SourceFlaw, match=re.escape(reason)):
        parse_source(text)


@pytest.mark.parametrize(
    "owner", ["@contoso", "@contoso/identity-admins", "@group/sub/team_1", "ana@contoso.example"]
)
def test_owners_of_both_systems_are_taken(owner: str) -> None:
    """A user, a team, a nested group and an address are owners."""
    assert owner_flaw(owner) is None


@given(owner=st.text(max_size=30).filter(lambda text: any(sign in text for sign in " \t\n#*[]\x00")))
def test_an_owner_never_writes_another_line(owner: str) -> None:
    """Nothing that ends a line, begins a comment or makes a second owner passes as one."""
    assert owner_flaw(owner) is not None


def test_the_owner_who_is_to_be_put_in_cannot_exist() -> None:
    """What stands in their place is itself no owner."""
    assert owner_flaw(ADMINISTRATORS) is not None


@pytest.mark.parametrize(("ci", "emulator"), EVERY)
def test_no_mark_of_a_template_is_left(*, ci: CI, emulator: bool) -> None:
    """Every file is text with its values in it, and ends with a line end."""
    for file, text in scaffolded(ci, emulator=emulator).items():
        assert not re.search(r"\[\[|\]\]|\[%|%\]|\r", text), file
        assert text.endswith("\n"), file
        assert not text.startswith("\n"), file
        assert "\n\n\n" not in text or file.startswith("desired/"), file


@pytest.mark.parametrize(("ci", "emulator"), EVERY)
def test_paths_are_possible_everywhere(*, ci: CI, emulator: bool) -> None:
    """No path has a sign or a name that Windows refuses, and none differs from another by case alone."""
    files = list(scaffolded(ci, emulator=emulator))
    assert len({file.lower() for file in files}) == len(files)
    for file in files:
        assert re.fullmatch(r"[A-Za-z0-9._/-]+", file)
        assert not any(PureWindowsPath(part).is_reserved() for part in PurePosixPath(file).parts)
        assert not any(part.endswith(".") or part in {"..", "."} for part in file.split("/"))


@pytest.mark.parametrize(("ci", "emulator"), EVERY)
def test_every_schema_line_names_a_file_that_is_written(*, ci: CI, emulator: bool) -> None:
    """An editor finds the schema of each file of the tree, relative to that file."""
    files = scaffolded(ci, emulator=emulator)
    tree = [file for file in files if file.startswith("desired/")]
    assert tree
    for file in tree:
        first = files[file].splitlines()[0]
        named = first.removeprefix("# yaml-language-server: $schema=")
        assert named != first, file
        parts = list(PurePosixPath(file).parent.parts)
        for part in named.split("/"):
            parts = parts[:-1] if part == ".." else [*parts, part]
        assert "/".join(parts) in files, file


@pytest.mark.parametrize(("ci", "folder"), [(CI.GITHUB, ".github"), (CI.GITLAB, ".gitlab")])
@pytest.mark.parametrize("guests", [None, "@contoso/guest-owners"])
def test_everything_belongs_to_the_administrators_first(ci: CI, folder: str, guests: str | None) -> None:
    """The first line gives them everything, and the policy stays theirs where others look after guests."""
    owners = Owners(administrators="@contoso/admins", guests=guests)
    choices = Choices(tenant=TENANT, ci=ci, source=SOURCE, owners=owners)
    written = {change.file: change.after.decode() for change in new_files(choices, DATA)}
    lines = written[f"{folder}/CODEOWNERS"].splitlines()
    rules = [line.split() for line in lines if line and not line.startswith("#")]
    assert lines[0].split() == ["*", "@contoso/admins"]
    expected = [["/desired/", guests], ["/desired/tenant.yaml", "@contoso/admins"]] if guests else []
    assert rules[1:] == expected
    assert "TO DO" not in written[f"{folder}/CODEOWNERS"]
    assert "To do" not in written["README.md"]


@pytest.mark.parametrize("ci", [CI.GITHUB, CI.GITLAB])
def test_unknown_owners_are_to_be_done(ci: CI) -> None:
    """Where no owner was given, both the file and the README say so, and no name looks finished."""
    choices = Choices(tenant=TENANT, ci=ci, source=SOURCE)
    written = {change.file: change.after.decode() for change in new_files(choices, DATA)}
    owners = written[f".{ci}/CODEOWNERS"]
    assert "TO DO" in owners
    assert {line.split()[1] for line in owners.splitlines() if not line.startswith("#")} == {ADMINISTRATORS}
    assert "To do before anybody works here" in written["README.md"]


@pytest.mark.parametrize("cloud", Cloud)
def test_the_tree_declares_the_tenant(cloud: Cloud) -> None:
    """Tenant and cloud stand in tenant.yaml as they were chosen."""
    choices = replace(Choices(tenant=TENANT, ci=CI.NONE, owners=None), cloud=cloud)
    written = {change.file: change.after.decode() for change in new_files(choices, DATA)}
    assert re.search(rf"^tenantId: {TENANT}$", written["desired/tenant.yaml"], re.MULTILINE)
    assert re.search(rf"^cloud: {cloud} +# ", written["desired/tenant.yaml"], re.MULTILINE)


def test_the_readme_names_who_to_ask_and_the_version() -> None:
    """Whoever edits addresses finds the owners, and whoever runs the program its commit."""
    text = scaffolded(CI.GITHUB)["README.md"]
    assert OWNERS.guests is not None
    for wanted in (OWNERS.administrators, OWNERS.guests, SOURCE.commit, "cannot sign in until"):
        assert wanted in text
