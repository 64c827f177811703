"""Apply under trouble: random faults, kills, signals, redemptions, edits and changes of mind."""

from tests.property.apply_machine import play
from tests.support.fault_strategies import GRAVE, OutsideChange
from tests.support.tenant_calls import Kind

EXAMPLES = 200


def test_apply_under_trouble() -> None:
    """Whatever goes wrong and whatever people do meanwhile, the invariants hold; and it was all tried."""
    # `make crashlab` plays others each time: a rare find should not stop whoever changes something else.
    tried = play(EXAMPLES, same_each_time=True)
    grave = {f"{kind} {name}" for kind in (Kind.MAIL, Kind.RESET, Kind.CLEAR) for name in GRAVE}
    people = {*OutsideChange, "taken back", "entry removed", "two runs at once"}
    assert not {*grave, *people} - tried.keys()
