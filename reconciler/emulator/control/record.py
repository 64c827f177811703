"""The data of the control surface: the hidden properties, and the record of requests and writes."""

import json
from typing import Any

from reconciler.emulator.tenant.redemption import could_redeem
from reconciler.emulator.tenant.store import Store
from reconciler.emulator.tenant.switches import Switches


def truth_of(store: Store, switches: Switches) -> list[dict[str, Any]]:
    """Return every B2B user that is not deleted, with the properties Graph does not show."""
    groups = _pairs(store, "SELECT member_id, name FROM members JOIN objects ON id = group_id ORDER BY name")
    apps = _pairs(store, "SELECT principal_id, app FROM app_role_assignments ORDER BY app")
    return [
        {
            "id": guest.id,
            "displayName": guest.body.get("displayName"),
            "userPrincipalName": guest.body.get("userPrincipalName"),
            "mail": guest.body.get("mail"),
            "otherMails": guest.body.get("otherMails", []),
            "proxyAddresses": guest.body.get("proxyAddresses", []),
            "externalUserState": guest.body.get("externalUserState"),
            "externalUserStateChangeDateTime": guest.body.get("externalUserStateChangeDateTime"),
            "groups": groups.get(guest.id, []),
            "appRoleAssignments": apps.get(guest.id, []),
            "account": guest.account,
            "invited": guest.invited,
            "hasLiveLink": guest.ticket is not None,
            "couldRedeem": could_redeem(guest, switches),
        }
        for guest in store.find("kind = 'user' AND deleted IS NULL")
        if guest.is_b2b
    ]


def requests_of(store: Store, *, bodies: bool) -> list[dict[str, Any]]:
    """Return every Graph request, in the order of execution."""
    found = []
    for row in store.rows("SELECT * FROM requests ORDER BY n"):
        entry: dict[str, Any] = {
            "n": row["n"], "parent": row["parent"], "time": row["time"], "method": row["method"],
            "url": row["url"], "status": row["status"], "fault": row["fault"], "appId": row["app_id"],
        }  # fmt: skip
        if bodies and row["exchange"] is not None:
            entry |= json.loads(row["exchange"])
        found.append(entry)
    return found


def history_of(store: Store) -> list[dict[str, Any]]:
    """Return every accepted write, in order, with each property before and after."""
    return [
        {
            "n": row["n"], "time": row["time"], "id": row["id"], "operation": row["operation"],
            "request": row["request"], "changes": json.loads(row["changes"]),
        }
        for row in store.rows("SELECT * FROM history ORDER BY n")
    ]  # fmt: skip


def messages_of(store: Store) -> list[dict[str, Any]]:
    """Return the messages that were sent, the oldest first."""
    return [
        {"n": row["n"], **json.loads(row["body"])} for row in store.rows("SELECT * FROM messages ORDER BY n")
    ]


def _pairs(store: Store, sql: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in store.rows(sql):
        found.setdefault(key, []).append(value)
    return found
