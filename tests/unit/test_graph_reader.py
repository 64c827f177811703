"""Observing a tenant whose answers a test writes by hand: pages, odd rows, missing permissions."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from reconciler.errors import AccessDenied, UnexpectedAnswer, WrongTenant
from reconciler.model import (
    AddressUse,
    CallerKind,
    EmailAddress,
    Identity,
    InvitesFrom,
    ObjectId,
    OwnerKind,
    ProxyAddress,
    RedemptionState,
)
from tests.support.directory import declared, desired
from tests.support.plans import TENANT, guest_id
from tests.support.scripted_graph import Reply, Request, refusal
from tests.support.scripted_graph.tenant import (
    ASSIGNMENTS,
    ELIGIBILITIES,
    EXPIRED,
    FORBIDDEN,
    GROUP,
    OTHER_GROUP,
    PERSON,
    POLICY,
    Graph,
    addressed,
    observe,
    owners_in,
    quiet,
    reading,
    rows,
    user,
)


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
    guest = (await observe(quiet(_users=rows(row)), 1)).guests[guest_id(1)]
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
    guest = (await observe(graph, 1)).guests[guest_id(1)]
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
    live = await observe(quiet(_users=rows(user(1, **fields), user(2))), 1, 2)
    assert live.odd == {guest_id(1): named}
    assert live.guests.keys() == {guest_id(2)}
    assert live.deleted == frozenset()


@pytest.mark.parametrize("fields", [{"id": "17"}, {"id": None}])
async def test_a_row_without_an_id_is_an_error(fields: Mapping[str, Any]) -> None:
    """A row that could be anybody's ends the reading."""
    with pytest.raises(UnexpectedAnswer, match="without an id"):
        await observe(quiet(_users=rows(user(1, **fields))), 1)


async def test_rows_nobody_declared_are_counted_once_and_not_looked_into() -> None:
    """Undeclared guests are counted by id, internal ones and odd values in them do not matter."""
    other = user(2, externalUserState="Hesitating")
    internal = user(3, creationType=None, externalUserState=None)
    live = await observe(quiet(_users=rows(user(1), other, other, internal)), 1)
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
    live = await observe(quiet(_users=rows(*people)), 1)
    assert dict(live.domains) == {"old.example": 2, "new.example": 1}


async def test_only_the_guests_of_interest_are_read() -> None:
    """A part of the tree costs a page and a batch; ids that are not declared may be asked for too."""
    graph = quiet()
    graph.answers["/users"] = lambda _: graph.page("/users/page2", user(1), user(7), user(8))
    graph.answers[f"/users/{guest_id(2)}"] = Reply(body=user(2))
    graph.answers[f"/directory/deletedItems/{guest_id(60)}"] = Reply(body={"id": guest_id(60)})
    tree = desired(*(declared(number, f"guest{number}@old.example") for number in range(1, 60)))
    async with reading(graph) as reader:
        live = await reader.observe(tree, only=[guest_id(2)], also=[guest_id(8), guest_id(60), guest_id(61)])
    assert set(live.guests) == {guest_id(2), guest_id(8)}
    assert live.deleted == {guest_id(60)}
    assert graph.asked("/users/page2") == 0
    assert live.unmanaged == 0


async def test_doubled_declared_row_is_one_guest() -> None:
    """Pages are no snapshot: a guest shown twice is one guest."""
    live = await observe(quiet(_users=rows(user(1), user(1))), 1)
    assert set(live.guests) == {guest_id(1)}


async def test_listing_goes_on_while_it_is_the_cheaper_way() -> None:
    """With many declared guests all pages are read, and nobody is asked for by id."""
    graph = quiet()
    graph.answers["/users"] = lambda _: graph.page("/users/page2", *map(user, range(1, 31)))
    graph.answers["/users/page2"] = rows(*map(user, range(31, 61)))
    live = await observe(graph, *range(1, 42))
    assert (len(live.guests), live.unmanaged, live.listed_all) == (41, 19, True)
    assert graph.asked("/$batch") == 0


async def test_listing_stops_when_asking_by_id_is_cheaper() -> None:
    """With few declared guests the listing is left after as many pages as batches would cost."""
    graph = quiet()
    graph.answers["/users"] = lambda _: graph.page("/users/page2", user(1), user(7))
    for number in (2, 3):
        graph.answers[f"/users/{guest_id(number)}"] = Reply(body=user(number))
    live = await observe(graph, 1, 2, 3)
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
    live = await observe(graph, *range(1, 42))
    assert live.guests[guest_id(1)].display_name == "fresh"
    assert graph.asked("/users") == 2


async def test_pages_that_always_expire_are_an_error() -> None:
    """A listing that can never be finished ends in an error, after a few tries."""
    graph = quiet(_users=EXPIRED)
    with pytest.raises(UnexpectedAnswer, match="expired"):
        await observe(graph, 1)
    assert graph.asked("/users") == 4


async def test_listing_in_a_circle_is_an_error() -> None:
    """A listing that leads back to a page it showed ends in an error."""
    graph = quiet()
    graph.answers["/users"] = lambda _: graph.page("/users/again")
    graph.answers["/users/again"] = lambda _: graph.page("/users/again")
    with pytest.raises(UnexpectedAnswer, match="circle"):
        await observe(graph, *range(1, 62))


async def test_listing_that_fails_is_an_error() -> None:
    """A page that is refused ends the reading: a part of a listing is never used."""
    graph = quiet()
    graph.answers["/users"] = lambda _: graph.page("/users/page2", user(1))
    graph.answers["/users/page2"] = refusal(400)
    with pytest.raises(UnexpectedAnswer, match="status 400"):
        await observe(graph, *range(1, 42))


async def test_user_by_id_must_be_the_one_asked_for() -> None:
    """An answer about somebody else is an error."""
    graph = quiet()
    graph.answers[f"/users/{guest_id(1)}"] = Reply(body=user(2))
    with pytest.raises(UnexpectedAnswer, match="another one"):
        await observe(graph, 1)


@pytest.mark.parametrize("path", ["/users", f"/users/{guest_id(1)}"])
async def test_users_that_may_not_be_read_deny_access(path: str) -> None:
    """Neither listing nor single users can be done without."""
    graph = quiet()
    graph.answers[path] = FORBIDDEN
    with pytest.raises(AccessDenied, match="may not read users"):
        await observe(graph, 1)


async def test_missing_ids_are_looked_for_among_deleted_users() -> None:
    """An id that is no user may be a deleted one, or none at all."""
    graph = quiet()
    graph.answers[f"/directory/deletedItems/{guest_id(1)}"] = Reply(body={"id": guest_id(1)})
    live = await observe(graph, 1, 2)
    assert live.deleted == {guest_id(1)}
    assert live.guests == {}


@pytest.mark.parametrize("answer", [Reply(body={"id": guest_id(2)}), Reply(body={}), Reply(body=None)])
async def test_deleted_user_must_be_the_one_asked_for(answer: Reply) -> None:
    """An answer about somebody else or nobody is an error."""
    graph = quiet()
    graph.answers[f"/directory/deletedItems/{guest_id(1)}"] = answer
    with pytest.raises(UnexpectedAnswer, match="deleted users"):
        await observe(graph, 1)


@pytest.mark.parametrize(
    "organization",
    [
        refusal(400),
        rows(),
        rows({"id": TENANT}),
        rows({"id": TENANT, "verifiedDomains": [{}]}),
        rows({"id": TENANT, "verifiedDomains": ["contoso.example"]}),
    ],
)
async def test_organization_of_an_unknown_shape_is_an_error(organization: Reply) -> None:
    """The tenant must say who it is and which domains are its own."""
    with pytest.raises(UnexpectedAnswer, match="the tenant"):
        await observe(quiet(_organization=organization))


async def test_wrong_tenant_is_named_with_its_name_where_there_is_one() -> None:
    """The refusal names both tenants."""
    other = "00000000-0000-4000-8000-0000000000ff"
    with pytest.raises(WrongTenant, match=rf"{TENANT}.*{other} \(Fabrikam\)"):
        await observe(
            quiet(_organization=rows({"id": other, "displayName": "Fabrikam", "verifiedDomains": []}))
        )
    with pytest.raises(WrongTenant, match=f"{other}$"):
        await observe(quiet(_organization=rows({"id": other, "verifiedDomains": []})))


def token(**claims: str) -> str:
    return jwt.encode(claims, "k" * 32, algorithm="HS256")


async def test_token_tells_the_tenant_when_the_organization_is_not_readable() -> None:
    """Without the permission to read it the token's tenant is compared; domains stay unknown."""
    live = await observe(quiet(_organization=FORBIDDEN), token=token(tid=TENANT.upper()))
    assert (live.tenant_id, live.verified_domains) == (TENANT, None)
    (unavailable,) = live.not_checked
    assert (unavailable.permission, unavailable.essential) == ("Organization.Read.All", True)
    with pytest.raises(WrongTenant):
        await observe(quiet(_organization=FORBIDDEN), token=token(tid=guest_id(9)))
    with pytest.raises(AccessDenied, match="which tenant"):
        await observe(quiet(_organization=FORBIDDEN))


async def test_token_with_scopes_speaks_for_a_person() -> None:
    """A delegated token is told from an application's, an opaque one counts as an application's."""
    assert (await observe(quiet(), token=token(scp="User.Read"))).caller is CallerKind.PERSON
    assert (await observe(quiet(), token=token(idtyp="app"))).caller is CallerKind.APPLICATION
    assert (await observe(quiet())).caller is CallerKind.APPLICATION


async def test_invitation_policy_is_read_or_told_to_be_missing() -> None:
    """The policy is known, forbidden, or says what nobody knows; what is no policy at all is an error."""
    closed = quiet()
    closed.answers[POLICY] = Reply(body={"allowInvitesFrom": "none"})
    assert (await observe(closed)).invites_from is InvitesFrom.NONE
    closed.answers[POLICY] = FORBIDDEN
    live = await observe(closed)
    assert live.invites_from is None
    assert [unavailable.permission for unavailable in live.not_checked] == ["Policy.Read.All"]
    for strange in (Reply(body={"allowInvitesFrom": "friends"}), Reply(body={})):
        closed.answers[POLICY] = strange
        (unavailable,) = (await observe(closed)).not_checked
        assert (unavailable.permission, unavailable.essential) == (None, False)
        assert "nobody known" in unavailable.reason
    closed.answers[POLICY] = Reply(body=b"<html>")
    with pytest.raises(UnexpectedAnswer, match="invitation policy"):
        await observe(closed)


def principal(key: ObjectId, kind: str, name: str | None = None) -> dict[str, Any]:
    return {
        "principalId": key,
        "principal": {"id": key, "@odata.type": f"#microsoft.graph.{kind}", "displayName": name},
    }


def with_roles(*assigned: object, eligible: tuple[object, ...] = ()) -> Graph:
    graph = quiet(_users=rows(*map(user, (1, 2, 3))))
    graph.answers[ASSIGNMENTS] = rows(*assigned)
    graph.answers[ELIGIBILITIES] = rows(*eligible)
    return graph


async def test_roles_reach_guests_directly_through_groups_and_by_eligibility() -> None:
    """Who holds a role now is told before who could hold one; others' roles do not matter."""
    graph = with_roles(
        principal(guest_id(1), "user"),
        principal(GROUP, "group", "Reviewers"),
        principal(PERSON, "servicePrincipal"),
        eligible=(
            principal(guest_id(1), "user"),
            principal(OTHER_GROUP, "group"),
            principal(guest_id(3), "user"),
        ),
    )
    graph.answers[f"/groups/{GROUP}/transitiveMembers"] = rows({"id": guest_id(2)}, {"id": PERSON})
    graph.answers[f"/groups/{OTHER_GROUP}/transitiveMembers"] = rows({"id": guest_id(2)}, {"id": guest_id(3)})
    live = await observe(graph, 1, 2, 3)
    assert live.role_holders == {
        guest_id(1): "assigned directly",
        guest_id(2): "through the group Reviewers",
        guest_id(3): "eligible for it",
    }
    assert live.not_checked == ()


async def test_members_of_a_group_are_read_to_the_last_page() -> None:
    """A role that many hold through a group is found on its second page."""
    graph = with_roles(principal(GROUP, "group", "Reviewers"))
    graph.answers[f"/groups/{GROUP}/transitiveMembers"] = lambda _: graph.page("/next", {"id": PERSON})
    graph.answers["/next"] = rows({"id": guest_id(2)})
    assert set((await observe(graph, 1, 2)).role_holders) == {guest_id(2)}


async def test_principal_that_was_not_shown_is_asked_for_as_a_group() -> None:
    """Without a description a principal is a declared guest, or a group, or neither."""
    graph = with_roles({"principalId": guest_id(1)}, {"principalId": GROUP}, {"principalId": PERSON})
    graph.answers[f"/groups/{GROUP}/transitiveMembers"] = rows({"id": guest_id(2)})
    live = await observe(graph, 1, 2)
    assert live.role_holders == {
        guest_id(1): "assigned directly",
        guest_id(2): f"through the group {GROUP}",
    }


async def test_closed_groups_make_a_plan_incomplete_only_where_a_role_is_held() -> None:
    """Members that cannot be read matter for held roles, not for ones somebody could activate."""
    held = with_roles(principal(GROUP, "group"))
    held.answers[f"/groups/{GROUP}/transitiveMembers"] = FORBIDDEN
    (unavailable,) = (await observe(held, 1)).not_checked
    assert (unavailable.permission, unavailable.essential) == ("GroupMember.Read.All", True)
    possible = with_roles(eligible=(principal(GROUP, "group"),))
    possible.answers[f"/groups/{GROUP}/transitiveMembers"] = FORBIDDEN
    (unavailable,) = (await observe(possible, 1)).not_checked
    assert not unavailable.essential


async def test_closed_role_assignments_make_a_plan_incomplete() -> None:
    """Roles that cannot be read are said not to have been checked."""
    graph = with_roles()
    graph.answers[ASSIGNMENTS] = FORBIDDEN
    (unavailable,) = (await observe(graph, 1)).not_checked
    assert (unavailable.permission, unavailable.essential) == ("RoleManagement.Read.Directory", True)


@pytest.mark.parametrize(
    ("answer", "permission"),
    [
        (FORBIDDEN, "RoleEligibilitySchedule.Read.Directory"),
        (refusal(403, "AadPremiumLicenseRequired"), None),
        (refusal(400, "AadPremiumLicenseRequired"), None),
        (refusal(404), None),
        (Reply(status=403), None),
    ],
)
async def test_unreadable_eligibility_is_a_remark(answer: Reply, permission: str | None) -> None:
    """Eligibility needs a licence: what cannot be read is remarked, with the permission if it is that."""
    graph = with_roles()
    graph.answers[ELIGIBILITIES] = answer
    (unavailable,) = (await observe(graph, 1)).not_checked
    assert (unavailable.permission, unavailable.essential) == (permission, False)


async def owners_of(graph: Graph, address: str) -> set[tuple[ObjectId, OwnerKind, AddressUse, bool]]:
    found = await owners_in(graph, address, address)
    (owners,) = found.owners.values()
    return {(owner.id, owner.kind, owner.use, owner.primary) for owner in owners}


async def test_owners_are_told_by_what_really_holds_the_address() -> None:
    """Rows are compared without regard to case; a row that does not hold the address is left out."""
    graph = quiet(
        _users=rows(
            user(1, mail="ANA@new.example", proxyAddresses=["smtp:ana@new.example"]),
            user(2, otherMails=["Ana@New.example"], creationType=None, externalUserState=None),
            user(3),
            user(4, userPrincipalName="ana@NEW.example", mail=None, creationType="LocalAccount"),
        ),
        _groups=rows(addressed(GROUP, proxyAddresses=["SMTP:ana@new.example"])),
    )
    assert await owners_of(graph, "Ana@new.example") == {
        (guest_id(1), OwnerKind.GUEST, AddressUse.MAIL, False),
        (guest_id(1), OwnerKind.GUEST, AddressUse.PROXY_ADDRESSES, False),
        (guest_id(2), OwnerKind.MEMBER, AddressUse.OTHER_MAILS, False),
        (guest_id(4), OwnerKind.GUEST, AddressUse.USER_PRINCIPAL_NAME, False),
        (GROUP, OwnerKind.GROUP, AddressUse.PROXY_ADDRESSES, True),
    }


async def test_owners_are_asked_for_with_plain_filters() -> None:
    """A question joins documented plain filters by `or`, with quotes doubled and both proxy spellings."""
    asked: list[tuple[str, str]] = []

    def answer(request: Request) -> Reply:
        asked.append((request.path, request.query["$filter"]))
        return rows()

    await owners_of(quiet(_users=answer, _groups=answer, _contacts=answer), "o'hara@new.example")
    proxies = {f"proxyAddresses/any(p:p eq '{kind}:o''hara@new.example')" for kind in ("smtp", "SMTP")}
    assert len(asked) == 3
    questions = {path: set(text.split(" or ")) for path, text in asked}
    assert questions["/users"] == proxies | {
        "mail eq 'o''hara@new.example'",
        "userPrincipalName eq 'o''hara@new.example'",
        "otherMails/any(o:o eq 'o''hara@new.example')",
    }
    for path in ("/groups", "/contacts"):
        assert questions[path] == proxies | {"mail eq 'o''hara@new.example'"}


async def test_owners_are_read_to_the_last_page() -> None:
    """A holder on a second page is found."""
    graph = quiet()
    graph.answers["/contacts"] = lambda _: graph.page("/next")
    graph.answers["/next"] = rows(addressed(PERSON, mail="ana@new.example"))
    assert await owners_of(graph, "ana@new.example") == {(PERSON, OwnerKind.CONTACT, AddressUse.MAIL, False)}


async def test_closed_groups_and_contacts_are_remarked_and_users_decide() -> None:
    """Unreadable groups and contacts are a remark; unreadable users leave the question open."""
    graph = quiet(_groups=FORBIDDEN, _contacts=FORBIDDEN)
    found = await owners_in(graph, "a@b.example")
    assert {unavailable.permission for unavailable in found.not_checked} == {
        "GroupMember.Read.All",
        "OrgContact.Read.All",
    }
    assert not any(unavailable.essential for unavailable in found.not_checked)
    assert found.owners == {EmailAddress("a@b.example"): ()}
    graph.answers["/users"] = FORBIDDEN
    found = await owners_in(graph, "a@b.example")
    assert [unavailable.permission for unavailable in found.not_checked if unavailable.essential] == [
        "User.Read.All"
    ]


@pytest.mark.parametrize(
    ("fields", "flaw"),
    [
        ({"mail": 7}, "mail"),
        ({"mail": None, "proxyAddresses": "smtp:a@b.example"}, "proxyAddresses"),
        ({"id": None}, "without an id"),
    ],
)
async def test_owner_of_an_unknown_shape_is_an_error(fields: Mapping[str, Any], flaw: str) -> None:
    """An owner without id, or whose address cannot be read, is an error."""
    row = addressed(PERSON, **{"mail": "a@b.example", **fields})
    with pytest.raises(UnexpectedAnswer, match=f"who holds an address .*{flaw}"):
        await owners_of(quiet(_groups=rows(row)), "a@b.example")


@pytest.mark.parametrize("fields", [{"displayName": 7}, {"proxyAddresses": "none"}])
async def test_owner_is_found_whatever_else_is_odd(fields: Mapping[str, Any]) -> None:
    """An object that shows the address holds it: an odd value beside it is no reason to read nobody."""
    row = addressed(PERSON, **{"mail": "a@b.example", **fields})
    found = await owners_of(quiet(_groups=rows(row)), "a@b.example")
    assert [key for key, *_ in found] == [PERSON]


@pytest.mark.parametrize("missing", ["id", "displayName", "mail", "proxyAddresses"])
async def test_owner_that_lacks_what_was_asked_for_is_an_error(missing: str) -> None:
    """Graph shows what has no value as null: a property that is missing was not read."""
    row = {name: value for name, value in addressed(PERSON).items() if name != missing}
    with pytest.raises(UnexpectedAnswer, match=f"leaves out {missing}"):
        await owners_of(quiet(_contacts=rows(row)), "a@b.example")


async def test_reading_one_guest_shows_state_and_absence() -> None:
    """One user is read by id; 404 is nobody."""
    graph = quiet()
    graph.answers[f"/users/{guest_id(1)}"] = Reply(body=user(1, externalUserState="PendingAcceptance"))
    async with reading(graph) as reader:
        found = await reader.read_guest(guest_id(1))
        assert found is not None
        assert found.state is RedemptionState.PENDING
        assert await reader.read_guest(guest_id(2)) is None
