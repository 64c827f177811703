"""Laws of observing: what a part of the tree reads, and that it says what the whole would."""

import asyncio
from collections import Counter
from dataclasses import dataclass, replace

from hypothesis import event, given
from hypothesis import strategies as st

from reconciler.model import Desired, Live, ObjectId
from reconciler.observation import observe
from reconciler.plan import Baseline, make_plan, questions
from tests.support.plans import NOW, guest_id
from tests.support.reader import ReaderInMemory
from tests.support.worlds import LAW, NUMBERS, directories, trees

IDS = [guest_id(number) for number in NUMBERS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a tree that was observed, how, and the whole tree beside it."""

    tree: Desired
    only: frozenset[ObjectId] | None
    also: frozenset[ObjectId]

    found: Live
    reader: ReaderInMemory
    """The reader that `found` was read with."""

    whole: Live

    @property
    def declared(self) -> frozenset[ObjectId]:
        """The ids of the tree."""
        return frozenset(entry.id for entry in self.tree.guests)

    @property
    def named(self) -> frozenset[ObjectId]:
        """The ids that were asked for by name."""
        return (self.declared if self.only is None else self.only & self.declared) | self.also

    @property
    def near(self) -> frozenset[ObjectId]:
        """The ids that were asked for by name, and those read because of them."""
        return self.named | frozenset(self.reader.read)

    @property
    def owning(self) -> frozenset[ObjectId]:
        """The declared ids that own an address whose owners were looked up."""
        ids = {owner.id for owners in self.found.owners.values() for owner in owners}
        return self.declared & ids


@st.composite
def parts(draw: st.DrawFn) -> Part:
    """Observe a part of a tree, and the whole, in a directory that lists few users or many."""
    tree, live = draw(trees()), draw(directories())
    declared = {entry.id for entry in tree.guests}
    only = draw(st.none() | st.frozensets(st.sampled_from(IDS)))
    gone = [key for key in (*IDS, guest_id(6)) if key not in declared]
    also = draw(st.frozensets(st.sampled_from(gone)))
    shown = draw(st.integers(0, len(IDS)))
    reader = ReaderInMemory(live, shown=shown)
    found = asyncio.run(observe(reader, tree, only=only, also=also))
    whole = asyncio.run(observe(ReaderInMemory(live, shown=shown), tree, also=also))
    event(f"{len(reader.read)} neighbours")
    return Part(tree=tree, only=only, also=also, found=found, reader=reader, whole=whole)


@LAW
@given(parts())
def test_every_declared_owner_of_a_contested_address_is_read(part: Part) -> None:
    """Whether an address becomes free depends on the change of its owner, who is there to be judged."""
    assert set(part.found.owners) == set(questions(part.tree, part.found.guests))
    assert part.owning <= part.near
    assert part.owning & part.reader.live.guests.keys() <= part.found.guests.keys()


@LAW
@given(parts())
def test_nobody_is_read_but_those_named_and_the_owners_of_what_they_want(part: Part) -> None:
    """A part of the tree costs no more than the part, and nobody is asked for twice."""
    assert frozenset(part.reader.named) == part.named
    assert frozenset(part.reader.read) <= part.owning - part.named
    assert set(part.found.guests) == part.near & part.reader.live.guests.keys()
    assert not [key for key, times in Counter(part.reader.named + part.reader.read).items() if times > 1]


@LAW
@given(parts())
def test_each_address_is_looked_up_once_at_most(part: Part) -> None:
    """However many neighbours lead to an address, in whatever spelling, its owners are asked for once."""
    assert not [address for address, times in Counter(part.reader.looked_up).items() if times > 1]
    assert set(part.reader.looked_up) == set(part.found.owners)


@LAW
@given(parts())
def test_a_part_is_the_whole_as_far_as_it_goes(part: Part) -> None:
    """What is said of a guest, a role or an address does not depend on who else was asked about."""
    found, whole = part.found, part.whole
    assert found.guests.items() <= whole.guests.items()
    assert found.owners.items() <= whole.owners.items()
    assert found.role_holders == {key: how for key, how in whole.role_holders.items() if key in part.near}
    assert found.deleted == whole.deleted & part.named
    assert found == replace(
        whole,
        guests=found.guests,
        owners=found.owners,
        role_holders=found.role_holders,
        deleted=found.deleted,
    )


@LAW
@given(parts())
def test_the_whole_tree_by_name_is_the_whole_tree(part: Part) -> None:
    """Naming everybody leaves nothing out, and nobody is a neighbour then."""
    reader = ReaderInMemory(part.reader.live, shown=part.reader.shown)
    assert asyncio.run(observe(reader, part.tree, only=part.declared, also=part.also)) == part.whole
    assert reader.read == []


@LAW
@given(trees(), trees(), directories())
def test_a_plan_since_a_revision_needs_only_what_changed_and_its_neighbours(
    tree: Desired, before: Desired, live: Live
) -> None:
    """`plan --since` shows the same rows, whether it read all of the tree or what changed."""
    base = Baseline.of(before, desired=tree)
    gone = [entry.id for entry in base.disappeared([entry.id for entry in tree.guests])]
    plans = [
        make_plan(
            tree,
            asyncio.run(observe(ReaderInMemory(live), tree, only=only, also=gone)),
            NOW,
            base=base,
            since="main",
        )
        for only in (None, base.changed(tree))
    ]
    assert plans[0] == plans[1]
