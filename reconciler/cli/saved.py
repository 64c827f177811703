"""Plan and report documents that an earlier command has written."""

from pathlib import Path

from reconciler.documents import plan_from_json, report_from_json
from reconciler.errors import UnusablePlan
from reconciler.model import Plan, Report, TenantId
from reconciler.rules import Rule


def read_saved(path: Path) -> bytes:
    """Read a file. Raises `UnusablePlan` when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnusablePlan(
            f"the file {path} cannot be read: {error.strerror}",
            rule=Rule.FILE_UNREADABLE,
            hint="name a file that plan --out or apply --report has written",
        ) from error


def saved_plan(path: Path, *, tenant: TenantId | None = None) -> Plan:
    """Read a plan document; `tenant` as for `plan_from_json`. Raises `UnusablePlan`."""
    return plan_from_json(read_saved(path), tenant=tenant)


def saved_report(path: Path) -> Report:
    """Read a report document. Raises `UnusablePlan`."""
    return report_from_json(read_saved(path))
