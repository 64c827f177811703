"""Which rule answers which path."""

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.emulator import invitations, other_objects, roles, tenant, users
from reconciler.emulator.call import Call
from reconciler.emulator.graph_errors import GraphError, bad_request
from reconciler.emulator.wire import GraphResponse

Handler = Callable[..., GraphResponse]
"""Takes the call, and each variable part of the path."""


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a path below the version root, and who answers."""

    method: str

    path: str
    """With a `*` for each variable part."""

    answer: Handler


ROUTES = (
    Route("GET", "users", users.list_users),
    Route("GET", "users/*", users.read_user),
    Route("PATCH", "users/*", users.update_user),
    Route("POST", "invitations", invitations.invite),
    Route("GET", "groups", other_objects.list_groups),
    Route("GET", "groups/*", other_objects.read_group),
    Route("GET", "groups/*/transitiveMembers", other_objects.list_transitive_members),
    Route("GET", "contacts", other_objects.list_contacts),
    Route("GET", "contacts/*", other_objects.read_contact),
    Route("GET", "directory/deletedItems/microsoft.graph.user", other_objects.list_deleted_users),
    Route("GET", "directory/deletedItems/*", other_objects.read_deleted),
    Route("GET", "roleManagement/directory/roleAssignments", roles.list_assignments),
    Route("GET", "roleManagement/directory/roleEligibilityScheduleInstances", roles.list_eligible),
    Route("GET", "organization", tenant.read_organization),
    Route("GET", "policies/authorizationPolicy", tenant.read_authorization_policy),
)


def dispatch(call: Call) -> GraphResponse:
    """Let the rule for the path answer. Raises `GraphError`."""
    segments = call.request.segments
    method_missing = False
    for route in ROUTES:
        parts = route.path.split("/")
        if len(parts) == len(segments) and all(
            part in {"*", segment} for part, segment in zip(parts, segments, strict=True)
        ):
            if route.method == call.request.method:
                variables = [segment for part, segment in zip(parts, segments, strict=True) if part == "*"]
                return route.answer(call, *variables)
            method_missing = True
    if method_missing:
        raise GraphError(
            405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target."
        )
    raise bad_request(f"Resource not found for the segment '{segments[-1]}'.")
