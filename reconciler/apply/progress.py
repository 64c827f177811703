"""What a run tells while it goes on. Who listens shows it; nothing here decides anything."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from reconciler.model import ActionRecord, Change, GuestOutcome, ObjectId


class WaitReason(StrEnum):
    """What a guest waits for."""

    CHAIN = "chain"
    """Another guest's change of address, which frees the one this guest takes over."""

    THROTTLED = "throttled"
    """The directory asked for a pause, cannot be reached, or does not take a last write."""

    REPLICATION = "replication"
    """A write of ours has not reached the part of the directory that needs it next."""

    WATCH = "watch"
    """An earlier run may have sent the reset: the guest is read until that shows or the time is over."""

    OWNER = "owner"
    """Who has just given the address up still shows with it."""

    LOST_ANSWER = "lost-answer"
    """The answer to a write was lost: the guest is read until it shows whether the write happened."""

    READ_BACK = "read-back"
    """Everything is written; the result has not shown yet."""


class Progress(Protocol):
    """Hears of every step. Methods return at once and raise nothing."""

    def guest_started(self, change: Change) -> None:
        """Hear that a guest's turn has come."""
        ...

    def action_ended(self, guest: ObjectId, record: ActionRecord) -> None:
        """Hear that one action has ended, well or not."""
        ...

    def waiting(self, guest: ObjectId, reason: WaitReason, until: datetime | None) -> None:
        """Hear that a guest waits, and when it looks or sends again; `None` when that is not known."""
        ...

    def guest_finished(self, outcome: GuestOutcome) -> None:
        """Hear what became of a guest."""
        ...
