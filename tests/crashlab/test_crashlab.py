"""A sample of the laboratory; `python -m tests.crashlab` tries every boundary."""

import json
from collections.abc import Iterator

import pytest

from tests.crashlab import meddling, trials
from tests.crashlab.boundaries import Boundary, Way, Where, write_boundary
from tests.crashlab.laboratory import Laboratory, laboratory
from tests.crashlab.nursery import Nursery
from tests.crashlab.refused import refused_at_last_until_interrupted

GRACE_OF_CI = 10.0
"""Seconds between the signal and the kill: a promise of the product, not a measurement."""


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Import the command once."""
    with Nursery() as nursery:
        yield nursery


@pytest.fixture(scope="module")
def lab(nursery: Nursery) -> Iterator[Laboratory]:
    """Set the laboratory up once; every trial starts from the seed."""
    with laboratory(nursery) as lab:
        yield lab


@pytest.fixture(scope="module")
def silent_lab(nursery: Nursery) -> Iterator[Laboratory]:
    """Set up a laboratory in which nothing shows that a pending guest was reset."""
    with laboratory(nursery, pending_reset_moves_time=False) as lab:
        yield lab


def test_every_write_of_a_run_is_a_boundary(lab: Laboratory) -> None:
    """The enumeration names both sides of every write that a run sends, and no boundary twice."""
    every = [trial.name for trial in trials.every_trial(lab, lab.undisturbed())]
    assert len(every) == len(set(every))


@pytest.mark.parametrize("way", list(Way))
@pytest.mark.parametrize(
    ("number", "action", "where"), [(2, "ResetRedemption", "after"), (1, "SetMail", "before")]
)
def test_a_run_killed_at_a_write_is_healed_by_the_next(
    lab: Laboratory, number: int, action: str, where: str, way: Way
) -> None:
    """Wherever the process is killed, the next run brings every guest to the desired state in fact."""
    result = lab.trial(write_boundary(number, action, Where(where), way))
    assert result.violations == ()
    assert (result.hit, result.runs) == (True, 2)


@pytest.mark.parametrize("way", list(Way))
def test_a_run_killed_at_a_read_is_healed_by_the_next(lab: Laboratory, way: Way) -> None:
    """Between the writes, too, the next run finds all it needs to know."""
    boundary = Boundary(kind="POST /$batch", on="POST /$batch", at=20, where=Where.AFTER, way=way)
    result = lab.trial(boundary)
    assert result.violations == ()
    assert (result.hit, result.runs) == (True, 2)


@pytest.mark.parametrize("way", list(Way))
def test_a_killed_run_is_healed_where_nothing_shows(silent_lab: Laboratory, way: Way) -> None:
    """Where a reset of a pending guest leaves no trace, there is one more at most, and it is reported."""
    result = silent_lab.trial(write_boundary(8, "ResetRedemption", Where.AFTER, way))
    assert (result.hit, result.violations) == (True, ())


@pytest.mark.parametrize("way", list(Way))
def test_two_applies_at_the_same_time_end_in_the_desired_state(lab: Laboratory, way: Way) -> None:
    """Two jobs over the same tenant do not leave anybody half done (I10)."""
    assert lab.together(way).violations == ()


@pytest.mark.parametrize(
    ("number", "action", "way"),
    [(1, "AddOtherMail", Way.SAME_PLAN), (8, "ResetRedemption", Way.NO_PLAN)],
)
def test_an_apply_that_another_overtakes_does_no_harm(
    lab: Laboratory, number: int, action: str, way: Way
) -> None:
    """A write that comes when another job has done everything leaves the desired state (I10)."""
    result = lab.overtaken(write_boundary(number, action, Where.BEFORE, way))
    assert (result.hit, result.violations) == (True, ())


_MEDDLED = (
    ("change taken back", "ResetRedemption", Where.AFTER, Way.NO_PLAN),
    ("entry removed", "ResetRedemption", Where.AFTER, Way.SAME_PLAN),
    ("right person redeems", "SetMail", Where.BEFORE, Way.SAME_PLAN),
    ("admin adds an address", "ResetRedemption", Where.BEFORE, Way.SAME_PLAN),
)


@pytest.mark.parametrize(("what", "action", "where", "way"), _MEDDLED)
def test_what_happens_between_two_runs_ends_right(
    lab: Laboratory, what: str, action: str, where: Where, way: Way
) -> None:
    """Whatever becomes of a guest between a kill and the next run ends right, or is said."""
    found = next(one for one in meddling.MEDDLINGS if one.what == what)
    boundary = write_boundary(1, action, where, way)
    trial = meddling.Meddled(meddling=found, boundary=boundary, stage=meddling.POINTS[action, where])
    result = trial.run(lab)
    assert (result.hit, result.violations) == (True, ())


def test_who_is_refused_after_the_reset_is_half_done_and_said_to_be(lab: Laboratory) -> None:
    """A last write that is refused until somebody interrupts ends half done in report and plan."""
    assert refused_at_last_until_interrupted(lab, Way.SAME_PLAN).violations == ()


@pytest.mark.parametrize(
    ("number", "action", "where"), [(5, "ResetRedemption", Where.AFTER), (13, "SetMail", Where.BEFORE)]
)
def test_an_interrupted_run_leaves_nobody_half_done(
    lab: Laboratory, number: int, action: str, where: Where
) -> None:
    """Between the signal and the kill everybody who was reset gets `mail`, and the report is written."""
    code, seconds = lab.interrupt(write_boundary(number, action, where, Way.NO_PLAN))
    assert code == 130
    assert seconds < GRACE_OF_CI
    assert lab.half_done() == []


def test_a_refused_run_writes_nothing(lab: Laboratory) -> None:
    """A run that breaks a limit is refused before the first write (I8)."""
    lab.begin()
    tenant = lab.folder / "desired" / "tenant.yaml"
    tenant.write_text(json.dumps({**json.loads(tenant.read_text()), "policy": {"maxChanges": 3}}))
    assert lab.refused_run() == 5
    assert lab.control.history() == []
