"""What an apply run reports to its observer while it goes on; nothing here decides anything."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from reconciler.model import ActionRecord, Change, GuestOutcome, ObjectId


class WaitReason(StrEnum):
    """What a guest waits for."""

    PREDECESSOR = "predecessor"
    """Another guest's change of address, which frees the one this guest takes over."""

    EARLIER_RUN = "earlier-run"
    """What an earlier run wrote last may not show in reads yet."""

    THROTTLED = "throttled"
    """The directory asked for a pause, cannot be reached, or does not take a write."""

    REPLICATION = "replication"
    """A write of ours has not reached the part of the directory that needs it next."""

    LOST_ANSWER = "lost-answer"
    """The answer to a reset was lost: the guest is read until it shows whether the reset happened."""

    READ_BACK = "read-back"
    """Everything is written; the result does not show yet."""


class RunObserver(Protocol):
    """Is notified of every step. Methods return at once and raise nothing."""

    def guest_started(self, change: Change) -> None:
        """Note that a guest is among those in flight now."""
        ...

    def action_ended(self, guest: ObjectId, record: ActionRecord) -> None:
        """Note that one action has ended, well or not."""
        ...

    def waiting(self, guest: ObjectId, reason: WaitReason, until: datetime | None) -> None:
        """Note that a guest waits, and until when; `None` when that is not known."""
        ...

    def guest_finished(self, outcome: GuestOutcome) -> None:
        """Note what became of a guest."""
        ...
