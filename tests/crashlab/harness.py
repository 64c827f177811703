"""Runs the real command against an emulator, kills it where it is told to, and gathers the evidence."""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from reconciler.emulator.control.client import ControlClient, GuestTruth, RecordedRequest
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import Seed
from tests.crashlab.boundaries import Boundary, Way
from tests.crashlab.evidence import Evidence, Held, Ran, markers_in
from tests.crashlab.forkserver import ForkServer, RunningCommand
from tests.crashlab.invariants import at_any_time, violations
from tests.crashlab.records import i9_reports_agree
from tests.crashlab.scenario import REFUSALS, Case, Entries, seed, write_tree

_ONE_RUN = 180.0
_INTERRUPTED = 130
"""The exit code of a run that was asked to end."""

TREE = "desired"
_HOME = "state"
"""Where a machine keeps what it knows of earlier runs."""

_NO_EVIDENCE = "no-evidence"
"""A folder without journals: nothing is known of earlier runs."""

LAG_SECONDS = 1
"""How long a run under lag lets pass: longer than reads lag."""

Weather = Mapping[str, Any]
"""More of a fault plan than who is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one trial came to."""

    hit: bool
    """Whether the run was held where it was to be held."""

    runs: int
    violations: tuple[str, ...]


@dataclass(slots=True)
class Harness:
    """A tenant, a tree, and the approved plan for them."""

    folder: Path
    control: ControlClient
    root: str
    forkserver: ForkServer
    declared: Sequence[Case]
    approved: Mapping[str, Any] = field(default_factory=dict)
    ran: list[Ran] = field(default_factory=list)
    before: Mapping[str, GuestTruth] = field(default_factory=dict)
    _started: int = 0
    _lags: bool = False

    def undisturbed(self) -> Sequence[RecordedRequest]:
        """Give the requests of an apply that nobody kills."""
        self.begin()
        self.finish(self.start(Way.SAME_PLAN))
        return self.control.requests(bodies=True)

    def trial(self, boundary: Boundary, weather: Weather | None = None) -> Result:
        """Kill one run, run again, and judge."""
        self.begin()
        hit = self.kill_at(boundary, weather)
        if hit:
            self.finish(self.start(boundary.way, again=True))
        self.set_faults(None)
        return self.judge(self.evidence(), hit=hit)

    def kill_at(self, boundary: Boundary, weather: Weather | None = None) -> bool:
        """Start a run and kill it at a boundary; False when it ended before."""
        command = self.start_until(boundary, weather)
        if command is None:
            return False
        self.kill(command, boundary)
        self.set_faults(weather)
        return True

    def kill(self, command: "Running", boundary: Boundary, *, carry_out: bool = False) -> None:
        """Kill a run that is held at a boundary; `carry_out` what somebody else has under way."""
        links = self._links()
        command.kill()
        command.wait(_ONE_RUN)
        self.control.resume(carry_out=carry_out)
        self._note(command, held=boundary.held, links=links)

    def start_until(self, boundary: Boundary, weather: Weather | None = None) -> "Running | None":
        """Start a run and let it come to a boundary, where it is held; `None` when it ended before."""
        self.set_faults(weather, boundary.rule())
        command = self.start(boundary.way)
        if self.is_held(command, at=boundary):
            return command
        return None

    def is_held(self, command: "Running", *, at: Boundary, besides: int = 0) -> bool:
        """Wait until a run is held at a boundary; False when it ended before.

        So many other requests are held already.
        """
        while True:
            held = self.control.paused(wait=0.1)[besides:]
            if held:
                assert _is_of(at, held), f"{held} is held, and not {at.name}"
                return True
            if command.poll() is not None:
                self.finish(command)
                return False

    def together(self, way: Way, count: int = 2) -> Result:
        """Start several applies at the same time; judge, then run one more and judge again (I10)."""
        self.begin()
        running = [self.start(way, links=number) for number in range(count)]
        for command in running:
            self.finish(command)
        return self._judge_twice(way)

    def signalled(self, boundary: Boundary, number: signal.Signals) -> Result:
        """Ask one run to end while a request is held, run again, and judge."""
        self.begin()
        command = self.start_until(boundary)
        if command is None:
            return self.judge(self.evidence(), hit=False)
        command.send(number)
        self.control.resume()
        code = self.finish(command)
        found = [] if code == _INTERRUPTED else [f"the run ended with {code} after {number.name}"]
        self.set_faults(None)
        self.finish(self.start(boundary.way, again=True))
        return self.judge(self.evidence(), also=found)

    def overtaken(self, boundary: Boundary) -> Result:
        """Hold one apply at a boundary while another runs from beginning to end, then let it go on (I10)."""
        self.begin()
        command = self.start_until(boundary)
        if command is None:
            return self.judge(self.evidence(), hit=False)
        self.finish(self.start(boundary.way, again=True, links=1))
        self.control.resume()
        self.finish(command)
        return self._judge_twice(boundary.way)

    def interrupt(self, boundary: Boundary, *more_rules: Mapping[str, Any]) -> tuple[int, float]:
        """Send SIGTERM while one request is held; gives the exit code and the seconds until the end."""
        self.begin()
        command = self.start_until(boundary, {"rules": more_rules})
        assert command is not None, "the run ended before that request"
        command.interrupt()
        sent = time.monotonic()
        self.control.resume()
        code = self.finish(command)
        return code, time.monotonic() - sent

    def half_done(self) -> list[str]:
        """Name the guests who were reset and whose marker still stands."""
        reset = {write.id for write in self.control.history() if write.operation == "reset"}
        return [
            guest.id
            for guest in self.control.truth().values()
            if guest.id in reset and markers_in(guest.other_mails)
        ]

    def refused_run(self) -> int:
        """Run an apply that is expected to be refused; gives its exit code."""
        return self.start(Way.SAME_PLAN).wait(_ONE_RUN)

    def plan(self, *arguments: str, tree: str = TREE) -> dict[str, Any]:
        """Plan, and give the document."""
        self._started += 1
        output, file = self.folder / f"output{self._started}.txt", f"now{self._started}.json"
        command = self._command("--desired", tree, "plan", "--out", file, *arguments, output=output)
        code = command.wait(_ONE_RUN)
        assert code == 0, output.read_text()
        document: dict[str, Any] = json.loads((self.folder / file).read_text())
        return document

    def approve(self) -> None:
        """Keep a plan as the approved one."""
        self.approved = self.plan()
        (self.folder / "plan.json").write_text(json.dumps(self.approved))

    def declare(self, otherwise: Entries, *, tree: str = TREE) -> None:
        """Declare single guests otherwise than at first."""
        write_tree(self.folder / tree, self.declared, otherwise)

    def begin(self) -> None:
        """Take tenant, tree and folder back to how they were when the plan was approved."""
        self.set_faults(None)
        self.control.reset()
        self.control.forget_requests()
        self.ran, self._started, self._lags = [], 0, False
        for leftover in (*self.folder.glob("*.json*"), *self.folder.glob("*.txt")):
            if leftover.name != "plan.json":
                leftover.unlink()
        for home in self.folder.glob(f"{_HOME}*"):
            shutil.rmtree(home)
        self.declare({})
        self.before = self.control.truth()

    def set_faults(self, weather: Weather | None, *rules: Mapping[str, Any]) -> None:
        """Let Graph refuse who is refused, and more go wrong; of all rules those given here come first."""
        weather = weather or {}
        self._lags = self._lags or "replication" in weather
        # What is refused is not held any more, so the rule that holds a request has to see it first.
        self.control.set_faults({**weather, "rules": [*rules, *weather.get("rules", ()), *REFUSALS]})

    def start(self, way: Way, *, again: bool = False, links: int = 0, tree: str = TREE) -> "Running":
        """Start an apply. Those that run at the same time keep their links in files of their own.

        One that is started `again` may be on another machine.
        """
        self._started += 1
        elsewhere = again and way.elsewhere
        consent = ("--plan", "plan.json") if way.has_plan else ("--auto-approve",)
        report = self.folder / f"report{self._started}.json"
        output = self.folder / f"output{self._started}.txt"
        # That there is no journal says that no earlier run wrote; who cannot know that gives no evidence.
        claims_none = elsewhere and not self._lags
        if claims_none:
            (self.folder / _NO_EVIDENCE).mkdir(exist_ok=True)
        command = self._command(
            *("--desired", tree, "apply", *consent, "--report", report.name),
            *("--journal", f"journal{self._started}.jsonl" if elsewhere else "journal.jsonl"),
            *(("--evidence", _NO_EVIDENCE) if claims_none else ()),
            *("--redeem-links", f"links{links}.jsonl"),
            *("--watch", str(LAG_SECONDS if self._lags else 0)),
            output=output,
            home=f"{_HOME}{self._started}" if elsewhere else _HOME,
        )
        return Running(
            command.forkserver,
            command.pid,
            way=way,
            elsewhere=elsewhere,
            tree=tree,
            report=report,
            output=output,
        )

    def finish(self, command: "Running") -> int:
        """Wait for the end of an apply that nobody kills; gives its exit code."""
        code = command.wait(_ONE_RUN)
        self._note(command, held=None, links=self._links())
        return code

    def judge(self, evidence: Evidence, *, also: Sequence[str] = (), hit: bool = True) -> Result:
        """Judge what there is."""
        return Result(hit=hit, runs=len(evidence.runs), violations=(*violations(evidence), *also))

    def judge_together(self, evidence: Evidence, *, also: Sequence[str] = ()) -> Result:
        """Judge what two runs at the same time and one after them have left: two may reset somebody each."""
        found = [f"afterwards: {more}" for more in at_any_time(evidence)]
        found += [f"afterwards: {more}" for more in i9_reports_agree(evidence, last_tells_all=True)]
        return Result(hit=True, runs=len(self.ran), violations=(*also, *found))

    def evidence(
        self, *, interfered: str | None = None, tree: str = TREE, together: bool = False
    ) -> Evidence:
        """Gather what the runs have left behind, and plan once more."""
        planned = self.plan(tree=tree)
        links = sorted(self.folder.glob("links*.jsonl"))
        texts = {
            str(file.relative_to(self.folder)): file.read_text(errors="replace")
            for file in self.folder.rglob("*")
            if file.is_file() and file not in links and ".git" not in file.parts
        }
        return Evidence(
            plan=self.approved,
            planned=planned,
            declared=self.declared,
            before=self.before,
            after=self.control.truth(),
            history=self.control.history(),
            requests=self.control.requests(bodies=True),
            messages=self.control.messages(),
            runs=tuple(self.ran),
            journal="".join(texts[name] for name in sorted(texts) if name.startswith("journal")),
            texts=texts,
            links=self._links(),
            links_modes=frozenset(file.stat().st_mode & 0o777 for file in links),
            lags=self._lags,
            together=together,
            interfered=interfered,
        )

    def _judge_twice(self, way: Way) -> Result:
        evidence = self.evidence(together=True)
        found = [*at_any_time(evidence), *i9_reports_agree(evidence, last_tells_all=False)]
        self.finish(self.start(way, again=True))
        return self.judge_together(self.evidence(together=True), also=found)

    def _note(self, command: "Running", *, held: Held | None, links: str) -> None:
        killed = command.exit_code is not None and command.exit_code < 0
        self.ran.append(
            Ran(
                same_plan=command.way.has_plan,
                elsewhere=command.elsewhere,
                tree=command.tree,
                exit_code=None if killed else command.exit_code,
                report=None if killed else json.loads(command.report.read_text()),
                output=command.output.read_text(),
                held=held,
                after=self.control.truth(),
                requests_until=max((request.n for request in self.control.requests()), default=0),
                links=links,
            )
        )

    def _links(self) -> str:
        return "".join(file.read_text() for file in sorted(self.folder.glob("links*.jsonl")))

    def _command(self, *arguments: str, output: Path, home: str = _HOME) -> RunningCommand:
        foreign = ("RECONCILER_", "AZURE_", "GITHUB_", "ACTIONS_", "COVERAGE_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        state = {"XDG_STATE_HOME": str(self.folder / home), "LOCALAPPDATA": str(self.folder / home)}
        environment = {**kept, **state, "RECONCILER_GRAPH_URL": self.root}
        return self.forkserver.start(*arguments, folder=self.folder, environment=environment, output=output)


@dataclass(slots=True, kw_only=True)
class Running(RunningCommand):
    """An apply on its way."""

    way: Way
    elsewhere: bool
    tree: str
    report: Path
    output: Path


@contextmanager
def crash_lab(
    forkserver: ForkServer, declared: Sequence[Case], *, pending_reset_moves_time: bool = True
) -> Iterator[Harness]:
    """Set a crash lab up in a folder of its own: tenant, tree, and a reviewed plan."""
    document = seed(declared, pending_reset_moves_time=pending_reset_moves_time)
    with (
        TemporaryDirectory() as folder,
        serve(None, seed=Seed(document=document)) as emulator,
        ControlClient(emulator.root) as control,
    ):
        lab = Harness(Path(folder), control, emulator.root, forkserver, declared)
        lab.declare({})
        lab.approve()
        yield lab


def _is_of(boundary: Boundary, held: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether exactly the request of a boundary is held."""
    found = [(f"{one['method']} {one['path'].removeprefix('/v1.0')}", one["where"]) for one in held]
    return found == [(boundary.on, boundary.where)]
