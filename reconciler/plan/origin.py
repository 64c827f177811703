"""Whose change is it: the desired tree held against the one of a base revision.

Looks at what entries declare, defaults of the tenant included. Where an entry stands and what it
calls the guest is no difference, so moving entries between files changes no origin.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Self

from reconciler.model import Desired, DesiredGuest, EmailAddress, ObjectId, Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What was declared at the base revision. Made by `of`, `empty` or `unknown`."""

    entries: Mapping[ObjectId, DesiredGuest] | None
    """`None`: the tree breaks a rule there, so what has changed since cannot be told."""

    @classmethod
    def of(cls, base: Desired, *, desired: Desired) -> Self:
        """Take a whole tree; one that was for another tenant declared nothing about this one."""
        if base.tenant_id != desired.tenant_id:
            return cls.empty()
        return cls(entries={entry.id: entry for entry in base.guests})

    @classmethod
    def empty(cls) -> Self:
        """Take a revision without a desired tree: every entry is new."""
        return cls(entries={})

    @classmethod
    def unknown(cls) -> Self:
        """Take a revision whose tree is not valid."""
        return cls(entries=None)

    def origin(self, entry: DesiredGuest) -> Origin:
        """Tell whose change an entry's row is; where nothing can be told, nobody's of this change."""
        if self.entries is None:
            return Origin.ELSEWHERE
        before = self.entries.get(entry.id)
        if before is not None and _declares(before) == _declares(entry):
            return Origin.ELSEWHERE
        return Origin.THIS_CHANGE

    def changed(self, desired: Desired) -> frozenset[ObjectId]:
        """Give the ids of the entries that are new or declare something else now."""
        return frozenset(entry.id for entry in desired.guests if self.origin(entry) is Origin.THIS_CHANGE)

    def email_before(self, entry: DesiredGuest) -> EmailAddress | None:
        """Give the address an entry declared at the base; `None` where it is the same, or cannot be told."""
        before = (self.entries or {}).get(entry.id)
        return None if before is None or before.email == entry.email else before.email

    def disappeared(self, declared: Collection[ObjectId]) -> tuple[DesiredGuest, ...]:
        """Give the entries whose ids are declared no longer, sorted by id."""
        entries = self.entries or {}
        return tuple(entries[guest] for guest in sorted(entries.keys() - set(declared)))


def _declares(entry: DesiredGuest) -> tuple[object, ...]:
    return entry.email, entry.alternate_emails, entry.reset_after, entry.invitation, entry.hold
