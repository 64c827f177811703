"""Who holds an address is found whatever the case, by questions and by the rows of the listing."""

from collections.abc import Callable

import pytest

from reconciler.model import AddressUse, EmailAddress, ObjectId, OwnerKind
from tests.samples.directory import declared, desired
from tests.samples.plans import guest_id
from tests.stand_in import Reply, Request
from tests.stand_in.tenant import Graph, quiet, reading, rows, user

Listed = Callable[[Request], Reply]


def listed(*users: object) -> Listed:
    """Show users in the listing, and to no other question."""
    return lambda request: rows(*users) if "userType" in request.query["$filter"] else rows()


async def holders(graph: Graph, address: str) -> set[tuple[ObjectId, OwnerKind, AddressUse]]:
    """Tell who holds the address that the first guest is to get."""
    async with reading(graph) as reader:
        live = await reader.observe(desired(declared(1, address)))
    return {(owner.id, owner.kind, owner.use) for owner in live.owners[EmailAddress(address)]}


@pytest.mark.parametrize("path", ["/users", "/groups", "/contacts"])
async def test_address_is_asked_for_as_declared_and_in_lower_case(path: str) -> None:
    """A directory that regards case is asked for both spellings; one that has a single spelling, once."""
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        if request.path == path:
            asked.append(request.query["$filter"])
        return rows()

    graph = quiet(_users=answer, _groups=answer, _contacts=answer)
    async with reading(graph) as reader:
        await reader.read_owners([EmailAddress("ana@new.example")])
        single = len(asked)
        await reader.read_owners([EmailAddress("Ana@New.example")])
    assert len(set(asked)) == len(asked) - single == 2 * single
    assert {"mail eq 'Ana@New.example'", "mail eq 'ana@new.example'"} <= set(asked)


@pytest.mark.parametrize(
    ("fields", "use"),
    [
        ({"mail": "ANA@New.example"}, AddressUse.MAIL),
        ({"userPrincipalName": "ANA@New.example"}, AddressUse.USER_PRINCIPAL_NAME),
        ({"otherMails": ["ANA@New.example"]}, AddressUse.OTHER_MAILS),
        ({"proxyAddresses": ["SMTP:ANA@New.example"]}, AddressUse.PROXY_ADDRESSES),
    ],
)
async def test_listed_guest_who_holds_a_wanted_address_is_an_owner(
    fields: dict[str, object], use: AddressUse
) -> None:
    """A directory that finds nobody by another case still lists them."""
    graph = quiet(_users=listed(user(1), user(2, **fields)))
    assert await holders(graph, "Ana@new.Example") == {(guest_id(2), OwnerKind.GUEST, use)}


async def test_listed_user_who_is_not_b2b_is_a_member() -> None:
    """An internal user in the listing holds addresses like any member."""
    internal = user(2, mail="ana@new.example", creationType=None, externalUserState=None)
    assert await holders(quiet(_users=listed(user(1), internal)), "ana@new.example") == {
        (guest_id(2), OwnerKind.MEMBER, AddressUse.MAIL)
    }


async def test_listed_rows_that_do_not_matter_may_be_odd() -> None:
    """What undeclared users hold is looked at for wanted addresses alone."""
    odd = user(2, mail=7, otherMails="none", proxyAddresses=[None], userPrincipalName=None)
    assert await holders(quiet(_users=listed(user(1), odd)), "ana@new.example") == set()


async def test_owner_shown_by_the_listing_and_by_a_question_is_one() -> None:
    """The same finding twice is one owner."""
    graph = quiet(_users=rows(user(1), user(2, mail="ana@new.example")))
    assert await holders(graph, "ana@new.example") == {(guest_id(2), OwnerKind.GUEST, AddressUse.MAIL)}


async def test_declared_alternates_are_recognised_in_the_listing() -> None:
    """An address that a guest is to get beside their own is looked for in all rows too."""
    other = EmailAddress("Spare@new.example")
    graph = quiet(_users=listed(user(1), user(2, otherMails=["spare@NEW.example"])))
    async with reading(graph) as reader:
        live = await reader.observe(desired(declared(1, "guest1@old.example", alternates=[other.text])))
    assert [owner.id for owner in live.owners[other]] == [guest_id(2)]


async def test_declared_holder_who_was_not_asked_about_is_read_too() -> None:
    """Whether a declared guest gives an address up depends on what they need: they are read as well."""
    tree = desired(declared(1, "guest2@old.example"), declared(2, "free@new.example"), declared(3))
    graph = quiet(_users=listed(user(1), user(2), user(3)))
    graph.answers[f"/users/{guest_id(2)}"] = Reply(body=user(2))
    async with reading(graph) as reader:
        live = await reader.observe(tree, only=[guest_id(1)])
    assert set(live.guests) == {guest_id(1), guest_id(2)}
    assert set(live.owners) == {EmailAddress("guest2@old.example"), EmailAddress("free@new.example")}
