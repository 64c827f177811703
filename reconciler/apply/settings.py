"""The limits and allowances of one apply run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Limits and allowances of one apply run. All durations are seconds."""

    max_in_flight: int = 50
    """Most guests between their first write and their last."""

    see_within: float = 60.0
    """Longest time for a write to show in reads, before it is unverified."""

    reread_after: float = 60.0
    """Age from which a read is repeated before the first write and before the reset."""

    clear_within: float = 15.0
    """Age from which a read that shows our marker is repeated before the marker is removed."""

    throttled_for: float = 600.0
    """Longest total wait of one guest, from its first failure, until the directory executes writes."""

    replicate_for: float = 300.0
    """Longest total wait of one guest until the invitation service knows the address just written."""

    commit_for: float = 600.0
    """Least time for retries of a reset guest's marker removal; longer while other guests make progress."""

    grace: float = 7.0
    """Longest time an interrupted run takes to finish half-done guests.

    GitHub sends SIGTERM 7.5 s after SIGINT to a job that is cancelled, and kills it 2.5 s later.
    Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-cancellation
    """


DEFAULT_WATCH = 30.0
"""Seconds after the last write of an earlier run in which reads do not count."""
