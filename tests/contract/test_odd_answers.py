"""What the product makes of answers that Microsoft documents or people report, and that hardly ever come."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from reconciler.emulator.control.client import ControlClient
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import Seed
from reconciler.graph.reader import GraphReader
from reconciler.graph.writer import open_directory
from reconciler.model import (
    DirectoryWriter,
    Done,
    EmailAddress,
    Failed,
    FailureKind,
    Invitation,
    NotSent,
    ObjectId,
    ResetRedemption,
    UserUpdate,
    Write,
    WriteAnswer,
)
from reconciler.observation import observe
from tests.support.directory import declared, desired
from tests.support.plans import TENANT, guest_id
from tests.support.scripted_graph import Tokens, granted

NEW = EmailAddress("g1@new.example")
COUNT = 130
PLAIN = guest_id(0)
"""Has no role, as the others have."""

SEED = {
    "tenant": {"id": TENANT},
    "guests": [{"id": guest_id(n), "email": f"g{n}@old.example"} for n in range(COUNT + 1)],
    "groups": [{"name": "Team", "members": [guest_id(n) for n in range(1, 40)]}],
    "roles": [
        {"role": "Reports Reader", "holder": "Team"},
        *({"role": "Reports Reader", "holder": guest_id(n)} for n in range(3, COUNT)),
        *({"role": "Reports Reader", "holder": guest_id(n), "eligible": True} for n in (COUNT - 1, COUNT)),
    ],
}


class Tenant(NamedTuple):
    """A running tenant, and the product's two hands."""

    control: ControlClient
    reader: GraphReader
    writer: DirectoryWriter


@pytest.fixture
def served() -> Iterator[tuple[str, ControlClient]]:
    with serve(None, seed=Seed(document=SEED)) as emulator, ControlClient(emulator.root) as control:
        yield emulator.root, control


@pytest.fixture
async def tenant(served: tuple[str, ControlClient]) -> AsyncIterator[Tenant]:
    root, control = served
    async with open_directory(root, Tokens("emulator")) as (reader, writer):
        yield Tenant(control, reader, writer)


async def perform(tenant: Tenant, write: Write, guest: ObjectId = PLAIN) -> WriteAnswer:
    answer = await tenant.writer.perform(guest, write, client_request_id="1", permit=granted)
    assert not isinstance(answer, NotSent)
    return answer


async def reset(tenant: Tenant) -> WriteAnswer:
    """Write the new address and reset the guest."""
    await perform(tenant, UserUpdate(mail=None, other_mails=(NEW,)))
    invitation = ResetRedemption(
        email=NEW,
        invitation=Invitation(
            send_message=False,
            language="en-US",
            redirect_url="https://myapps.microsoft.com",
            cc=None,
            message=None,
        ),
    )
    return await perform(tenant, invitation)


@pytest.mark.parametrize("doing", ["empty-page", "repeat-row"])
async def test_odd_pages_make_no_difference(tenant: Tenant, doing: str) -> None:
    """Pages without rows, and rows on two pages, lead to what is observed in calm."""
    tree = desired(*(declared(n, f"g{n}@new.example") for n in range(1, COUNT + 1)))
    calm = await observe(tenant.reader, tree)
    tenant.control.forget_requests()
    tenant.control.set_faults({"rules": [{"on": "reads", "do": doing}]})
    odd = await observe(tenant.reader, tree)
    struck = {request.url.partition("?")[0] for request in tenant.control.requests() if request.fault}
    assert struck >= {"/v1.0/users", "/v1.0/roleManagement/directory/roleAssignments"}
    assert (odd.guests, odd.role_holders, odd.owners) == (calm.guests, calm.role_holders, calm.owners)
    assert (odd.not_checked, odd.unmanaged) == (calm.not_checked, calm.unmanaged)


@pytest.mark.parametrize(
    ("change", "has_link"),
    [
        ({"fields": {"status": "Completed"}}, True),
        ({"without": ["inviteRedeemUrl"]}, False),
        ({"fields": {"inviteRedeemUrl": None}}, False),
    ],
)
async def test_an_unusual_success_is_one(tenant: Tenant, change: dict[str, Any], *, has_link: bool) -> None:
    """An invitation that waits or is completed means that the guest was reset; a link may be missing."""
    tenant.control.set_faults({"rules": [{"on": "POST /invitations", "do": "answer", **change}]})
    answer = await reset(tenant)
    assert isinstance(answer, Done)
    assert (answer.redeem_url is not None) is has_link


@pytest.mark.parametrize(
    ("change", "kind", "rule"),
    [
        ({"fields": {"status": "Error"}}, FailureKind.GUEST_REFUSED, "invitation-error"),
        ({"fields": {"status": "InProgress"}}, FailureKind.UNKNOWN, "invitation-in-progress"),
        ({"fields": {"status": "Elsewhere"}}, FailureKind.UNKNOWN, "unexpected-answer"),
        ({"without": ["status"]}, FailureKind.UNKNOWN, "unexpected-answer"),
        ({"without": ["invitedUser"]}, FailureKind.UNKNOWN, "unexpected-answer"),
        ({"fields": {"invitedUser": None}}, FailureKind.UNKNOWN, "unexpected-answer"),
        ({"fields": {"resetRedemption": False}}, FailureKind.RUN_REFUSED, "not-a-reset"),
    ],
)
async def test_a_success_that_is_none(
    tenant: Tenant, change: dict[str, Any], kind: FailureKind, rule: str
) -> None:
    """Error is the guest's failure, what is half or new is unknown, and what was no reset stops the run."""
    tenant.control.set_faults({"rules": [{"on": "POST /invitations", "do": "answer", **change}]})
    answer = await reset(tenant)
    assert isinstance(answer, Failed)
    assert (answer.kind, answer.rule) == (kind, rule)


@pytest.mark.parametrize("http_conflict", [False, True])
@pytest.mark.parametrize("lower_case", [False, True])
async def test_every_form_of_an_address_in_use(
    tenant: Tenant, *, http_conflict: bool, lower_case: bool
) -> None:
    """The guest is told that the address is in use, whichever form and spelling the directory has for it."""
    tenant.control.set_switches(addressInUseIsHttpConflict=http_conflict, innerErrorLowerCase=lower_case)
    taken = EmailAddress("g2@old.example")
    answer = await perform(tenant, UserUpdate(mail=taken, other_mails=()))
    assert isinstance(answer, Failed)
    assert (answer.kind, answer.rule) == (FailureKind.GUEST_REFUSED, "address-in-use")
    assert answer.status == (409 if http_conflict else 400)
    assert answer.request_id


async def test_guests_who_are_read_together_are_read_as_each_alone(tenant: Tenant) -> None:
    """Many reads at the same time give what one after the other gives, out of few requests."""
    keys = [guest_id(number) for number in range(COUNT + 5)]
    alone = [await tenant.reader.read_guest(key) for key in keys]
    assert alone[-4:] == [None] * 4
    tenant.control.forget_requests()
    assert await asyncio.gather(*(tenant.reader.read_guest(key) for key in keys)) == alone
    assert len([request for request in tenant.control.requests() if request.parent is None]) == 7


async def test_success_carries_the_directorys_own_time(tenant: Tenant) -> None:
    """After both kinds of write the instant of the answer is known, in whole seconds."""
    updated = await perform(tenant, UserUpdate(mail=None, other_mails=(NEW,)))
    invited = await reset(tenant)
    for answer in (updated, invited):
        assert isinstance(answer, Done)
        assert answer.at is not None
        assert answer.at.microsecond == 0
        assert answer.at.utcoffset() == timedelta(0)
