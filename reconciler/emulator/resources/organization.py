"""The tenant itself in Graph: organization and authorization policy."""

from reconciler.emulator.odata.context_url import collection_context, entity_context
from reconciler.emulator.odata.projection import chosen
from reconciler.emulator.protocol.wire import GraphResponse, JsonObject
from reconciler.emulator.resources.request_context import Call
from reconciler.emulator.tenant.store import Store


def organization_of(store: Store) -> JsonObject:
    """Return the tenant as in the seed: `id`, `displayName`, `verifiedDomains`."""
    organization: JsonObject = store.meta("organization")
    return organization


def read_organization(call: Call) -> GraphResponse:
    """Answer `GET /organization`.

    Source: https://learn.microsoft.com/graph/api/organization-list
    """
    item = chosen(organization_of(call.store), call.request.options.get("$select"), "organization")
    context = collection_context(call.request, "organization", tuple(item))
    return GraphResponse.of({"@odata.context": context, "value": [item]})


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
    item = chosen(policy, call.request.options.get("$select"), "authorizationPolicy")
    context = entity_context(call.request, "policies/authorizationPolicy", tuple(item))
    return GraphResponse.of({"@odata.context": context, **item})
