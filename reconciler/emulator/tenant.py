"""What Graph tells about the tenant itself: organization and authorization policy."""

from typing import Any

from reconciler.emulator.call import Call
from reconciler.emulator.properties import unknown_property
from reconciler.emulator.store import Store
from reconciler.emulator.wire import GraphResponse, JsonObject


def organization_of(store: Store) -> JsonObject:
    """Give the tenant as the seed made it: `id`, `displayName`, `verifiedDomains`."""
    organization: JsonObject = store.meta("organization")
    return organization


def read_organization(call: Call) -> GraphResponse:
    """Answer `GET /organization`. Source: https://learn.microsoft.com/graph/api/organization-list"""
    item = _chosen(call, organization_of(call.store), "organization")
    chosen = f"({','.join(item)})" if "$select" in call.request.options else ""
    return GraphResponse.of(
        {"@odata.context": f"{call.request.root}/$metadata#organization{chosen}", "value": [item]}
    )


def read_authorization_policy(call: Call) -> GraphResponse:
    """Answer `GET /policies/authorizationPolicy`.

    Source: https://learn.microsoft.com/graph/api/authorizationpolicy-get
    """
    policy = {
        "id": "authorizationPolicy",
        "displayName": "Authorization Policy",
        "description": "Used to manage authorization related settings across the company.",
        "allowInvitesFrom": call.switches.allow_invites_from,
        "allowedToSignUpEmailBasedSubscriptions": True,
        "allowedToUseSSPR": True,
        "allowEmailVerifiedUsersToJoinOrganization": False,
        "blockMsolPowerShell": False,
        # Guest User. Source: https://learn.microsoft.com/entra/identity/users/users-restrict-guest-permissions
        "guestUserRoleId": "10dae51f-b6af-4016-8d66-8c2a99b929b3",
    }
    item = _chosen(call, policy, "authorizationPolicy")
    chosen = f"({','.join(item)})" if "$select" in call.request.options else ""
    context = f"{call.request.root}/$metadata#policies/authorizationPolicy{chosen}/$entity"
    return GraphResponse.of({"@odata.context": context, **item})


def _chosen(call: Call, item: JsonObject, resource: str) -> dict[str, Any]:
    select = call.request.options.get("$select")
    if select is None:
        return item
    names = [name.strip() for name in select.split(",")]
    for name in names:
        if name not in item:
            raise unknown_property(name, resource)
    return {name: item[name] for name in names}
