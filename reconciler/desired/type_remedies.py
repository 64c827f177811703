"""The remedy for a value of the wrong type, by what stands there and what is expected.

An empty value is what exports and drafts leave behind, so the keys that cannot do without one have words of
their own.
"""

from typing import Any, Final

_EMPTY: Final = {
    "email": "write the address that the guest should sign in with; a guest without one cannot be declared",
    "guests": "list the guests below this line, or write guests: [] when there are none",
    "id": "write the guest's object id",
    "tenantId": "write the tenant's id",
}
"""By the key whose value is missing."""

_ROOTS: Final = {
    "guests": "begin the file with the line guests: and list the guests below it, or write guests: []",
    "tenant": "begin the file with tenantId: and the tenant's id",
}
"""By the schema of the file."""


def type_remedy(schema: str, path: tuple[str | int, ...], expected: tuple[str, ...], value: Any) -> str:
    """Return the remedy for `value` at `path`; `expected` are the types of JSON Schema that fit there."""
    if not path:
        return _ROOTS.get(schema, "write keys with their values")
    if value is None:
        what = "item" if isinstance(path[-1], int) else "key"
        return _EMPTY.get(str(path[-1]), f"write a value, or remove the {what}")
    match expected[0]:
        case "boolean":
            return "write true or false, without quotation marks"
        case "integer" | "number":
            return "write a number, without quotation marks"
        case "array":
            return "write a list: each value on a line of its own after '- ', or all of them in [ ]"
        case "object":
            return "write keys with their values, each on a line of its own below, indented further"
        case _ if isinstance(value, dict | list):
            return "write one value here"
        case _:
            return "put it in quotation marks"
