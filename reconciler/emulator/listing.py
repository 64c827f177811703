"""Pages of directory objects: `$filter`, `$select`, `$top`, and links to the next page.

Source: https://learn.microsoft.com/graph/paging
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from reconciler.emulator.call import Call
from reconciler.emulator.conditions import Expression
from reconciler.emulator.filters import parse_filter
from reconciler.emulator.graph_errors import GraphError, bad_request, unsupported_query
from reconciler.emulator.selection import ObjectType
from reconciler.emulator.wire import GraphRequest, GraphResponse, dump

_MAX_PAGE = 999
_DEFAULT_PAGE = 100
_KNOWN = frozenset({
    "$filter", "$select", "$top", "$skip", "$skiptoken", "$count", "$search", "$orderby", "$expand",
    "$format",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """Directory objects that can be listed together."""

    of: ObjectType

    context: str
    """As `@odata.context` calls it, such as `users`."""

    scope: str
    """The SQL condition that holds for its objects."""

    replicated: bool = False
    """Whether late replicas are felt: the living users, who alone are ever written."""


def list_page(call: Call, collection: Collection, *parameters: object) -> GraphResponse:
    """Answer a listing with one page. `parameters` belong to the collection's scope."""
    request, of = call.request, collection.of
    refuse_advanced(request)
    names = of.selected(request.options.get("$select"))
    size, after = page_size(request.options), continued(request.options)
    condition, values = f"kind = ? AND ({collection.scope}) AND n > ?", [of.kind, *parameters, after]
    expression = _filter(call, of)
    if expression is not None:
        sql, bound = expression.sql()
        condition, values = f"{condition} AND {sql}", [*values, *bound]
    late = call.replica.outdated() if collection.replicated else {}
    if late:
        condition += " AND n NOT IN (SELECT value FROM json_each(?))"
        values.append(dump([*late]))
    found = [
        (row[0], row[1])
        for row in call.store.rows(
            f"SELECT n, {of.sql(names)} FROM objects WHERE {condition} ORDER BY n LIMIT ?",  # noqa: S608  compiled by us
            *values,
            size + 1,
        )
    ]
    # Late copies are looked through one by one: the index knows only what is current.
    found += [
        (n, dump(of.shown(body, names)))
        for n, body in late.items()
        if n > after and body is not None and (expression is None or expression.matches(body))
    ]
    found.sort()
    head = {"@odata.context": collection_context(request, collection.context, names)}
    if len(found) > size:
        head["@odata.nextLink"] = next_link(request, found[size - 1][0])
    # The objects are JSON text already.
    content = f'{dump(head)[:-1]},"value":[{",".join(text for _, text in found[:size])}]}}'
    return GraphResponse(status=200, content=content.encode())


def collection_context(request: GraphRequest, context: str, names: Sequence[str]) -> str:
    """Give the `@odata.context` of a listing."""
    picked = f"({','.join(names)})" if "$select" in request.options else ""
    return f"{request.root}/$metadata#{context}{picked}"


def entity(request: GraphRequest, context: str, names: Sequence[str]) -> str:
    """Give the `@odata.context` of a single object."""
    return f"{collection_context(request, context, names)}/$entity"


def _filter(call: Call, of: ObjectType) -> Expression | None:
    text = call.request.options.get("$filter")
    if text is None:
        return None
    return parse_filter(text, of=of, proxy_ignores_case=call.switches.proxy_filter_ignores_case)


def refuse_advanced(request: GraphRequest) -> None:
    """Refuse what no plain query may ask for. Raises `GraphError`."""
    options = request.options
    eventual = request.headers.get("consistencylevel", "").lower() == "eventual"
    for name in options:
        if name not in _KNOWN:
            raise bad_request(f"The query parameter '{name}' is not supported.")
    if "$skip" in options:
        raise unsupported_query("'$skip' is not supported by the service.")
    if "$search" in options and not eventual:
        raise unsupported_query(
            "Request with $search query parameter only works through MSGraph with a special request header: "
            "'ConsistencyLevel: eventual'"
        )
    if options.get("$count") == "true" and not eventual:
        raise bad_request("$count is not currently supported.")
    if eventual:
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
    if not (text.isascii() and text.isdigit()):
        raise bad_request(
            f"Invalid value '{text}' for $top query option found. "
            "The $top query option requires a non-negative integer value."
        )
    if not 1 <= int(text) <= _MAX_PAGE:
        raise unsupported_query(
            f"Invalid page size specified: '{text}'. Must be between 1 and 999 inclusive."
        )
    return int(text)


def continued(options: Mapping[str, str]) -> int:
    """Read where the page before ended. Raises `GraphError` for a token that is not ours."""
    token = options.get("$skiptoken")
    if token is None:
        return 0
    try:
        after = json.loads(base64.urlsafe_b64decode(f"{token}==".encode()))["after"]
    except (binascii.Error, ValueError, KeyError, TypeError):
        after = None
    if not isinstance(after, int):
        raise expired_page_token()
    return after


def expired_page_token() -> GraphError:
    """Refuse a link to a next page.

    Source: https://github.com/microsoftgraph/msgraph-sdk-dotnet/issues/2254
    """
    return GraphError(
        400,
        "Directory_ExpiredPageToken",
        "The specified page token value has expired and is no longer valid.",
    )


def next_link(request: GraphRequest, after: int) -> str:
    """Give the link to the page that begins behind this position, on the host the caller used."""
    token = base64.urlsafe_b64encode(dump({"after": after}).encode()).decode().rstrip("=")
    options = {name: value for name, value in request.options.items() if name != "$skiptoken"}
    query = urlencode({**options, "$skiptoken": token}, safe="$,()':/")
    return f"{request.root}{request.path}?{query}"
