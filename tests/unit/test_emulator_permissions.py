"""What each permission opens in the emulated tenant."""

import base64
import json
from typing import Any

import pytest

from reconciler.emulator.identity.applications import Application
from reconciler.emulator.identity.auth import Principal
from reconciler.emulator.identity.permissions import (
    TokenAuthorizer,
    may_invite_when_restricted,
    may_reset,
    may_update,
)
from reconciler.emulator.identity.tokens import TokenService
from reconciler.emulator.protocol.error_responses import ErrorResponse

TENANT = "7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10"
CLIENT = "0c3e5a7b-1111-4222-8333-444455556666"

ROUTES = [
    ("GET", "/users", {"User.Read.All", "User.ReadWrite.All", "Directory.Read.All"}),
    ("GET", f"/users/{CLIENT}", {"User.Read.All", "User.ReadWrite.All", "Directory.Read.All"}),
    ("GET", f"/directory/deletedItems/{CLIENT}", {"User.Read.All", "Directory.Read.All"}),
    ("GET", "/directory/deletedItems/microsoft.graph.user", {"User.Read.All"}),
    ("PATCH", f"/users/{CLIENT}", {"User.ReadUpdate.All", "User-Mail.ReadWrite.All", "User.ReadWrite.All"}),
    ("POST", "/invitations", {"User.Invite.All", "User.ReadWrite.All", "Directory.ReadWrite.All"}),
    ("GET", "/organization", {"Organization.Read.All", "Directory.Read.All"}),
    ("GET", "/policies/authorizationPolicy", {"Policy.Read.All", "Policy.ReadWrite.Authorization"}),
    (
        "GET",
        "/roleManagement/directory/roleAssignments",
        {"RoleManagement.Read.Directory", "Directory.Read.All", "RoleManagement.ReadWrite.Directory"},
    ),
    (
        "GET",
        "/roleManagement/directory/roleEligibilityScheduleInstances",
        {"RoleEligibilitySchedule.Read.Directory", "RoleManagement.Read.Directory"},
    ),
    ("GET", "/groups", {"GroupMember.Read.All", "Group.Read.All", "Directory.Read.All"}),
    ("GET", f"/groups/{CLIENT}/transitiveMembers", {"GroupMember.Read.All", "Group.Read.All"}),
    ("GET", "/contacts", {"OrgContact.Read.All", "Directory.Read.All"}),
]
EVERY_READ = {
    "Directory.Read.All",
    "GroupMember.Read.All",
    "Organization.Read.All",
    "Policy.Read.All",
    "RoleManagement.Read.Directory",
    "User.Read.All",
}


def _asked(method: str, path: str, *permissions: str) -> Any:
    application = Application(name="a", client_id=CLIENT, permissions=tuple(sorted(permissions)))
    tokens = TokenService(tenant_id=TENANT, applications=[application])
    return TokenAuthorizer(tokens).authorize(tokens.issue(application), method, path)


@pytest.mark.parametrize(
    ("method", "path", "permission"),
    [(method, path, each) for method, path, permissions in ROUTES for each in sorted(permissions)],
)
def test_a_sufficient_permission_opens_the_route(method: str, path: str, permission: str) -> None:
    """Each permission Microsoft lists for a route opens it alone."""
    assert _asked(method, path, permission) == Principal(app_id=CLIENT, permissions=frozenset({permission}))


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in ROUTES])
def test_no_permission_opens_nothing(method: str, path: str) -> None:
    """A valid token without a permission is refused with 403 everywhere."""
    refused = _asked(method, path)
    assert isinstance(refused, ErrorResponse)
    assert (refused.status, refused.code) == (403, "Authorization_RequestDenied")


@pytest.mark.parametrize(("method", "path"), [("PATCH", f"/users/{CLIENT}"), ("POST", "/invitations")])
def test_no_reading_permission_opens_a_write(method: str, path: str) -> None:
    """All permissions to read together do not allow one write."""
    refused = _asked(method, path, *EVERY_READ)
    assert isinstance(refused, ErrorResponse)
    assert refused.status == 403


@pytest.mark.parametrize("path", ["/invitations/x", "/nothing", "/users/a/b/c", "/$batch"])
def test_what_is_no_route_is_left_to_others(path: str) -> None:
    """A path no permission is known for is not answered with 403."""
    assert isinstance(_asked("POST", path), Principal)


def test_the_fixed_token_may_do_everything() -> None:
    """The token `emulator` stays valid beside the applications' tokens."""
    authorizer = TokenAuthorizer(TokenService(tenant_id=TENANT, applications=()))
    for method, path, _ in ROUTES:
        assert isinstance(authorizer.authorize("emulator", method, path), Principal)


def test_no_token_is_unauthenticated() -> None:
    """A call without a token is refused with 401 and told how to authenticate."""
    refused = TokenAuthorizer(TokenService(tenant_id=TENANT, applications=())).authorize(
        None, "GET", "/users"
    )
    assert isinstance(refused, ErrorResponse)
    assert (refused.status, refused.code) == (401, "InvalidAuthenticationToken")
    assert refused.headers["WWW-Authenticate"].startswith("Bearer ")


def test_an_expired_token_is_told_so() -> None:
    """An expired token is refused with 401 in Graph's words, without a challenge."""
    now = 1000.0
    application = Application(name="a", client_id=CLIENT, permissions=("User.Read.All",))
    tokens = TokenService(tenant_id=TENANT, applications=[application], lifetime=60, now=lambda: now)
    token = tokens.issue(application)
    now = 1060.0
    refused = TokenAuthorizer(tokens).authorize(token, "GET", "/users")
    assert isinstance(refused, ErrorResponse)
    assert refused.message == "Lifetime validation failed, the token is expired."
    assert "claims=" not in refused.headers["WWW-Authenticate"]


def test_a_revoked_token_is_challenged() -> None:
    """A revoked token is refused with the claims that ask for a newer one."""
    application = Application(name="a", client_id=CLIENT, permissions=("User.Read.All",))
    tokens = TokenService(tenant_id=TENANT, applications=[application])
    token = tokens.issue(application)
    tokens.revoke()
    refused = TokenAuthorizer(tokens).authorize(token, "GET", "/users")
    assert isinstance(refused, ErrorResponse)
    encoded = refused.headers["WWW-Authenticate"].partition('claims="')[2].rstrip('"')
    assert json.loads(base64.b64decode(encoded))["access_token"]["nbf"]["essential"] is True


def test_least_permissions_hold_for_their_properties_only() -> None:
    """`otherMails` and `mail` have a least permission each, and the general one covers both."""
    assert may_update({"User.ReadWrite.All"}, {"mail", "otherMails"})
    assert may_update({"User.ReadUpdate.All"}, {"mail"})
    assert may_update({"User-Mail.ReadWrite.All"}, {"otherMails"})
    assert not may_update({"User-Mail.ReadWrite.All"}, {"mail", "otherMails"})
    assert not may_update({"User.ReadUpdate.All"}, {"otherMails"})


def test_inviting_and_resetting_need_different_permissions() -> None:
    """The right to invite does not allow a reset, nor the other way round in a restricted tenant."""
    assert may_reset({"User.ReadWrite.All"})
    assert not may_reset({"User.Invite.All"})
    assert may_invite_when_restricted({"User.Invite.All"})
    assert not may_invite_when_restricted({"User.ReadWrite.All"})
