"""The recommended grants are enough for a whole run, and the plan's application cannot write.

Tokens come from azure-identity, of the two applications the seed registers.
Source of the grants: docs/authentication.md
"""

import ast
import asyncio
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from azure.identity import ClientSecretCredential

from reconciler.apply import Services, Terms, apply_plan
from reconciler.clock import SystemClock
from reconciler.emulator.control.client import ControlClient
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import Seed
from reconciler.graph.credentials import CredentialTokens
from reconciler.graph.reader import open_reader
from reconciler.graph.writer import open_directory
from reconciler.guard.approval import approve, approve_all
from reconciler.model import EmailAddress, Failed, FailureKind, Outcome, UserUpdate
from reconciler.observation import observe
from reconciler.plan import make_plan
from tests.support.applying import Heard
from tests.support.directory import declared, desired
from tests.support.plans import TENANT, guest_id
from tests.support.scripted_graph import granted

READING = (
    "GroupMember.Read.All",
    "Organization.Read.All",
    "Policy.Read.All",
    "RoleManagement.Read.Directory",
    "User.Read.All",
)
WRITING = ("User.Invite.All", "User.ReadWrite.All")
PERMISSION = re.compile(r"\b[A-Z][A-Za-z]+\.(?:Read|ReadWrite|Invite)\.(?:All|Directory)\b")
SECRET = "not a real one"
CLIENTS = {
    "plan": "0c3e5a7b-1111-4222-8333-444455556666",
    "apply": "0c3e5a7b-7777-4888-9999-aaaabbbbcccc",
}
LEFT_OUT = tuple(one for one in READING if one != "User.Read.All")
"""The permissions without which a plan is made all the same."""

CLIENTS |= {f"without {gone}": f"0c3e5a7b-2222-4222-8333-{n:012}" for n, gone in enumerate(LEFT_OUT)}
HOLDER = 4
GUESTS = range(1, 5)
ENTRIES = desired(*(declared(number, f"g{number}@new.example") for number in GUESTS))

SEED = {
    "tenant": {"id": TENANT, "verifiedDomains": ["contoso.example"]},
    "guests": [
        {
            "id": guest_id(number),
            "email": f"g{number}@old.example",
            "state": "PendingAcceptance" if number == 3 else "Accepted",
        }
        for number in GUESTS
    ],
    "groups": [{"name": "Reviewers", "members": [guest_id(HOLDER)]}],
    "roles": [
        {"role": "Reports Reader", "holder": "Reviewers"},
        {"role": "Reports Reader", "holder": guest_id(HOLDER), "eligible": True},
    ],
    "contacts": [{"name": "Desk", "mail": "desk@partner.example"}],
    # The setting under which people report that User.ReadWrite.All alone does not do.
    "switches": {"allowInvitesFrom": "adminsAndGuestInviters"},
    "applications": [
        {"name": "plan", "clientId": CLIENTS["plan"], "secret": SECRET, "permissions": [*READING]},
        {
            "name": "apply",
            "clientId": CLIENTS["apply"],
            "secret": SECRET,
            "permissions": [*READING, *WRITING],
        },
        *(
            {
                "name": f"without {gone}",
                "clientId": CLIENTS[f"without {gone}"],
                "secret": SECRET,
                "permissions": [one for one in (*READING, "OrgContact.Read.All") if one != gone],
            }
            for gone in LEFT_OUT
        ),
    ],
}


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant that issues tokens."""

    root: str
    control: ControlClient
    credentials: dict[str, ClientSecretCredential]

    def tokens(self, application: str) -> CredentialTokens:
        """Sign in as one of the applications."""
        return CredentialTokens(self.credentials[application], scope="https://graph.microsoft.com/.default")


@pytest.fixture
def tenant(tmp_path: Path) -> Iterator[Tenant]:
    pem = tmp_path / "ca.pem"
    with ExitStack() as stack:
        emulator = stack.enter_context(serve(None, seed=Seed(document=SEED), certificates=pem))
        credentials = {
            name: stack.enter_context(
                ClientSecretCredential(
                    TENANT,
                    client_id,
                    SECRET,
                    authority=emulator.authority,
                    disable_instance_discovery=True,
                    connection_verify=str(pem),
                )
            )
            for name, client_id in CLIENTS.items()
        }
        control = stack.enter_context(ControlClient(emulator.root))
        yield Tenant(emulator.root, control, credentials)


async def test_the_recommended_grants_do_for_a_whole_run(tenant: Tenant) -> None:
    """One application plans, the other plans again and applies what was approved; nothing is refused."""
    clock = SystemClock()
    async with open_reader(tenant.root, tenant.tokens("plan")) as reader:
        reviewed = make_plan(ENTRIES, await observe(reader, ENTRIES), clock.now())
    assert reviewed.complete
    assert reviewed.refusals == ()
    assert [change.id for change in reviewed.changes] == [guest_id(n) for n in GUESTS if n != HOLDER]
    assert [blocked.id for blocked in reviewed.blocked] == [guest_id(HOLDER)]

    async with open_directory(tenant.root, tenant.tokens("apply")) as (reader, writer):
        plan = make_plan(ENTRIES, await observe(reader, ENTRIES), clock.now())
        assert writer.may_write() is True
        approval = approve(plan, [reviewed])
        by_hand = approve_all(plan).work
        dated = tuple(replace(work, approved_at=reviewed.created_at) for work in by_hand)
        assert approval.work == dated
        finished = await apply_plan(
            approval.work,
            Services(reader=reader, writer=writer, clock=clock, observer=Heard(), journal=None, links=None),
            Terms(settled_at=clock.now()),
            shutdown=asyncio.Event(),
        )
        assert {outcome.outcome for outcome in finished.outcomes} == {Outcome.APPLIED}
        assert make_plan(ENTRIES, await observe(reader, ENTRIES), clock.now()).changes == ()

    asked = tenant.control.requests()
    assert {request.app_id for request in asked if request.status != 403} == {
        CLIENTS["plan"],
        CLIENTS["apply"],
    }
    refused = {request.url.partition("?")[0] for request in asked if request.status == 403}
    # Contacts can be looked at with OrgContact.Read.All only, and that check can be done without.
    assert refused <= {"/v1.0/contacts"}
    for number in GUESTS:
        mail = tenant.control.truth()[guest_id(number)].mail
        assert mail == f"g{number}@{'old' if number == HOLDER else 'new'}.example"


@pytest.mark.parametrize("gone", LEFT_OUT)
async def test_one_gap_is_one_grant(tenant: Tenant, gone: str) -> None:
    """However many checks one missing permission makes impossible, that permission alone is asked for."""
    async with open_reader(tenant.root, tenant.tokens(f"without {gone}")) as reader:
        live = await observe(reader, ENTRIES)
    assert {missed.permission for missed in live.not_checked} == {gone}


def requests_in(file: Path) -> Iterator[str]:
    """Give the texts of a module that ask for a permission: messages that say to grant it, and checks."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.keyword(arg="permission", value=ast.Constant(value=str(name))):
                yield name
            case ast.Constant(value=str(text)) if "grant" in text:
                yield text


def test_every_permission_that_a_message_asks_for_stands_in_the_documentation() -> None:
    """Whoever grants what the table says is never asked for a permission that is not in it."""
    root = Path(__file__).parents[2]
    sources = (file for file in root.glob("reconciler/**/*.py") if "emulator" not in file.parts)
    asked = {name for file in sources for text in requests_in(file) for name in PERMISSION.findall(text)}
    page = (root / "docs" / "authentication.md").read_text(encoding="utf-8")
    documented = set(
        re.findall(r"^\| `([A-Za-z.]+)` \|", page.partition("## Two applications")[2], re.MULTILINE)
    )
    assert {*READING, *WRITING} <= asked <= documented


async def test_the_application_that_plans_cannot_write(tenant: Tenant) -> None:
    """With the grants of a plan every write is refused, and nothing happens."""
    async with open_directory(tenant.root, tenant.tokens("plan")) as (_, writer):
        update = UserUpdate(mail=None, other_mails=(EmailAddress("g1@new.example"),))
        answer = await writer.perform(guest_id(1), update, client_request_id="1", permit=granted)
        assert writer.may_write() is False
    assert isinstance(answer, Failed)
    assert answer.kind in {FailureKind.GUEST_REFUSED, FailureKind.RUN_REFUSED}
    assert answer.status == 403
    assert tenant.control.history() == []
