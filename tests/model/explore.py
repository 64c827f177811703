"""Breadth first over everything that may happen, so that the first trace of a finding is a shortest one."""

from dataclasses import dataclass, field

from reconciler.apply.steps import Phase
from reconciler.model import digits_of
from tests.model.fingerprint import Fingerprints
from tests.model.invariants import check
from tests.model.people import People
from tests.model.planner import Planner
from tests.model.runs import Happening, Runs
from tests.model.scenario import Scenario
from tests.model.world import NEW1, NEW2, NOBODY, OLD, Ghost, Object, Run, World


@dataclass(slots=True, kw_only=True)
class Exploration:
    """What was found."""

    states: int = 0
    depth: int = 0

    complete: bool = True
    """Whether everything within the bounds was seen."""

    violations: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What is broken, with a shortest way there."""

    holes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What Graph cannot show, with a shortest way there."""

    moves: frozenset[tuple[Phase, Phase]] = frozenset()

    def breaks(self, invariant: str) -> bool:
        """Return whether an invariant was seen broken."""
        return any(finding.startswith(invariant) for finding in self.violations)


@dataclass(slots=True)
class _Seen:
    """The states of the world so far, and how each was reached."""

    numbers: dict[object, int] = field(default_factory=dict)
    came_from: list[tuple[int, str]] = field(default_factory=list)

    def add(self, key: object, parent: int, label: str) -> int | None:
        """Return the number of a state that is new."""
        if key in self.numbers:
            return None
        number = self.numbers[key] = len(self.came_from)
        self.came_from.append((parent, label))
        return number

    def trace(self, number: int) -> tuple[str, ...]:
        """Return the way to a state."""
        labels: list[str] = []
        while number:
            number, label = self.came_from[number]
            labels.append(label)
        return tuple(reversed(labels))


def explore(
    scenario: Scenario, *, dated: bool = False, until: str | None = None, depth: int | None = None
) -> Exploration:
    """Visit every state within the bounds of a scenario.

    `dated` says that some rule looks at the instant in a marker. `until` ends it when that invariant is
    broken, `depth` after so many steps.
    """
    planner, fingerprints = Planner(passcode=scenario.passcode), Fingerprints(dated=dated)
    first = _first(scenario)
    files = {tree: planner.plan(tree, first) for tree in (NEW1, NEW2)}
    digits = (digits_of(files[NEW1].changes[0].digest), "0" * 16)
    people = People(scenario, planner, first, digits)
    runs = Runs(scenario, planner, fingerprints, files)
    start = World(
        object=first,
        past=(),
        now=100,
        minutes=0,
        tree=NEW1,
        backup=None,
        runs=(Run(),) * (2 if scenario.two else 1),
        left=scenario.left,
        proofs=(),
        ghost=Ghost(),
    )
    found, seen = Exploration(), _Seen()
    seen.add(fingerprints(start), 0, "")
    frontier = [(0, start)]
    while frontier and found.complete and found.depth != depth and not (until and found.breaks(until)):
        found.depth += 1
        reached: list[tuple[int, World]] = []
        for number, world in frontier:
            for step in _steps(world, runs, people):
                new = seen.add(fingerprints(step.world), number, step.label)
                findings = step.findings
                if new is not None:
                    reached.append((new, step.world))
                    findings = (*findings, *check(step.world, scenario, planner))
                for finding in findings:
                    into = found.violations if finding.startswith("I") else found.holes
                    if finding not in into:
                        into[finding] = (*seen.trace(number), step.label)
            if len(seen.came_from) > scenario.limit:
                found.complete = False
                break
        frontier = reached
    found.states = len(seen.came_from)
    found.moves = frozenset(runs.moves)
    return found


def _steps(world: World, runs: Runs, people: People) -> list[Happening]:
    return [*runs.steps(world), *(Happening(*step) for step in people.steps(world))]


def _first(scenario: Scenario) -> Object:
    return Object(
        mail=OLD,
        others=OLD | scenario.kept,
        markers=(),
        proxies=OLD,
        accepted=scenario.accepted,
        at=10,
        bound=scenario.bound if scenario.accepted else NOBODY,
        link=NOBODY if scenario.accepted else scenario.bound,
    )
