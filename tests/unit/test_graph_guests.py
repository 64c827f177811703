"""Guests are read by listing or by id, whichever is cheaper: pages, odd rows, missing permissions."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.errors import AccessDenied, UnexpectedAnswer
from reconciler.model import EmailAddress, Identity, ProxyAddress, RedemptionState
from reconciler.observation import observe
from tests.support.directory import declared, desired
from tests.support.plans import guest_id
from tests.support.scripted_graph import Reply, refusal
from tests.support.scripted_graph.tenant import EXPIRED, FORBIDDEN, observe_guests, quiet, reading, rows, user


async def test_row_becomes_a_guest() -> None:
    """Every property of a row finds its place, sorted, and addresses keep their spelling."""
    row = user(
        1,
        id=guest_id(1).upper(),
        otherMails=["b@old.example", "A@old.example"],
        proxyAddresses=["smtp:z@old.example", "SMTP:a@old.example", "x500:/o=contoso", "sip:a@old.example"],
        identities=[{"signInType": "federated", "issuer": "mail", "issuerAssignedId": "a@old.example"}],
        onPremisesSyncEnabled=True,
        accountEnabled=False,
        externalUserStateChangeDateTime="2026-01-15T09:30:00.1234567Z",
    )
    guest = (await observe_guests(quiet(_users=rows(row)), 1)).guests[guest_id(1)]
    assert [address.text for address in guest.other_mails] == ["A@old.example", "b@old.example"]
    assert guest.proxy_addresses == (
        ProxyAddress(address=EmailAddress("a@old.example"), primary=True),
        ProxyAddress(address=EmailAddress("z@old.example"), primary=False),
    )
    assert guest.identities == (
        Identity(sign_in_type="federated", issuer="mail", issuer_assigned_id="a@old.example"),
    )
    assert guest.on_premises_synced
    assert not guest.account_enabled
    assert guest.state_changed_at == datetime(2026, 1, 15, 9, 30, 0, 123456, tzinfo=UTC)


async def test_row_of_nulls_becomes_a_guest_who_is_none() -> None:
    """Graph leaves out what has no value; what is left is a user who was not invited."""
    row = {"id": guest_id(1)}
    graph = quiet(_users=lambda request: rows(row) if "userType" in request.query["$filter"] else rows())
    guest = (await observe_guests(graph, 1)).guests[guest_id(1)]
    assert (guest.mail, guest.other_mails, guest.state, guest.state_changed_at) == (None, (), None, None)
    assert guest.user_principal_name is None
    assert guest.account_enabled
    assert not guest.is_b2b


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"userPrincipalName": 7}, "userPrincipalName"),
        ({"displayName": 7}, "displayName"),
        ({"accountEnabled": "yes"}, "accountEnabled"),
        ({"externalUserState": "Hesitating"}, "externalUserState"),
        ({"externalUserStateChangeDateTime": "yesterday"}, "externalUserStateChangeDateTime"),
        ({"externalUserStateChangeDateTime": "2026-01-15T09:30:00"}, "externalUserStateChangeDateTime"),
        ({"mail": ["a@old.example"]}, "mail"),
        ({"otherMails": "a@old.example"}, "otherMails"),
        ({"otherMails": [None]}, "otherMails"),
        ({"proxyAddresses": [1]}, "proxyAddresses"),
        ({"identities": ["mail"]}, "identities"),
        ({"identities": [{"issuer": 1}]}, "identities"),
        ({"onPremisesSyncEnabled": "no"}, "onPremisesSyncEnabled"),
        ({"externalUserState": ""}, "externalUserState"),
        ({"externalUserState": "InProgress"}, "externalUserState"),
        ({"externalUserStateChangeDateTime": "0001-01-01T00:00:00+14:00"}, "externalUserStateChangeDateTime"),
    ],
)
async def test_a_declared_user_of_an_unknown_shape_is_odd_and_no_other_is(
    fields: Mapping[str, Any], named: str
) -> None:
    """A property that is not as documented is named for this user, and the others are read as ever."""
    live = await observe_guests(quiet(_users=rows(user(1, **fields), user(2))), 1, 2)
    assert live.odd == {guest_id(1): named}
    assert live.guests.keys() == {guest_id(2)}
    assert live.deleted == frozenset()


@pytest.mark.parametrize("fields", [{"id": "17"}, {"id": None}])
async def test_a_row_without_an_id_is_an_error(fields: Mapping[str, Any]) -> None:
    """A row that could be anybody's ends the reading."""
    with pytest.raises(UnexpectedAnswer, match="without an id"):
        await observe_guests(quiet(_users=rows(user(1, **fields))), 1)


async def test_rows_nobody_declared_are_counted_once_and_not_looked_into() -> None:
    """Undeclared guests are counted by id, internal ones and odd values in them do not matter."""
    other = user(2, externalUserState="Hesitating")
    internal = user(3, creationType=None, externalUserState=None)
    live = await observe_guests(quiet(_users=rows(user(1), other, other, internal)), 1)
    assert (live.unmanaged, live.listed_all) == (1, True)


async def test_domains_of_the_listed_guests_are_counted() -> None:
    """Each B2B user counts once for the domain of mail, declared or not; an odd mail counts for none."""
    people = (
        user(1, mail="Guest1@Old.example"),
        user(2, mail="b@old.example"),
        user(2, mail="b@old.example"),
        user(3, mail="c@new.example"),
        user(4, mail=None),
        user(5, mail="nowhere"),
        user(6, mail=7),
        user(7, mail="d@own.example", creationType=None, externalUserState=None),
    )
    live = await observe_guests(quiet(_users=rows(*people)), 1)
    assert dict(live.domains) == {"old.example": 2, "new.example": 1}


async def test_only_the_guests_of_interest_are_read() -> None:
    """A part of the tree costs a page and a batch; ids that are not declared may be asked for too."""
    graph = quiet()
    graph.answers["/users"] = lambda _: graph.page("/users/page2", user(1), user(7), user(8))
    graph.answers[f"/users/{guest_id(2)}"] = Reply(body=user(2))
    graph.answers[f"/directory/deletedItems/{guest_id(60)}"] = Reply(body={"id": guest_id(60)})
    tree = desired(*(declared(number, f"guest{number}@old.example") for number in range(1, 60)))
    async with reading(graph) as reader:
        live = await observe(reader, tree, only=[guest_id(2)], also=[guest_id(8), guest_id(60), guest_id(61)])
    assert set(live.guests) == {guest_id(2), guest_id(8)}
    assert live.deleted == {guest_id(60)}
    assert graph.asked("/users/page2") == 0
    assert live.unmanaged == 0


async def test_doubled_declared_row_is_one_guest() -> None:
    """Pages are no snapshot: a guest shown twice is one guest."""
    live = await observe_guests(quiet(_users=rows(user(1), user(1))), 1)
    assert set(live.guests) == {guest_id(1)}


async def test_listing_goes_on_while_it_is_the_cheaper_way() -> None:
    """With many declared guests all pages are read, and nobody is asked for by id."""
    graph = quiet()
    graph.answers["/users"] = lambda _: graph.page("/users/page2", *map(user, range(1, 31)))
    graph.answers["/users/page2"] = rows(*map(user, range(31, 61)))
    live = await observe_guests(graph, *range(1, 42))
    assert (len(live.guests), live.unmanaged, live.listed_all) == (41, 19, True)
    assert graph.asked("/$batch") == 0


async def test_listing_stops_when_asking_by_id_is_cheaper() -> None:
    """With few declared guests the listing is left after as many pages as batches would cost."""
    graph = quiet()
    graph.answers["/users"] = lambda _: graph.page("/users/page2", user(1), user(7))
    for number in (2, 3):
        graph.answers[f"/users/{guest_id(number)}"] = Reply(body=user(number))
    live = await observe_guests(graph, 1, 2, 3)
    assert (set(live.guests), live.unmanaged, live.listed_all) == (
        {guest_id(1), guest_id(2), guest_id(3)},
        1,
        False,
    )
    assert graph.asked("/users/page2") == 0
    assert list(live.guests) == sorted(live.guests)


async def test_expired_page_begins_the_listing_again() -> None:
    """After an expired page nothing of the listing so far is kept."""
    graph = quiet()
    turns = iter([user(1, displayName="stale"), user(1, displayName="fresh")])
    pages = iter([EXPIRED, rows(user(2))])
    graph.answers["/users"] = lambda _: graph.page("/users/page2", next(turns))
    graph.answers["/users/page2"] = lambda _: next(pages)
    live = await observe_guests(graph, *range(1, 42))
    assert live.guests[guest_id(1)].display_name == "fresh"
    assert graph.asked("/users") == 2


async def test_pages_that_always_expire_are_an_error() -> None:
    """A listing that can never be finished ends in an error, after a few tries."""
    graph = quiet(_users=EXPIRED)
    with pytest.raises(UnexpectedAnswer, match="expired"):
        await observe_guests(graph, 1)
    assert graph.asked("/users") == 4


async def test_listing_in_a_circle_is_an_error() -> None:
    """A listing that leads back to a page it showed ends in an error."""
    graph = quiet()
    graph.answers["/users"] = lambda _: graph.page("/users/again")
    graph.answers["/users/again"] = lambda _: graph.page("/users/again")
    with pytest.raises(UnexpectedAnswer, match="circle"):
        await observe_guests(graph, *range(1, 62))


async def test_listing_that_fails_is_an_error() -> None:
    """A page that is refused ends the reading: a part of a listing is never used."""
    graph = quiet()
    graph.answers["/users"] = lambda _: graph.page("/users/page2", user(1))
    graph.answers["/users/page2"] = refusal(400)
    with pytest.raises(UnexpectedAnswer, match="status 400"):
        await observe_guests(graph, *range(1, 42))


async def test_user_by_id_must_be_the_one_asked_for() -> None:
    """An answer about somebody else is an error."""
    graph = quiet()
    graph.answers[f"/users/{guest_id(1)}"] = Reply(body=user(2))
    with pytest.raises(UnexpectedAnswer, match="another one"):
        await observe_guests(graph, 1)


@pytest.mark.parametrize("path", ["/users", f"/users/{guest_id(1)}"])
async def test_users_that_may_not_be_read_deny_access(path: str) -> None:
    """Neither listing nor single users can be done without."""
    graph = quiet()
    graph.answers[path] = FORBIDDEN
    with pytest.raises(AccessDenied, match="may not read users"):
        await observe_guests(graph, 1)


async def test_missing_ids_are_looked_for_among_deleted_users() -> None:
    """An id that is no user may be a deleted one, or none at all."""
    graph = quiet()
    graph.answers[f"/directory/deletedItems/{guest_id(1)}"] = Reply(body={"id": guest_id(1)})
    live = await observe_guests(graph, 1, 2)
    assert live.deleted == {guest_id(1)}
    assert live.guests == {}


@pytest.mark.parametrize("answer", [Reply(body={"id": guest_id(2)}), Reply(body={}), Reply(body=None)])
async def test_deleted_user_must_be_the_one_asked_for(answer: Reply) -> None:
    """An answer about somebody else or nobody is an error."""
    graph = quiet()
    graph.answers[f"/directory/deletedItems/{guest_id(1)}"] = answer
    with pytest.raises(UnexpectedAnswer, match="deleted users"):
        await observe_guests(graph, 1)


async def test_reading_one_guest_shows_state_and_absence() -> None:
    """One user is read by id; 404 is nobody."""
    graph = quiet()
    graph.answers[f"/users/{guest_id(1)}"] = Reply(body=user(1, externalUserState="PendingAcceptance"))
    async with reading(graph) as reader:
        found = await reader.read_guest(guest_id(1))
        assert found is not None
        assert found.state is RedemptionState.PENDING
        assert await reader.read_guest(guest_id(2)) is None
