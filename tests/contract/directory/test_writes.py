"""The promises of `DirectoryWriter`, kept through the real SDK over a real socket.

The tenant is the emulator's. A live tenant with the same content would have to pass these too.
"""

import pytest

from reconciler.errors import AccessDenied
from reconciler.graph.writer import open_directory
from reconciler.model import (
    DirectoryWriter,
    Done,
    EmailAddress,
    Failed,
    FailureKind,
    GuestReader,
    ObjectId,
    RedemptionState,
    UserUpdate,
)
from reconciler.observation import observe
from tests.contract.directory.contoso import (
    ANA,
    MARKER,
    NOBODY,
    OTTO,
    PAUL,
    Tenant,
    failed,
    known,
    perform,
    reset,
    update,
)
from tests.support.directory import desired
from tests.support.scripted_graph import Tokens


async def test_three_writes_move_a_guest(
    tenant: Tenant, directory: tuple[GuestReader, DirectoryWriter]
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
            await observe(reader, desired())
        answer = await perform(writer, ANA, update())
    assert failed(answer) == (FailureKind.RUN_REFUSED, "token-refused")
