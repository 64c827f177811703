"""Pages of objects: `$filter`, `$select`, `$top`, and links to the next page.

Source: https://learn.microsoft.com/graph/paging
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from reconciler.emulator.call import Call
from reconciler.emulator.filters import parse_filter
from reconciler.emulator.graph_errors import GraphError, bad_request, unsupported_query
from reconciler.emulator.wire import GraphRequest, GraphResponse, JsonObject

_MAX_PAGE = 999
_DEFAULT_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A collection of directory objects."""

    kind: str
    """As the store calls it."""

    name: str
    """As messages call it, such as `User`."""

    context: str
    """As `@odata.context` calls it, such as `users`."""

    columns: Mapping[str, str]
    """The properties that can be filtered."""

    selected: Callable[[str | None], tuple[str, ...]]
    """Reads a `$select`."""

    shown: Callable[[JsonObject, tuple[str, ...]], JsonObject]
    """Gives the selected properties of an object."""

    deleted: bool = False
    """Whether it holds the soft-deleted objects."""

    def collection_context(self, request: GraphRequest, names: tuple[str, ...]) -> str:
        """Give the `@odata.context` of a page."""
        chosen = f"({','.join(names)})" if "$select" in request.options else ""
        return f"{request.root}/$metadata#{self.context}{chosen}"

    def entity_context(self, request: GraphRequest, names: tuple[str, ...]) -> str:
        """Give the `@odata.context` of a single object."""
        return f"{self.collection_context(request, names)}/$entity"


def list_page(call: Call, resource: Resource) -> GraphResponse:
    """Answer a listing with one page."""
    options = call.request.options
    refuse_advanced(call.request)
    names = resource.selected(options.get("$select"))
    size = page_size(options)
    after = continued(options)
    condition, parameters = "kind = ? AND n > ?", [resource.kind, after]
    condition += " AND deleted IS NOT NULL" if resource.deleted else " AND deleted IS NULL"
    if "$filter" in options:
        expression = parse_filter(
            options["$filter"],
            columns=resource.columns,
            resource=resource.name,
            proxy_ignores_case=call.switches.proxy_filter_ignores_case,
        )
        sql, values = expression.sql()
        condition += f" AND {sql}"
        parameters += values
    found = list(
        call.store.rows(
            f"SELECT n, body FROM objects WHERE {condition} ORDER BY n LIMIT ?",  # noqa: S608  compiled by us
            *parameters,
            size + 1,
        )
    )
    page: JsonObject = {"@odata.context": resource.collection_context(call.request, names)}
    if len(found) > size:
        page["@odata.nextLink"] = next_link(call.request, found[size - 1]["n"])
    page["value"] = [resource.shown(json.loads(row["body"]), names) for row in found[:size]]
    return GraphResponse.of(page)


def refuse_advanced(request: GraphRequest) -> None:
    """Refuse what no plain query may ask for. Raises `GraphError`."""
    options = request.options
    known = {
        "$filter",
        "$select",
        "$top",
        "$skiptoken",
        "$count",
        "$search",
        "$orderby",
        "$expand",
        "$format",
    }
    for name in options:
        if name == "$skip":
            raise unsupported_query("'$skip' is not supported by the service.")
        if name not in known:
            raise bad_request(f"The query parameter '{name}' is not supported.")
    if "$search" in options:
        raise unsupported_query(
            "Request with $search query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual'"
        )
    if options.get("$count", "false") == "true" and request.headers.get("consistencylevel") != "eventual":
        raise bad_request("$count is not currently supported.")
    if request.headers.get("consistencylevel") == "eventual":
        raise not_emulated("advanced queries")
    if "$orderby" in options:
        if "$filter" in options:
            raise unsupported_query("Sorting not supported for current query.")
        raise not_emulated("$orderby")
    if "$expand" in options:
        raise not_emulated("$expand here")


def not_emulated(what: str) -> GraphError:
    """Say that Graph can do this and the emulator cannot."""
    return GraphError(501, "EmulatorNotImplemented", f"The emulator does not implement {what}.")


def page_size(options: Mapping[str, str]) -> int:
    """Read `$top`. Raises `GraphError` outside 1 to 999."""
    text = options.get("$top", str(_DEFAULT_PAGE))
    if not text.isascii() or not text.isdigit():
        raise bad_request(
            f"Invalid value '{text}' for $top query option found. The $top query option requires a non-negative integer value."
        )
    if not 1 <= int(text) <= _MAX_PAGE:
        raise unsupported_query(
            "Invalid page size specified: '" + text + "'. Must be between 1 and 999 inclusive."
        )
    return int(text)


def continued(options: Mapping[str, str]) -> int:
    """Read where the page before ended. Raises `GraphError` for a token that is not ours."""
    token = options.get("$skiptoken")
    if token is None:
        return 0
    try:
        read = json.loads(base64.urlsafe_b64decode(token.encode() + b"=="))
    except (binascii.Error, ValueError):
        read = None
    if not isinstance(read, dict) or not isinstance(read.get("after"), int):
        raise GraphError(400, "Directory_ExpiredPageToken", "The specified page token value is invalid.")
    return int(read["after"])


def next_link(request: GraphRequest, after: int) -> str:
    """Give the link to the page that begins behind this position, on the host the caller used."""
    token = base64.urlsafe_b64encode(json.dumps({"after": after}).encode()).decode().rstrip("=")
    options = {name: value for name, value in request.options.items() if name != "$skiptoken"}
    query = urlencode({**options, "$skiptoken": token}, safe="$,()':/")
    return f"{request.root}{request.path}?{query}"
