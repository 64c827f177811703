"""Decides the origin of a change: the desired tree is compared with the one of a base revision.

Compares the values that entries declare, defaults of the tenant included. The place of an entry and the name
it gives the guest are no difference, so moving entries between files changes no origin.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Self

from reconciler.model import Desired, DesiredGuest, EmailAddress, ObjectId, Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The entries declared at the base revision. Made by `of`, `empty` or `unknown`."""

    entries: Mapping[ObjectId, DesiredGuest] | None
    """`None`: the tree breaks a rule there, so the changes since are not known."""

    tree: Desired | None = None
    """The whole tree; `None` where there was none, or where it breaks a rule."""

    @classmethod
    def of(cls, base: Desired, *, desired: Desired) -> Self:
        """Build the baseline of a whole tree; a tree for another tenant declared nothing about this one."""
        same = base.tenant_id == desired.tenant_id
        return cls(entries={entry.id: entry for entry in base.guests} if same else {}, tree=base)

    @classmethod
    def empty(cls) -> Self:
        """Build the baseline of a revision without a desired tree: every entry is new."""
        return cls(entries={})

    @classmethod
    def unknown(cls) -> Self:
        """Build the baseline of a revision whose tree is not valid."""
        return cls(entries=None)

    def origin(self, entry: DesiredGuest) -> Origin:
        """Return the origin of an entry's row; with an unknown baseline never this change."""
        if self.entries is None:
            return Origin.ELSEWHERE
        before = self.entries.get(entry.id)
        if before is not None and _declares(before) == _declares(entry):
            return Origin.ELSEWHERE
        return Origin.THIS_CHANGE

    def changed(self, desired: Desired) -> frozenset[ObjectId]:
        """Return the ids of the entries that are new or declare other values now."""
        return frozenset(entry.id for entry in desired.guests if self.origin(entry) is Origin.THIS_CHANGE)

    def entry_before(self, guest: ObjectId) -> DesiredGuest | None:
        """Return the entry of a guest at the base; `None` where there was none, or it is not known."""
        return (self.entries or {}).get(guest)

    def email_before(self, entry: DesiredGuest) -> EmailAddress | None:
        """Return the address an entry declared at the base; `None` where it is the same, or not known."""
        before = (self.entries or {}).get(entry.id)
        return None if before is None or before.email == entry.email else before.email

    def disappeared(self, declared: Collection[ObjectId]) -> tuple[DesiredGuest, ...]:
        """Return the entries whose ids are no longer declared, sorted by id."""
        entries = self.entries or {}
        return tuple(entries[guest] for guest in sorted(entries.keys() - set(declared)))


def _declares(entry: DesiredGuest) -> tuple[object, ...]:
    return entry.email, entry.alternate_emails, entry.reset_after, entry.invitation, entry.hold
