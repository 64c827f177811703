"""`/contacts`: lists and reads organizational contacts.

Source: https://learn.microsoft.com/graph/api/orgcontact-list
"""

from reconciler.emulator.odata.projection import CONTACT
from reconciler.emulator.protocol.wire import GraphResponse
from reconciler.emulator.resources.reading import Collection, list_page, read_object
from reconciler.emulator.resources.request_context import Call

_CONTACTS = Collection(of=CONTACT, context="contacts", scope="deleted IS NULL")


def list_contacts(call: Call) -> GraphResponse:
    """Answer `GET /contacts`."""
    return list_page(call, _CONTACTS)


def read_contact(call: Call, contact_id: str) -> GraphResponse:
    """Answer `GET /contacts/{id}`."""
    return read_object(call, CONTACT, contact_id)
