"""The listing of a whole tenant: who is in it, and answers that must not pass for a whole or an empty one."""

from collections.abc import Callable
from typing import Any

import pytest

from reconciler.errors import AccessDenied, UnexpectedAnswer, Unreachable
from reconciler.graph.listing import list_guests
from reconciler.graph.reader import open_tenant_reader
from reconciler.model import Guest, ListedGuests, OddUser
from tests.contract.directory.contoso import BEA, EMIL, EVA, MEMBER, OTTO, Tenant
from tests.support.plans import guest_id
from tests.support.scripted_graph import Reply, Request, Tokens, refusal
from tests.support.scripted_graph.session import session_with
from tests.support.scripted_graph.tenant import EXPIRED, FORBIDDEN, user

Users = ListedGuests[Guest | OddUser]


def listed(number: int, **fields: Any) -> dict[str, Any]:
    """Make a row as the listing asks for it."""
    created = {"createdDateTime": "2026-01-01T00:00:00Z", "isManagementRestricted": None}
    return {**user(number), **created, **fields}


async def listing(answer: Callable[[Request], Reply], seen: list[int] | None = None) -> Users:
    """List a tenant that answers so."""
    progress = (seen if seen is not None else []).append
    async with session_with(answer) as (_, session):
        return await list_guests(session, lambda found: found, progress=progress)


def pages(*guest_pages: Reply) -> Callable[[Request], Reply]:
    """Answer the listing of guests by pages, and those of invited members by nobody."""
    left = list(guest_pages)

    def answer(request: Request) -> Reply:
        if "Member" in request.query.get("$filter", ""):
            return Reply(body={"value": []})
        return left.pop(0)

    return answer


def page(*rows: object, link: str | None = None) -> Reply:
    return Reply(body={"value": list(rows), **({"@odata.nextLink": link} if link else {})})


async def test_guests_and_invited_members_are_listed_and_employees_are_not(tenant: Tenant) -> None:
    """Whether somebody was invited decides, and not the type of the user."""
    async with open_tenant_reader(tenant.root, Tokens("emulator")) as reader:
        found = await reader.list_guests(lambda one: one, progress=lambda _: None)
    assert {EVA, BEA} <= found.users.keys()
    assert MEMBER not in found.users
    eva = found.users[EVA]
    assert isinstance(eva, Guest)
    assert (eva.user_type, eva.management_restricted) == ("Member", False)
    assert eva.created_at is not None
    assert found.not_checked == ()


async def test_pages_may_be_empty_repeat_rows_and_expire_once() -> None:
    """Each user is kept once; progress counts up; a restart forgets the pages before."""
    seen: list[int] = []

    def answer(request: Request) -> Reply:
        if "Member" in request.query.get("$filter", ""):
            return page(listed(2))
        step = int(request.query.get("step", "0"))
        link = f"http://{request.headers['host']}/v1.0/users?step={step + 1}"
        if step == 2 and not expired:
            expired.append(step)
            return EXPIRED
        return [page(listed(1), link=link), page(link=link), page(listed(1), listed(2))][step]

    expired: list[int] = []
    found = await listing(answer, seen)
    assert list(found.users) == [guest_id(1), guest_id(2)]
    assert expired == [2]
    assert seen[-1] == 2


async def test_a_list_that_cannot_give_restricted_units_is_read_without() -> None:
    """It is not documented that lists give the property: the rest is read, and the report says so."""

    def answer(request: Request) -> Reply:
        if "isManagementRestricted" in request.query["$select"]:
            return refusal(501, "NotImplemented")
        if "Member" in request.query["$filter"]:
            return page()
        row = listed(1)
        del row["isManagementRestricted"]
        return page(row)

    found = await listing(answer)
    (one,) = found.users.values()
    assert isinstance(one, Guest)
    assert one.management_restricted is None
    assert [missed.check for missed in found.not_checked] == ["restricted administrative units"]


@pytest.mark.parametrize("name", ["mail", "otherMails", "externalUserState", "createdDateTime", "identities"])
async def test_a_property_left_out_is_not_an_empty_one(name: str) -> None:
    """A row that lacks what was asked for ends the listing: a guest must not pass for one without mail."""
    row = listed(1)
    del row[name]
    with pytest.raises(UnexpectedAnswer, match=f"leaves out {name}"):
        await listing(pages(page(row)))


async def test_an_odd_user_is_kept_as_one() -> None:
    """A property of a shape nobody documented loses one user, not the listing."""
    found = await listing(pages(page(listed(1, otherMails="a@b.example"), listed(2))))
    odd = found.users[guest_id(1)]
    assert isinstance(odd, OddUser)
    assert (odd.property, odd.is_b2b, odd.mail) == ("otherMails", True, "guest1@old.example")
    assert isinstance(found.users[guest_id(2)], Guest)


@pytest.mark.parametrize(
    ("replies", "error"),
    [
        ([FORBIDDEN], AccessDenied),
        ([page(listed(1), link="https://evil.example/v1.0/users?x=1")], UnexpectedAnswer),
        ([page(listed(1), link="no link")], UnexpectedAnswer),
        ([Reply(body={"rows": []})], UnexpectedAnswer),
        ([page({"mail": "a@b.example"})], UnexpectedAnswer),
        ([refusal(501, "NotImplemented")] * 2, UnexpectedAnswer),
        ([EXPIRED] * 9, UnexpectedAnswer),
    ],
    ids=["forbidden", "foreign-link", "no-link", "no-rows", "no-id", "not-implemented", "expiring"],
)
async def test_a_listing_that_leads_elsewhere_or_is_of_another_shape_is_an_error(
    replies: list[Reply], error: type[Exception]
) -> None:
    """Nothing of it is used."""
    with pytest.raises(error):
        await listing(pages(*replies))


async def test_a_page_that_keeps_breaking_off_is_an_error() -> None:
    """Pages before it are not used."""

    def answer(request: Request) -> Reply:
        if "step" in request.query:
            return Reply(body={"value": [listed(2)]}, broken="cut")
        return page(listed(1), link=f"http://{request.headers['host']}/v1.0/users?step=1")

    with pytest.raises(Unreachable):
        await listing(answer)


async def test_roles_are_named_with_how_they_are_held(tenant: Tenant) -> None:
    """Directly, through a group and eligible; whoever holds none costs no further request."""
    async with open_tenant_reader(tenant.root, Tokens("emulator")) as reader:
        found = await reader.find_roles([OTTO, BEA, EMIL, EVA])
        assert found.holders == {
            OTTO: "Reports Reader, assigned directly",
            BEA: "Reports Reader, through the group Reviewers",
            EMIL: "Reports Reader, eligible for it",
        }
        tenant.control.forget_requests()
        assert (await reader.find_roles([EVA])).holders == {}
    assert not any("roleDefinition" in request.url for request in tenant.control.requests())


async def test_roles_without_names_are_found_all_the_same(tenant: Tenant) -> None:
    """The names are best effort."""
    rule = {"on": "GET /roleManagement/directory/*", "do": "deny", "at": 3, "times": 2}
    tenant.control.set_faults({"rules": [rule]})
    async with open_tenant_reader(tenant.root, Tokens("emulator")) as reader:
        found = await reader.find_roles([OTTO])
    assert found.holders == {OTTO: "assigned directly"}
    assert found.not_checked == ()
