"""How long writes take to show just now, learned from the guests who were looked at before.

Hundreds of guests wait for the same replicas: what one has learned spares the others looks in vain.
"""

from reconciler.apply.policy import LOOKING

_SHORTER = 0.95


class Lag:
    """The time a write is expected to take until reads show it."""

    def __init__(self) -> None:
        self._expected = 0.0

    @property
    def first_pause(self) -> float:
        """Seconds to wait before the first look; 0 as long as writes show at once.

        Never more than between two looks: one guest who was late must not hold up the others.
        """
        return min(self._expected, LOOKING.longest) if self._expected > LOOKING.first else 0.0

    def learn(self, seconds: float, *, looks: int) -> None:
        """Hear that a write showed so many seconds after it was sent, at the given look.

        A first look that succeeds says only that the wait was long enough: the next may be a little
        shorter. However many guests say so at the same time, it is shortened once.
        """
        self._expected = min(self._expected, _SHORTER * seconds) if looks == 1 else seconds
