"""Builds a plan: judges every declared guest once, orders the work, counts, and summarizes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from reconciler.guard import limits
from reconciler.model import (
    Blocked,
    Change,
    ChangeKind,
    Desired,
    DesiredGuest,
    FieldChange,
    Live,
    Note,
    ObjectId,
    Origin,
    Plan,
    Precondition,
    Summary,
    TenantId,
    format_instant,
)
from reconciler.plan import blocking, dependencies, notices, ownership, unfinished
from reconciler.plan.compare import Written, changed_fields, in_order
from reconciler.plan.departures import about_departure, departures
from reconciler.plan.difference import Difference, find_difference
from reconciler.plan.digests import change_digest, plan_digest
from reconciler.plan.domains import KnownDomains
from reconciler.plan.origin import Baseline
from reconciler.plan.ownership import AddressConflicts
from reconciler.rules import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class _Obstacles:
    """The obstacles of the guests who differ, and the order of the others."""

    conflicts: Mapping[ObjectId, AddressConflicts]

    obstacles: Mapping[ObjectId, tuple[Note, ...]]
    """By guest, gravest first; guests without obstacles are missing."""

    order: tuple[ObjectId, ...]
    """The guests without obstacles, in the order of work."""


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
    entries = {entry.id: entry for entry in sorted(desired.guests, key=lambda entry: entry.id)}
    shown = entries.keys() if base is None or since is None else base.changed(desired)
    origins = {} if base is None else {entry.id: base.origin(entry) for entry in entries.values()}
    differences: dict[ObjectId, Difference] = {}
    blocked: dict[ObjectId, Blocked] = {}
    warnings = list(notices.about_checks(live.not_checked))
    for entry in entries.values():
        guest = live.guests.get(entry.id)
        if guest is None:
            if entry.id in shown:
                absence = (blocking.absence(entry, live),)
                blocked[entry.id] = _blocked(entry, None, absence, origins)
                warnings += notices.about_blocked(entry, None, absence, now=now)
            continue
        difference = find_difference(entry, guest)
        if difference is not None:
            differences[entry.id] = difference
        elif entry.id in shown:
            before = None if base is None else base.email_before(entry)
            warnings += notices.about_unchanged(entry, guest, before=before, now=now)

    judgement = _judge(differences, desired=desired, live=live, now=now)
    known = KnownDomains(live)
    for guest_id, obstacles in judgement.obstacles.items():
        if guest_id in shown:
            entry = entries[guest_id]
            blocked[guest_id] = _blocked(entry, differences[guest_id], obstacles, origins)
            warnings += notices.about_blocked(entry, differences[guest_id], obstacles, now=now)
    planned = [differences[guest_id] for guest_id in judgement.order if guest_id in shown]
    changes = tuple(
        _change(
            difference,
            fields=fields,
            conflict=judgement.conflicts[difference.guest.id],
            tenant=desired.tenant_id,
            warnings=(
                *notices.about_change(difference, live=live, now=now, redeem_links=redeem_links),
                *known.about(difference),
            ),
            origin=origins.get(difference.guest.id),
        )
        for difference, fields in zip(planned, _changed_fields(planned), strict=True)
    )
    departed = () if base is None else departures(base.disappeared(entries.keys()), live)
    warnings += [about_departure(one) for one in departed]
    warnings += unfinished.about_undeclared(desired, live)
    if base is not None and base.entries is None:
        warnings.append(notices.base_invalid())
    return Plan(
        tenant_id=desired.tenant_id,
        cloud=desired.cloud,
        created_at=now,
        digest=plan_digest(change.digest for change in changes),
        complete=not any(missed.essential for missed in live.not_checked),
        listed_all=live.listed_all,
        refusals=(
            *unfinished.refused_domain(desired, live),
            *limits.check(
                changes=sum(change.counts_against_limits for change in changes),
                declared=len(entries),
                policy=desired.policy,
                now=now,
            ),
        ),
        summary=Summary(
            declared=len(shown),
            changes=len(changes),
            blocked=len(blocked),
            unchanged=len(shown) - len(changes) - len(blocked),
            unmanaged=live.unmanaged,
        ),
        changes=changes,
        blocked=tuple(blocked[guest_id] for guest_id in sorted(blocked)),
        warnings=tuple(sorted(set(warnings))),
        no_longer_declared=departed,
        since=since,
    )


def _judge(
    differences: Mapping[ObjectId, Difference], *, desired: Desired, live: Live, now: datetime
) -> _Obstacles:
    """Find every obstacle of every guest who differs, including those caused by other guests."""
    wanted = {address for difference in differences.values() for address in difference.contested_addresses}
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
        own = blocking.obstacles(difference, policy=desired.policy, live=live, now=now)
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
    )


def _held_up(first: ObjectId) -> Note:
    return Note(
        rule=Rule.ADDRESS_IN_USE,
        message=f"takes over an address of {first}, who is blocked and keeps it: solve that first, or "
        "declare another address",
    )


def _blocked(
    entry: DesiredGuest,
    difference: Difference | None,
    obstacles: tuple[Note, ...],
    origins: Mapping[ObjectId, Origin],
) -> Blocked:
    """Build the row of a blocked guest: the gravest obstacle, with the names of the others."""
    gravest = obstacles[0]
    others = dict.fromkeys(note.rule for note in obstacles if note.rule != gravest.rule)
    also = f" (also: {', '.join(others)})" if others else ""
    return Blocked(
        id=entry.id,
        display_name=difference.guest.display_name if difference else entry.name,
        rule=gravest.rule,
        message=gravest.message + also,
        source=entry.source,
        origin=origins.get(entry.id),
    )


def _changed_fields(differences: Iterable[Difference]) -> list[tuple[FieldChange, ...]]:
    return changed_fields(
        [
            (Written(mail=difference.guest.mail, other_mails=difference.guest.other_mails), difference.after)
            for difference in differences
        ]
    )


def _change(
    difference: Difference,
    *,
    fields: tuple[FieldChange, ...],
    conflict: AddressConflicts,
    tenant: TenantId,
    warnings: tuple[Note, ...],
    origin: Origin | None,
) -> Change:
    guest = difference.guest
    chain = () if conflict.waits_for is None else (_may_wait(conflict.waits_for),)
    return Change(
        id=guest.id,
        display_name=guest.display_name,
        kind=difference.kind,
        digest=change_digest(
            tenant=tenant,
            guest=guest.id,
            kind=difference.kind,
            fields=fields,
            actions=difference.actions,
        ),
        fields=fields,
        actions=difference.actions,
        reason=_reason(difference),
        warnings=tuple(sorted({*warnings, *conflict.warnings, *chain})),
        precondition=Precondition(
            mail=guest.mail,
            other_mails=in_order(guest.other_mails),
            state=guest.state,
            state_changed_at=guest.state_changed_at,
            markers=guest.markers,
        ),
        source=difference.entry.source,
        waits_for=conflict.waits_for,
        origin=origin,
        resumes=difference.resumes,
        fallback=difference.fallback,
    )


def _may_wait(first: ObjectId) -> Note:
    return Note(
        rule=Rule.CHAIN_MAY_WAIT,
        message=f"takes over an address that {first} is leaving and starts after that guest; while the "
        "address still stands in proxyAddresses there, this change waits for a later run",
    )


def _reason(difference: Difference) -> str:
    guest, entry = difference.guest, difference.entry
    match difference.kind:
        case ChangeKind.CHANGE_EMAIL:
            return _mail_stands(difference)
        case ChangeKind.RESTORE_MAIL:
            return f"{_mail_stands(difference)}; the guest is seen to sign in with {difference.email} already"
        case ChangeKind.RESET:
            since = guest.state_changed_at and format_instant(guest.state_changed_at)
            wanted = entry.reset_after and format_instant(entry.reset_after)
            return f"redeemed {since}, and resetAfter asks for a redemption since {wanted}"
        case ChangeKind.OTHER_MAILS if difference.resets:
            return (
                "otherMails is not as declared; reset because a lost address may hold a link that still works"
            )
        case ChangeKind.OTHER_MAILS:
            return "otherMails is not as declared"
        case _ as unknown:
            assert_never(unknown)


def _mail_stands(difference: Difference) -> str:
    if not difference.replaces_mail:
        return f"mail is {difference.email} as declared, but the change that wrote it is not finished"
    now = "empty" if difference.guest.mail is None else difference.guest.mail
    return f"mail is {now}, declared is {difference.email}"
