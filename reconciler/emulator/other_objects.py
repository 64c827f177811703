"""Groups, contacts and deleted items: the objects planning reads besides users.

Sources: https://learn.microsoft.com/graph/api/group-list, …/group-list-transitivemembers,
…/orgcontact-list and …/directory-deleteditems-list
"""

from reconciler.emulator.error_responses import not_found
from reconciler.emulator.listing import (
    Collection,
    collection_context,
    cut_page,
    entity,
    list_page,
    not_emulated,
    page_size,
    refuse_advanced,
)
from reconciler.emulator.projection import BY_KIND, CONTACT, GROUP, USER, ObjectType
from reconciler.emulator.request_context import Call
from reconciler.emulator.store import StoredObject, from_row
from reconciler.emulator.wire import GraphResponse, JsonObject

_GROUPS = Collection(of=GROUP, context="groups", scope="deleted IS NULL")
_CONTACTS = Collection(of=CONTACT, context="contacts", scope="deleted IS NULL")
_DELETED_USERS = Collection(
    of=USER, context="directory/deletedItems/microsoft.graph.user", scope="deleted IS NOT NULL"
)
_MEMBERS_OF = """
WITH RECURSIVE inside (id) AS (
  SELECT member_id FROM members WHERE group_id = ?
  UNION SELECT member_id FROM members JOIN inside ON group_id = inside.id
)
"""


def list_groups(call: Call) -> GraphResponse:
    """Answer `GET /groups`."""
    return list_page(call, _GROUPS)


def list_contacts(call: Call) -> GraphResponse:
    """Answer `GET /contacts`."""
    return list_page(call, _CONTACTS)


def list_deleted_users(call: Call) -> GraphResponse:
    """Answer `GET /directory/deletedItems/microsoft.graph.user`."""
    return list_page(call, _DELETED_USERS)


def read_group(call: Call, group_id: str) -> GraphResponse:
    """Answer `GET /groups/{id}`."""
    return _read(call, GROUP, group_id)


def read_contact(call: Call, contact_id: str) -> GraphResponse:
    """Answer `GET /contacts/{id}`."""
    return _read(call, CONTACT, contact_id)


def read_deleted(call: Call, object_id: str) -> GraphResponse:
    """Answer `GET /directory/deletedItems/{id}`."""
    names = USER.selected(call.request.options.get("$select"))
    found = next(call.store.find("id = ? AND deleted IS NOT NULL", object_id), None)
    if found is None:
        raise not_found(object_id)
    return GraphResponse.of(
        {
            "@odata.context": entity(call.request, "directoryObjects", names),
            "@odata.type": "#microsoft.graph.user",
            **USER.shown({**found.body, "deletedDateTime": found.deleted}, names),
        }
    )


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


def _read(call: Call, of: ObjectType, object_id: str) -> GraphResponse:
    names = of.selected(call.request.options.get("$select"))
    found = call.store.by_id(object_id, of.kind)
    if found is None:
        raise not_found(object_id)
    context = entity(call.request, f"{of.kind}s", names)
    return GraphResponse.of({"@odata.context": context, **of.shown(found.body, names)})
