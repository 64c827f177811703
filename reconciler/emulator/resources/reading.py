"""Reads directory objects: one by its id, or pages with `$filter`, `$select`, `$top` and links.

Source: https://learn.microsoft.com/graph/paging
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from reconciler.emulator.faults.fault import FaultKind
from reconciler.emulator.odata.conditions import Expression
from reconciler.emulator.odata.context_url import collection_context, entity_context
from reconciler.emulator.odata.filters import parse_filter
from reconciler.emulator.odata.page_tokens import next_link
from reconciler.emulator.odata.projection import ObjectType
from reconciler.emulator.odata.query_options import page_size, refuse_advanced
from reconciler.emulator.protocol.error_responses import not_found
from reconciler.emulator.protocol.wire import GraphResponse, dump
from reconciler.emulator.resources.request_context import Call

_T = TypeVar("_T")


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


def read_object(call: Call, of: ObjectType, object_id: str) -> GraphResponse:
    """Answer with one object that is not deleted. Raises `ErrorResponse` when there is none."""
    names = of.selected(call.request.options.get("$select"))
    found = call.store.by_id(object_id, of.kind)
    if found is None:
        raise not_found(object_id)
    context = entity_context(call.request, f"{of.kind}s", names)
    return GraphResponse.of({"@odata.context": context, **of.shown(found.body, names)})


def _filter(call: Call, of: ObjectType) -> Expression | None:
    text = call.request.options.get("$filter")
    if text is None:
        return None
    return parse_filter(text, of=of, proxy_ignores_case=call.switches.proxy_filter_ignores_case)
