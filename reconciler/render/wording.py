"""The words that plans, reports and approvals share.

Sentences hold values raw; each renderer escapes whole sentences for its medium.
"""

from datetime import datetime
from typing import Final

from reconciler.model import Cloud, format_instant

NO_NAME: Final = "(no name)"

_EMULATOR: Final = "EMULATOR: nothing here is about a Microsoft tenant."


def emulator_notice(cloud: Cloud | None) -> str | None:
    """Return the note that the output must begin with where it is about the emulator; else `None`."""
    return _EMULATOR if cloud is Cloud.EMULATOR else None


def incomplete(*, complete: bool) -> str | None:
    """Return the note that a plan, or the plan of a run, lacks a check; `None` when complete."""
    return None if complete else "INCOMPLETE: a check could not be made; see the warnings."


def moment(instant: datetime) -> str:
    """Format an instant for people: to the second, in UTC."""
    return format_instant(instant.replace(microsecond=0))


def count_of(count: int, noun: str, nouns: str | None = None) -> str:
    """Count things in English: `1 guest`, `2 guests`; `nouns` where the plural needs more than an s."""
    return f"{count} {noun}" if count == 1 else f"{count} {nouns or noun + 's'}"
