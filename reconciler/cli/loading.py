"""Loads the input of a command: the desired tree, now or at a git revision, and saved plans and reports."""

from datetime import UTC, datetime
from pathlib import Path

from reconciler.desired import load, read_tree
from reconciler.documents import LARGEST_DOCUMENT, plan_from_json, report_from_json
from reconciler.errors import InvalidDesired, UnusablePlan
from reconciler.git import tree_at
from reconciler.model import Desired, ObjectId, Plan, Report, TenantId
from reconciler.plan import Baseline
from reconciler.rules import Rule


def load_tree(root: Path) -> Desired:
    """Read and validate the tree at the present time. Raises `InvalidDesired` with every problem."""
    return load(read_tree(root), now=datetime.now(UTC))


def load_baseline(revision: str, root: Path, *, desired: Desired) -> Baseline:
    """Read the tree `root` as of a revision, to compare `desired` with it. Raises `UsageError`."""
    tree = tree_at(revision, root)
    if not tree.files and not tree.problems:
        return Baseline.empty()
    try:
        return Baseline.of(load(tree, now=datetime.now(UTC)), desired=desired)
    except InvalidDesired:
        return Baseline.unknown()


def departed_ids(base: Baseline | None, desired: Desired) -> tuple[ObjectId, ...]:
    """Return the ids of guests that only the base declares; they are read too, to name their whereabouts."""
    if base is None:
        return ()
    return tuple(entry.id for entry in base.disappeared([entry.id for entry in desired.guests]))


def load_plan(path: Path, *, tenant: TenantId | None = None) -> Plan:
    """Read a plan document; `tenant` as for `plan_from_json`. Raises `UnusablePlan`."""
    return plan_from_json(read_plan_file(path), tenant=tenant)


def load_report(path: Path) -> Report:
    """Read a report document. Raises `UnusablePlan`."""
    return report_from_json(read_document(path))


def read_plan_file(path: Path) -> bytes:
    """Read the file of a plan. Raises `UnusablePlan` when it cannot be read."""
    return _read(
        path,
        what="the plan file",
        rule=Rule.PLAN_UNREADABLE,
        hint="name a file that reconciler plan --out has written",
    )


def read_document(path: Path) -> bytes:
    """Read a file that need not be a plan. Raises `UnusablePlan` when it cannot be read."""
    return _read(
        path,
        what="the file",
        rule=Rule.FILE_UNREADABLE,
        hint="name a file that plan --out or apply --report has written",
    )


def _read(path: Path, *, what: str, rule: Rule, hint: str) -> bytes:
    try:
        with path.open("rb") as opened:
            # One byte above the limit shows the parser that the document is too large.
            return opened.read(LARGEST_DOCUMENT + 1)
    except OSError as error:
        raise UnusablePlan(f"{what} {path} cannot be read: {error.strerror}", rule=rule, hint=hint) from error
