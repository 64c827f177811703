"""What it costs to find out who holds addresses, in requests to the emulator; items of batches count."""

from collections.abc import Iterator

import pytest

from reconciler.emulator.control.client import ControlClient
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import Seed
from reconciler.graph.reader import open_reader
from reconciler.model import AddressUse, ObjectId
from reconciler.observation import observe
from tests.support.directory import declared, desired
from tests.support.plans import TENANT, guest_id
from tests.support.scripted_graph import Tokens

GUESTS = 200
MEMBER, UNTYPED, TEAM, DESK = (guest_id(number) for number in (901, 902, 903, 904))


@pytest.fixture(scope="module")
def tenant() -> Iterator[tuple[str, ControlClient]]:
    """Serve a tenant in which four of the first addresses are taken, two of them with capitals."""
    document = {
        "tenant": {"id": TENANT, "verifiedDomains": ["contoso.example"]},
        "guests": [
            {"id": guest_id(number), "email": f"guest{number}@old.example"} for number in range(1, GUESTS + 1)
        ],
        "members": [
            {"id": MEMBER, "userPrincipalName": "m@contoso.example", "otherMails": ["New1@new.example"]},
            {"id": UNTYPED, "userPrincipalName": "u@contoso.example", "mail": "new2@new.example"},
        ],
        "groups": [{"id": TEAM, "name": "Team", "mail": "NEW3@new.example"}],
        "contacts": [{"id": DESK, "name": "Desk", "proxyAddresses": ["smtp:new4@new.example"]}],
    }
    with serve(None, seed=Seed(document=document)) as emulator, ControlClient(emulator.root) as control:
        control.edit_user(UNTYPED, {"userType": None, "proxyAddresses": []})
        yield emulator.root, control


async def look(root: str, changes: int) -> set[tuple[str, ObjectId, AddressUse]]:
    """Give who holds the new addresses of the first guests."""
    tree = desired(*(declared(number, f"new{number}@new.example") for number in range(1, changes + 1)))
    async with open_reader(root, Tokens("emulator")) as reader:
        live = await observe(reader, tree)
    assert live.not_checked == ()
    assert len(live.owners) == changes
    return {(address.key, owner.id, owner.use) for address, owners in live.owners.items() for owner in owners}


@pytest.mark.parametrize(
    ("changes", "most"), [(4, 7 + 4), (20, 7 + 15), (100, 10 + 40), (GUESTS, 10)], ids=str
)
async def test_owners_are_found_for_few_requests(
    tenant: tuple[str, ControlClient], changes: int, most: int
) -> None:
    """Whether they are asked about or listed, the same holders are found, also one without a user type."""
    root, control = tenant
    control.forget_requests()
    assert await look(root, changes) == {
        ("new1@new.example", MEMBER, AddressUse.OTHER_MAILS),
        ("new2@new.example", UNTYPED, AddressUse.MAIL),
        ("new3@new.example", TEAM, AddressUse.MAIL),
        ("new3@new.example", TEAM, AddressUse.PROXY_ADDRESSES),
        ("new4@new.example", DESK, AddressUse.PROXY_ADDRESSES),
    }
    requests = control.requests()
    assert len(requests) <= most
    assert {request.status for request in requests} == {200}


async def test_a_question_with_long_addresses_is_one_the_directory_reads(
    tenant: tuple[str, ControlClient],
) -> None:
    """Addresses of the greatest length, with quotes, are asked for in more questions, not in longer ones."""
    root, control = tenant
    tree = desired(
        *(declared(number, f"{'o' * 115}{chr(39) * 115}{number}@new.example") for number in range(1, 5))
    )
    control.forget_requests()
    async with open_reader(root, Tokens("emulator")) as reader:
        live = await observe(reader, tree)
    assert live.not_checked == ()
    assert set(live.owners.values()) == {()}
    items = [request for request in control.requests() if request.parent is not None]
    assert len(items) > 4
    assert max(len(root + request.url) for request in items) <= 2048
