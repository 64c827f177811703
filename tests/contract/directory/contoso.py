"""The tenant of the contract: its content, its administrator's tools, and what is asked of it."""

from dataclasses import dataclass
from typing import Any

from reconciler.emulator.control.client import ControlClient
from reconciler.emulator.identity.auth import FixedTokenAuthorizer
from reconciler.emulator.identity.auth import Principal as EmulatedCaller
from reconciler.emulator.protocol.error_responses import ErrorResponse, insufficient_privileges
from reconciler.model import (
    Desired,
    DirectoryWriter,
    EmailAddress,
    Failed,
    FailureKind,
    Guest,
    GuestReader,
    Invitation,
    Marker,
    NotSent,
    ObjectId,
    ResetRedemption,
    UserUpdate,
    Write,
    WriteAnswer,
)
from tests.support.directory import declared, desired
from tests.support.plans import TENANT, guest_id
from tests.support.scripted_graph import granted

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


async def known(reader: GuestReader, guest: ObjectId) -> Guest:
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
