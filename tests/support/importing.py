"""An import without directory and files: users and the files of a tree in, findings and files out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.desired import Tree, load
from reconciler.editing import append_entries
from reconciler.importing import Grouping, Selection, Sorted, candidate, new_file, place, sort_out
from reconciler.model import Desired, Guest, ObjectId, OddUser
from tests.support.plans import NOW, TENANT

EMPTY = {"tenant.yaml": f"tenantId: {TENANT}\ncloud: global\n".encode()}
"""The files of a tree that declares nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import leaves."""

    found: Sorted
    files: Mapping[str, bytes]
    """All files of the tree."""

    touched: frozenset[str]

    @property
    def desired(self) -> Desired:
        """The tree as it is read again."""
        return tree(self.files)


def tree(files: Mapping[str, bytes]) -> Desired:
    """Read the files of a valid tree."""
    return load(Tree(files=files), now=NOW)


def imported(
    users: Iterable[Guest | OddUser],
    files: Mapping[str, bytes] | None = None,
    *,
    role_holders: Mapping[ObjectId, str] | None = None,
    selection: Selection | None = None,
    grouping: Grouping = Grouping.DOMAIN,
) -> Imported:
    """Import users into a tree, as the command does."""
    before = EMPTY if files is None else files
    found = sort_out(
        map(candidate, users),
        role_holders=role_holders or {},
        desired=tree(before),
        selection=selection or Selection(),
    )
    additions = place(found.entries, before, grouping=grouping)
    after = {
        addition.file: new_file(addition.blocks, head="")
        if addition.before is None
        else append_entries(addition.before, addition.blocks)
        for addition in additions
    }
    return Imported(found=found, files={**before, **after}, touched=frozenset(after))


def lists(found: Sorted) -> dict[str, list[tuple[ObjectId, str | None]]]:
    """Return who is in which list, with the rule."""
    return {
        name: [(one.id, one.rule) for one in getattr(found, name)]
        for name in ("written", "limited", "left_out", "declared")
    }
