"""The application permissions that allow each route, and the refusal of tokens without them.

Only method and path decide here. For decisions by a request's body or the tenant's settings, the rules of
those routes call `may_update`, `may_reset` and `may_invite_when_restricted`.
"""

import base64
import re
from collections.abc import Collection
from dataclasses import dataclass

from reconciler.emulator.identity.auth import FixedTokenAuthorizer, Principal
from reconciler.emulator.identity.tokens import Bearer, TokenService
from reconciler.emulator.protocol.error_responses import ErrorResponse, insufficient_privileges, invalid_token

FIXED_TOKEN = "emulator"  # noqa: S105 - documented, and worth nothing outside the emulator
"""Always valid, with every permission: for trials without an application."""

_READ_DIRECTORY = frozenset({"Directory.Read.All", "Directory.ReadWrite.All"})
_READ_USERS = _READ_DIRECTORY | {"User.Read.All", "User.ReadWrite.All"}
_WRITE_USERS = frozenset({"User.ReadWrite.All", "Directory.ReadWrite.All"})
_READ_GROUPS = _READ_DIRECTORY | {
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
}
_READ_ROLES = frozenset({"RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory"})


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    path: re.Pattern[str]
    sufficient: frozenset[str]
    """Permissions each of which alone allows the route."""


# Sources, in this order: https://learn.microsoft.com/graph/api/user-list, …/user-get,
# …/directory-deleteditems-get, …/user-update, …/invitation-post, …/organization-get,
# …/authorizationpolicy-get, …/rbacapplication-list-roleassignments,
# …/rbacapplication-list-roleeligibilityscheduleinstances, …/group-list,
# …/group-list-transitivemembers, …/orgcontact-list
_ROUTES = (
    _Route("GET", re.compile(r"/users(/[^/]+)?"), _READ_USERS),
    _Route("GET", re.compile(r"/directory/deletedItems/[^/]+"), _READ_USERS),
    _Route(
        "PATCH",
        re.compile(r"/users/[^/]+"),
        _WRITE_USERS | {"User.ReadUpdate.All", "User-Mail.ReadWrite.All"},
    ),
    _Route("POST", re.compile(r"/invitations"), _WRITE_USERS | {"User.Invite.All"}),
    _Route(
        "GET",
        re.compile(r"/organization(/[^/]+)?"),
        _READ_DIRECTORY | {"Organization.Read.All", "Organization.ReadWrite.All"},
    ),
    _Route(
        "GET",
        re.compile(r"/policies/authorizationPolicy"),
        frozenset({"Policy.Read.All", "Policy.ReadWrite.Authorization"}),
    ),
    _Route("GET", re.compile(r"/roleManagement/directory/roleAssignments"), _READ_ROLES | _READ_DIRECTORY),
    _Route(
        "GET",
        re.compile(r"/roleManagement/directory/roleEligibilityScheduleInstances"),
        _READ_ROLES
        | {"RoleEligibilitySchedule.Read.Directory", "RoleEligibilitySchedule.ReadWrite.Directory"},
    ),
    _Route("GET", re.compile(r"/groups(/[^/]+(/transitiveMembers)?)?"), _READ_GROUPS),
    _Route("GET", re.compile(r"/contacts(/[^/]+)?"), _READ_DIRECTORY | {"OrgContact.Read.All"}),
)


def may_update(permissions: Collection[str], properties: Collection[str]) -> bool:
    """Return whether a PATCH of these properties of a user is allowed.

    `otherMails` has a least permission of its own, `mail` the general one.
    Source: https://learn.microsoft.com/graph/api/user-update
    """
    if not _WRITE_USERS.isdisjoint(permissions):
        return True
    needed = {
        "User-Mail.ReadWrite.All" if name == "otherMails" else "User.ReadUpdate.All" for name in properties
    }
    return needed <= set(permissions)


def may_reset(permissions: Collection[str]) -> bool:
    """Return whether an invitation with `resetRedemption` is allowed; `User.Invite.All` is not enough.

    Source: https://learn.microsoft.com/graph/api/invitation-post
    """
    return not _WRITE_USERS.isdisjoint(permissions)


def may_invite_when_restricted(permissions: Collection[str]) -> bool:
    """Return whether an application may invite where `allowInvitesFrom` is not `everyone`.

    Reported, not documented: without `User.Invite.All` the service answers that invitations are closed.
    """
    return "User.Invite.All" in permissions


class TokenAuthorizer:
    """Accepts the access tokens of one tenant's applications, and the fixed token."""

    def __init__(self, tokens: TokenService) -> None:
        self._tokens = tokens
        self._fixed = FixedTokenAuthorizer(FIXED_TOKEN)

    def authorize(self, bearer: str | None, method: str, path: str) -> Principal | ErrorResponse:
        """Return the caller, or refuse a token that is missing, invalid or not enough for the route.

        A path that is no route of the emulator is left to the application, which answers it.
        """
        if bearer is None or bearer == FIXED_TOKEN:
            return self._fixed.authorize(bearer, method, path)
        found = self._tokens.inspect(bearer)
        if not isinstance(found, Bearer):
            return _challenged(found.message, found.claims)
        sufficient = _sufficient(method, path)
        if sufficient is not None and sufficient.isdisjoint(found.permissions):
            return insufficient_privileges()
        return Principal(app_id=found.client_id, permissions=found.permissions)


def _sufficient(method: str, path: str) -> frozenset[str] | None:
    for route in _ROUTES:
        if route.method == method and route.path.fullmatch(path.rstrip("/")):
            return route.sufficient
    return None


def _challenged(message: str, claims: str) -> ErrorResponse:
    """Refuse a token, with the claims challenge that asks for another.

    Source: https://learn.microsoft.com/entra/identity-platform/claims-challenge
    """
    refusal = invalid_token(message)
    if claims:
        encoded = base64.b64encode(claims.encode()).decode()
        refusal.headers["WWW-Authenticate"] += f', error="insufficient_claims", claims="{encoded}"'
    return refusal
