"""`/groups`: lists and reads groups, and lists their members.

Sources: https://learn.microsoft.com/graph/api/group-list and
https://learn.microsoft.com/graph/api/group-list-transitivemembers
"""

from reconciler.emulator.odata.context_url import collection_context
from reconciler.emulator.odata.projection import BY_KIND, GROUP
from reconciler.emulator.odata.query_options import page_size, refuse_advanced
from reconciler.emulator.protocol.error_responses import not_emulated, not_found
from reconciler.emulator.protocol.wire import GraphResponse, JsonObject
from reconciler.emulator.resources.reading import Collection, cut_page, list_page, read_object
from reconciler.emulator.resources.request_context import Call
from reconciler.emulator.tenant.store import StoredObject, from_row

_GROUPS = Collection(of=GROUP, context="groups", scope="deleted IS NULL")
_MEMBERS_OF = """
WITH RECURSIVE inside (id) AS (
  SELECT member_id FROM members WHERE group_id = ?
  UNION SELECT member_id FROM members JOIN inside ON group_id = inside.id
)
"""


def list_groups(call: Call) -> GraphResponse:
    """Answer `GET /groups`."""
    return list_page(call, _GROUPS)


def read_group(call: Call, group_id: str) -> GraphResponse:
    """Answer `GET /groups/{id}`."""
    return read_object(call, GROUP, group_id)


def list_transitive_members(call: Call, group_id: str) -> GraphResponse:
    """Answer `GET /groups/{id}/transitiveMembers`: users and groups, of groups inside the group too."""
    request = call.request
    if call.store.by_id(group_id, "group") is None:
        raise not_found(group_id)
    refuse_advanced(request)
    if "$filter" in request.options:
        raise not_emulated("$filter here")
    size = page_size(request.options)
    found = list(
        call.store.rows(
            f"{_MEMBERS_OF} SELECT * FROM objects"  # noqa: S608  constants
            " WHERE id IN (SELECT id FROM inside) AND deleted IS NULL AND n > ? ORDER BY n LIMIT ?",
            group_id.lower(),
            request.after,
            size + 1,
        )
    )
    context = collection_context(
        request, "directoryObjects", tuple(request.options.get("$select", "").split(","))
    )
    members, onward = cut_page(call, [(row["n"], row) for row in found], size)
    value = [_member(call, from_row(row)) for row in members]
    return GraphResponse.of({"@odata.context": context, **onward, "value": value})


def _member(call: Call, member: StoredObject) -> JsonObject:
    of = BY_KIND[member.kind]
    names = of.selected(call.request.options.get("$select"))
    return {"@odata.type": f"#microsoft.graph.{of.name}", **of.shown(member.body, names)}
