"""The promises of `DirectoryReader` and `GuestReader`, kept through the real SDK over a real socket.

The tenant is the emulator's. A live tenant with the same content would have to pass these too.
"""

from dataclasses import replace

import pytest

from reconciler.errors import AccessDenied, WrongTenant
from reconciler.graph.writer import open_directory
from reconciler.model import (
    AddressOwner,
    AddressUse,
    CallerKind,
    DirectoryReader,
    EmailAddress,
    GuestReader,
    InvitesFrom,
    NotChecked,
    OwnerKind,
    RedemptionState,
)
from reconciler.observation import observe
from reconciler.plan import make_plan
from tests.contract.directory.contoso import (
    ANA,
    BEA,
    DESK,
    EMIL,
    EVA,
    GONE,
    MEMBER,
    NOBODY,
    OTTO,
    PAUL,
    TEAM,
    Tenant,
    addresses,
    everyone,
    known,
)
from tests.support.directory import NOW, declared, desired
from tests.support.plans import TENANT
from tests.support.scripted_graph import Tokens


async def test_observing_finds_every_declared_id_wherever_it_is(reader: DirectoryReader) -> None:
    """Guests, external members and deleted users are told apart from those who never were."""
    live = await observe(reader, everyone())
    assert set(live.guests) == {ANA, PAUL, EVA, OTTO, BEA, EMIL}
    assert live.deleted == {GONE}
    assert live.guests[PAUL].state is RedemptionState.PENDING
    assert live.guests[EVA].user_type == "Member"
    assert live.guests[ANA].display_name == "Ana"
    assert live.guests[ANA].state_changed_at is not None
    assert (live.unmanaged, live.listed_all) == (1, True)
    assert live.not_checked == ()


async def test_observing_reads_what_the_tenant_says(reader: DirectoryReader) -> None:
    """Tenant, verified domains, invitation policy and the kind of caller are known."""
    live = await observe(reader, desired())
    assert live.tenant_id == TENANT
    assert live.verified_domains == frozenset({"contoso.onmicrosoft.com", "contoso.example"})
    assert live.initial_domain == "contoso.onmicrosoft.com"
    assert live.invites_from is InvitesFrom.EVERYONE
    assert live.caller is CallerKind.APPLICATION
    assert live.guests == {}


async def test_observing_finds_role_holders_direct_through_groups_and_eligible(
    reader: DirectoryReader,
) -> None:
    """Whoever holds a role, is in a group that does, or could activate one is named with how."""
    live = await observe(reader, everyone())
    assert set(live.role_holders) == {OTTO, BEA, EMIL}
    assert live.role_holders[BEA] == "through the group Reviewers"
    assert "eligible" in live.role_holders[EMIL]


async def test_observing_finds_who_holds_the_wanted_addresses(reader: DirectoryReader) -> None:
    """Users, groups and contacts that hold a wanted address are found, whatever its case."""
    wanted = ["PAUL@old.example", "Mara@Home.example", "TEAM@contoso.example", "desk@Partner.example"]
    tree = desired(*(declared(number, email) for number, email in zip((1, 3, 4, 6), wanted, strict=True)))
    live = await observe(reader, tree)
    found = {
        address.key: {(owner.id, owner.kind, owner.use) for owner in owners}
        for address, owners in live.owners.items()
    }
    assert found == {
        "paul@old.example": {
            (PAUL, OwnerKind.GUEST, AddressUse.MAIL),
            (PAUL, OwnerKind.GUEST, AddressUse.OTHER_MAILS),
            (PAUL, OwnerKind.GUEST, AddressUse.PROXY_ADDRESSES),
        },
        "mara@home.example": {(MEMBER, OwnerKind.MEMBER, AddressUse.OTHER_MAILS)},
        "team@contoso.example": {
            (TEAM, OwnerKind.GROUP, AddressUse.MAIL),
            (TEAM, OwnerKind.GROUP, AddressUse.PROXY_ADDRESSES),
        },
        "desk@partner.example": {
            (DESK, OwnerKind.CONTACT, AddressUse.MAIL),
            (DESK, OwnerKind.CONTACT, AddressUse.PROXY_ADDRESSES),
        },
    }


async def test_owners_of_any_text_can_be_asked_for(reader: DirectoryReader) -> None:
    """Quotes and characters that mean something in a URL are looked up, not interpreted."""
    asked = addresses("o'hara@old.example", "a&b#c+d%@old.example", "mara@contoso.example")
    tree = desired(*(declared(number, address.text) for number, address in enumerate(asked, 1)))
    owners = (await observe(reader, tree)).owners
    assert owners[asked[0]] == owners[asked[1]] == ()
    assert (
        AddressOwner(
            id=MEMBER, kind=OwnerKind.MEMBER, display_name="Mara", use=AddressUse.USER_PRINCIPAL_NAME
        )
        in owners[asked[2]]
    )


async def test_planning_sends_nothing_but_reads(tenant: Tenant, reader: DirectoryReader) -> None:
    """Observing and planning send only GET, and batches made of GET; the tenant stays as it was."""
    tree = everyone()
    plan = make_plan(tree, await observe(reader, tree), NOW)
    assert plan.changes
    sent = tenant.control.requests(bodies=True)
    envelopes = [request for request in sent if request.method != "GET"]
    assert sent
    assert {(request.method, request.url) for request in envelopes} <= {("POST", "/v1.0/$batch")}
    assert {item["method"] for request in envelopes for item in request.request_body["requests"]} <= {"GET"}
    assert tenant.control.history() == []


async def test_planning_one_guest_asks_little(tenant: Tenant, reader: DirectoryReader) -> None:
    """One declared guest with a new address costs at most twelve requests."""
    tree = desired(declared(1, "ana@newco.example"))
    make_plan(tree, await observe(reader, tree), NOW)
    assert len([request for request in tenant.control.requests() if request.parent is None]) <= 12


async def test_wrong_tenant_is_refused(tenant: Tenant, reader: DirectoryReader) -> None:
    """A tree for another tenant is refused, naming both, before guests are read."""
    tree = desired(declared(1))
    other = replace(tree, tenant_id=type(TENANT)("00000000-0000-4000-8000-0000000000ff"))
    with pytest.raises(WrongTenant, match="00000000-0000-4000-8000-0000000000ff") as caught:
        await observe(reader, other)
    assert TENANT in caught.value.message
    assert all("/users" not in request.url for request in tenant.control.requests())


@pytest.mark.parametrize(
    ("prefix", "permission", "essential"),
    [
        ("/policies", "Policy.Read.All", False),
        ("/roleManagement/directory/roleAssignments", "RoleManagement.Read.Directory", True),
        (
            "/roleManagement/directory/roleEligibility",
            "RoleManagement.Read.Directory",
            False,
        ),
        ("/groups", "GroupMember.Read.All", True),
        ("/contacts", "OrgContact.Read.All", False),
        ("/directory/deletedItems", "User.Read.All", False),
    ],
)
async def test_missing_permission_is_told_with_its_name(
    tenant: Tenant, reader: DirectoryReader, prefix: str, permission: str, *, essential: bool
) -> None:
    """A check that lacks a permission is not made, and the plan's reader is told which and how bad it is."""
    tenant.closed.prefixes = (prefix,)
    live = await observe(reader, everyone())
    assert permission in {unread.permission for unread in live.not_checked}
    assert any(unread.essential for unread in live.not_checked) is essential


async def test_tenant_without_the_licence_for_eligibility_is_no_obstacle(
    tenant: Tenant, reader: DirectoryReader
) -> None:
    """Where eligibility cannot be read for want of a licence, the plan is complete all the same."""
    tenant.control.set_switches(pimLicensed=False)
    live = await observe(reader, everyone())
    (unread,) = live.not_checked
    assert isinstance(unread, NotChecked)
    assert not unread.essential
    assert EMIL not in live.role_holders


async def test_unreadable_users_deny_access(
    tenant: Tenant, reader: DirectoryReader, guests: GuestReader
) -> None:
    """Without the permission to read users nothing can be planned, and the error names it."""
    tenant.closed.prefixes = ("/users",)
    with pytest.raises(AccessDenied) as caught:
        await observe(reader, everyone())
    assert "User.Read.All" in caught.value.hint
    with pytest.raises(AccessDenied):
        await guests.read_guest(ANA)


async def test_unreadable_organization_denies_access_when_the_token_tells_nothing(
    tenant: Tenant, reader: DirectoryReader
) -> None:
    """When neither directory nor token tell the tenant, nothing is planned."""
    tenant.closed.prefixes = ("/organization",)
    with pytest.raises(AccessDenied) as caught:
        await observe(reader, everyone())
    assert "Organization.Read.All" in caught.value.hint


async def test_reading_one_guest_tells_whether_there_is_one(guests: GuestReader) -> None:
    """A user is read by id, deleted and unknown ones are none."""
    assert (await known(guests, ANA)).mail == EmailAddress("ana@old.example")
    assert await guests.read_guest(NOBODY) is None
    assert await guests.read_guest(GONE) is None


async def test_refused_token_is_replaced_on_the_way(tenant: Tenant) -> None:
    """A token that stops working is replaced by a fresh one without anybody noticing."""
    async with open_directory(tenant.root, Tokens("stale", "emulator")) as (reader, _):
        assert await reader.read_guest(ANA) is not None
