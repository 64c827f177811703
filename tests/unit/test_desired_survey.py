"""A survey is valid exactly where the loaded tree is, before and after changes."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired import Tree, load
from reconciler.desired import tree as tree_module
from reconciler.desired.changes import FileChange, changed_tree
from reconciler.desired.reader import read
from reconciler.desired.survey import EntryKey, Place, survey
from reconciler.errors import InvalidDesired, RejectedChange
from reconciler.model import Problem
from tests.support.edited_tree import TENANT_ID, entries, guest_id

NOW = datetime(2026, 11, 23, tzinfo=UTC)
TENANT = f"tenantId: {TENANT_ID}\n".encode()

FILES = st.sampled_from(
    [
        entries(1, 2),
        entries(3),
        entries(2, domain="x.example"),
        entries(4).replace("g4@", "g1@"),
        entries(5) + "    alternateEmails: [g3@old.example]\n",
        entries(6) + "    alternateEmails: [a@x.example, A@x.example]\n",
        entries(7) + "    resetAfter: 2027-01-01T00:00:00Z\n",
        entries(8) + "    hold: {reason: x, until: 2026-12-31}\n",
        entries(9) + "    unknown: x\n",
        entries(10).replace("@old.example", "+x@old.example"),
        entries(11).replace("guests", "people"),
        entries(),
        "guests: [",
        "",
    ]
)
TREES = st.dictionaries(st.sampled_from(["a.yaml", "b/c.yml", "d.yaml", "e:f.yaml"]), FILES, max_size=3)


def problems(tree: Tree, *, surveyed: bool) -> tuple[Problem, ...] | None:
    """Return the problems of a tree; `None` for a valid one."""
    try:
        if surveyed:
            survey(tree, now=NOW)
        else:
            load(tree, now=NOW)
    except InvalidDesired as error:
        return error.problems
    return None


def tree_of(files: dict[str, str], *, tenant: bytes | None = TENANT) -> Tree:
    """Return a tree of files of guests."""
    own = {} if tenant is None else {"tenant.yaml": tenant}
    return Tree(files={**own, **{name: text.encode() for name, text in files.items()}})


@given(TREES, st.sampled_from([TENANT, None, b"tenantId: 1\n"]))
def test_a_survey_finds_the_problems_that_loading_finds(files: dict[str, str], tenant: bytes | None) -> None:
    """Whatever the files hold, and whether there is a tenant."""
    tree = tree_of(files, tenant=tenant)
    assert problems(tree, surveyed=True) == problems(tree, surveyed=False)


def refused(tree: Tree, change: FileChange, expected: Any) -> tuple[Problem, ...] | list[str]:
    """Return the problems that a change would make, else the files that are not as expected."""
    try:
        return survey(tree, now=NOW).check_after([(change, expected)])
    except RejectedChange as rejected:
        return rejected.problems


@given(st.sampled_from([entries(12, 13), entries(14)]), FILES, st.booleans())
def test_a_change_is_refused_where_the_new_tree_is_invalid(before: str, new: str, as_expected: bool) -> None:  # noqa: FBT001 - Hypothesis takes no others
    """And accepted where it is valid, although entries that stay are not checked again."""
    tree = tree_of({"a.yaml": before, "b.yaml": entries(1, 3)})
    change = FileChange(file="a.yaml", before=tree.files["a.yaml"], after=new.encode())
    content = read(change.after).value
    expected = content if as_expected else {"guests": [{}]}
    wanted = problems(changed_tree(tree, [change]), surveyed=False)
    others = [] if content == expected else ["a.yaml"]
    assert refused(tree, change, expected) == (others if wanted is None else wanted)


def test_a_survey_knows_where_everything_is_declared() -> None:
    """Ids and addresses without regard to case, alternate addresses with their number, and positions."""
    listed = entries(1, 2).replace("g2@", "G2@") + "    alternateEmails: [x@a.example, Y@a.example]\n"
    found = survey(tree_of({"a.yaml": "\ufeff" + listed.replace(guest_id(1), guest_id(1).upper())}), now=NOW)
    assert found.ids == {guest_id(1): EntryKey("a.yaml", 0), guest_id(2): EntryKey("a.yaml", 1)}
    assert found.emails["g2@old.example"] == EntryKey("a.yaml", 1)
    assert found.alternates["y@a.example"] == (EntryKey("a.yaml", 1), 1)
    place = Place(EntryKey("a.yaml", 1), ("alternateEmails", 1))
    assert found.positions([place]) == {place: (8, 36)}
    assert [listed[start:].partition("\n")[0] for start in found.email_starts["a.yaml"]] == [
        "g1@old.example",
        "G2@old.example",
    ]


def test_a_tree_that_grows_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be read any more is not written."""
    found = survey(tree_of({"a.yaml": entries(1)}), now=NOW)
    change = FileChange(file="a.yaml", before=entries(1).encode(), after=entries(1).encode() + b"#" * 100)
    monkeypatch.setattr(tree_module, "MAX_TREE_BYTES", 200)
    with pytest.raises(RejectedChange) as rejected:
        found.check_after([(change, {"guests": found.files["a.yaml"]})])
    assert [problem.rule for problem in rejected.value.problems] == ["too-large"]
