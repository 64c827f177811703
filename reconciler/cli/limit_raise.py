"""The raise of the limits that a change of many addresses needs, as YAML to be reviewed."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from reconciler.desired.reader import read
from reconciler.desired.survey import Survey
from reconciler.desired.tree import TENANT_FILE
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


def raise_block(survey: Survey, value: Mapping[str, Any]) -> str:
    """Write the raise as lines for `tenant.yaml`, without the key `policy` where that stands already.

    A policy in braces takes no lines below it, and is written anew.
    """
    if _is_in_braces(survey):
        return entry_block({"policy": {**survey.tenant_value["policy"], "raise": value}}) + "\n"
    inner = entry_block(value).replace("\n", "\n    ")
    top = "" if "policy" in survey.tenant_value else "policy:\n"
    return f"{top}  raise:\n    {inner}\n"


def raise_place(survey: Survey) -> str:
    """Return where in `tenant.yaml` the lines of `raise_block` belong."""
    policy = survey.tenant_value.get("policy")
    if policy is None:
        return "into tenant.yaml"
    line, _ = read(survey.tree.files[TENANT_FILE]).position(("policy",), on_key=True)
    if _is_in_braces(survey):
        return f"in place of policy ({TENANT_FILE}:{line})"
    instead = ", in place of the raise that stands there" if "raise" in policy else ""
    return f"below policy ({TENANT_FILE}:{line}){instead}"


def _is_in_braces(survey: Survey) -> bool:
    if "policy" not in survey.tenant_value:
        return False
    data = survey.tree.files[TENANT_FILE]
    line, column = read(data).position(("policy",))
    return data.decode("utf-8-sig").splitlines()[line - 1][column - 1] == "{"


def replaced_raise(survey: Survey) -> str | None:
    """Return what the raise that stands there says, which an edit replaces; `None` when there is none."""
    standing = survey.tenant_value.get("policy", {}).get("raise")
    return None if standing is None else f"until {standing['until']}: {standing['reason']}"


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
