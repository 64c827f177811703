"""The model finds nothing in our rules, and something in every careless version of them."""

import pytest

from tests.model import fingerprint
from tests.model.explore import explore
from tests.model.fingerprint import Fingerprints
from tests.model.mutants import MUTANTS, Mutant
from tests.model.scenario import Scenario
from tests.model.scenarios import DAILY, FULL


@pytest.mark.parametrize("scenario", DAILY, ids=lambda scenario: scenario.name)
def test_the_rules_hold(scenario: Scenario) -> None:
    """Every state within the bounds keeps every invariant, but for the holes that Graph leaves."""
    found = explore(scenario)
    assert found.complete
    assert found.violations == {}
    assert found.holes.keys() == scenario.holes


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_careless_rule_is_found(mutant: Mutant) -> None:
    """Each mistake the protocol was cleared of breaks its invariant once a rule of ours makes it."""
    with mutant.in_place():
        found = explore(mutant.scenario, until=mutant.breaks, dated=mutant.dated)
    assert found.breaks(mutant.breaks)
    assert explore(mutant.scenario, depth=found.depth).violations == {}


def test_every_invariant_can_be_broken() -> None:
    """No invariant holds only because nothing could break it."""
    assert {mutant.breaks for mutant in MUTANTS} == {f"I{number}" for number in range(1, 8)}


def test_every_hole_is_reached() -> None:
    """Each hole that excuses anything is there in some scenario of every run."""
    assert frozenset().union(*(scenario.holes for scenario in DAILY)) == {
        f"H{number}" for number in range(1, 8)
    }


def test_names_are_unique() -> None:
    """A prefix finds a scenario, and no name hides another."""
    names = [scenario.name for scenario in FULL]
    assert len(names) == len(set(names))


def test_a_trace_leads_to_its_finding() -> None:
    """A trace names every step from the beginning on, and none is shorter."""
    mutant = MUTANTS[0]
    with mutant.in_place():
        found = explore(mutant.scenario, until=mutant.breaks, dated=mutant.dated)
    (trace,) = found.violations.values()
    assert trace[0] == "run starts, tree NEW1, with a plan"
    assert [label for label in trace if "POST" in label] == ["run: POST NEW1"] * 2
    assert len(trace) == found.depth


def test_a_field_nobody_has_judged_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new field of a guest's state stops the model until somebody says what it decides."""
    monkeypatch.setattr(fingerprint, "_SAYS_NOTHING", frozenset())
    with pytest.raises(TypeError, match=r"say what .*shown.* decides"):
        Fingerprints()
