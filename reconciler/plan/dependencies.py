"""Guests who take over each other's addresses: cycles, guests blocked by others, and the order of work."""

import heapq
from collections.abc import Iterable, Mapping

from reconciler.model import Note, ObjectId
from reconciler.rules import Rule

_MOST_NAMED = 20
"""Most members of a ring that a message lists; every member's message repeats the list."""


def cycles(waits_for: Mapping[ObjectId, ObjectId]) -> tuple[tuple[ObjectId, ...], ...]:
    """Find the rings of guests that each wait for the next, every ring sorted, the rings sorted."""
    found: list[tuple[ObjectId, ...]] = []
    seen: set[ObjectId] = set()
    for start in sorted(waits_for):
        path: dict[ObjectId, None] = {}
        at: ObjectId | None = start
        while at is not None and at not in seen:
            seen.add(at)
            path[at] = None
            at = waits_for.get(at)
        if at is not None and at in path:
            walked = list(path)
            found.append(tuple(sorted(walked[walked.index(at) :])))
    return tuple(sorted(found))


def cycle_obstacles(waits_for: Mapping[ObjectId, ObjectId]) -> dict[ObjectId, Note]:
    """Return for every guest of a ring the obstacle that names the ring."""
    found: dict[ObjectId, Note] = {}
    for ring in cycles(waits_for):
        named = ", ".join(ring[:_MOST_NAMED])
        more = f" and {len(ring) - _MOST_NAMED} more" if len(ring) > _MOST_NAMED else ""
        note = Note(
            rule=Rule.ADDRESS_CYCLE,
            message=f"these guests want each other's addresses: {named}{more}; give one of them another "
            "address first; its old one usually stays in proxyAddresses, from where Graph can remove none, "
            "so ask an Exchange administrator whether they can",
        )
        found.update(dict.fromkeys(ring, note))
    return found


def transitively_blocked(
    waits_for: Mapping[ObjectId, ObjectId], blocked: Iterable[ObjectId]
) -> dict[ObjectId, ObjectId]:
    """Map each guest who waits, however indirectly, for a blocked one to the guest it waits for directly.

    Guests who are blocked already are included if the guest they wait for is blocked.
    """
    followers: dict[ObjectId, list[ObjectId]] = {}
    for follower, first in waits_for.items():
        followers.setdefault(first, []).append(follower)
    down = set(blocked)
    todo = list(down)
    found: dict[ObjectId, ObjectId] = {}
    while todo:
        first = todo.pop()
        for follower in followers.get(first, ()):
            found[follower] = first
            if follower not in down:
                down.add(follower)
                todo.append(follower)
    return found


def in_working_order(
    guests: Iterable[ObjectId], waits_for: Mapping[ObjectId, ObjectId]
) -> tuple[ObjectId, ...]:
    """Sort guests by id, except that every guest comes after the one it waits for.

    `waits_for` has no ring among `guests`, and every guest that is waited for is one of them.
    """
    ready: list[ObjectId] = []
    followers: dict[ObjectId, list[ObjectId]] = {}
    for guest in guests:
        if guest in waits_for:
            followers.setdefault(waits_for[guest], []).append(guest)
        else:
            ready.append(guest)
    heapq.heapify(ready)
    order: list[ObjectId] = []
    while ready:
        first = heapq.heappop(ready)
        order.append(first)
        for follower in followers.get(first, ()):
            heapq.heappush(ready, follower)
    return tuple(order)
