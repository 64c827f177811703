"""A sample of the laboratory; `python -m tests.crashlab` tries every boundary."""

import json
from collections.abc import Iterator

import pytest

from tests.crashlab.laboratory import Boundary, Laboratory, Way, Where, laboratory
from tests.crashlab.nursery import Nursery

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


@pytest.mark.parametrize("way", list(Way))
@pytest.mark.parametrize(("request_number", "where"), [(24, "after"), (52, "before"), (77, "after")])
def test_a_killed_run_is_healed_by_the_next(
    lab: Laboratory, request_number: int, where: str, way: Way
) -> None:
    """Wherever the process is killed, the next run brings every guest to the desired state in fact."""
    result = lab.trial(Boundary(request=request_number, where=Where(where), way=way))
    assert result.runs == 2
    assert result.violations == ()


@pytest.mark.parametrize("way", list(Way))
def test_a_killed_run_is_healed_where_nothing_shows(silent_lab: Laboratory, way: Way) -> None:
    """Where a reset of a pending guest leaves no trace, there is one more at most, and it is reported."""
    result = silent_lab.trial(Boundary(request=64, where=Where.AFTER, way=way))
    assert result.violations == ()


@pytest.mark.parametrize("way", list(Way))
def test_two_applies_at_the_same_time_end_in_the_desired_state(lab: Laboratory, way: Way) -> None:
    """Two jobs over the same tenant do not leave anybody half done (I10)."""
    assert lab.together(way) == ()


@pytest.mark.parametrize(("request_number", "where"), [(33, "after"), (58, "after"), (70, "before")])
def test_an_interrupted_run_leaves_nobody_half_done(lab: Laboratory, request_number: int, where: str) -> None:
    """Between the signal and the kill everybody who was reset gets `mail`, and the report is written."""
    boundary = Boundary(request=request_number, where=Where(where), way=Way.NO_PLAN)
    code, seconds = lab.interrupt(boundary)
    assert code == 130
    assert seconds < GRACE_OF_CI
    assert lab.half_done() == []


def test_a_refused_run_writes_nothing(lab: Laboratory) -> None:
    """A run that breaks a limit is refused before the first write (I8)."""
    tenant = lab.folder / "desired" / "tenant.yaml"
    before = tenant.read_text()
    tenant.write_text(json.dumps({**json.loads(before), "policy": {"maxChanges": 3}}))
    try:
        assert lab.refused_run() == 5
    finally:
        tenant.write_text(before)
    assert lab.control.history() == []
