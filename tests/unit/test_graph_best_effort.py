"""What happens to a plan when a check cannot be made: it is told, and nothing else stops."""

from collections.abc import Callable

import pytest

from reconciler.errors import UnexpectedAnswer, Unreachable
from reconciler.model import AddressUse, EmailAddress, Live, ObjectId, OwnerKind
from reconciler.observation import observe
from tests.support.directory import declared, desired
from tests.support.plans import guest_id
from tests.support.scripted_graph import Reply, Request, refusal
from tests.support.scripted_graph.clock import Clock
from tests.support.scripted_graph.tenant import (
    ASSIGNMENTS,
    ELIGIBILITIES,
    FORBIDDEN,
    GROUP,
    NOT_FOUND,
    PERSON,
    POLICY,
    Graph,
    addressed,
    observe_guests,
    owners_in,
    quiet,
    reading,
    rows,
    user,
)

NEW = "ana@new.example"
LICENCE = refusal(400, "AadPremiumLicenseRequired")

HOPELESS = [
    refusal(400),
    NOT_FOUND,
    Reply(status=404, body=b"<html>not here</html>"),
    refusal(405),
    Reply(status=405),
    Reply(status=500),
    Reply(status=501),
    Reply(status=503, headers={"Retry-After": "0"}),
]
"""Answers, other than for a missing permission, that another try will not make better."""


def in_parts(answer: Reply) -> Reply:
    """Give an answer as an item of a batch can hold it: as JSON."""
    is_json = not isinstance(answer.body, bytes)
    return answer if is_json else Reply(status=answer.status, headers=answer.headers)


async def moving(graph: Graph, *, clock: Clock | None = None) -> Live:
    """Observe a tree in which the first guest gets a new address."""
    async with reading(graph, clock=clock) as reader:
        return await observe(reader, desired(declared(1, NEW)))


def not_checked(live: Live) -> list[tuple[str, str | None, bool]]:
    return [
        (unavailable.check, unavailable.permission, unavailable.essential) for unavailable in live.not_checked
    ]


@pytest.mark.parametrize("answer", HOPELESS)
async def test_endpoints_nobody_serves_are_remarked(answer: Reply) -> None:
    """A tenant that answers nothing but the essential still gives a plan, without long waits."""
    clock = Clock()
    graph = quiet(_users=rows(user(1)), _groups=in_parts(answer), _contacts=in_parts(answer))
    graph.answers[POLICY] = graph.answers[ELIGIBILITIES] = answer
    live = await moving(graph, clock=clock)
    assert not_checked(live) == [
        ("addresses of contacts", None, False),
        ("addresses of groups", None, False),
        ("eligible role assignments", None, False),
        ("invitation policy", None, False),
    ]
    assert all(str(answer.status) in unavailable.reason for unavailable in live.not_checked)
    assert set(live.owners) == {EmailAddress(NEW)}
    assert sum(clock.waits) < 15


@pytest.mark.parametrize("answer", HOPELESS)
async def test_look_up_does_without_contacts_and_groups(answer: Reply) -> None:
    """Who holds an address is told by users, when groups and contacts do not answer."""
    graph = quiet(_users=rows(user(2, mail=NEW)), _groups=in_parts(answer), _contacts=in_parts(answer))
    (owner,) = (await owners_in(graph, NEW)).owners[EmailAddress(NEW)]
    assert (owner.id, owner.kind, owner.use) == (guest_id(2), OwnerKind.GUEST, AddressUse.MAIL)


async def test_users_that_do_not_answer_are_not_done_without() -> None:
    """Users' addresses that fail end the reading; refused ones leave a plan incomplete."""
    graph = quiet()
    graph.answers["/users"] = failing_filters(Reply(status=503))
    with pytest.raises(Unreachable):
        await moving(graph)
    for status in (400, 501, 403):
        graph.answers["/users"] = failing_filters(refusal(status))
        live = await moving(graph)
        permission = "User.Read.All" if status == 403 else None
        assert not_checked(live) == [("addresses of users", permission, True)]


def failing_filters(reply: Reply) -> Callable[[Request], Reply]:
    """List guests, and answer every other question about users with this."""
    return lambda request: rows(user(1)) if "userType" in request.query["$filter"] else reply


class Place:
    """A kind of object that cannot be listed, whose questions a test answers one by one and counts."""

    def __init__(self, answer: Callable[[list[str]], Reply]) -> None:
        self.answer = answer
        self.questions: list[list[str]] = []

    def __call__(self, request: Request) -> Reply:
        """Answer by the operands of the filter."""
        if "$filter" not in request.query:
            return refusal(400)
        operands = request.query["$filter"].split(" or ")
        self.questions.append(operands)
        return self.answer(operands)


MANY = range(1, 151)
"""Guests whose new addresses are more than one batch of questions for every kind of object."""


async def many_moving(groups: Place, contacts: Place) -> Live:
    """Observe a tree in which many guests get new addresses."""
    graph = quiet(_users=rows(*map(user, MANY)), _groups=groups, _contacts=contacts)
    async with reading(graph) as reader:
        return await observe(
            reader, desired(*(declared(number, f"new{number}@new.example") for number in MANY))
        )


async def test_places_that_answer_nothing_are_not_asked_again_and_again() -> None:
    """Of many addresses a first few show that contacts cannot be read; groups are asked about all."""
    groups, contacts = Place(lambda _: rows()), Place(lambda _: FORBIDDEN)
    live = await many_moving(groups, contacts)
    assert sum(map(len, groups.questions)) == 3 * len(MANY)
    assert len(groups.questions) == 3 * len(MANY) / 15
    assert len(contacts.questions) < 20
    assert not_checked(live) == [("addresses of contacts", "OrgContact.Read.All", False)]


async def test_contact_that_cannot_be_looked_up_does_not_hide_the_others() -> None:
    """One refused question is remarked; the others are answered."""
    contacts = Place(
        lambda operands: (
            rows(addressed(PERSON, mail=NEW)) if operands == [f"mail eq '{NEW}'"] else refusal(400)
        )
    )
    live = await moving(quiet(_users=rows(user(1)), _contacts=contacts))
    assert [owner.id for owner in live.owners[EmailAddress(NEW)]] == [PERSON]
    assert not_checked(live) == [("addresses of contacts", None, False)]


async def test_directory_that_refuses_one_address_answers_about_the_others() -> None:
    """A question that is refused is taken apart: what Graph does not like in it hides nothing else."""

    def answer(operands: list[str]) -> Reply:
        if any("new77@" in operand for operand in operands):
            return refusal(400)
        return rows(addressed(PERSON, mail="new78@new.example"))

    groups, contacts = Place(lambda _: rows()), Place(answer)
    live = await many_moving(groups, contacts)
    assert [owner.id for owner in live.owners[EmailAddress("new78@new.example")]] == [PERSON]
    assert len(contacts.questions) == 3 * len(MANY) / 15 + 15
    assert not_checked(live) == [("addresses of contacts", None, False)]


async def test_directory_that_refuses_or_is_asked_one_by_one() -> None:
    """When no question with an `or` is taken, not even by the first batch, each operand is asked for."""

    def answer(operands: list[str]) -> Reply:
        if len(operands) > 1:
            return refusal(400)
        return rows(addressed(PERSON, mail="new150@new.example"))

    groups, contacts = Place(lambda _: rows()), Place(answer)
    live = await many_moving(groups, contacts)
    assert [owner.id for owner in live.owners[EmailAddress("new150@new.example")]] == [PERSON]
    singles = [operands[0] for operands in contacts.questions if len(operands) == 1]
    assert len(singles) == len(set(singles)) == 3 * len(MANY)
    assert not_checked(live) == []


async def test_place_that_had_no_turn_yet_is_not_taken_for_silent() -> None:
    """A contact question that is refused late is taken apart, although the parts before come to nothing."""

    def group(operands: list[str]) -> Reply:
        """Refuse the first ten addresses, which are two questions, and each of their parts."""
        return refusal(400) if any("new1@" in each or "new10" in each for each in operands) else rows()

    def contact(operands: list[str]) -> Reply:
        if len(operands) > 1:
            return refusal(400) if any("new150@" in each for each in operands) else rows()
        return rows(addressed(PERSON, mail="new150@new.example"))

    groups, contacts = Place(group), Place(contact)
    live = await many_moving(groups, contacts)
    assert [owner.id for owner in live.owners[EmailAddress("new150@new.example")]] == [PERSON]
    assert len(groups.questions) == 30 + 20
    assert not_checked(live) == [("addresses of groups", None, False)]


async def test_directory_that_refuses_everything_is_soon_left_alone() -> None:
    """When single operands are refused as well, no more than a second batch of them is sent."""
    groups, contacts = Place(lambda _: refusal(400)), Place(lambda _: refusal(400))
    live = await many_moving(groups, contacts)
    assert len(groups.questions) + len(contacts.questions) == 20 + 20
    assert not_checked(live) == [("addresses of contacts", None, False), ("addresses of groups", None, False)]


@pytest.mark.parametrize("status", [400, 403, 405, 500, 501])
async def test_deleted_users_that_cannot_be_looked_at_are_just_not_found(status: int) -> None:
    """An id that is no user is not found, with a remark, when deleted users do not answer."""
    graph = quiet(_users=rows(user(1)))
    graph.answers[f"/directory/deletedItems/{guest_id(2)}"] = refusal(status)
    graph.answers[f"/directory/deletedItems/{guest_id(3)}"] = Reply(body={"id": guest_id(3)})
    live = await observe_guests(graph, 1, 2, 3)
    assert set(live.guests) == {guest_id(1)}
    assert live.deleted == {guest_id(3)}
    permission = "User.Read.All" if status == 403 else None
    assert not_checked(live) == [("deleted users", permission, False)]


@pytest.mark.parametrize("status", [302, 403, 404, 407])
async def test_answer_that_is_not_graphs_tells_nothing_of_deleted_users(status: int) -> None:
    """What something on the way refuses is neither a missing permission nor a user who is not there."""
    graph = quiet(_users=rows(user(1)))
    graph.answers[f"/directory/deletedItems/{guest_id(2)}"] = Reply(status=status, body={"message": "no"})
    live = await observe_guests(graph, 1, 2)
    assert not_checked(live) == [("deleted users", None, False)]
    assert "something on the way" in live.not_checked[0].reason


@pytest.mark.parametrize("status", [302, 403, 404, 407])
async def test_answer_that_is_not_graphs_tells_nothing_of_roles_and_users(status: int) -> None:
    """What is essential is asked for again, and then ends the reading: nobody is said to be gone."""
    for path in (ASSIGNMENTS, "/organization", "/users", f"/users/{guest_id(2)}"):
        graph = quiet(_users=rows(user(1)))
        graph.answers[path] = Reply(status=status, body={"message": "no"})
        with pytest.raises(Unreachable):
            await observe_guests(graph, 1, 2)


@pytest.mark.parametrize("status", [400, 404, 405, 501])
async def test_roles_that_are_not_served_make_a_plan_incomplete(status: int) -> None:
    """A plan without knowledge of roles is of use: it says that it is incomplete."""
    graph = quiet(_users=rows(user(1)))
    graph.answers[ASSIGNMENTS] = refusal(status)
    assert not_checked(await observe_guests(graph, 1)) == [("role assignments", None, True)]


async def test_roles_that_fail_are_no_plan() -> None:
    """What is essential and may pass is worth another run."""
    graph = quiet(_users=rows(user(1)))
    graph.answers[ASSIGNMENTS] = Reply(status=503)
    with pytest.raises(Unreachable):
        await observe_guests(graph, 1)


async def test_licence_is_named_where_it_is_missing() -> None:
    """Eligibility that needs a licence says so rather than a status."""
    graph = quiet(_users=rows(user(1)))
    graph.answers[ELIGIBILITIES] = LICENCE
    (unavailable,) = (await observe_guests(graph, 1)).not_checked
    assert "licence" in unavailable.reason
    assert "400" not in unavailable.reason


def holding(key: ObjectId, kind: str | None) -> dict[str, object]:
    shown = {"id": key} if kind is None else {"id": key, "@odata.type": f"#microsoft.graph.{kind}"}
    return {"principalId": key, "principal": shown}


async def test_principal_without_a_type_is_asked_for_as_a_group() -> None:
    """A principal that does not say what it is may be a group."""
    graph = quiet(_users=rows(user(1)))
    graph.answers[ASSIGNMENTS] = rows(holding(GROUP, None), holding(PERSON, None))
    graph.answers[f"/groups/{GROUP}/transitiveMembers"] = rows({"id": guest_id(1)})
    live = await observe_guests(graph, 1)
    assert set(live.role_holders) == {guest_id(1)}
    assert live.not_checked == ()


@pytest.mark.parametrize("status", [400, 404, 501])
async def test_group_whose_members_are_not_served_makes_a_plan_incomplete(status: int) -> None:
    """A group that holds a role and shows no members is told; one that is only eligible is a remark."""
    graph = quiet(_users=rows(user(1)))
    graph.answers[ASSIGNMENTS] = rows(holding(GROUP, "group"))
    graph.answers[f"/groups/{GROUP}/transitiveMembers"] = refusal(status)
    assert not_checked(await observe_guests(graph, 1)) == [("members of groups that hold a role", None, True)]
    graph.answers[ELIGIBILITIES], graph.answers[ASSIGNMENTS] = graph.answers[ASSIGNMENTS], rows()
    assert not_checked(await observe_guests(graph, 1)) == [
        ("members of groups that are eligible for a role", None, False)
    ]


async def test_group_described_once_is_known_wherever_it_stands() -> None:
    """A group that assignments describe and eligibility does not is a group."""
    graph = quiet(_users=rows(user(1)))
    graph.answers[ASSIGNMENTS] = rows(holding(GROUP, "group"))
    graph.answers[ELIGIBILITIES] = rows(holding(GROUP, None))
    (unavailable,) = (await observe_guests(graph, 1)).not_checked
    assert unavailable.essential


async def test_members_of_eligible_groups_that_fail_are_a_remark() -> None:
    """A failure on a later page of what can be done without ends no plan."""
    graph = quiet(_users=rows(user(1)))
    graph.answers[ELIGIBILITIES] = rows(holding(GROUP, "group"))
    graph.answers[f"/groups/{GROUP}/transitiveMembers"] = lambda _: graph.page("/next", {"id": guest_id(1)})
    graph.answers["/next"] = Reply(status=500)
    live = await observe_guests(graph, 1)
    assert live.role_holders == {}
    assert not_checked(live) == [("members of groups that are eligible for a role", None, False)]


FOREIGN = Reply(body={"value": [], "@odata.nextLink": "https://evil.example/v1.0/users"})
MALFORMED = Reply(body={"value": [], "@odata.nextLink": 7})


@pytest.mark.parametrize("page", [FOREIGN, MALFORMED])
@pytest.mark.parametrize(
    "path", ["/organization", "/users", "/groups", "/contacts", ASSIGNMENTS, ELIGIBILITIES]
)
async def test_link_that_leads_away_is_an_error_wherever_it_stands(path: str, page: Reply) -> None:
    """A page with such a link is not used, be it essential or not, and be the link followed or not."""
    graph = quiet(_users=rows(user(1)))
    graph.answers[path] = page
    with pytest.raises(UnexpectedAnswer, match="next page"):
        await moving(graph)


async def test_link_that_leads_away_is_an_error_about_members() -> None:
    """Members of a group that is merely eligible are no exception."""
    graph = quiet(_users=rows(user(1)))
    graph.answers[ELIGIBILITIES] = rows(holding(GROUP, "group"))
    graph.answers[f"/groups/{GROUP}/transitiveMembers"] = FOREIGN
    with pytest.raises(UnexpectedAnswer, match="another place"):
        await observe_guests(graph, 1)


@pytest.mark.parametrize("path", [POLICY, ASSIGNMENTS, ELIGIBILITIES, "/organization", "/users"])
async def test_success_that_is_no_json_is_an_error(path: str) -> None:
    """A 200 that cannot be read is nonsense, whatever it is about."""
    graph = quiet(_users=rows(user(1)))
    graph.answers[path] = Reply(body=b'{"value": [')
    with pytest.raises(UnexpectedAnswer):
        await observe_guests(graph, 1)
