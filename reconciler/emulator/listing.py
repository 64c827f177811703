"""Pages of directory objects: `$filter`, `$select`, `$top`, and links to the next page.

Source: https://learn.microsoft.com/graph/paging
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from reconciler.emulator.conditions import Expression
from reconciler.emulator.error_responses import ErrorResponse, bad_request, unsupported_query
from reconciler.emulator.faults import FaultKind
from reconciler.emulator.filters import parse_filter
from reconciler.emulator.page_tokens import next_link
from reconciler.emulator.projection import ObjectType
from reconciler.emulator.request_context import Call
from reconciler.emulator.wire import GraphRequest, GraphResponse, dump

_T = TypeVar("_T")

_MAX_PAGE = 999
_DEFAULT_PAGE = 100
_KNOWN = frozenset(
    {"$filter", "$select", "$top", "$skip", "$count", "$search", "$orderby", "$expand", "$format"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """Directory objects that can be listed together."""

    of: ObjectType

    context: str
    """Its name in `@odata.context`, such as `users`."""

    scope: str
    """The SQL condition that holds for its objects."""

    replicated: bool = False
    """Whether lagging replicas apply: to users that are not deleted, the only objects ever written."""


def list_page(call: Call, collection: Collection, *parameters: object) -> GraphResponse:
    """Answer a listing with one page. `parameters` belong to the collection's scope."""
    request, of = call.request, collection.of
    refuse_advanced(request)
    names = of.selected(request.options.get("$select"))
    size = page_size(request.options)
    condition, values = f"kind = ? AND ({collection.scope}) AND n > ?", [of.kind, *parameters, request.after]
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
    # Copies of lagging replicas are searched one by one: the index has only current objects.
    found += [
        (n, dump(of.shown(body, names)))
        for n, body in late.items()
        if n > request.after and body is not None and (expression is None or expression.matches(body))
    ]
    found.sort()
    head = {"@odata.context": collection_context(request, collection.context, names)}
    texts, onward = cut_page(call, found, size)
    # The objects are JSON text already.
    content = f'{dump({**head, **onward})[:-1]},"value":[{",".join(texts)}]}}'
    return GraphResponse(status=200, content=content.encode())


def cut_page(call: Call, found: Sequence[tuple[int, _T]], size: int) -> tuple[list[_T], dict[str, str]]:
    """Return the rows of a page and, if there is more, the link to the next one.

    `found` are positions and rows, in order, one more than fit the page where there are more.
    """
    request = call.request
    if FaultKind.EMPTY_PAGE in call.oddities and not request.emptied:
        # The page after an empty one has rows, or no listing would ever end.
        return [], {"@odata.nextLink": next_link(call.store, request, request.after, emptied=True)}
    shown = found[:size]
    onward = shown[-1][0] if len(found) > size else None
    if FaultKind.REPEAT_ROW in call.oddities and len(shown) > 1:
        onward = shown[-2][0]
    links = {} if onward is None else {"@odata.nextLink": next_link(call.store, request, onward)}
    return [row for _, row in shown], links


def collection_context(request: GraphRequest, context: str, names: Sequence[str]) -> str:
    """Return the `@odata.context` of a listing."""
    picked = f"({','.join(names)})" if "$select" in request.options else ""
    return f"{request.root}/$metadata#{context}{picked}"


def entity(request: GraphRequest, context: str, names: Sequence[str]) -> str:
    """Return the `@odata.context` of a single object."""
    return f"{collection_context(request, context, names)}/$entity"


def _filter(call: Call, of: ObjectType) -> Expression | None:
    text = call.request.options.get("$filter")
    if text is None:
        return None
    return parse_filter(text, of=of, proxy_ignores_case=call.switches.proxy_filter_ignores_case)


def refuse_advanced(request: GraphRequest) -> None:
    """Refuse options that no plain query may use. Raises `ErrorResponse`."""
    options = request.options
    refuse_unknown(options)
    eventual = request.headers.get("consistencylevel", "").lower() == "eventual"
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


def refuse_unknown(options: Mapping[str, str]) -> None:
    """Refuse query options that exist nowhere, and answers other than JSON. Raises `ErrorResponse`."""
    for name, value in options.items():
        if name not in _KNOWN:
            raise bad_request(f"The query parameter '{name}' is not supported.")
        if name == "$format" and value != "json":
            raise not_emulated("any $format but json")


def refuse_options(request: GraphRequest, *, besides: frozenset[str], graph_knows: frozenset[str]) -> None:
    """Refuse query options the route does not accept. Raises `ErrorResponse`.

    `besides` are accepted by the route's handler; `graph_knows` are those that Graph accepts there.
    """
    refuse_unknown(request.options)
    for name in request.options:
        if name in graph_knows:
            raise not_emulated(f"{name} here")
        if name not in {*besides, "$format"}:
            raise unsupported_query(f"The query option '{name}' is not supported here.")


def not_emulated(what: str) -> ErrorResponse:
    """Return the error for options of Graph that the emulator does not have."""
    return ErrorResponse(501, "EmulatorNotImplemented", f"The emulator does not implement {what}.")


def page_size(options: Mapping[str, str]) -> int:
    """Read `$top`. Raises `ErrorResponse` outside 1 to 999."""
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
