"""Every trial of the crash lab, and the row of the table that it counts in."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, product
from signal import Signals

from reconciler.emulator.control.client import RecordedRequest
from reconciler.process import ending_signals
from tests.crashlab import two_trees
from tests.crashlab.boundaries import Boundary, Way, Where, read_boundaries, write_boundaries
from tests.crashlab.evidence import WRITTEN_BY, is_write, subject_of
from tests.crashlab.harness import Harness, Result
from tests.crashlab.interference import outside_change_trials, redeclarations
from tests.crashlab.interference.outside_change_trials import OutsideChangeTrial
from tests.crashlab.interference.redeclarations import RedeclarationTrial
from tests.crashlab.refused import refused_at_last_until_interrupted
from tests.crashlab.scenario import guest_id

LAG = {"replication": {"reads": 800, "invitations": 800}}
"""Milliseconds until a write shows: the next run begins before that."""

_ONE_OF_EACH = frozenset(map(guest_id, (1, 7, 8, 10, 11, 12, 13, 14, 19, 21)))
"""One guest of each kind of change, and both of the chain."""

_BOTH_SIDES = frozenset({"POST /invitations"})
"""What a run that comes late can send once more, or find sent without having heard of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One experiment, which begins with the tenant as it was seeded."""

    kind: str
    """The row of the table."""

    name: str
    run: Callable[[Harness], Result]

    small: bool = False
    """Whether it needs no more than the small tenant."""


def killed(boundary: Boundary) -> Trial:
    """Kill a run at a boundary, and run again."""
    kind = f"{boundary.kind}, {boundary.where}, {boundary.way}"
    return Trial(kind=kind, name=boundary.name, run=lambda lab: lab.trial(boundary))


def killed_under_lag(boundary: Boundary) -> Trial:
    """Do the same while reads and invitations lag, so that the next run begins with an old picture."""
    name = f"lagging: {boundary.name}"
    kind = f"lagging: {boundary.kind}, {boundary.where}, {boundary.way}"
    return Trial(kind=kind, name=name, run=lambda lab: lab.trial(boundary, LAG))


def signalled(boundary: Boundary, number: Signals) -> Trial:
    """Send a signal while a run is held at a boundary, let it go on, and run again."""
    kind = f"{number.name}: {boundary.kind}, {boundary.where}"
    name = f"{number.name}: {boundary.name}"
    return Trial(kind=kind, name=name, run=lambda lab: lab.signalled(boundary, number))


def overtaken(boundary: Boundary) -> Trial:
    """Hold a run at a boundary while another goes from beginning to end."""
    name = f"overtaken: {boundary.name}"
    return Trial(kind=f"overtaken, {boundary.way}", name=name, run=lambda lab: lab.overtaken(boundary))


def together(way: Way) -> Trial:
    """Start two runs at once."""
    return Trial(kind=f"two at once, {way}", name=f"two at once, {way}", run=lambda lab: lab.together(way))


def refused_at_last(way: Way) -> Trial:
    """Refuse the last write of a guest who has been reset, until somebody interrupts the run."""
    name = f"ClearMarker refused, {way}"
    return Trial(kind=name, name=name, run=lambda lab: refused_at_last_until_interrupted(lab, way))


def redeclared(trial: RedeclarationTrial) -> Trial:
    """Declare one guest otherwise between the kill and the next run."""
    kind = f"{trial.redeclaration.what}, {trial.boundary.way}"
    return Trial(kind=kind, name=trial.name, run=trial.run, small=True)


def changed_by_others(trial: OutsideChangeTrial) -> Trial:
    """Let somebody else change a guest around a run."""
    kind = f"{trial.change.what}, {trial.when}"
    return Trial(kind=kind, name=trial.name, run=trial.run, small=True)


def with_two_trees(trial: two_trees.TwoTrees) -> Trial:
    """Let two runs with two trees run at once."""
    kind = f"two trees, {trial.course}"
    return Trial(kind=kind, name=trial.name, run=trial.run, small=True)


def every_trial(lab: Harness, undisturbed: Sequence[RecordedRequest]) -> Iterator[Trial]:
    """Give all of them, those that take longest first."""
    writes = list(write_boundaries(lab.approved))
    named = {(boundary.guest, WRITTEN_BY[boundary.action]) for boundary in writes}
    sent = {subject_of(request) for request in undisturbed if is_write(request)}
    assert sent == named, f"a run sends what is no boundary, or the reverse: {sent ^ named}"
    reads = list(read_boundaries(undisturbed, _ONE_OF_EACH))
    for boundary in (*writes, *(boundary for boundary in reads if boundary.where is Where.AFTER)):
        yield killed_under_lag(boundary)
    for way in Way:
        yield refused_at_last(way)
        yield together(way)
    for boundary in writes:
        if boundary.guest in _ONE_OF_EACH and (
            boundary.where is Where.BEFORE or boundary.kind in _BOTH_SIDES
        ):
            yield overtaken(boundary)
    for boundary in (*writes, *reads):
        yield killed(boundary)
    ways = cycle(Way)
    sides = [boundary for boundary in writes if boundary.way is Way.SAME_PLAN]
    for boundary, number in product(sides, ending_signals()):
        yield signalled(replace(boundary, way=next(ways)), number)
    for declared in redeclarations.trials():
        yield redeclared(declared)
    for changed in outside_change_trials.trials():
        yield changed_by_others(changed)
    for pair in two_trees.trials():
        yield with_two_trees(pair)
