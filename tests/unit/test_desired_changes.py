"""A diff of changes: git and patch make of the old bytes exactly the new ones."""

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired import Tree
from reconciler.desired.changes import FileChange, changed_tree, load_changed, unified_diff
from reconciler.errors import RejectedChange
from reconciler.rules import Rule

NOW = datetime(2026, 11, 23, tzinfo=UTC)
TENANT = b"tenantId: 7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10\n"
NUMBERED = b"".join(b"line %d\n" % number for number in range(30))

CHANGES = {
    "one line": (NUMBERED, NUMBERED.replace(b"line 7\n", b"other\n")),
    "two places": (NUMBERED, NUMBERED.replace(b"line 2\n", b"").replace(b"line 20\n", b"a\nb\n")),
    "two places close together": (NUMBERED, NUMBERED.replace(b"line 2\n", b"").replace(b"line 8\n", b"b\n")),
    "CRLF": (b"a: 1\r\nb: 2\r\n", b"a: 1\r\nb: 3\r\n"),
    "no line end, before and after": (b"a: 1\nb: 2", b"a: 1\nb: 3"),
    "no line end before": (b"a: 1\nb: 2", b"a: 1\nb: 2\n"),
    "no line end after": (b"a: 1\nb: 2\n", b"a: 1\nb: 2"),
    "no line end, another line": (b"a: 1\nb: 2", b"a: 2\nb: 2"),
    "a byte order mark and letters": ("\ufeffa: \u00e9\n".encode(), "\ufeffa: \U0001f600\n".encode()),
    "a new file": (None, b"guests: []\n"),
    "a new file without a line end": (None, b"guests: []"),
    "all goes": (b"a\nb\n", b"c\n"),
    "begun": (b"", b"c\n"),
    "emptied": (b"c\n", b""),
    "lines that repeat": (b"x\ny\n" * 9, b"x\ny\n" * 4 + b"y\n" + b"x\ny\n" * 5),
    "moved": (b"a\nb\nc\nd\n", b"c\nd\na\nb\n"),
}  # fmt: skip


def applied(folder: Path, change: FileChange, *command: str) -> bytes:
    """Apply the diff of one change with a program, and return what it made of the old file."""
    file = folder / "desired" / change.file
    file.parent.mkdir(parents=True)
    if change.before is not None:
        file.write_bytes(change.before)
    diff = unified_diff([change], folder="desired")
    subprocess.run(command, cwd=folder, input=diff, check=True, capture_output=True)
    return file.read_bytes()


GIT = ("git", "-c", "core.autocrlf=false", "apply", "--whitespace=nowarn")


@pytest.mark.parametrize("name", ["guests/a.yaml", "of two words/\u00e9 b.yaml", 'say "no".yaml'])
@pytest.mark.parametrize("case", CHANGES)
def test_git_applies_a_diff_byte_for_byte(case: str, name: str, tmp_path: Path) -> None:
    """Whatever the line ends, and whatever the name of the file."""
    before, after = CHANGES[case]
    change = FileChange(file=name, before=before, after=after)
    if not after:
        pytest.skip("git takes a file that loses every line for one that goes")
    assert applied(tmp_path, change, *GIT) == after


@pytest.mark.skipif(shutil.which("patch") is None, reason="patch is not installed")
@pytest.mark.parametrize("case", CHANGES)
def test_patch_applies_a_diff_byte_for_byte(case: str, tmp_path: Path) -> None:
    """The other program that reads such diffs makes the same of them."""
    before, after = CHANGES[case]
    if not after:
        pytest.skip("patch takes a file that loses every line for one that goes")
    change = FileChange(file="guests/a.yaml", before=before, after=after)
    assert applied(tmp_path, change, "patch", "-p1", "--binary") == after


def rebuilt(before: bytes, diff: bytes) -> bytes:
    """Apply a diff, as its format says."""
    old = before.split(b"\n")
    old = [line + b"\n" for line in old[:-1]] + ([old[-1]] if old[-1] else [])
    new: list[bytes] = []
    at = 0
    lines = diff.split(b"\n")[:-1]
    for number, line in enumerate(lines[2:], 2):
        if line.startswith(b"@@"):
            start, count = (int(part) for part in line.split()[1][1:].split(b","))
            stop = start - (count > 0)
            new += old[at:stop]
            at = stop
            continue
        if line.startswith(b"\\"):
            continue
        bare = number + 1 < len(lines) and lines[number + 1].startswith(b"\\")
        content = line[1:] if bare else line[1:] + b"\n"
        if line[:1] in b" -":
            assert old[at] == content
            at += 1
        if line[:1] in b" +":
            new.append(content)
    return b"".join(new + old[at:])


texts = st.lists(
    st.sampled_from([b"a\n", b"b\n", b"c\r\n", b"d\n", b"e\n", b"f\n", b"\n", b"g"]), max_size=30
).map(b"".join)


@given(texts, texts)
def test_a_diff_makes_the_new_bytes_of_the_old_ones(before: bytes, after: bytes) -> None:
    """Any two files: the diff names each line once, and equal files have none."""
    diff = unified_diff([FileChange(file="a", before=before, after=after)], folder="")
    assert (not diff) == (before == after)
    assert (rebuilt(before, diff) if diff else before) == after


def test_a_large_file_with_many_changes_is_compared_fast() -> None:
    """A hundred thousand entries that all change, among lines that all look alike."""
    before = b"".join(b"  - id: %d\n    hold:\n    email: a%d@x.example\n" % (n, n) for n in range(100_000))
    after = before.replace(b"@x.", b"@y.")
    diff = unified_diff([FileChange(file="a", before=before, after=after)], folder="")
    assert diff.count(b"\n+") == 100_000 + 1


def test_a_change_is_validated_with_the_rest_of_the_tree() -> None:
    """An address that another file holds is refused, and the tree itself stays as it was."""
    held = b"guests: [{id: 1b6a4f0c-8a0c-4d6e-9a51-5f3a3f1c7e01, email: a@x.example}]\n"
    tree = Tree(files={"tenant.yaml": TENANT, "a.yaml": held})
    change = FileChange(file="b.yaml", before=None, after=held.replace(b"7e01", b"7e02"))
    assert changed_tree(tree, [change]).files.keys() == {"tenant.yaml", "a.yaml", "b.yaml"}
    with pytest.raises(RejectedChange) as rejected:
        load_changed(tree, [change], now=NOW)
    assert [problem.rule for problem in rejected.value.problems] == [Rule.DUPLICATE_ADDRESS]
    fine = FileChange(file="b.yaml", before=None, after=b"guests: []\n")
    assert len(load_changed(tree, [fine], now=NOW).guests) == 1
