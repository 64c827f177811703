"""Carries approved changes out: waits, looks, retries by one table, and leaves nobody half done.

It knows guests, actions and kinds of failure, never Graph.
"""

from reconciler.apply.engine import Finished, apply_plan, exit_code
from reconciler.apply.progress import Progress, WaitReason
from reconciler.apply.settings import Clock, Settings, SystemClock

__all__ = [
    "Clock",
    "Finished",
    "Progress",
    "Settings",
    "SystemClock",
    "WaitReason",
    "apply_plan",
    "exit_code",
]
