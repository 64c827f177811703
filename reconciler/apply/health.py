"""Judges the directory by all writes of a run: pure bookkeeping, no waiting."""

from collections import deque

from reconciler.apply.retry_policy import POLL, FaultDomain
from reconciler.apply.state import Shown
from reconciler.model import Failed, FailureKind, Note, ObjectId, WriteAnswer
from reconciler.rules import Rule

_FIRST = 3
_WINDOW = 20
_STOPPING = 5

_NOT_TAKEN = frozenset({FailureKind.NOT_EXECUTED, FailureKind.UNKNOWN})
"""Failures that count against the directory; a refusal is an answer, and concerns one guest."""

_SHORTER = 0.95


class FailureBudget:
    """Counts the results of guests, and returns the reason when the run has to stop."""

    def __init__(self) -> None:
        self._first: dict[ObjectId, FaultDomain | None] = {}
        self._last: deque[FaultDomain | None] = deque(maxlen=_WINDOW)

    def first_write(self, guest: ObjectId) -> None:
        """Record one guest's first write."""
        if len(self._first) < _FIRST:
            self._first.setdefault(guest, None)

    def record(
        self, guest: ObjectId, blames: FaultDomain | None, *, permission_held: bool | None
    ) -> Note | None:
        """Record one guest's end, and return the reason to stop, if there is one.

        `blames` is `None` if nothing failed. When the token's roles hold the permission, a denial concerns
        that guest only: one in a restricted administrative unit, or in a role-assignable group.
        """
        self._last.append(blames)
        if guest in self._first and permission_held is not True:
            self._first[guest] = blames
            if list(self._first.values()) == [FaultDomain.DENIED] * _FIRST:
                return Note(
                    rule=Rule.ALL_REFUSED,
                    message=f"the first {_FIRST} guests were all refused, so the cause is hardly theirs: "
                    "the run stopped; grant the application User.ReadWrite.All with admin consent, then "
                    "apply again",
                )
        failed = self._last.count(FaultDomain.DIRECTORY)
        if failed >= _STOPPING:
            return Note(
                rule=Rule.FAILURE_BUDGET,
                message=f"{failed} of the last {len(self._last)} guests failed for reasons not their own "
                f"({_STOPPING} of {_WINDOW} stop a run): the run stopped; "
                "apply again when the directory answers",
            )
        return None


class CircuitBreaker:
    """Opens when no write of any guest has succeeded for too long.

    Each guest's own allowances count when one of its writes has failed; while the directory accepts nothing,
    most guests only wait for their turn.
    """

    def __init__(self, *, longest: float) -> None:
        """Set the breaker to open when every write has failed for `longest` seconds."""
        self.longest = longest
        self._failing_since: float | None = None

    def observe(self, answer: WriteAnswer, now: float) -> None:
        """Record the result of a write of any guest."""
        if not (isinstance(answer, Failed) and answer.kind in _NOT_TAKEN):
            self._failing_since = None
        elif self._failing_since is None:
            self._failing_since = now

    def opens_in(self, now: float) -> float:
        """Return the seconds until it opens if every write fails until then; open from 0 on."""
        return self.longest if self._failing_since is None else self._failing_since + self.longest - now


class ReplicationLag:
    """The time a write takes until reads show it, as measured by other guests.

    Guests share replicas, so one guest's measured lag delays the first read of the others.
    """

    def __init__(self) -> None:
        self._expected = 0.0

    @property
    def initial_delay(self) -> float:
        """Seconds to wait before the first read; 0 as long as writes show at once.

        Never longer than between two reads: one guest with a high lag must not delay the others.
        """
        return min(self._expected, POLL.longest) if self._expected > POLL.first else 0.0

    def observe(self, shown: Shown) -> None:
        """Record the lag of a write that showed.

        A first read that succeeds proves only that the wait was long enough: the next may be a little
        shorter. It is shortened once, however many guests measure that at the same time.
        """
        shorter = min(self._expected, _SHORTER * shown.seconds)
        self._expected = shorter if shown.reads == 1 else shown.seconds
