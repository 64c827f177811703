"""Authenticates and authorizes callers: the interface between the tenant's rules and its tokens."""

from dataclasses import dataclass
from typing import Protocol

from reconciler.emulator.protocol.error_responses import ErrorResponse, invalid_token

ALL_PERMISSIONS = frozenset(
    {
        "Directory.ReadWrite.All",
        "GroupMember.Read.All",
        "Organization.Read.All",
        "Policy.Read.All",
        "RoleManagement.Read.Directory",
        "User.Invite.All",
        "User.ReadWrite.All",
    }
)
"""Sufficient for every route. Source: https://learn.microsoft.com/graph/permissions-reference"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The principal a token was issued for."""

    app_id: str
    """Client id of the application."""

    permissions: frozenset[str]
    """Names of Graph's application permissions, such as `User.Read.All`."""

    application: bool = True
    """Whether the application acts for itself rather than for a user."""


class Authorizer(Protocol):
    """Decides about a call before any rule of the tenant applies."""

    def authorize(self, bearer: str | None, method: str, path: str) -> Principal | ErrorResponse:
        """Return the caller, or the error with which Graph refuses them.

        `bearer` is the header's value after `Bearer `, `path` the decoded path below the version root.
        """
        ...


class FixedTokenAuthorizer:
    """Accepts one token, with all permissions, and nothing else."""

    def __init__(self, token: str = "emulator") -> None:  # noqa: S107  a token that is no secret
        self._token = token

    def authorize(self, bearer: str | None, method: str, path: str) -> Principal | ErrorResponse:  # noqa: ARG002  the protocol's
        """Accept the token for every method and path."""
        if bearer is None:
            return invalid_token("Access token is empty.")
        if bearer != self._token:
            return invalid_token("Invalid token: the token is not one of the emulator's.")
        return Principal(app_id="00000000-0000-4000-8000-00000000e11a", permissions=ALL_PERMISSIONS)
