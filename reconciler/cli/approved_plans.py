"""The folder in which one job of a workflow passes the approved plans to the next.

plan.json     the fresh plan that the approvals were compared with
pulls.json    the pull requests that the run answers for, why one approves nothing, and what could not be read
plans/*.json  the approved plans, for `apply --plan`
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Self

from reconciler.cli.loading import load_plan, load_report, read_document, read_plan_file
from reconciler.cli.output_files import new_folder, write_bytes, write_whole
from reconciler.errors import UnusablePlan
from reconciler.github.merged import MergedPull, ReviewedPlan
from reconciler.model import Plan, Report
from reconciler.rules import Rule

PLANS: Final = "plans"


class ApprovedPlans:
    """One such folder: created by `create`, filled, closed; or opened if it exists."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._kept: list[ReviewedPlan] = []

    @classmethod
    def create(cls, root: Path) -> Self:
        """Make a new folder. Raises `UsageError` when it exists: its files would approve changes too."""
        new_folder(root / PLANS)
        return cls(root)

    def keep(self, reviewed: ReviewedPlan) -> None:
        """Store the plan of a pull request, or why there is none."""
        if reviewed.plan is not None:
            write_bytes(self._plan_of(reviewed.pull), reviewed.plan)
        self._kept.append(reviewed)

    def keep_own(self, plan: Path) -> None:
        """Store the run's own plan, which a user approves by letting the run continue."""
        write_bytes(self._root / PLANS / "own.json", read_plan_file(plan))

    def close(self, plan: Path, *, unread: Sequence[str] = ()) -> None:
        """Write the list of pull requests, with what could not be read of them, and the fresh plan."""
        write_bytes(self._root / "plan.json", read_plan_file(plan))
        pulls = [
            {
                "number": one.pull.number,
                "head": one.pull.head,
                "missing": one.missing,
                "passing": one.passing,
            }
            for one in self._kept
        ]
        document = {"pulls": pulls, "unread": list(unread)}
        write_whole(self._root / "pulls.json", json.dumps(document, indent=2) + "\n")

    def fresh(self) -> Plan:
        """Read the fresh plan. Raises `UnusablePlan`."""
        return load_plan(self._root / "plan.json")

    def plans(self) -> tuple[Plan, ...]:
        """Read the approved plans, sorted by name. Raises `UnusablePlan`."""
        tenant = self.fresh().tenant_id
        # An artifact keeps no empty folder.
        kept = sorted((self._root / PLANS).glob("*.json"))
        return tuple(load_plan(path, tenant=tenant) for path in kept)

    def report(self, file: Path, *, run: str) -> Report | None:
        """Read the report of the run that applied these plans; `None` without a run, or without a file.

        `run` is the id that this run's own apply has given, empty when apply has not run: a file from
        elsewhere is then not looked at. Raises `UnusablePlan`.
        """
        if not run or not file.exists():
            return None
        report = load_report(file)
        # A run that ended before it read its approved plans names none.
        approved = tuple(sorted({plan.digest for plan in self.plans()}))
        if report.run != run or (report.outcomes and report.approved != approved):
            raise UnusablePlan(
                f"the report {file} is not of this run and its approved plans",
                rule=Rule.FOREIGN_REPORT,
                hint="run the apply job again; look at the run's log for what became of each guest",
            )
        return report

    def reviews(self) -> tuple[ReviewedPlan, ...]:
        """Read the pull requests that the run answers for. Raises `UnusablePlan`."""
        with self._described() as document:
            found = [
                ReviewedPlan(
                    pull=MergedPull(number=int(one["number"]), head=str(one["head"])),
                    plan=None,
                    missing=str(one["missing"]),
                    passing=bool(one["passing"]),
                )
                for one in document["pulls"]
            ]
        return tuple(
            one if one.missing else replace(one, plan=read_plan_file(self._plan_of(one.pull)))
            for one in found
        )

    def unread(self) -> tuple[str, ...]:
        """Read what could not be read of the pull requests. Raises `UnusablePlan`."""
        with self._described() as document:
            return tuple(str(one) for one in document["unread"])

    @contextmanager
    def _described(self) -> Iterator[Any]:
        """Read the list of pull requests; the block takes values out of it, and does nothing else."""
        try:
            yield json.loads(read_document(self._root / "pulls.json"))
        except (ValueError, KeyError, TypeError) as error:
            raise UnusablePlan(
                f"{self._root / 'pulls.json'} cannot be used",
                rule=Rule.FILE_UNREADABLE,
                hint="collect the approved plans again",
            ) from error

    def _plan_of(self, pull: MergedPull) -> Path:
        return self._root / PLANS / f"pull-{pull.number}.json"


def plan_files(path: Path) -> tuple[Path, ...]:
    """Return the plan documents at a path: itself, or those in a folder, sorted by name."""
    return tuple(sorted(path.glob("*.json"))) if path.is_dir() else (path,)
