"""Guests who take over addresses that other declared guests are leaving."""

from datetime import timedelta

import pytest

from reconciler.model import (
    AddressUse,
    ChangeKind,
    DesiredGuest,
    EmailAddress,
    Guest,
    Live,
    ObjectId,
    OwnerKind,
    Plan,
    Policy,
    ProxyAddress,
)
from reconciler.plan import make_plan
from tests.support.directory import NOW, REDEEMED, declared, desired, guest, guest_id, live, owner
from tests.support.plans import marker_of


def mail(number: int) -> str:
    return f"p{number}@old.example"


def moves(number: int, email: str) -> DesiredGuest:
    return declared(number, email=email)


def chain(length: int) -> tuple[tuple[DesiredGuest, ...], Live]:
    """Make each guest want the address of the next one, and the last a free address."""
    entries = [moves(number, mail(number + 1)) for number in range(1, length + 1)]
    return tuple(entries), live(*(guest(number, mail(number)) for number in range(1, length + 1)))


def order(plan: Plan) -> list[ObjectId]:
    return [change.id for change in plan.changes]


def rules(plan: Plan) -> dict[ObjectId, str]:
    return {blocked.id: blocked.rule for blocked in plan.blocked}


def test_who_takes_over_an_address_comes_after_who_leaves_it() -> None:
    """The first of a chain is worked on first, although its id is larger."""
    entries, found = chain(2)
    plan = make_plan(desired(*entries), found, NOW)
    assert order(plan) == [guest_id(2), guest_id(1)]
    assert [change.waits_for for change in plan.changes] == [None, guest_id(2)]
    (note,) = [note for note in plan.changes[1].warnings if note.rule == "chain-may-wait"]
    assert guest_id(2) in note.message


def test_long_chains_are_followed_to_their_end() -> None:
    """Nothing is left to the depth of a stack."""
    entries, found = chain(3000)
    assert order(make_plan(desired(*entries), found, NOW)) == [guest_id(n) for n in range(3000, 0, -1)]


def test_several_may_wait_for_one() -> None:
    """A guest who leaves two addresses frees both, and the rest is in order of ids."""
    leaving = declared(5, email="free@new.example", alternates=[])
    entries = (moves(1, mail(5)), moves(2, "spare@old.example"), moves(3, "c@new.example"), leaving)
    freed = guest(5, mail(5), others=[mail(5), "spare@old.example"])
    found = live(*(guest(number, mail(number)) for number in (1, 2, 3)), freed)
    plan = make_plan(desired(*entries), found, NOW)
    assert order(plan) == [guest_id(3), guest_id(5), guest_id(1), guest_id(2)]
    assert plan.changes[2].waits_for == plan.changes[3].waits_for == guest_id(5)


def test_an_address_only_in_other_mails_can_be_waited_for() -> None:
    """A guest who drops an alternate frees it for another."""
    entries = (moves(1, "spare@old.example"), declared(2, email=mail(2), alternates=[]))
    found = live(guest(1, mail(1)), guest(2, mail(2), others=[mail(2), "spare@old.example"]))
    assert order(make_plan(desired(*entries), found, NOW)) == [guest_id(2), guest_id(1)]


TAKES_SPARE = {
    ChangeKind.CHANGE_EMAIL: declared(1, email="a@new.example", alternates=["spare@old.example"]),
    ChangeKind.RESET: declared(
        1, email=mail(1), alternates=["spare@old.example"], reset_after=REDEEMED + timedelta(days=1)
    ),
    ChangeKind.OTHER_MAILS: declared(1, email=mail(1), alternates=["spare@old.example"]),
    ChangeKind.RESTORE_MAIL: declared(1, email="a@new.example", alternates=["spare@old.example"]),
}


@pytest.mark.parametrize("kind", list(ChangeKind))
@pytest.mark.parametrize(
    "leaves",
    [declared(2, email=mail(2), alternates=[]), declared(2, email="b@new.example", alternates=[])],
    ids=["other-mails", "change-email"],
)
def test_an_alternate_is_waited_for_in_every_kind_of_change(kind: ChangeKind, leaves: DesiredGuest) -> None:
    """Whoever gets an address comes after whoever loses it, as `mail` or beside it."""
    passcode = "a@new.example" if kind is ChangeKind.RESTORE_MAIL else None
    taker = guest(1, mail(1), passcode=passcode)
    found = live(taker, guest(2, mail(2), others=[mail(2), "spare@old.example"]))
    first, second = make_plan(desired(TAKES_SPARE[kind], leaves), found, NOW).changes
    assert (first.id, second.id, second.kind) == (guest_id(2), guest_id(1), kind)
    assert second.waits_for == guest_id(2)
    assert "chain-may-wait" in {note.rule for note in second.warnings}
    assert EmailAddress("spare@old.example") in second.gains


def test_an_address_that_a_half_done_change_has_left_already_is_free() -> None:
    """`mail` is the first thing a change writes, so its rest makes nobody wait."""
    taker, leaver = moves(1, mail(2)), moves(2, "b@new.example")
    halfway = guest(2, "b@new.example", markers=(marker_of(),))
    plan = make_plan(desired(taker, leaver), live(guest(1, mail(1)), halfway), NOW)
    assert [(change.id, change.waits_for) for change in plan.changes] == [
        (guest_id(1), None),
        (guest_id(2), None),
    ]


def test_guests_who_want_each_others_alternates_are_a_ring() -> None:
    """Addresses beside `mail` cannot be swapped in one go either."""
    entries = (
        declared(1, email=mail(1), alternates=["two@old.example"]),
        declared(2, email=mail(2), alternates=["one@old.example"]),
    )
    found = live(
        guest(1, mail(1), others=[mail(1), "one@old.example"]),
        guest(2, mail(2), others=[mail(2), "two@old.example"]),
    )
    assert set(rules(make_plan(desired(*entries), found, NOW)).values()) == {"address-cycle"}


def test_an_address_that_is_kept_among_the_others_is_in_use() -> None:
    """Whoever changes mail but keeps the wanted address in otherMails frees nothing."""
    entries = (moves(1, "spare@old.example"), moves(2, "bo@new.example"))
    found = live(guest(1, mail(1)), guest(2, mail(2), others=[mail(2), "spare@old.example"]))
    plan = make_plan(desired(*entries), found, NOW)
    assert rules(plan) == {guest_id(1): "address-in-use"}
    assert order(plan) == [guest_id(2)]


@pytest.mark.parametrize(
    "second",
    [
        guest(2, mail(2), secondaries=["spare@old.example"], others=[mail(2), "spare@old.example"]),
        guest(2, mail(2), user_principal_name="spare@old.example"),
        guest(
            2,
            mail(2),
            proxy_addresses=(ProxyAddress(address=EmailAddress("spare@old.example"), primary=True),),
        ),
    ],
    ids=["secondary", "upn", "primary without mail"],
)
def test_what_graph_cannot_free_is_not_waited_for(second: Guest) -> None:
    """Secondary proxies and UPNs stay when mail changes, so waiting would be in vain."""
    entries = (moves(1, "spare@old.example"), declared(2, email="bo@new.example", alternates=[]))
    plan = make_plan(desired(*entries), live(guest(1, mail(1)), second), NOW)
    assert rules(plan) == {guest_id(1): "address-in-use"}
    assert guest_id(2) in plan.blocked[0].message


def test_the_owners_that_were_asked_for_count_like_the_guests_own_rows() -> None:
    """A secondary proxy that only the look-up shows stops the waiting too."""
    entries, found = chain(2)
    held = owner(2, AddressUse.PROXY_ADDRESSES, kind=OwnerKind.GUEST)
    plan = make_plan(desired(*entries), live(*found.guests.values(), owners=[(mail(2), held)]), NOW)
    assert rules(plan) == {guest_id(1): "address-in-use"}


def test_whoever_waits_for_a_blocked_guest_is_blocked_however_far_away() -> None:
    """An address that is not freed is in use for the whole chain behind it."""
    entries, found = chain(4)
    plan = make_plan(desired(*entries, policy=Policy(protected=(guest_id(3),))), found, NOW)
    assert rules(plan) == {
        guest_id(1): "address-in-use",
        guest_id(2): "address-in-use",
        guest_id(3): "protected",
    }
    assert [guest_id(2) in plan.blocked[0].message, guest_id(3) in plan.blocked[1].message] == [True, True]
    assert order(plan) == [guest_id(4)]


def test_a_blocked_guest_who_waits_in_vain_says_both() -> None:
    """The rule of the address comes first, the guest's own is named."""
    entries, found = chain(2)
    policy = Policy(protected=(guest_id(1), guest_id(2)))
    plan = make_plan(desired(*entries, policy=policy), found, NOW)
    assert rules(plan) == {guest_id(1): "address-in-use", guest_id(2): "protected"}
    assert plan.blocked[0].message.endswith("(also: protected)")


@pytest.mark.parametrize("size", [2, 3, 5])
def test_guests_who_want_each_others_addresses_are_named_together(size: int) -> None:
    """A ring is blocked as a whole, and every member's message names all."""
    entries = [moves(number, mail(number % size + 1)) for number in range(1, size + 1)]
    plan = make_plan(desired(*entries), live(*(guest(n, mail(n)) for n in range(1, size + 1))), NOW)
    assert set(rules(plan).values()) == {"address-cycle"}
    for blocked in plan.blocked:
        assert all(guest_id(number) in blocked.message for number in range(1, size + 1))


def test_the_names_of_a_large_ring_are_cut() -> None:
    """A plan grows with its guests, not with their square."""
    size = 300
    entries = [moves(number, mail(number % size + 1)) for number in range(1, size + 1)]
    plan = make_plan(desired(*entries), live(*(guest(n, mail(n)) for n in range(1, size + 1))), NOW)
    assert len(plan.blocked) == size
    assert guest_id(20) in plan.blocked[-1].message
    assert guest_id(21) not in plan.blocked[0].message
    assert "and 280 more" in plan.blocked[0].message


def test_whoever_waits_for_a_ring_is_blocked_without_being_part_of_it() -> None:
    """Only the members of a ring are named as one."""
    ring = (moves(1, mail(2)), declared(2, email=mail(1), alternates=[]), moves(3, "spare@old.example"))
    found = live(
        guest(1, mail(1)), guest(2, mail(2), others=[mail(2), "spare@old.example"]), guest(3, mail(3))
    )
    plan = make_plan(desired(*ring), found, NOW)
    assert rules(plan) == {
        guest_id(1): "address-cycle",
        guest_id(2): "address-cycle",
        guest_id(3): "address-in-use",
    }
    assert guest_id(3) not in plan.blocked[0].message


def test_two_rings_are_told_apart() -> None:
    """Each ring names its own members."""
    swaps = (moves(1, mail(2)), moves(2, mail(1)), moves(3, mail(4)), moves(4, mail(3)))
    plan = make_plan(desired(*swaps), live(*(guest(n, mail(n)) for n in range(1, 5))), NOW)
    assert guest_id(3) not in plan.blocked[0].message
    assert guest_id(4) in plan.blocked[2].message


def test_a_member_of_a_ring_shows_its_own_graver_rule() -> None:
    """A ring does not hide that one of its members may not be changed anyway."""
    swaps = (moves(1, mail(2)), moves(2, mail(1)))
    found = live(guest(1, mail(1)), guest(2, mail(2)))
    plan = make_plan(desired(*swaps, policy=Policy(protected=(guest_id(1),))), found, NOW)
    assert rules(plan) == {guest_id(1): "protected", guest_id(2): "address-cycle"}
    assert plan.blocked[0].message.endswith("(also: address-cycle)")


def test_nobody_waits_for_two_at_once() -> None:
    """A guest who would take over addresses of two others is asked to do it in two steps."""
    entries = (
        declared(1, email=mail(2), alternates=[mail(3)]),
        moves(2, "bo@new.example"),
        moves(3, "cy@new.example"),
    )
    plan = make_plan(desired(*entries), live(*(guest(n, mail(n)) for n in (1, 2, 3))), NOW)
    assert rules(plan) == {guest_id(1): "address-in-use"}
    assert "two steps" in plan.blocked[0].message
