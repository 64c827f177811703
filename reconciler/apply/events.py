"""The events an apply run reports to its observer; nothing here decides anything."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from reconciler.model import ActionRecord, Change, GuestOutcome, ObjectId


class WaitReason(StrEnum):
    """The reason for which a guest waits."""

    PREDECESSOR = "predecessor"
    """Another guest's change of address, which frees the one this guest takes over."""

    EARLIER_RUN = "earlier-run"
    """The last write of an earlier run may not show in reads yet."""

    THROTTLED = "throttled"
    """The directory asked for a pause, cannot be reached, or does not accept a write."""

    REPLICATION = "replication"
    """A write of ours has not reached the part of the directory that needs it next."""

    LOST_ANSWER = "lost-answer"
    """The answer to a reset was lost: the guest is read until it shows whether the reset happened."""

    READ_BACK = "read-back"
    """Everything is written; the result does not show yet."""


class RunObserver(Protocol):
    """Is notified of every step. Methods return at once and raise nothing."""

    def guest_started(self, change: Change) -> None:
        """Record that a guest is in flight now."""
        ...

    def action_ended(self, guest: ObjectId, record: ActionRecord) -> None:
        """Record that one action has ended, with any result."""
        ...

    def waiting(self, guest: ObjectId, reason: WaitReason, until: datetime | None) -> None:
        """Record that a guest waits, and until when; `None` when that is not known."""
        ...

    def guest_finished(self, outcome: GuestOutcome) -> None:
        """Record the outcome of a guest."""
        ...
