"""`/users`: lists, reads and updates users.

Sources: https://learn.microsoft.com/graph/api/user-list and
https://learn.microsoft.com/graph/api/user-update
"""

from reconciler.emulator.identity.permissions import may_update
from reconciler.emulator.odata.context_url import entity_context
from reconciler.emulator.odata.projection import USER
from reconciler.emulator.protocol.error_responses import (
    address_conflict,
    insufficient_privileges,
    not_found,
    refused_value,
)
from reconciler.emulator.protocol.wire import GraphResponse
from reconciler.emulator.resources.reading import Collection, list_page
from reconciler.emulator.resources.request_context import Call
from reconciler.emulator.resources.roles import is_protected
from reconciler.emulator.resources.updates import check_power, check_update
from reconciler.emulator.tenant.history import WriteOrigin, write
from reconciler.emulator.tenant.store import StoredObject, fold

_USERS = Collection(of=USER, context="users", scope="deleted IS NULL", replicated=True)


def list_users(call: Call) -> GraphResponse:
    """Answer `GET /users`."""
    return list_page(call, _USERS)


def read_user(call: Call, key: str) -> GraphResponse:
    """Answer `GET /users/{id or userPrincipalName}`."""
    names = USER.selected(call.request.options.get("$select"))
    found = call.user(key)
    body = call.replica.body(found) if found else None
    if body is None:
        raise not_found(key)
    return GraphResponse.of(
        {"@odata.context": entity_context(call.request, "users", names), **USER.shown(body, names)}
    )


def update_user(call: Call, key: str) -> GraphResponse:
    """Answer `PATCH /users/{id or userPrincipalName}`."""
    body = call.request.json_object()
    changes = {name: value for name, value in body.items() if not name.startswith("@odata.")}
    if not may_update(call.caller.permissions, changes):
        raise insufficient_privileges()
    found = call.user(key)
    if found is None:
        raise not_found(key)
    check_update(changes, reserved_refused=call.switches.marker_domain_refused)
    if call.caller.application:
        check_power(
            changes,
            protected=is_protected(call, found.id),
            restricted=found.body.get("isManagementRestricted") is True,
        )
    if found.body.get("onPremisesSyncEnabled"):
        raise refused_value(
            "Unable to update the specified properties for on-premises mastered Directory Sync objects "
            "or objects currently undergoing migration."
        )
    changes.pop("passwordProfile", None)
    if "mail" in changes:
        owner = _owner_of(call, changes["mail"], besides=found)
        if owner is not None:
            raise address_conflict(
                owner.id,
                owner.kind.capitalize(),
                http_conflict=call.switches.address_in_use_is_http_conflict,
            )
        changes["proxyAddresses"] = recalculated(
            found.body.get("proxyAddresses", []), changes["mail"], keep_old=call.switches.stale_proxies_kept
        )
    origin = WriteOrigin(time=call.now, operation="patch", request=call.number)
    write(call.store, found, found.with_properties(changes), origin)
    return GraphResponse(status=204)


def _owner_of(call: Call, address: str, *, besides: StoredObject) -> StoredObject | None:
    """Find another object, not deleted, that has the address as `mail` or among its `proxyAddresses`."""
    found = call.store.find(
        "deleted IS NULL AND n <> ? AND n IN (SELECT n FROM objects WHERE mail = ?"
        " UNION SELECT n FROM addresses WHERE key = ? AND use = 'proxyAddresses')",
        besides.n,
        address,
        f"smtp:{fold(address)}",
    )
    return next(found, None)


def recalculated(proxies: list[str], mail: str, *, keep_old: bool) -> list[str]:
    """Return `proxyAddresses` after a new `mail`.

    The new address becomes the primary one, unless the primary has the `#EXT#` form, which stays. The
    replaced one stays as a secondary.
    Source: https://learn.microsoft.com/graph/api/resources/user (proxyAddresses)
    """
    others = [proxy for proxy in proxies if fold(proxy) != f"smtp:{fold(mail)}"]
    primary = next((proxy for proxy in others if proxy.startswith("SMTP:")), None)
    if primary is not None and "#EXT#" in primary.upper():
        return [*others, f"smtp:{mail}"]
    rest = [
        f"smtp:{proxy[5:]}" if proxy == primary else proxy for proxy in others if keep_old or proxy != primary
    ]
    return [f"SMTP:{mail}", *rest]
