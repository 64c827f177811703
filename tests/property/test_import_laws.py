"""Laws of an import, whatever the directory holds: adopting a tenant is empty by construction."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.characters import hidden_characters
from reconciler.editing import entry_block
from reconciler.importing import Grouping, Selection
from reconciler.model import (
    Desired,
    EmailAddress,
    Guest,
    Identity,
    Live,
    ObjectId,
    OddUser,
    RedemptionState,
    address_flaw,
)
from reconciler.plan import make_plan
from reconciler.rules import Rule
from tests.support.directory import REDEEMED, guest, guest_id, live
from tests.support.importing import EMPTY, Imported, imported, lists, tree
from tests.support.plans import NOW, marker_of
from tests.support.worlds import LAW

NUMBERS = range(1, 8)
_GOOD = st.sampled_from(
    [f"{name}@{domain}" for name in ("a", "b", "c.d") for domain in ("old.example", "con.example")]
)
_BAD = st.sampled_from(["a+b@old.example", "é@old.example", ".a@old.example", "a@", "", str(marker_of())])
_ADDRESSES = st.one_of(_GOOD, _GOOD.map(str.upper), _GOOD, _BAD)
_NAMES = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.sampled_from(
        ["no", "2024-01-01", "- [x]: #", "012", "~", "a: b", "x #y", "'", "\u202eevil", "a\u200db", "%"]
    ),
    st.text(
        alphabet=st.characters(codec=None, categories=["Cs", "Cc", "Cf", "Zs", "Zl", "Zp", "Lo"]), max_size=6
    ),
)


@st.composite
def guests(draw: st.DrawFn) -> Guest:
    """Draw one user with oddities."""
    number = draw(st.sampled_from(NUMBERS))
    mail = draw(st.one_of(st.none(), _ADDRESSES))
    others = draw(st.lists(_ADDRESSES, max_size=3))
    b2b = draw(st.integers(0, 7)) > 0
    state = draw(st.sampled_from([RedemptionState.ACCEPTED, RedemptionState.PENDING]))
    return guest(
        number,
        mail,
        others=[
            *(other for other in others if not other.startswith("pending-")),
            *([mail] if mail is not None and draw(st.integers(0, 2)) else ()),
        ],
        state=state if b2b else None,
        changed=draw(st.sampled_from([None, REDEEMED])),
        creation_type="Invitation" if b2b else None,
        display_name=draw(_NAMES),
        account_enabled=draw(st.integers(0, 4)) > 0,
        on_premises_synced=draw(st.integers(0, 7)) == 0,
        markers=(marker_of(),) if draw(st.integers(0, 7)) == 0 else (),
        created_at=draw(st.sampled_from([None, REDEEMED])),
        management_restricted=draw(st.sampled_from([None, False, True])),
        identities=(Identity(sign_in_type="federated", issuer="mail", issuer_assigned_id=draw(_GOOD)),)
        if draw(st.integers(0, 4)) == 0
        else (),
    )


def odd(number: int) -> OddUser:
    return OddUser(
        id=guest_id(number), property="identities", is_b2b=True, display_name=None, mail="a@old.example"
    )


@st.composite
def tenants(draw: st.DrawFn) -> list[Guest | OddUser]:
    """Draw the users of a tenant, each id once."""
    found: list[Guest | OddUser] = list(draw(st.lists(guests(), max_size=7, unique_by=lambda user: user.id)))
    if draw(st.integers(0, 4)) == 0:
        found.append(odd(9))
    return found


@st.composite
def partly_declared(draw: st.DrawFn) -> tuple[list[Guest | OddUser], Imported]:
    """Draw a tenant, and a tree that declares some of it, as it was or with other addresses."""
    users = draw(tenants())
    some = [user for user in users if draw(st.booleans())]
    before = imported(some, grouping=draw(st.sampled_from(Grouping)))
    return users, before


def directory(users: list[Guest | OddUser], declared: Desired) -> Live:
    """Return what planning reads of a tenant: the declared users."""
    ids = {entry.id for entry in declared.guests}
    return live(*(user for user in users if isinstance(user, Guest) and user.id in ids))


def roles_of(users: list[Guest | OddUser]) -> dict[ObjectId, str]:
    return {user.id: "assigned directly" for user in users if int(user.id[-1], 16) % 3 == 0}


@LAW
@given(tenants(), st.sampled_from(Grouping))
def test_planning_right_after_changes_and_blocks_nobody(
    users: list[Guest | OddUser], grouping: Grouping
) -> None:
    """The tree is valid, and the plan of it is empty, role holders among the guests or not."""
    after = imported(users, role_holders=roles_of(users), grouping=grouping).desired
    plan = make_plan(after, directory(users, after), NOW)
    assert (plan.changes, plan.blocked) == ((), ())
    assert plan.summary.unchanged == len(after.guests)


@LAW
@given(partly_declared())
def test_every_user_ends_in_exactly_one_list(world: tuple[list[Guest | OddUser], Imported]) -> None:
    """Written, limited, left out and declared add up to the users of the tenant; silence is impossible."""
    users, before = world
    after = imported(users, before.files, role_holders=roles_of(users))
    found = lists(after.found)
    assert Counter(who for one in found.values() for who, _ in one) == Counter(user.id for user in users)
    assert after.found.total == len(users)
    assert {who for who, _ in found["declared"]} == {entry.id for entry in before.desired.guests}
    taken = {who for name in ("written", "limited", "declared") for who, _ in found[name]}
    assert {entry.id for entry in after.desired.guests} == taken
    assert all(rule is None for _, rule in found["written"])
    assert all(rule is not None for name in ("limited", "left_out", "declared") for _, rule in found[name])


@LAW
@given(tenants(), st.randoms(use_true_random=False), st.sampled_from(Grouping))
def test_the_order_of_pages_and_values_changes_nothing(
    users: list[Guest | OddUser], chance: random.Random, grouping: Grouping
) -> None:
    """Same tenant, same bytes."""
    mixed = chance.sample(users, len(users))
    one, other = imported(users, grouping=grouping), imported(mixed, grouping=grouping)
    assert one.files == other.files
    assert one.found == other.found


@LAW
@given(partly_declared(), st.sampled_from(Grouping))
def test_what_stands_in_a_tree_stays_byte_for_byte(
    world: tuple[list[Guest | OddUser], Imported], grouping: Grouping
) -> None:
    """Adding to a tree keeps every byte; nobody to add touches no file; a second time adds nobody."""
    users, before = world
    after = imported(users, before.files, grouping=grouping)
    for file, data in before.files.items():
        assert after.files[file].startswith(data)
    again = imported(users, after.files, grouping=grouping)
    assert (again.touched, again.found.entries) == (frozenset(), ())
    plan = make_plan(after.desired, directory(users, after.desired), NOW)
    assert (plan.changes, plan.blocked) == ((), ())


@LAW
@given(tenants())
def test_domains_and_states_together_are_the_whole(users: list[Guest | OddUser]) -> None:
    """An import of one domain or state after the other leaves the tree of one import of everything."""
    domains = {user.mail.domain for user in users if isinstance(user, Guest) and user.mail is not None}
    step = imported([])
    for domain in sorted(domains - {""}):
        step = imported(users, step.files, selection=Selection(domains=frozenset({domain})))
    everything = imported(users)
    assert {entry.id for entry in step.desired.guests} == {entry.id for entry in everything.desired.guests}
    states = imported(users, selection=Selection(state=RedemptionState.PENDING))
    states = imported(users, states.files, selection=Selection(state=RedemptionState.ACCEPTED))
    accounted = {user.id for user in users if isinstance(user, Guest) and user.state is None}
    assert {entry.id for entry in everything.desired.guests} - accounted == {
        entry.id for entry in states.desired.guests
    }


@LAW
@given(tenants())
def test_nobody_is_declared_who_cannot_be_managed(users: list[Guest | OddUser]) -> None:
    """Each written guest was invited, is not synchronised, has no marker, and an address nobody else has."""
    known = {user.id: user for user in users if isinstance(user, Guest)}
    mails = Counter(user.mail for user in known.values() if user.is_b2b and user.mail is not None)
    for entry in imported([*known.values()]).desired.guests:
        user = known[entry.id]
        assert user.is_b2b
        assert not user.on_premises_synced
        assert not user.markers
        assert user.mail == entry.email
        assert address_flaw(entry.email.text) is None
        assert mails[entry.email] == 1


@LAW
@given(_NAMES, _GOOD)
def test_a_name_reads_back_as_it_is(name: str | None, mail: str) -> None:
    """Whatever a display name holds, reading the file gives it back, and nothing in the file hides."""
    after = imported([guest(1, mail, display_name=name)])
    (entry,) = after.desired.guests
    expected = None if name is None else name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if name is None or not any("\ud800" <= letter <= "\udfff" for letter in name):
        assert entry.name == name == expected
    else:
        assert entry.name is not None
        assert not any("\ud800" <= letter <= "\udfff" for letter in entry.name)
        assert [hint.rule for hint in after.found.hints if hint.rule == Rule.NAME_ALTERED]
    text = b"".join(data for file, data in after.files.items() if file not in EMPTY).decode()
    assert not any(hidden_characters(text))
    assert entry_block({"email": EmailAddress(mail).text}) in text
    assert tree(after.files) == after.desired
