"""Builds a plan in passes: differences, obstacles, rows, warnings, refusals, counts."""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from reconciler.guard import limits
from reconciler.model import (
    Blocked,
    Change,
    Desired,
    DesiredGuest,
    Live,
    NoLongerDeclared,
    Note,
    ObjectId,
    Origin,
    Plan,
    Refusal,
    Summary,
)
from reconciler.plan import blocking, dependencies, notices, ownership, unfinished
from reconciler.plan.departures import about_departure, departures
from reconciler.plan.difference import Difference, find_difference
from reconciler.plan.digests import plan_digest
from reconciler.plan.domains import KnownDomains
from reconciler.plan.guard_rails import differing_keys, loosened_since, was_blocked
from reconciler.plan.invitations import about_invitation
from reconciler.plan.origin import Baseline
from reconciler.plan.ownership import AddressConflicts, Holders
from reconciler.plan.rows import blocked_row, change_row, fields_of
from reconciler.rules import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inputs:
    """All that a plan is made from."""

    desired: Desired
    live: Live
    now: datetime
    redeem_links: bool
    base: Baseline | None

    entries: Mapping[ObjectId, DesiredGuest]
    """All of the tree, sorted by id."""

    shown: AbstractSet[ObjectId]
    """The declared guests whom the plan shows."""

    def origin(self, guest: ObjectId) -> Origin | None:
        """Return where the change of a declared guest comes from; `None` without a base."""
        return None if self.base is None else self.base.origin(self.entries[guest])

    def invitation_changed(self, entry: DesiredGuest) -> tuple[str, ...] | None:
        """Return the keys of an entry's invitation that differ from the base; `None` without a base."""
        if self.base is None:
            return None
        before = self.base.entry_before(entry.id)
        return differing_keys(before.invitation if before else None, entry.invitation)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Obstacles:
    """The obstacles of the guests who differ, and the order of the others."""

    conflicts: Mapping[ObjectId, AddressConflicts]

    obstacles: Mapping[ObjectId, tuple[Note, ...]]
    """By guest, gravest first; guests without obstacles are missing."""

    order: tuple[ObjectId, ...]
    """The guests without obstacles, in the order of work."""

    holders: Holders
    """Of every address that a guest who differs wants or gives up."""


def make_plan(
    desired: Desired,
    live: Live,
    now: datetime,
    *,
    redeem_links: bool = False,
    base: Baseline | None = None,
    since: str | None = None,
) -> Plan:
    """Compare the whole desired tree with the directory.

    Total and deterministic: any two values yield a plan, and the order of files, pages or owners changes
    nothing. `now` is UTC and decides about holds and raises, and the wording of instants in warnings; no
    more. With `redeem_links` apply will store the links, so that a guest without a message can be informed
    all the same.

    With `base`, every row has an origin, and removed entries are listed. With `since` too, the name of the
    base revision, the plan is partial: it shows only entries that changed since. Guests of other entries
    matter to it as far as `live` shows them.
    """
    inputs = _inputs(desired, live, now, redeem_links=redeem_links, base=base, since=since)
    differences = _find_differences(inputs)
    found = _find_obstacles(inputs, differences)
    blocked = _block(inputs, differences, found)
    changes = _plan_changes(inputs, differences, found)
    departed = () if base is None else departures(base.disappeared(inputs.entries.keys()), live)
    return Plan(
        tenant_id=desired.tenant_id,
        cloud=desired.cloud,
        created_at=now,
        digest=plan_digest(change.digest for change in changes),
        complete=not any(missed.essential for missed in live.not_checked),
        listed_all=live.listed_all,
        refusals=_refusals(inputs, changes),
        summary=_summary(inputs, changes=len(changes), blocked=len(blocked)),
        changes=changes,
        blocked=_blocked_rows(inputs, differences, blocked),
        warnings=_warnings(inputs, differences, blocked, departed),
        no_longer_declared=departed,
        since=since,
        guard_rails=loosened_since(base, desired),
    )


def _inputs(
    desired: Desired,
    live: Live,
    now: datetime,
    *,
    redeem_links: bool,
    base: Baseline | None,
    since: str | None,
) -> _Inputs:
    """Collect the values that the passes read: all entries, and the guests whom the plan shows."""
    entries = {entry.id: entry for entry in sorted(desired.guests, key=lambda entry: entry.id)}
    return _Inputs(
        desired=desired,
        live=live,
        now=now,
        redeem_links=redeem_links,
        base=base,
        entries=entries,
        shown=entries.keys() if base is None or since is None else base.changed(desired),
    )


def _find_differences(inputs: _Inputs) -> Mapping[ObjectId, Difference]:
    """Compare every declared guest who exists with the directory, each alone."""
    differences: dict[ObjectId, Difference] = {}
    for entry in inputs.entries.values():
        guest = inputs.live.guests.get(entry.id)
        difference = find_difference(entry, guest) if guest else None
        if difference is not None:
            differences[entry.id] = difference
    return differences


def _find_obstacles(inputs: _Inputs, differences: Mapping[ObjectId, Difference]) -> _Obstacles:
    """Find every obstacle of every guest who differs, including those caused by other guests."""
    live = inputs.live
    wanted = {address for difference in differences.values() for address in difference.contested_addresses}
    wanted |= ownership.given_up(differences.values())
    holders = ownership.find_holders(live, wanted) if wanted else {}
    conflicts = {
        guest: ownership.address_conflicts(difference, holders, differences)
        for guest, difference in differences.items()
    }
    waits_for = {
        guest: conflict.waits_for for guest, conflict in conflicts.items() if conflict.waits_for is not None
    }
    obstacles: dict[ObjectId, list[Note]] = {}
    for guest, difference in differences.items():
        own = blocking.obstacles(difference, policy=inputs.desired.policy, live=live, now=inputs.now)
        if own or conflicts[guest].obstacles:
            obstacles[guest] = [*own, *conflicts[guest].obstacles]
    rings = dependencies.cycle_obstacles(waits_for)
    for guest, note in rings.items():
        obstacles.setdefault(guest, []).append(note)
    for guest, first in dependencies.transitively_blocked(waits_for, obstacles).items():
        if guest not in rings:
            obstacles.setdefault(guest, []).append(_held_up(first))
    return _Obstacles(
        conflicts=conflicts,
        obstacles={guest: blocking.gravest_first(notes) for guest, notes in obstacles.items()},
        order=dependencies.in_working_order(
            (guest for guest in differences if guest not in obstacles),
            {guest: first for guest, first in waits_for.items() if guest not in obstacles},
        ),
        holders=holders,
    )


def _block(
    inputs: _Inputs, differences: Mapping[ObjectId, Difference], found: _Obstacles
) -> Mapping[ObjectId, tuple[Note, ...]]:
    """Collect what stops each guest whom the plan shows as blocked, gravest first."""
    blocked = dict(found.obstacles)
    for guest, entry in inputs.entries.items():
        if guest not in differences and guest not in inputs.live.guests:
            blocked[guest] = (blocking.absence(entry, inputs.live),)
    return {guest: notes for guest, notes in blocked.items() if guest in inputs.shown}


def _plan_changes(
    inputs: _Inputs, differences: Mapping[ObjectId, Difference], found: _Obstacles
) -> tuple[Change, ...]:
    """Build the rows of the guests who are changed, in the order of work."""
    known = KnownDomains(inputs.live)
    changing = {guest: differences[guest] for guest in found.order}
    planned = [difference for guest, difference in changing.items() if guest in inputs.shown]
    return tuple(
        change_row(
            difference,
            fields=fields,
            conflict=found.conflicts[difference.guest.id],
            tenant=inputs.desired.tenant_id,
            warnings=(
                *_warnings_of(inputs, difference),
                *known.about(difference),
                *ownership.about_undo(difference, found.holders, changing),
            ),
            origin=inputs.origin(difference.guest.id),
            invitation_changed=inputs.invitation_changed(difference.entry),
        )
        for difference, fields in zip(planned, fields_of(planned), strict=True)
    )


def _warnings_of(inputs: _Inputs, difference: Difference) -> Iterator[Note]:
    """Collect the warnings of one change, without those about domains and other owners."""
    live, now, base = inputs.live, inputs.now, inputs.base
    yield from notices.about_change(difference, live=live, now=now, redeem_links=inputs.redeem_links)
    yield from about_invitation(difference, policy=inputs.desired.policy, live=live)
    yield from was_blocked(difference, base, live=live, now=now)


def _blocked_rows(
    inputs: _Inputs,
    differences: Mapping[ObjectId, Difference],
    blocked: Mapping[ObjectId, tuple[Note, ...]],
) -> tuple[Blocked, ...]:
    """Build the rows of the guests who are blocked, sorted by id."""
    return tuple(
        blocked_row(inputs.entries[guest], differences.get(guest), notes, origin=inputs.origin(guest))
        for guest, notes in sorted(blocked.items())
    )


def _warnings(
    inputs: _Inputs,
    differences: Mapping[ObjectId, Difference],
    blocked: Mapping[ObjectId, tuple[Note, ...]],
    departed: Iterable[NoLongerDeclared],
) -> tuple[Note, ...]:
    """Collect the warnings of the plan as a whole, and of guests who are not changed; sorted, each once."""
    base, now = inputs.base, inputs.now
    warnings = [
        *notices.about_checks(inputs.live.not_checked),
        *(about_departure(one, inputs.live) for one in departed),
        *unfinished.about_undeclared(inputs.desired, inputs.live),
    ]
    for guest_id in inputs.shown:
        entry, guest = inputs.entries[guest_id], inputs.live.guests.get(guest_id)
        if guest_id in blocked:
            warnings += notices.about_blocked(entry, differences.get(guest_id), blocked[guest_id], now=now)
        elif guest is not None and guest_id not in differences:
            before = None if base is None else base.email_before(entry)
            warnings += notices.about_unchanged(entry, guest, before=before, now=now)
    if base is not None and base.entries is None:
        warnings.append(notices.base_invalid())
    return tuple(sorted(set(warnings)))


def _refusals(inputs: _Inputs, changes: Iterable[Change]) -> tuple[Refusal, ...]:
    """Collect what refuses an apply of the plan; drift does not count, as the plan does not approve it."""
    return (
        *unfinished.refused_domain(inputs.desired, inputs.live),
        *limits.check(
            changes=sum(
                change.counts_against_limits for change in changes if change.origin is not Origin.ELSEWHERE
            ),
            declared=len(inputs.entries),
            policy=inputs.desired.policy,
            now=inputs.now,
        ),
    )


def _summary(inputs: _Inputs, *, changes: int, blocked: int) -> Summary:
    declared = len(inputs.shown)
    return Summary(
        declared=declared,
        changes=changes,
        blocked=blocked,
        unchanged=declared - changes - blocked,
        unmanaged=inputs.live.unmanaged,
    )


def _held_up(first: ObjectId) -> Note:
    return Note(
        rule=Rule.ADDRESS_IN_USE,
        message=f"takes over an address of {first}, who is blocked and keeps it: solve that first, or "
        "declare another address",
    )
