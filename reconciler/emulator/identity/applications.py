"""Application registrations of the emulated tenant: their credentials and permissions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class FederatedCredential:
    """The assertions that an application trusts. Compared byte by byte, case included.

    Source: https://learn.microsoft.com/graph/api/resources/federatedidentitycredential
    """

    issuer: str
    """Such as `https://token.actions.githubusercontent.com`."""

    subject: str
    """Such as `repo:OWNER/REPOSITORY:environment:production`."""

    audience: str = "api://AzureADTokenExchange"


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An application registration with its consented application permissions."""

    name: str
    """For people only."""

    client_id: str
    """GUID, lower case; the `client_id` of token requests."""

    secret: str | None = None
    """The client secret; `None`: only assertions are accepted."""

    secret_expired: bool = False
    """Whether Entra would answer that the secret has expired."""

    federated: tuple[FederatedCredential, ...] = ()

    permissions: tuple[str, ...] = ()
    """Sorted names such as `User.Read.All`: the `roles` of its tokens."""


def applications_from(entries: Iterable[Mapping[str, Any]]) -> tuple[Application, ...]:
    """Build the applications from the `applications` list of a seed that fits its schema.

    Each entry has `name` and `clientId`; optional are `secret`, `secretExpired`, `permissions` and
    `federated`, a list of `{issuer, subject, audience}` of which `audience` is optional.
    """
    return tuple(
        Application(
            name=entry["name"],
            client_id=entry["clientId"].lower(),
            secret=entry.get("secret"),
            secret_expired=entry.get("secretExpired", False),
            federated=tuple(FederatedCredential(**each) for each in entry.get("federated", ())),
            permissions=tuple(sorted(entry.get("permissions", ()))),
        )
        for entry in entries
    )
