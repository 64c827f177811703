"""What the product makes of answers that Microsoft documents or people report, and that hardly ever come."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import pytest

from reconciler.emulator.control import ControlClient
from reconciler.emulator.seed import Seed
from reconciler.emulator.server import serve
from reconciler.graph.perform import open_directory
from reconciler.model import (
    DirectoryReader,
    DirectoryWriter,
    Done,
    EmailAddress,
    Failed,
    FailureKind,
    ResetRedemption,
    WriteAnswer,
)
from tests.samples.directory import declared, desired
from tests.samples.plans import TENANT, guest_id
from tests.stand_in import Tokens

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
    reader: DirectoryReader
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


async def reset(tenant: Tenant) -> WriteAnswer:
    """Write the new address and reset the guest."""
    await tenant.writer.set_other_mails(PLAIN, [NEW], client_request_id="1")
    invitation = ResetRedemption(
        email=NEW,
        send_message=False,
        language="en-US",
        redirect_url="https://myapps.microsoft.com",
        cc=None,
        message=None,
    )
    return await tenant.writer.reset_redemption(PLAIN, invitation, client_request_id="2")


@pytest.mark.parametrize("doing", ["empty-page", "repeat-row"])
async def test_odd_pages_make_no_difference(tenant: Tenant, doing: str) -> None:
    """Pages without rows, and rows on two pages, lead to what is observed in calm."""
    tree = desired(*(declared(n, f"g{n}@new.example") for n in range(1, COUNT + 1)))
    calm = await tenant.reader.observe(tree)
    tenant.control.forget_requests()
    tenant.control.go_wrong({"rules": [{"on": "reads", "do": doing}]})
    odd = await tenant.reader.observe(tree)
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
    tenant.control.go_wrong({"rules": [{"on": "POST /invitations", "do": "answer", **change}]})
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
    ],
)
async def test_a_success_that_is_none(
    tenant: Tenant, change: dict[str, Any], kind: FailureKind, rule: str
) -> None:
    """Error is a failure of the guest; what is not finished, or not documented, is looked into first."""
    tenant.control.go_wrong({"rules": [{"on": "POST /invitations", "do": "answer", **change}]})
    answer = await reset(tenant)
    assert isinstance(answer, Failed)
    assert (answer.kind, answer.rule) == (kind, rule)


@pytest.mark.parametrize("http_conflict", [False, True])
@pytest.mark.parametrize("lower_case", [False, True])
async def test_every_form_of_an_address_in_use(
    tenant: Tenant, *, http_conflict: bool, lower_case: bool
) -> None:
    """The guest is told that the address is in use, whichever form and spelling the directory has for it."""
    tenant.control.turn(addressInUseIsHttpConflict=http_conflict, innerErrorLowerCase=lower_case)
    taken = EmailAddress("g2@old.example")
    answer = await tenant.writer.set_mail(PLAIN, taken, [], client_request_id="1")
    assert isinstance(answer, Failed)
    assert (answer.kind, answer.rule) == (FailureKind.GUEST_REFUSED, "address-in-use")
    assert answer.status == (409 if http_conflict else 400)
    assert answer.request_id
