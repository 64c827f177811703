"""A sample of the crash lab; `python -m tests.crashlab` tries every boundary."""

import json
from collections.abc import Iterator
from signal import Signals

import pytest

from reconciler.process import ending_signals
from tests.crashlab import trials, two_trees
from tests.crashlab.boundaries import Boundary, Way, Where, write_boundary
from tests.crashlab.forkserver import ForkServer
from tests.crashlab.harness import TREE, Harness, crash_lab
from tests.crashlab.interference.outside_change_trials import SMALL_TENANT, OutsideChangeTrial
from tests.crashlab.interference.outside_changes import OUTSIDE_CHANGES, When
from tests.crashlab.interference.redeclarations import REDECLARATIONS, RedeclarationTrial
from tests.crashlab.interference.stages import STAGES
from tests.crashlab.refused import refused_at_last_until_interrupted
from tests.crashlab.scenario import cases, guest_id
from tests.crashlab.two_trees import Course

GRACE_OF_CI = 10.0
"""Seconds between the signal and the kill: a promise of the product, not a measurement."""

SMALL = tuple(case for case in cases() if case.number in SMALL_TENANT)


@pytest.fixture(scope="module")
def forkserver() -> Iterator[ForkServer]:
    """Import the command once."""
    with ForkServer() as forkserver:
        yield forkserver


@pytest.fixture(scope="module")
def lab(forkserver: ForkServer) -> Iterator[Harness]:
    """Set the crash lab up once; every trial starts from the seed."""
    with crash_lab(forkserver, cases()) as lab:
        yield lab


@pytest.fixture(scope="module")
def small_lab(forkserver: ForkServer) -> Iterator[Harness]:
    """Set up a crash lab with few guests, for what is done to one of them."""
    with crash_lab(forkserver, SMALL) as lab:
        yield lab


@pytest.fixture(scope="module")
def silent_lab(forkserver: ForkServer) -> Iterator[Harness]:
    """Set up a crash lab in which nothing shows that a pending guest was reset."""
    with crash_lab(forkserver, SMALL, pending_reset_moves_time=False) as lab:
        yield lab


def test_every_write_of_a_run_is_a_boundary(lab: Harness) -> None:
    """The enumeration names both sides of every write that a run sends, and no boundary twice."""
    every = [trial.name for trial in trials.every_trial(lab, lab.undisturbed())]
    assert len(every) == len(set(every))


@pytest.mark.parametrize(
    ("number", "action", "where", "way"),
    [
        (2, "ResetRedemption", Where.AFTER, Way.SAME_PLAN),
        (8, "ResetRedemption", Where.AFTER, Way.NO_PLAN_ELSEWHERE),
        (1, "ClearMarker", Where.BEFORE, Way.NO_PLAN),
        (3, "ClearMarker", Where.BEFORE, Way.SAME_PLAN_ELSEWHERE),
    ],
)
def test_a_run_killed_at_a_write_is_healed_by_the_next(
    lab: Harness, number: int, action: str, where: Where, way: Way
) -> None:
    """Wherever the process is killed, the next run brings every guest to the desired state in fact."""
    result = lab.trial(write_boundary(number, action, where, way))
    assert result.violations == ()
    assert (result.hit, result.runs) == (True, 2)


@pytest.mark.parametrize("way", [Way.SAME_PLAN, Way.NO_PLAN_ELSEWHERE])
def test_a_run_killed_at_a_read_is_healed_by_the_next(lab: Harness, way: Way) -> None:
    """Between the writes, too, the next run finds all it needs to know."""
    on = f"GET /users/{guest_id(13)}"
    result = lab.trial(Boundary(kind="GET /users/*", on=on, at=3, where=Where.AFTER, way=way))
    assert result.violations == ()
    assert (result.hit, result.runs) == (True, 2)


def test_a_killed_run_is_healed_while_reads_lag(small_lab: Harness) -> None:
    """The next run waits until it sees what the killed one wrote, and sends nobody a second message."""
    boundary = write_boundary(1, "ClearMarker", Where.BEFORE, Way.SAME_PLAN)
    result = small_lab.trial(boundary, trials.LAG)
    assert (result.hit, result.violations) == (True, ())


@pytest.mark.parametrize("way", [Way.SAME_PLAN, Way.NO_PLAN])
def test_a_killed_run_is_healed_where_nothing_shows(silent_lab: Harness, way: Way) -> None:
    """Where a reset of a pending guest leaves no trace, there is one more at most, and it is reported."""
    result = silent_lab.trial(write_boundary(8, "ResetRedemption", Where.AFTER, way))
    assert (result.hit, result.violations) == (True, ())


@pytest.mark.parametrize("number", ending_signals())
def test_a_run_that_is_asked_to_end_is_healed_by_the_next(small_lab: Harness, number: Signals) -> None:
    """Ctrl+C, the end of a job and a closed terminal end a run with 130 and a report, and lose nothing."""
    boundary = write_boundary(1, "ResetRedemption", Where.BEFORE, Way.SAME_PLAN)
    result = small_lab.signalled(boundary, number)
    assert (result.hit, result.violations) == (True, ())


def test_two_applies_at_the_same_time_end_in_the_desired_state(lab: Harness) -> None:
    """Two jobs over the same tenant do not leave anybody half done (I10)."""
    assert lab.together(Way.SAME_PLAN).violations == ()


@pytest.mark.parametrize(
    ("number", "action", "way"),
    [(1, "SetMail", Way.SAME_PLAN), (8, "ResetRedemption", Way.NO_PLAN)],
)
def test_an_apply_that_another_overtakes_does_no_harm(
    lab: Harness, number: int, action: str, way: Way
) -> None:
    """A write that comes when another job has done everything leaves the desired state (I10)."""
    result = lab.overtaken(write_boundary(number, action, Where.BEFORE, way))
    assert (result.hit, result.violations) == (True, ())


@pytest.mark.parametrize(
    ("what", "action", "where", "way"),
    [
        ("typo corrected", "ClearMarker", Where.BEFORE, Way.SAME_PLAN),
        ("change taken back", "ResetRedemption", Where.AFTER, Way.NO_PLAN),
        ("entry removed", "SetMail", Where.AFTER, Way.SAME_PLAN),
    ],
)
def test_what_is_declared_otherwise_between_two_runs_ends_right(
    small_lab: Harness, what: str, action: str, where: Where, way: Way
) -> None:
    """However a guest is declared after a kill, the next plan shows what is left to do, or that it is not."""
    found = next(one for one in REDECLARATIONS if one.what == what)
    boundary = write_boundary(1, action, where, way)
    trial = RedeclarationTrial(redeclaration=found, boundary=boundary, stage=STAGES[action, where])
    result = trial.run(small_lab)
    assert (result.hit, result.violations) == (True, ())


@pytest.mark.parametrize(
    ("what", "when", "number", "action", "where"),
    [
        ("portal reset, its mailbox redeems", When.DURING, 1, "SetMail", Where.BEFORE),
        ("portal reset", When.DURING, 21, "SetMail", Where.AFTER),
        ("old person opens an app", When.BETWEEN, 8, "ClearMarker", Where.BEFORE),
        ("right person redeems", When.BETWEEN, 1, "ResetRedemption", Where.AFTER),
        ("admin adds an address", When.BETWEEN, 1, "ResetRedemption", Where.BEFORE),
        ("marker forged", When.DURING, 1, "ResetRedemption", Where.BEFORE),
        ("mail put back", When.DURING, 1, "ResetRedemption", Where.AFTER),
    ],
)
def test_what_others_do_leaves_nobody_with_the_wrong_person(
    small_lab: Harness, what: str, when: When, number: int, action: str, where: Where
) -> None:
    """Whatever an administrator, another tool or a person does around a run, it ends as declared."""
    change = next(one for one in OUTSIDE_CHANGES if one.what == what)
    way = Way.SAME_PLAN
    boundary = write_boundary(number, action, where, way)
    result = OutsideChangeTrial(change=change, number=number, when=when, way=way, boundary=boundary).run(
        small_lab
    )
    assert (result.hit, result.violations) == (True, ())


@pytest.mark.parametrize("course", [Course.HELD_IS_KILLED, Course.OTHER_IS_KILLED])
def test_two_trees_at_once_end_with_the_corrected_one(small_lab: Harness, course: Course) -> None:
    """A run with an older tree, killed or not, leaves its address neither bound nor invited in the end."""
    boundary = write_boundary(1, "SetMail", Where.BEFORE, Way.NO_PLAN)
    result = two_trees.TwoTrees(held=TREE, boundary=boundary, course=course).run(small_lab)
    assert (result.hit, result.violations) == (True, ())


def test_who_is_refused_after_the_reset_is_half_done_and_said_to_be(lab: Harness) -> None:
    """A last write that is refused until somebody interrupts ends half done in report and plan."""
    assert refused_at_last_until_interrupted(lab, Way.SAME_PLAN).violations == ()


@pytest.mark.parametrize(
    ("number", "action", "where"), [(5, "ResetRedemption", Where.AFTER), (13, "ClearMarker", Where.BEFORE)]
)
def test_an_interrupted_run_leaves_nobody_half_done(
    lab: Harness, number: int, action: str, where: Where
) -> None:
    """Between the signal and the kill everybody who was reset loses the marker, and the report is written."""
    code, seconds = lab.interrupt(write_boundary(number, action, where, Way.NO_PLAN))
    assert code == 130
    assert seconds < GRACE_OF_CI
    assert lab.half_done() == []


def test_a_refused_run_writes_nothing(lab: Harness) -> None:
    """A run that breaks a limit is refused before the first write (I8)."""
    lab.begin()
    tenant = lab.folder / TREE / "tenant.yaml"
    tenant.write_text(json.dumps({**json.loads(tenant.read_text()), "policy": {"maxChanges": 3}}))
    assert lab.refused_run() == 5
    assert lab.control.history() == []
