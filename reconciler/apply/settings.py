"""The limits and allowances of one apply run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Limits and allowances of one apply run. All durations are seconds."""

    max_in_flight: int = 50
    """At most this many guests stand between their first write and their last."""

    see_within: float = 60.0
    """How long a write may take to show in reads before it counts as not seen."""

    reread_after: float = 60.0
    """A guest read longer ago than this is read again before the first write and before the reset."""

    clear_within: float = 15.0
    """A read that shows our marker and is older than this is made anew before the marker is taken away."""

    throttled_for: float = 600.0
    """How long one guest may take in all, from a first failure on, until the directory carries writes out."""

    replicate_for: float = 300.0
    """How long one guest may take in all until the invitation service knows the address just written."""

    commit_for: float = 600.0
    """How long taking the marker of a reset guest away is tried at least; longer while others get ahead."""

    grace: float = 7.0
    """How long an interrupted run takes to finish what is half done.

    GitHub sends SIGTERM 7.5 s after SIGINT to a job that is cancelled, and kills it 2.5 s later.
    Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-cancellation
    """


DEFAULT_WATCH = 30.0
"""Seconds for which nothing that reads show counts after the last write of an earlier run."""
