"""Who holds an address is found whatever the case, by questions and by listings, and for few requests."""

from collections import Counter
from collections.abc import Callable
from itertools import count

import pytest

from reconciler.errors import UnexpectedAnswer
from reconciler.model import AddressUse, EmailAddress, Live, ObjectId, OwnerKind
from reconciler.observation import observe
from tests.support.directory import declared, desired
from tests.support.plans import guest_id
from tests.support.scripted_graph import Reply, Request
from tests.support.scripted_graph.tenant import (
    EXPIRED,
    FORBIDDEN,
    GROUP,
    PERSON,
    Answer,
    Graph,
    addressed,
    owners_in,
    quiet,
    reading,
    rows,
    user,
)

Listed = Callable[[Request], Reply]


def listed(*users: object) -> Listed:
    """Show users in the listing, and to no other question."""
    return lambda request: rows(*users) if "userType" in request.query["$filter"] else rows()


async def holders(graph: Graph, address: str) -> set[tuple[ObjectId, OwnerKind, AddressUse]]:
    """Tell who holds the address that the first guest is to get."""
    async with reading(graph) as reader:
        live = await observe(reader, desired(declared(1, address)))
    return {(owner.id, owner.kind, owner.use) for owner in live.owners[EmailAddress(address)]}


@pytest.mark.parametrize("path", ["/users", "/groups", "/contacts"])
async def test_address_is_asked_for_as_declared_and_in_lower_case(path: str) -> None:
    """A directory that regards case is asked for both spellings; one that has a single spelling, once."""
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        if request.path == path:
            asked.extend(request.query["$filter"].split(" or "))
        return rows()

    graph = quiet(_users=answer, _groups=answer, _contacts=answer)
    await owners_in(graph, "ana@new.example")
    single = len(asked)
    await owners_in(graph, "Ana@New.example")
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
        live = await observe(reader, desired(declared(1, "guest1@old.example", alternates=[other.text])))
    assert [owner.id for owner in live.owners[other]] == [guest_id(2)]


async def test_declared_holder_who_was_not_asked_about_is_read_too() -> None:
    """Whether a declared guest gives an address up depends on what they need: they are read as well."""
    tree = desired(declared(1, "guest2@old.example"), declared(2, "free@new.example"), declared(3))
    graph = quiet(_users=listed(user(1), user(2), user(3)))
    graph.answers[f"/users/{guest_id(2)}"] = Reply(body=user(2))
    async with reading(graph) as reader:
        live = await observe(reader, tree, only=[guest_id(1)])
    assert set(live.guests) == {guest_id(1), guest_id(2)}
    assert set(live.owners) == {EmailAddress("guest2@old.example"), EmailAddress("free@new.example")}
    (asked,) = (each for each in graph_questions(graph) if "free@new.example" in each)
    assert "guest2@old.example" not in asked


def graph_questions(graph: Graph) -> list[str]:
    """Give the filters about users that went out in batches."""
    assert graph.directory is not None
    batches = [request for request in graph.directory.requests if request.path == "/$batch"]
    items = [
        Request(method="GET", target=item["url"], headers={}, body=b"")
        for request in batches
        for item in request.json["requests"]
    ]
    return [item.query["$filter"] for item in items if item.path == "/users" and "$filter" in item.query]


class Directory:
    """A tenant with guests, more users, groups and contacts, that counts what is asked of each."""

    def __init__(self, guests: int, **others: Answer) -> None:
        self.guests = guests
        self.listings: Counter[str] = Counter()
        self.questions: Counter[str] = Counter()
        self.others: dict[str, Answer] = {"users": rows(), "groups": rows(), "contacts": rows(), **others}
        self.graph = quiet(_users=self, _groups=self, _contacts=self)
        self.graph.answers["/more"] = lambda request: self.page(request.query["of"])
        self.pages: Counter[str] = Counter()
        self.last_page = 10_000

    def __call__(self, request: Request) -> Reply:
        """List guests, and count what else is asked."""
        if "userType" in request.query.get("$filter", ""):
            return rows(*map(user, range(1, self.guests + 1)))
        path = request.path.removeprefix("/")
        if "$filter" in request.query:
            self.questions[path] += 1
            return rows()
        self.listings[path] += 1
        answer = self.others[path]
        return answer if isinstance(answer, Reply) else answer(request)

    def page(self, path: str) -> Reply:
        """Give the next page, which is empty, of as many as there are."""
        self.pages[path] += 1
        if self.pages[path] == self.last_page:
            return rows()
        return self.graph.page(f"/more?of={path}&page={self.pages[path]}")

    async def plan(self) -> Live:
        """Observe a tree in which every guest gets a new address."""
        numbers = range(1, self.guests + 1)
        async with reading(self.graph) as reader:
            return await observe(
                reader, desired(*(declared(number, f"new{number}@new.example") for number in numbers))
            )


async def test_what_fits_one_batch_is_asked_and_nothing_is_listed() -> None:
    """Sixty addresses are twenty questions about users, a hundred are twenty about groups or contacts."""
    sixty, hundred = Directory(60), Directory(100)
    await sixty.plan()
    assert (sixty.questions, sixty.listings) == ({"users": 20, "groups": 12, "contacts": 12}, {})
    await hundred.plan()
    assert hundred.questions == {"groups": 20, "contacts": 20}
    assert hundred.listings == {"users": 1}


async def test_what_is_more_than_a_batch_is_listed_whole_where_that_is_less() -> None:
    """A thousand changes in a small tenant cost three requests besides the guests: no question at all."""
    directory = Directory(
        1000,
        users=rows(user(2001, userType=None, mail="new7@new.example")),
        groups=rows(addressed(GROUP, mail="NEW8@new.example")),
        contacts=rows(addressed(PERSON, proxyAddresses=["smtp:new9@new.example"])),
    )
    live = await directory.plan()
    assert directory.listings == {"users": 1, "groups": 1, "contacts": 1}
    assert not directory.questions
    holders = {
        address.text: {owner.id for owner in owners} for address, owners in live.owners.items() if owners
    }
    assert holders == {
        "new7@new.example": {guest_id(2001)},
        "new8@new.example": {GROUP},
        "new9@new.example": {PERSON},
    }


async def test_listing_stops_when_it_has_cost_as_much_as_asking() -> None:
    """A directory without end costs at most twice what asking alone does."""
    directory = Directory(61)
    directory.others["users"] = lambda _: directory.page("users")
    await directory.plan()
    asking = 21 + 2
    assert directory.pages["users"] == asking
    assert directory.questions["users"] == 21


async def test_listing_that_ends_just_in_time_is_used() -> None:
    """A listing whose last page is the last one worth while needs no question."""
    directory = Directory(61)
    directory.others["users"] = lambda _: directory.page("users")
    directory.last_page = 23
    await directory.plan()
    assert directory.pages["users"] == 23
    assert not directory.questions["users"]


async def test_listing_of_users_is_not_begun_where_guests_alone_are_too_many() -> None:
    """The guests that are known already tell that all users are more pages than there are questions."""
    numbers = count(1)
    directory = Directory(61)
    many = [{**user(next(numbers)), "mail": None} for _ in range(23 * 999 + 1)]
    inner = directory.graph.answers["/users"]
    assert not isinstance(inner, Reply)
    directory.graph.answers["/users"] = lambda request: (
        rows(*many) if "userType" in request.query.get("$filter", "") else inner(request)
    )
    await directory.plan()
    assert directory.listings == {}
    assert directory.questions["users"] == 21


@pytest.mark.parametrize("refusal", [FORBIDDEN, EXPIRED, Reply(status=501)])
async def test_listing_that_breaks_is_asked_instead(refusal: Reply) -> None:
    """A part of a listing is never used: users, groups and contacts are asked when it cannot be read."""
    directory = Directory(150)
    directory.others = dict.fromkeys(directory.others, lambda _: directory.graph.page("/broken"))
    directory.graph.answers["/broken"] = refusal
    live = await directory.plan()
    assert directory.questions == {"users": 50, "groups": 30, "contacts": 30}
    assert live.not_checked == ()


@pytest.mark.parametrize("place", ["users", "groups", "contacts"])
async def test_listed_row_that_lacks_an_address_property_is_an_error(place: str) -> None:
    """A listing without what was asked for cannot show that nobody holds an address."""
    row = {name: value for name, value in user(2001).items() if name != "proxyAddresses"}
    directory = Directory(150, **{place: rows(row)})
    with pytest.raises(UnexpectedAnswer, match="leaves out proxyAddresses"):
        await directory.plan()


async def test_link_that_leads_away_is_an_error_in_a_listing() -> None:
    """A listing of groups with a link to another place is not used, and nothing is sent there."""
    away = Reply(body={"value": [], "@odata.nextLink": "https://evil.example/v1.0/groups"})
    with pytest.raises(UnexpectedAnswer, match="another place"):
        await Directory(150, groups=away).plan()
