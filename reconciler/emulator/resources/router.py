"""Maps each path to its rule."""

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.emulator.odata.query_options import refuse_options
from reconciler.emulator.protocol.error_responses import ErrorResponse, bad_request
from reconciler.emulator.protocol.wire import GraphResponse
from reconciler.emulator.resources import (
    contacts,
    deleted_items,
    groups,
    invitations,
    organization,
    roles,
    users,
)
from reconciler.emulator.resources.request_context import Call

Handler = Callable[..., GraphResponse]
"""Receives the call, and each variable part of the path."""


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a path below the version root, and its handler."""

    method: str

    path: str
    """The path, with a `*` for each variable part."""

    answer: Handler

    options: frozenset[str] | None = frozenset()
    """The query options it accepts; `None`: the handler checks them itself."""

    not_emulated: frozenset[str] = frozenset()
    """The options that Graph accepts and the emulator does not."""


_SELECT = frozenset({"$select"})
_EXPAND = frozenset({"$expand"})
_ROLES = frozenset({"$select", "$filter", "$expand", "$top"})

# Source of the options: the pages of each method, such as https://learn.microsoft.com/graph/api/user-get
ROUTES = (
    Route("GET", "users", users.list_users, None),
    Route("GET", "users/*", users.read_user, _SELECT, _EXPAND),
    Route("PATCH", "users/*", users.update_user),
    Route("POST", "invitations", invitations.invite),
    Route("GET", "groups", groups.list_groups, None),
    Route("GET", "groups/*", groups.read_group, _SELECT, _EXPAND),
    Route("GET", "groups/*/transitiveMembers", groups.list_transitive_members, None),
    Route("GET", "contacts", contacts.list_contacts, None),
    Route("GET", "contacts/*", contacts.read_contact, _SELECT, _EXPAND),
    Route("GET", "directory/deletedItems/microsoft.graph.user", deleted_items.list_deleted_users, None),
    Route("GET", "directory/deletedItems/*", deleted_items.read_deleted, _SELECT),
    Route("GET", "roleManagement/directory/roleAssignments", roles.list_assignments, _ROLES),
    Route("GET", "roleManagement/directory/roleEligibilityScheduleInstances", roles.list_eligible, _ROLES),
    Route("GET", "organization", organization.read_organization, _SELECT),
    Route("GET", "policies/authorizationPolicy", organization.read_authorization_policy, _SELECT),
)


def dispatch(call: Call) -> GraphResponse:
    """Call the rule for the path. Raises `ErrorResponse`."""
    segments = call.request.segments
    method_missing = False
    for route in ROUTES:
        parts = route.path.split("/")
        if len(parts) == len(segments) and all(
            part in {"*", segment} for part, segment in zip(parts, segments, strict=True)
        ):
            if route.method == call.request.method:
                if route.options is not None:
                    refuse_options(call.request, besides=route.options, graph_knows=route.not_emulated)
                variables = [segment for part, segment in zip(parts, segments, strict=True) if part == "*"]
                return route.answer(call, *variables)
            method_missing = True
    if method_missing:
        raise ErrorResponse(
            405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target."
        )
    raise bad_request(f"Resource not found for the segment '{segments[-1]}'.")
