"""Reads the plan and report documents that an earlier command has written."""

from pathlib import Path

from reconciler.documents import LARGEST_DOCUMENT, plan_from_json, report_from_json
from reconciler.errors import UnusablePlan
from reconciler.model import Plan, Report, TenantId
from reconciler.rules import Rule


def read_saved(path: Path) -> bytes:
    """Read a file that need not be a plan. Raises `UnusablePlan` when it cannot be read."""
    return _read(
        path,
        what="the file",
        rule=Rule.FILE_UNREADABLE,
        hint="name a file that plan --out or apply --report has written",
    )


def read_saved_plan(path: Path) -> bytes:
    """Read the file of a plan. Raises `UnusablePlan` when it cannot be read."""
    return _read(
        path,
        what="the plan file",
        rule=Rule.PLAN_UNREADABLE,
        hint="name a file that reconciler plan --out has written",
    )


def saved_plan(path: Path, *, tenant: TenantId | None = None) -> Plan:
    """Read a plan document; `tenant` as for `plan_from_json`. Raises `UnusablePlan`."""
    return plan_from_json(read_saved_plan(path), tenant=tenant)


def saved_report(path: Path) -> Report:
    """Read a report document. Raises `UnusablePlan`."""
    return report_from_json(read_saved(path))


def _read(path: Path, *, what: str, rule: Rule, hint: str) -> bytes:
    try:
        with path.open("rb") as opened:
            # One byte above the limit shows the parser that the document is too large.
            return opened.read(LARGEST_DOCUMENT + 1)
    except OSError as error:
        raise UnusablePlan(f"{what} {path} cannot be read: {error.strerror}", rule=rule, hint=hint) from error
