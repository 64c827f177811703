"""What an approval allows, as the text that `compare` prints and `apply --plan` begins with."""

from reconciler.guard.approval import approve
from reconciler.model import Note
from reconciler.render import text
from reconciler.render.approval_view import approval_view
from reconciler.rules import Rule
from tests.support.plans import change_of, plan_of

HALF_DONE = Note(rule=Rule.HALF_DONE, message="a second message may go out")
LEFT = Note(rule=Rule.MARKER_LEFT, message="a marker was left")


def test_what_the_reviewed_plan_did_not_know_is_shown() -> None:
    """A warning of the fresh plan stands below its change, or at the end, though the change was approved."""
    reviewed = plan_of(change_of())
    fresh = plan_of(change_of(warnings=[HALF_DONE]), warnings=[LEFT], complete=False)
    shown = text.approval(approval_view(fresh, approve(fresh, [reviewed])), width=100, colour=False)
    lines = shown.splitlines()
    row = next(number for number, line in enumerate(lines) if "Ana Souza" in line)
    assert "    warning: half-done: a second message may go out" in lines[row : row + 5]
    assert "  marker-left: a marker was left" in lines[row:]
    assert any(line.startswith("INCOMPLETE") for line in lines)
