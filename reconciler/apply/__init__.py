"""Executes approved changes: sends, retries, verifies.

A run that ends early reports the guests that are half done. This package knows guests, actions and kinds of
failure, never Graph.
"""

from reconciler.apply.events import RunObserver, WaitReason
from reconciler.apply.executor import RunResult, Services, Terms, apply_plan
from reconciler.apply.settings import DEFAULT_WATCH, Settings

__all__ = [
    "DEFAULT_WATCH",
    "RunObserver",
    "RunResult",
    "Services",
    "Settings",
    "Terms",
    "WaitReason",
    "apply_plan",
]
