"""Reads the query options of a request, and refuses those that do not exist or are not supported.

Source: https://learn.microsoft.com/graph/query-parameters
"""

from collections.abc import Mapping

from reconciler.emulator.protocol.error_responses import bad_request, not_emulated, unsupported_query
from reconciler.emulator.protocol.wire import GraphRequest

_MAX_PAGE = 999
_DEFAULT_PAGE = 100
_KNOWN = frozenset(
    {"$filter", "$select", "$top", "$skip", "$count", "$search", "$orderby", "$expand", "$format"}
)


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
