"""Finds the declared guests who are gone from the tenant, so that their entries can go too."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.model import DesiredGuest, FoundGuests, ObjectId, Policy
from reconciler.rules import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A declared guest whom the directory does not have any more."""

    entry: DesiredGuest

    rule: Rule
    """`not-found` or `deleted`, as a plan blocks the guest."""

    deleted_at: datetime | None
    """UTC; `None` for a guest who is not among the deleted users, or where the directory does not say."""

    kept: str
    """The reason for which the entry stays; empty when it goes."""


def gone(
    entries: Iterable[DesiredGuest],
    found: FoundGuests,
    *,
    policy: Policy,
    now: datetime,
    days: int,
    named: Collection[ObjectId] = (),
) -> tuple[Gone, ...]:
    """Return the guests who are gone, sorted by id.

    An entry goes when no user has its id, or when its user is deleted for more than `days`. One on hold or
    protected goes only when it is `named`; where any is, no other goes.
    """
    return tuple(
        _gone(entry, found, policy=policy, now=now, days=days, named=bool(named))
        for entry in sorted(entries, key=lambda entry: entry.id)
        if entry.id not in found.guests and (not named or entry.id in named)
    )


def _gone(
    entry: DesiredGuest, found: FoundGuests, *, policy: Policy, now: datetime, days: int, named: bool
) -> Gone:
    at = found.deleted_at.get(entry.id)
    rule = Rule.DELETED if entry.id in found.deleted else Rule.NOT_FOUND
    kept = ""
    if rule is Rule.DELETED and at is None:
        kept = "the directory does not say when the user was deleted"
    elif at is not None and now - at <= timedelta(days=days):
        since = (now - at).days
        kept = f"the user can be restored: deleted for {since} days, {days} are waited for (--deleted-days)"
    elif not named and entry.id in policy.protected:
        kept = "the id is in policy.protected: name it to have the entry removed"
    elif not named and entry.hold is not None and entry.hold.in_force(now):
        kept = f"on hold through {entry.hold.until}: name the id to have the entry removed"
    return Gone(entry=entry, rule=rule, deleted_at=at, kept=kept)
