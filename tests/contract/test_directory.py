"""The promises of `DirectoryReader` and `DirectoryWriter`, kept through the real SDK over a real socket.

The tenant is the emulator's. A live tenant with the same content would have to pass these too.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.emulator.control.client import ControlClient
from reconciler.emulator.identity.auth import FixedTokenAuthorizer
from reconciler.emulator.identity.auth import Principal as EmulatedCaller
from reconciler.emulator.protocol.error_responses import ErrorResponse, insufficient_privileges
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import Seed
from reconciler.errors import AccessDenied, WrongTenant
from reconciler.graph.reader import open_reader
from reconciler.graph.writer import open_directory
from reconciler.model import (
    AddressOwner,
    AddressUse,
    CallerKind,
    Desired,
    DirectoryReader,
    DirectoryWriter,
    Done,
    EmailAddress,
    Failed,
    FailureKind,
    Guest,
    Invitation,
    InvitesFrom,
    Marker,
    NotChecked,
    NotSent,
    ObjectId,
    OwnerKind,
    RedemptionState,
    ResetRedemption,
    UserUpdate,
    Write,
    WriteAnswer,
)
from reconciler.plan import make_plan
from tests.support.directory import NOW, declared, desired
from tests.support.plans import TENANT, guest_id
from tests.support.scripted_graph import Tokens, granted

ANA, PAUL, EVA, OTTO, DORA, BEA, GINA, EMIL, GONE = (guest_id(number) for number in range(1, 10))
NOBODY = guest_id(99)
MARKER = Marker(
    seconds=1_780_000_000, nonce="0a1b2c3d", digits="0123456789abcdef", domain="reconciler.invalid"
)
MEMBER, TEAM, DESK = guest_id(50), guest_id(60), guest_id(70)

SEED: dict[str, Any] = {
    "tenant": {"id": TENANT, "verifiedDomains": ["Contoso.example"]},
    "guests": [
        {"id": ANA, "name": "Ana", "email": "ana@old.example"},
        {"id": PAUL, "email": "paul@old.example", "state": "PendingAcceptance"},
        {"id": EVA, "email": "eva@old.example", "userType": "Member"},
        {"id": OTTO, "email": "otto@old.example"},
        {"id": BEA, "email": "bea@old.example", "groups": ["Reviewers"]},
        {"id": EMIL, "email": "emil@old.example"},
        {"email": "undeclared@old.example"},
    ],
    "members": [
        {
            "id": MEMBER,
            "name": "Mara",
            "userPrincipalName": "mara@contoso.example",
            "otherMails": ["mara@home.example"],
        }
    ],
    "groups": [{"id": TEAM, "name": "Reviewers", "mail": "team@contoso.example"}],
    "roles": [
        {"role": "Reports Reader", "holder": "otto@old.example"},
        {"role": "Reports Reader", "holder": "Reviewers"},
        {"role": "Reports Reader", "holder": "emil@old.example", "eligible": True},
    ],
    "contacts": [{"id": DESK, "name": "Desk", "mail": "desk@partner.example"}],
    "deleted": [{"id": GONE, "email": "gone@old.example", "deleted": "2026-10-30T16:05:00Z"}],
}


@dataclass(slots=True)
class Closed:
    """Lets the fixed token through everywhere but to paths that begin like these."""

    prefixes: tuple[str, ...] = ()

    def authorize(self, bearer: str | None, method: str, path: str) -> EmulatedCaller | ErrorResponse:
        """Refuse the closed paths as Graph refuses a token without the permission."""
        if path.startswith(self.prefixes):
            return insufficient_privileges()
        return FixedTokenAuthorizer().authorize(bearer, method, path)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A running tenant, seen by its administrator and by the product."""

    root: str
    control: ControlClient
    closed: Closed


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    closed = Closed()
    with (
        serve(None, seed=Seed(document=SEED), authorizer=closed) as emulator,
        ControlClient(emulator.root) as control,
    ):
        yield Tenant(emulator.root, control, closed)


@pytest.fixture
async def reader(tenant: Tenant) -> AsyncIterator[DirectoryReader]:
    async with open_reader(tenant.root, Tokens("emulator")) as reader:
        yield reader


@pytest.fixture
async def directory(tenant: Tenant) -> AsyncIterator[tuple[DirectoryReader, DirectoryWriter]]:
    async with open_directory(tenant.root, Tokens("emulator")) as pair:
        yield pair


@pytest.fixture
def writer(directory: tuple[DirectoryReader, DirectoryWriter]) -> DirectoryWriter:
    return directory[1]


def everyone() -> Desired:
    """Declare every guest of the seed with a new address, and two who are not there."""
    numbers = (1, 2, 3, 4, 6, 8, 9, 99)
    return desired(*(declared(number, f"new{number}@newco.example") for number in numbers))


def addresses(*texts: str) -> list[EmailAddress]:
    return [EmailAddress(text) for text in texts]


def reset(email: str = "ana@newco.example") -> ResetRedemption:
    return ResetRedemption(
        email=EmailAddress(email),
        invitation=Invitation(
            send_message=True,
            language="en-US",
            redirect_url="https://myapps.microsoft.com",
            cc=None,
            message=None,
        ),
    )


async def known(reader: DirectoryReader, guest: ObjectId) -> Guest:
    found = await reader.read_guest(guest)
    assert found is not None
    return found


def update(*texts: str, mail: str | None = None) -> UserUpdate:
    return UserUpdate(mail=None if mail is None else EmailAddress(mail), other_mails=tuple(addresses(*texts)))


async def perform(
    writer: DirectoryWriter, guest: ObjectId, write: Write, client_request_id: str = "x"
) -> WriteAnswer:
    answer = await writer.perform(guest, write, client_request_id=client_request_id, permit=granted)
    assert not isinstance(answer, NotSent)
    return answer


def failed(answer: WriteAnswer) -> tuple[FailureKind, str]:
    assert isinstance(answer, Failed)
    return answer.kind, answer.rule


async def test_observing_finds_every_declared_id_wherever_it_is(reader: DirectoryReader) -> None:
    """Guests, external members and deleted users are told apart from those who never were."""
    live = await reader.observe(everyone())
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
    live = await reader.observe(desired())
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
    live = await reader.observe(everyone())
    assert set(live.role_holders) == {OTTO, BEA, EMIL}
    assert live.role_holders[BEA] == "through the group Reviewers"
    assert "eligible" in live.role_holders[EMIL]


async def test_observing_finds_who_holds_the_wanted_addresses(reader: DirectoryReader) -> None:
    """Users, groups and contacts that hold a wanted address are found, whatever its case."""
    wanted = ["PAUL@old.example", "Mara@Home.example", "TEAM@contoso.example", "desk@Partner.example"]
    tree = desired(*(declared(number, email) for number, email in zip((1, 3, 4, 6), wanted, strict=True)))
    live = await reader.observe(tree)
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
    owners = (await reader.observe(tree)).owners
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
    plan = make_plan(tree, await reader.observe(tree), NOW)
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
    make_plan(tree, await reader.observe(tree), NOW)
    assert len([request for request in tenant.control.requests() if request.parent is None]) <= 12


async def test_wrong_tenant_is_refused(tenant: Tenant, reader: DirectoryReader) -> None:
    """A tree for another tenant is refused, naming both, before guests are read."""
    tree = desired(declared(1))
    other = Desired(
        tenant_id=type(TENANT)("00000000-0000-4000-8000-0000000000ff"),
        cloud=tree.cloud,
        policy=tree.policy,
        guests=tree.guests,
    )
    with pytest.raises(WrongTenant, match="00000000-0000-4000-8000-0000000000ff") as caught:
        await reader.observe(other)
    assert TENANT in caught.value.message
    assert all("/users" not in request.url for request in tenant.control.requests())


@pytest.mark.parametrize(
    ("prefix", "permission", "essential"),
    [
        ("/policies", "Policy.Read.All", False),
        ("/roleManagement/directory/roleAssignments", "RoleManagement.Read.Directory", True),
        (
            "/roleManagement/directory/roleEligibility",
            "RoleEligibilitySchedule.Read.Directory",
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
    live = await reader.observe(everyone())
    assert permission in {unread.permission for unread in live.not_checked}
    assert any(unread.essential for unread in live.not_checked) is essential


async def test_tenant_without_the_licence_for_eligibility_is_no_obstacle(
    tenant: Tenant, reader: DirectoryReader
) -> None:
    """Where eligibility cannot be read for want of a licence, the plan is complete all the same."""
    tenant.control.set_switches(pimLicensed=False)
    live = await reader.observe(everyone())
    (unread,) = live.not_checked
    assert isinstance(unread, NotChecked)
    assert not unread.essential
    assert EMIL not in live.role_holders


async def test_unreadable_users_deny_access(tenant: Tenant, reader: DirectoryReader) -> None:
    """Without the permission to read users nothing can be planned, and the error names it."""
    tenant.closed.prefixes = ("/users",)
    with pytest.raises(AccessDenied) as caught:
        await reader.observe(everyone())
    assert "User.Read.All" in caught.value.hint
    with pytest.raises(AccessDenied):
        await reader.read_guest(ANA)


async def test_unreadable_organization_denies_access_when_the_token_tells_nothing(
    tenant: Tenant, reader: DirectoryReader
) -> None:
    """When neither directory nor token tell the tenant, nothing is planned."""
    tenant.closed.prefixes = ("/organization",)
    with pytest.raises(AccessDenied) as caught:
        await reader.observe(everyone())
    assert "Organization.Read.All" in caught.value.hint


async def test_reading_one_guest_tells_whether_there_is_one(reader: DirectoryReader) -> None:
    """A user is read by id, deleted and unknown ones are none."""
    assert (await known(reader, ANA)).mail == EmailAddress("ana@old.example")
    assert await reader.read_guest(NOBODY) is None
    assert await reader.read_guest(GONE) is None


async def test_three_writes_move_a_guest(
    tenant: Tenant, directory: tuple[DirectoryReader, DirectoryWriter]
) -> None:
    """Mail with a marker, a reset and the marker away leave the guest waiting at the new address."""
    reader, writer = directory
    before = await known(reader, ANA)
    new = EmailAddress("ana@newco.example")
    moved = await perform(writer, ANA, UserUpdate(mail=new, other_mails=(new,), marker=MARKER), "one")
    begun = await known(reader, ANA)
    assert (begun.mail, begun.other_mails, begun.markers) == (new, (new,), (MARKER,))
    assert begun.state is RedemptionState.ACCEPTED
    invited = await perform(writer, ANA, reset(), "two")
    cleared = await perform(writer, ANA, UserUpdate(mail=new, other_mails=(new,)), "three")
    assert isinstance(moved, Done)
    assert isinstance(invited, Done)
    assert isinstance(cleared, Done)
    after = await known(reader, ANA)
    assert after.markers == ()
    assert after.state is RedemptionState.PENDING
    assert (after.mail, after.other_mails) == (new, (new,))
    assert after.user_principal_name == before.user_principal_name
    assert before.state_changed_at is not None
    assert after.state_changed_at is not None
    assert after.state_changed_at > before.state_changed_at
    (message,) = tenant.control.messages()
    assert invited.redeem_url is not None
    assert message.redeem_url == invited.redeem_url.reveal()
    ids = [request.request_headers["client-request-id"] for request in tenant.control.requests(bodies=True)]
    assert [text for text in ids if text in {"one", "two", "three"}] == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("guest", "email", "kind", "rule"),
    [
        (ANA, "not-there@newco.example", FailureKind.REPLICATION, "address-not-replicated"),
        (OTTO, "otto@old.example", FailureKind.GUEST_REFUSED, "not-permitted"),
        (NOBODY, "ana@old.example", FailureKind.NOT_FOUND, "not-found"),
    ],
)
async def test_refused_resets_are_told_apart(
    writer: DirectoryWriter, guest: ObjectId, email: str, kind: FailureKind, rule: str
) -> None:
    """An address that is not on the object, a role holder and an unknown user are refused differently."""
    answer = await perform(writer, guest, reset(email))
    assert failed(answer) == (kind, rule)


@pytest.mark.parametrize(
    ("email", "rule"),
    [
        ("ana@contoso.example", "verified-domain"),
        ("ana+tag@newco.example", "invalid-address"),
        ("paul@old.example", "address-in-use"),
        ("team@contoso.example", "verified-domain"),
        ("ana@denied.example", "domain-denied"),
        ("ana@blocked.example", "cross-tenant-access"),
    ],
)
async def test_refused_addresses_are_told_apart(
    tenant: Tenant, writer: DirectoryWriter, email: str, rule: str
) -> None:
    """Each reason to refuse an invited address has its own rule, and nobody is reset."""
    tenant.control.set_switches(
        deniedDomains=["denied.example"], crossTenantBlockedDomains=["blocked.example"]
    )
    tenant.control.edit_user(ANA, {"otherMails": [email]})
    answer = await perform(writer, ANA, reset(email))
    assert failed(answer) == (FailureKind.GUEST_REFUSED, rule)
    assert tenant.control.messages() == []


async def test_closed_invitations_stop_the_run(tenant: Tenant, writer: DirectoryWriter) -> None:
    """When the tenant lets nobody invite, every guest would be refused."""
    tenant.control.set_switches(allowInvitesFrom="none")
    answer = await perform(writer, ANA, reset("ana@old.example"))
    assert failed(answer) == (FailureKind.RUN_REFUSED, "invitations-disabled")


async def test_missing_permission_to_invite_stops_the_run(tenant: Tenant, writer: DirectoryWriter) -> None:
    """A token that may not invite is refused for every guest."""
    tenant.closed.prefixes = ("/invitations",)
    answer = await perform(writer, ANA, reset("ana@old.example"))
    assert failed(answer) == (FailureKind.RUN_REFUSED, "permission-missing")


async def test_refused_updates_are_told_apart(tenant: Tenant, writer: DirectoryWriter) -> None:
    """An address in use names its holder; role holders and unknown users are that guest's failure."""
    conflict = await perform(writer, ANA, update("paul@old.example", mail="paul@old.example"))
    assert failed(conflict) == (FailureKind.GUEST_REFUSED, "address-in-use")
    assert isinstance(conflict, Failed)
    assert PAUL in conflict.message
    holder = await perform(writer, OTTO, update("otto@newco.example"))
    assert failed(holder) == (FailureKind.GUEST_REFUSED, "not-permitted")
    nobody = await perform(writer, NOBODY, update())
    assert failed(nobody) == (FailureKind.NOT_FOUND, "not-found")
    assert tenant.control.history() == []


async def test_unknown_token_denies_access(tenant: Tenant) -> None:
    """A token the directory does not know ends reading with exit 6 and stops a run of writes."""
    async with open_directory(tenant.root, Tokens("stale", "also stale")) as (reader, writer):
        with pytest.raises(AccessDenied):
            await reader.observe(desired())
        answer = await perform(writer, ANA, update())
    assert failed(answer) == (FailureKind.RUN_REFUSED, "token-refused")


async def test_refused_token_is_replaced_on_the_way(tenant: Tenant) -> None:
    """A token that stops working is replaced by a fresh one without anybody noticing."""
    async with open_reader(tenant.root, Tokens("stale", "emulator")) as reader:
        assert await reader.read_guest(ANA) is not None
