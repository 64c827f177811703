"""`/directory/deletedItems`: lists and reads deleted users.

Source: https://learn.microsoft.com/graph/api/directory-deleteditems-list
"""

from reconciler.emulator.odata.context_url import entity_context
from reconciler.emulator.odata.projection import USER
from reconciler.emulator.protocol.error_responses import not_found
from reconciler.emulator.protocol.wire import GraphResponse
from reconciler.emulator.resources.reading import Collection, list_page
from reconciler.emulator.resources.request_context import Call

_DELETED_USERS = Collection(
    of=USER, context="directory/deletedItems/microsoft.graph.user", scope="deleted IS NOT NULL"
)


def list_deleted_users(call: Call) -> GraphResponse:
    """Answer `GET /directory/deletedItems/microsoft.graph.user`."""
    return list_page(call, _DELETED_USERS)


def read_deleted(call: Call, object_id: str) -> GraphResponse:
    """Answer `GET /directory/deletedItems/{id}`."""
    names = USER.selected(call.request.options.get("$select"))
    found = next(call.store.find("id = ? AND deleted IS NOT NULL", object_id), None)
    if found is None:
        raise not_found(object_id)
    return GraphResponse.of(
        {
            "@odata.context": entity_context(call.request, "directoryObjects", names),
            "@odata.type": "#microsoft.graph.user",
            **USER.shown({**found.body, "deletedDateTime": found.deleted}, names),
        }
    )
