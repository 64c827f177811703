"""Directory roles: their holders, and `/roleManagement/directory`.

Sources: https://learn.microsoft.com/graph/api/rbacapplication-list-roleassignments and
https://learn.microsoft.com/graph/api/rbacapplication-list-roleeligibilityscheduleinstances
"""

import sqlite3
from collections.abc import Callable
from typing import Any

from reconciler.emulator.odata.context_url import collection_context
from reconciler.emulator.odata.filters import parse_filter
from reconciler.emulator.odata.projection import BY_KIND, ObjectType, chosen
from reconciler.emulator.odata.query_options import page_size
from reconciler.emulator.protocol.error_responses import ErrorResponse, bad_request
from reconciler.emulator.protocol.wire import GraphResponse, JsonObject
from reconciler.emulator.resources.reading import cut_page
from reconciler.emulator.resources.request_context import Call

_GROUPS_OF = """
WITH RECURSIVE held (id) AS (
  SELECT ? UNION SELECT group_id FROM members JOIN held ON member_id = held.id
)
"""
_ITSELF = "WITH held (id) AS (SELECT ?)"

_ASSIGNMENT = ObjectType(
    kind="role",
    name="unifiedRoleAssignment",
    default=(),
    known=frozenset({"principalId", "roleDefinitionId", "directoryScopeId"}),
    lists=frozenset(),
    columns={"principalId": "principal_id", "roleDefinitionId": "definition_id", "directoryScopeId": "scope"},
)


def is_protected(call: Call, user_id: str) -> bool:
    """Return whether the directory protects the user's sensitive properties from applications.

    An active role does that, direct or not, and so does a role-assignable group.
    Source: https://learn.microsoft.com/graph/api/resources/users#who-can-perform-sensitive-actions
    """
    return _any_role(call, user_id, eligible=False, through_groups=True) or _in_role_assignable_group(
        call, user_id
    )


def blocks_reset(call: Call, user_id: str) -> bool:
    """Return whether an application may not reset the user.

    Source: https://learn.microsoft.com/entra/external-id/reset-redemption-status; whether eligible roles,
    roles of groups and role-assignable groups count is not documented there, hence the switches.
    """
    through_groups = call.switches.group_roles_block_reset
    return (
        _any_role(call, user_id, eligible=False, through_groups=through_groups)
        or (
            call.switches.eligible_roles_block_reset
            and _any_role(call, user_id, eligible=True, through_groups=through_groups)
        )
        or (call.switches.role_assignable_groups_protect and _in_role_assignable_group(call, user_id))
    )


def list_assignments(call: Call) -> GraphResponse:
    """Answer `GET /roleManagement/directory/roleAssignments`."""
    return _list(call, "roleAssignments", _assignment, eligible=False)


def list_eligible(call: Call) -> GraphResponse:
    """Answer `GET /roleManagement/directory/roleEligibilityScheduleInstances`."""
    if not call.switches.pim_licensed:
        raise ErrorResponse(400, "AadPremiumLicenseRequired", "The tenant needs an AAD Premium 2 license.")
    return _list(call, "roleEligibilityScheduleInstances", _eligibility, eligible=True)


def _any_role(call: Call, user_id: str, *, eligible: bool, through_groups: bool) -> bool:
    held = _GROUPS_OF if through_groups else _ITSELF
    found = call.store.rows(
        f"{held} SELECT 1 FROM roles JOIN held ON principal_id = held.id WHERE eligible = ? LIMIT 1",  # noqa: S608  constants
        user_id,
        eligible,
    )
    return next(found, None) is not None


def _in_role_assignable_group(call: Call, user_id: str) -> bool:
    # As a member or an owner; groups inside such a group do not exist.
    # Source: https://learn.microsoft.com/entra/identity/role-based-access-control/groups-concept
    found = call.store.rows(
        "SELECT 1 FROM objects WHERE kind = 'group' AND deleted IS NULL AND body ->> '$.isAssignableToRole'"
        " AND (EXISTS (SELECT 1 FROM members WHERE group_id = objects.id AND member_id = ?)"
        " OR EXISTS (SELECT 1 FROM json_each(body, '$.owners') WHERE value = ?)) LIMIT 1",
        user_id,
        user_id,
    )
    return next(found, None) is not None


def _list(
    call: Call, name: str, shape: Callable[[sqlite3.Row], JsonObject], *, eligible: bool
) -> GraphResponse:
    options = call.request.options
    expand = options.get("$expand")
    if expand not in {None, "principal", "roleDefinition"}:
        raise bad_request(f"Parsing OData Select and Expand failed: '{expand}' cannot be expanded here.")
    size = page_size(options)
    condition, values = "eligible = ? AND n > ?", [eligible, call.request.after]
    if "$filter" in options:
        sql, bound = parse_filter(options["$filter"], of=_ASSIGNMENT).sql()
        condition, values = f"{condition} AND {sql}", [*values, *bound]  # type: ignore[list-item]
    rows = list(
        call.store.rows(
            f"SELECT * FROM roles WHERE {condition} ORDER BY n LIMIT ?",  # noqa: S608  compiled by us
            *values,
            size + 1,
        )
    )
    shown, onward = cut_page(call, [(row["n"], row) for row in rows], size)
    names = tuple(options.get("$select", "").split(","))
    context = collection_context(call.request, f"roleManagement/directory/{name}", names)
    items = [_shown(call, row, shape(row), expand) for row in shown]
    return GraphResponse.of({"@odata.context": context, **onward, "value": items})


def _shown(call: Call, row: sqlite3.Row, item: JsonObject, expand: str | None) -> JsonObject:
    shown = chosen(item, call.request.options.get("$select"), "unifiedRoleAssignment")
    if expand == "principal":
        shown["principal"] = _principal(call, row["principal_id"])
    if expand == "roleDefinition":
        shown["roleDefinition"] = {
            "id": row["definition_id"],
            "displayName": row["role"],
            "templateId": row["definition_id"],
            "isBuiltIn": True,
            "isEnabled": True,
        }
    return shown


def _assignment(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "principalId": row["principal_id"],
        "directoryScopeId": row["scope"],
        "appScopeId": None,
        "condition": None,
        "roleDefinitionId": row["definition_id"],
    }


def _eligibility(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "principalId": row["principal_id"],
        "roleDefinitionId": row["definition_id"],
        "directoryScopeId": row["scope"],
        "appScopeId": None,
        "startDateTime": "2025-01-01T00:00:00Z",
        "endDateTime": None,
        "memberType": "Direct",
        "roleEligibilityScheduleId": row["id"],
    }


def _principal(call: Call, principal_id: str) -> JsonObject | None:
    found = next(call.store.find("id = ? AND deleted IS NULL", principal_id), None)
    if found is None:
        return None
    of = BY_KIND[found.kind]
    return {"@odata.type": f"#microsoft.graph.{of.name}", **of.shown(found.body, of.default)}
