"""The folder in which one job of a workflow hands the approved plans to the next.

plan.json     the fresh plan that the approvals were held against
pulls.json    the pull requests that the run answers for, and why one approves nothing
plans/*.json  what was approved, for `apply --plan`
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

from reconciler.cli.files import new_folder, write_whole
from reconciler.cli.loading import read_saved, read_saved_plan, saved_plan
from reconciler.documents import plan_from_json
from reconciler.errors import UnusablePlan
from reconciler.github.merged import MergedPull, ReviewedPlan
from reconciler.model import Plan, TenantId
from reconciler.rules import Rule

PLANS: Final = "plans"


class ApprovedPlans:
    """One such folder: made by `create`, filled, closed; or opened where it is."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._kept: list[ReviewedPlan] = []

    @classmethod
    def create(cls, root: Path) -> Self:
        """Make a new folder. Raises `UsageError` when there is one: what it holds would approve too."""
        new_folder(root / PLANS)
        return cls(root)

    def keep(self, reviewed: ReviewedPlan, *, tenant: TenantId) -> None:
        """Keep the plan of a pull request, unless it cannot be used: then it is named without one."""
        if reviewed.plan is not None:
            try:
                plan_from_json(reviewed.plan, tenant=tenant)
            except UnusablePlan as error:
                reviewed = replace(reviewed, plan=None, missing=error.message)
        if reviewed.plan is not None:
            write_whole(self._plan_of(reviewed.pull), reviewed.plan.decode())
        self._kept.append(reviewed)

    def keep_own(self, plan: Path) -> None:
        """Keep the run's own plan, which a person approves by letting the run go on."""
        write_whole(self._root / PLANS / "own.json", read_saved_plan(plan).decode())

    def close(self, plan: Path) -> None:
        """Write down what was kept, and beside it the fresh plan."""
        write_whole(self._root / "plan.json", read_saved_plan(plan).decode())
        pulls = [
            {"number": one.pull.number, "head": one.pull.head, "missing": one.missing} for one in self._kept
        ]
        write_whole(self._root / "pulls.json", json.dumps({"pulls": pulls}, indent=2) + "\n")

    def fresh(self) -> Plan:
        """Read the fresh plan. Raises `UnusablePlan`."""
        return saved_plan(self._root / "plan.json")

    def plans(self) -> tuple[Plan, ...]:
        """Read what was approved, sorted by name. Raises `UnusablePlan`."""
        tenant = self.fresh().tenant_id
        return tuple(saved_plan(path, tenant=tenant) for path in plan_files(self._root / PLANS))

    def reviews(self) -> tuple[ReviewedPlan, ...]:
        """Read which pull requests the run answers for. Raises `UnusablePlan`."""
        try:
            document = json.loads(read_saved(self._root / "pulls.json"))
            pulls = [
                (MergedPull(number=int(one["number"]), head=str(one["head"])), str(one["missing"]))
                for one in document["pulls"]
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise UnusablePlan(
                f"{self._root / 'pulls.json'} cannot be used",
                rule=Rule.FILE_UNREADABLE,
                hint="collect the approved plans again",
            ) from error
        return tuple(
            ReviewedPlan(
                pull=pull, plan=None if missing else read_saved_plan(self._plan_of(pull)), missing=missing
            )
            for pull, missing in pulls
        )

    def _plan_of(self, pull: MergedPull) -> Path:
        return self._root / PLANS / f"pull-{pull.number}.json"


def plan_files(path: Path) -> tuple[Path, ...]:
    """Give the plan documents that a path names: itself, or what a folder holds, sorted by name."""
    return tuple(sorted(path.glob("*.json"))) if path.is_dir() else (path,)
