"""The raise of the limits that a change of many addresses needs, as YAML to be reviewed."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from reconciler.desired.survey import Survey
from reconciler.editing import Assignment
from reconciler.editing.spelling import Verbatim, entry_block
from reconciler.errors import UsageError
from reconciler.guard import limits
from reconciler.model import SuggestedRaise, day_of
from reconciler.rules import Rule


def needed_raise(survey: Survey, changes: int) -> SuggestedRaise | None:
    """Return the least raise under which the limits allow some changes; `None` when they do already."""
    refusals = limits.check(
        changes=changes, declared=len(survey.ids), policy=survey.tenant.policy, now=survey.now
    )
    return next((one.suggested_raise for one in refusals if one.suggested_raise is not None), None)


def raise_value(suggested: SuggestedRaise, *, until: date | None, reason: str) -> dict[str, Any]:
    """Return the value of the key `raise` in `tenant.yaml`."""
    return {**suggested.limits, "until": Verbatim((until or suggested.until).isoformat()), "reason": reason}


def raise_block(value: Mapping[str, Any]) -> str:
    """Write the raise as lines for `tenant.yaml`."""
    inner = entry_block(value).replace("\n", "\n    ")
    return f"policy:\n  raise:\n    {inner}\n"


def raise_assignment(survey: Survey, value: Mapping[str, Any]) -> Assignment:
    """Return the edit of `tenant.yaml` that puts the raise there, in place of one that stands."""
    if "policy" in survey.tenant_value:
        return Assignment(path=("policy", "raise"), value=value)
    return Assignment(path=("policy",), value={"raise": value})


def read_day(text: str, now: datetime) -> date:
    """Return the last day of a raise. Raises `UsageError` for no day, and for one that is over."""
    try:
        day = date.fromisoformat(text) if len(text) == len("2026-12-31") and text[4] == "-" else None
    except ValueError:
        day = None
    if day is None or day < day_of(now):
        raise UsageError(
            f"--raise-until {text!r} is no day, or one that is over",
            rule=Rule.RAISE_FORM,
            hint="give a day to come as YYYY-MM-DD",
        )
    return day
