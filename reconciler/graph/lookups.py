"""Looks up many addresses with few plain filters, each a set of operands joined by `or`.

Whether plain filters regard case is not documented: an address is looked up as declared and in lower case,
with both spellings of the proxy prefix.

Sources: https://learn.microsoft.com/graph/aad-advanced-queries,
https://learn.microsoft.com/graph/filter-query-parameter (fifteen expressions, 2,048 characters of URL);
https://learn.microsoft.com/entra/external-id/customize-invitation-api joins these properties by `or`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from urllib.parse import quote

from reconciler.concurrency import gather_or_raise
from reconciler.graph.batching import BATCH_SIZE
from reconciler.graph.holdings import WHAT
from reconciler.graph.paging import all_rows
from reconciler.graph.places import Place
from reconciler.graph.responses import Row
from reconciler.graph.sessions import ReadSession
from reconciler.graph.unavailable import Unavailable
from reconciler.model import EmailAddress

MOST_OPERANDS = 15
"""Most operands of `or` that Graph accepts in a plain filter."""

LONGEST_URL = 1_980
"""Most characters of a URL below the version root: with the longest root, that stays within 2,048.

A single operand with a long address may exceed it: no part of it can be omitted.
"""

_OR = "%20or%20"


@dataclass(frozen=True, slots=True)
class Lookup:
    """One filter on one place."""

    place: Place

    operands: tuple[str, ...]
    """Percent-encoded."""

    @property
    def url(self) -> str:
        """The GET, relative to the version root."""
        return _head(self.place) + _OR.join(self.operands)

    def in_parts(self) -> Iterator["Lookup"]:
        """Yield a look-up for each operand."""
        return (Lookup(self.place, (operand,)) for operand in self.operands)


Reply = tuple[Lookup, list[Row] | Unavailable]
"""A look-up with the rows it found, or the reason why it failed."""


def pack(place: Place, addresses: Iterable[EmailAddress]) -> list[Lookup]:
    """Build the look-ups of these addresses: as few as the limits of Graph allow, in their order."""
    lookups: list[Lookup] = []
    operands: list[str] = []
    free = 0
    for operand in _operands(place, addresses):
        length = len(_OR) + len(operand)
        if operands and (len(operands) == MOST_OPERANDS or length > free):
            lookups.append(Lookup(place, tuple(operands)))
            operands = []
        if not operands:
            free = LONGEST_URL - len(_head(place)) + len(_OR)
        operands.append(operand)
        free -= length
    return [*lookups, Lookup(place, tuple(operands))] if operands else lookups


def requests_for(lookups: Sequence[Lookup]) -> int:
    """Count the requests of look-ups: each as an item of a batch, and the batches."""
    return len(lookups) + -(-len(lookups) // BATCH_SIZE)


async def look_up(
    session: ReadSession, packs: Sequence[Sequence[Lookup]], *, best_effort: bool
) -> list[Reply]:
    """Send the look-ups of several places, the places sharing batches.

    A place that fails a whole first batch is not requested again. A filter that Graph calls a bad request is
    sent once more operand by operand: one refused address hides no other.
    """
    lookups = [lookup for some in zip_longest(*packs) for lookup in some if lookup is not None]
    replies = dict(await _until_silent(session, lookups, best_effort=best_effort))
    refused = {
        lookup
        for lookup, found in replies.items()
        if isinstance(found, Unavailable) and found.status == 400 and len(lookup.operands) > 1
    }
    places = {lookup.place.path for lookup in refused}
    unasked = {lookup for lookup in lookups if lookup not in replies and lookup.place.path in places}
    parts = [part for lookup in lookups if lookup in refused | unasked for part in lookup.in_parts()]
    return [
        *((lookup, found) for lookup, found in replies.items() if lookup not in refused),
        *await _until_silent(session, parts, best_effort=best_effort),
    ]


async def _until_silent(session: ReadSession, lookups: Sequence[Lookup], *, best_effort: bool) -> list[Reply]:
    first, rest = lookups[:BATCH_SIZE], lookups[BATCH_SIZE:]
    replies = await _send(session, first, best_effort=best_effort)
    answering = {lookup.place.path for lookup, found in replies if not isinstance(found, Unavailable)}
    silent = {lookup.place.path for lookup in first} - answering
    rest = [lookup for lookup in rest if lookup.place.path not in silent]
    return replies + await _send(session, rest, best_effort=best_effort)


async def _send(session: ReadSession, lookups: Sequence[Lookup], *, best_effort: bool) -> list[Reply]:
    send = session.try_batch if best_effort else session.batch_get
    answers = await send([lookup.url for lookup in lookups], what=WHAT)
    found = await gather_or_raise(
        all_rows(session, answer, what=WHAT, best_effort=best_effort) for answer in answers
    )
    return list(zip(lookups, found, strict=True))


def _operands(place: Place, addresses: Iterable[EmailAddress]) -> Iterator[str]:
    before_and_after = [quote(text, safe="{}").split("{}") for text in place.filters]
    for address in addresses:
        spellings = [
            quote(spelling.replace("'", "''"), safe="") for spelling in sorted({address.text, address.key})
        ]
        for before, after in before_and_after:
            for spelling in spellings:
                yield f"{before}{spelling}{after}"


def _head(place: Place) -> str:
    return f"/{place.path}?$select={','.join(place.fields)}&$filter="
