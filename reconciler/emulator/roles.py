"""Directory roles: who holds one, and `/roleManagement/directory`.

Source: https://learn.microsoft.com/graph/api/rbacapplication-list-roleassignments
"""

from reconciler.emulator.call import Call

_GROUPS_OF = """
WITH RECURSIVE held (id) AS (
  SELECT ? UNION SELECT group_id FROM members JOIN held ON member_id = held.id
)
"""


def holds_role(call: Call, user_id: str) -> bool:
    """Tell whether the directory protects the user's sensitive properties: an active role, however held."""
    return _any_role(call, user_id, eligible=False, through_groups=True)


def blocks_reset(call: Call, user_id: str) -> bool:
    """Tell whether an application may not reset the user.

    Source: https://learn.microsoft.com/entra/external-id/reset-redemption-status; whether eligible
    roles and roles of groups count is not written there, hence the switches.
    """
    through_groups = call.switches.group_roles_block_reset
    return _any_role(call, user_id, eligible=False, through_groups=through_groups) or (
        call.switches.eligible_roles_block_reset
        and _any_role(call, user_id, eligible=True, through_groups=through_groups)
    )


def _any_role(call: Call, user_id: str, *, eligible: bool, through_groups: bool) -> bool:
    held = _GROUPS_OF if through_groups else "WITH held (id) AS (SELECT ?)"
    found = call.store.rows(
        f"{held} SELECT 1 FROM roles JOIN held ON principal_id = held.id WHERE eligible = ? LIMIT 1",  # noqa: S608  constants
        user_id,
        eligible,
    )
    return next(found, None) is not None
