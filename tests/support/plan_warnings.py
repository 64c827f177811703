"""The warnings of a plan of one guest, by rule."""

from datetime import timedelta

from reconciler.model import DesiredGuest, Guest, Live, RedemptionState
from reconciler.plan import make_plan
from tests.support.directory import NOW, REDEEMED, declared, desired, live

LATER = REDEEMED + timedelta(days=30)
PENDING = RedemptionState.PENDING
MOVE = declared()


def warned(entry: DesiredGuest, found: Guest | Live, *, redeem_links: bool = False) -> dict[str, str]:
    """Plan one guest who is changed, and give the warnings of the change by rule."""
    seen = live(found) if isinstance(found, Guest) else found
    (change,) = make_plan(desired(entry), seen, NOW, redeem_links=redeem_links).changes
    return {note.rule: note.message for note in change.warnings}


def noted(entry: DesiredGuest, found: Guest | Live) -> dict[str, str]:
    """Plan one guest who is not changed, and give the warnings of the plan by rule."""
    seen = live(found) if isinstance(found, Guest) else found
    plan = make_plan(desired(entry), seen, NOW)
    assert plan.changes == ()
    return {note.rule: note.message for note in plan.warnings}
