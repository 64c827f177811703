"""Runs the real command against an emulator, kills it where it is told to, and gathers the evidence."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from reconciler.emulator.control import ControlClient, GuestTruth
from reconciler.emulator.seed import Seed
from reconciler.emulator.server import serve
from tests.crashlab.invariants import Evidence, violations
from tests.crashlab.nursery import Nursery, RunningCommand
from tests.crashlab.scenario import REFUSAL, cases, seed, write_tree

_ONE_RUN = 120.0


class Way(StrEnum):
    """How the job is started again."""

    SAME_PLAN = "same plan"
    NO_PLAN = "no plan"


class Where(StrEnum):
    """On which side of the request the kill comes."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Boundary:
    """A point at which a run is killed."""

    request: int
    """Counted from 1 over all requests of the run on the wire."""

    where: Where
    way: Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one trial came to."""

    boundary: Boundary
    request: str
    """What was killed: method and path; empty when the run ended before that many requests."""

    runs: int
    violations: tuple[str, ...]


@dataclass(slots=True)
class Laboratory:
    """A tenant, a tree, and the approved plan for them."""

    folder: Path
    control: ControlClient
    root: str
    nursery: Nursery
    _reports: list[dict[str, Any]] = field(default_factory=list)
    _exit_codes: list[int] = field(default_factory=list)
    _texts: list[str] = field(default_factory=list)

    def boundaries(self) -> int:
        """Count the requests of an apply that nobody kills."""
        self._begin()
        self.control.forget_requests()
        self._finish_run(self._start(Way.SAME_PLAN))
        return sum(1 for request in self.control.requests() if request.parent is None)

    def trial(self, boundary: Boundary) -> Result:
        """Kill one run, run again, and judge."""
        self._begin()
        before = self.control.truth()
        pause = {"on": "any", "at": boundary.request, "where": boundary.where, "do": "pause"}
        self.control.go_wrong({"rules": [REFUSAL, pause]})
        command = self._start(boundary.way)
        held = self._wait_for_pause(command)
        if held:
            command.kill()
            command.wait(_ONE_RUN)
            self.control.resume(carry_out=False)
            self.control.go_wrong({"rules": [REFUSAL]})
            self._finish_run(self._start(boundary.way))
        else:
            self._finish_run(command)
        return Result(
            boundary=boundary,
            request=f"{held[0]['method']} {held[0]['path']}" if held else "",
            runs=2 if held else 1,
            violations=tuple(violations(self._evidence(before, same_plan=boundary.way is Way.SAME_PLAN))),
        )

    def together(self, way: Way, count: int = 2) -> tuple[str, ...]:
        """Start several applies at the same time, then one more, and judge (I10)."""
        self._begin()
        before = self.control.truth()
        running = [self._start(way, number) for number in range(count)]
        for number, command in enumerate(running):
            self._finish_run(command, number)
        self._finish_run(self._start(way))
        evidence = self._evidence(before, same_plan=False)
        return tuple(found for found in violations(evidence) if not found.startswith(("I5", "I6")))

    def interrupt(self, boundary: Boundary) -> tuple[int, float]:
        """Send SIGTERM while one request is held; gives the exit code and the seconds until the end."""
        self._begin()
        pause = {"on": "any", "at": boundary.request, "where": boundary.where, "do": "pause"}
        self.control.go_wrong({"rules": [REFUSAL, pause]})
        command = self._start(boundary.way)
        assert self._wait_for_pause(command), "the run ended before that many requests"
        command.interrupt()
        sent = time.monotonic()
        self.control.resume()
        self._finish_run(command)
        return self._exit_codes[-1], time.monotonic() - sent

    def half_done(self) -> list[str]:
        """Name the guests who were reset and whose `mail` was not written."""
        declared = {case.id: case for case in cases()}
        reset = {write.id for write in self.control.history() if write.operation == "reset"}
        return [
            guest.id
            for guest in self.control.truth().values()
            if guest.id in reset and guest.mail != declared[guest.id].email
        ]

    def refused_run(self) -> int:
        """Run an apply that is expected to be refused; gives its exit code."""
        self._begin()
        return self._start(Way.SAME_PLAN).wait(_ONE_RUN)

    def plan(self, *arguments: str) -> dict[str, Any]:
        """Plan, and give the document."""
        output = self.folder / "plan.txt"
        output.unlink(missing_ok=True)
        code = self._command("plan", "--out", "now.json", *arguments, output=output).wait(_ONE_RUN)
        assert code == 0, output.read_text()
        self._texts += [output.read_text(), (self.folder / "now.json").read_text()]
        document: dict[str, Any] = json.loads((self.folder / "now.json").read_text())
        return document

    def approve(self) -> None:
        """Keep a plan as the approved one."""
        self.plan()
        (self.folder / "now.json").rename(self.folder / "plan.json")

    def _begin(self) -> None:
        self.control.go_wrong({"rules": [REFUSAL]})
        self.control.reset()
        self.control.forget_requests()
        self._reports, self._exit_codes, self._texts = [], [], []
        for leftover in self.folder.glob("*.json*"):
            if leftover.name != "plan.json":
                leftover.unlink()

    def _start(self, way: Way, number: int = 0) -> RunningCommand:
        consent = ("--plan", "plan.json") if way is Way.SAME_PLAN else ("--auto-approve",)
        for name in (f"report{number}.json", f"output{number}.txt"):
            (self.folder / name).unlink(missing_ok=True)
        return self._command(
            *("apply", *consent, "--report", f"report{number}.json", "--journal", "journal.jsonl"),
            *("--redeem-links", f"links{number}.jsonl"),
            output=self.folder / f"output{number}.txt",
        )

    def _finish_run(self, command: RunningCommand, number: int = 0) -> None:
        self._exit_codes.append(command.wait(_ONE_RUN))
        report = (self.folder / f"report{number}.json").read_text()
        self._reports.append(json.loads(report))
        self._texts += [report, (self.folder / f"output{number}.txt").read_text()]

    def _wait_for_pause(self, command: RunningCommand) -> list[dict[str, Any]]:
        while True:
            held = self.control.paused(wait=0.1)
            if held or command.poll() is not None:
                return held

    def _evidence(self, before: Mapping[str, GuestTruth], *, same_plan: bool) -> Evidence:
        changes = self.plan()["changes"]
        journal = self.folder / "journal.jsonl"
        return Evidence(
            before=before,
            after=self.control.truth(),
            history=self.control.history(),
            requests=self.control.requests(bodies=True),
            messages=self.control.messages(),
            reports=self._reports,
            exit_codes=self._exit_codes,
            journal=journal.read_text() if journal.exists() else "",
            texts=self._texts,
            open_changes=frozenset(change["id"] for change in changes),
            same_plan=same_plan,
        )

    def _command(self, *arguments: str, output: Path) -> RunningCommand:
        foreign = ("RECONCILER_", "AZURE_", "GITHUB_", "ACTIONS_", "COVERAGE_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        environment = {**kept, "RECONCILER_GRAPH_URL": self.root}
        return self.nursery.start(*arguments, folder=self.folder, environment=environment, output=output)


@contextmanager
def laboratory(nursery: Nursery, *, pending_reset_moves_time: bool = True) -> Iterator[Laboratory]:
    """Set a laboratory up in a folder of its own: tenant, tree, and a reviewed plan."""
    document = seed(pending_reset_moves_time=pending_reset_moves_time)
    with (
        TemporaryDirectory() as folder,
        serve(None, seed=Seed(document=document)) as emulator,
        ControlClient(emulator.root) as control,
    ):
        lab = Laboratory(Path(folder), control, emulator.root, nursery)
        write_tree(lab.folder / "desired")
        lab.approve()
        yield lab
