"""How far the change of a guest is when something interferes with it."""

from enum import StrEnum

from tests.crashlab.boundaries import Where


class Stage(StrEnum):
    """How far the guest is."""

    UNSENT = "nothing is written"
    MARKED = "mail and marker are written"
    RESET = "the guest is reset"
    CLEARING = "the last write is on its way"
    CLEARED = "all is written"


STAGES = {
    ("SetMail", Where.BEFORE): Stage.UNSENT,
    ("SetMail", Where.AFTER): Stage.MARKED,
    ("ResetRedemption", Where.BEFORE): Stage.MARKED,
    ("ResetRedemption", Where.AFTER): Stage.RESET,
    ("ClearMarker", Where.BEFORE): Stage.CLEARING,
    ("ClearMarker", Where.AFTER): Stage.CLEARED,
}
"""How far a guest is when a request is held."""
