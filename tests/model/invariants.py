"""What must hold in every state of the world; what must hold of a step is judged where the step is made.

- I1: when nobody is at work and the plan is empty, the declared person holds the guest, or the plan says so.
- I2: one reset for a change, and one more for each that no journal at hand shows; the report says `repeated`.
- I3: no marker is left by a run that ended in order.
- I4: a change that is half done shows in every plan.
- I5: no address is lost that the read before a write has shown.
- I6: `applied` means that the declared person holds the guest, or that the report says who is not known.
- I7: a write that is refused for good does not make every run reset once more.

A hole of Graph's (H1 to H7) excuses I1 and I6 only where it was the cause.
"""

from collections.abc import Iterator

from reconciler.apply.steps import Phase
from tests.model.planner import Planner
from tests.model.scenario import Refused, Scenario
from tests.model.world import NAMES, Stage, World


def check(world: World, scenario: Scenario, planner: Planner) -> Iterator[str]:
    """Yield what is wrong with a state of the world, and the holes through which it came."""
    one, ghost, tree = world.object, world.ghost, world.tree
    stages = [run.stage for run in world.runs]
    busy = Stage.WORKING in stages
    begun = any(stage is not Stage.IDLE for stage in stages)
    wrong = bool(tree) and one.holder != tree and planner.empty(tree, one)
    if wrong and begun and not busy and not planner.warned(tree, one):
        held = f"I1: the plan is empty, {'bound' if one.accepted else 'live link'} {NAMES[one.holder]}"
        yield ghost.excuse or held
    if not scenario.trees and not ghost.interfered and ghost.resets > 1 + ghost.unknown:
        alone = scenario.settles and not scenario.two
        yield f"I2: {ghost.resets} resets" if alone else "H6"
    in_order = begun and all(stage in {Stage.IDLE, Stage.APPLIED} for stage in stages)
    if one.markers and in_order and not ghost.interfered:
        yield "I3: a marker is left"
    if wrong and not ghost.since:
        half_done = (Phase.CONFIRM, Phase.RESET)
        for run in world.runs:
            state = run.state
            if state and run.tree == tree and state.phase in half_done and state.wrote and state.marks:
                yield "I4: half done, and the plan is empty"
    if scenario.refused is not Refused.NOTHING and ghost.resets > 2:
        yield "I7: a third reset"
