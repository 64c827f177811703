"""When a run has failed so often that going on would only do harm. Pure bookkeeping, no waiting."""

from collections import deque

from reconciler.apply.policy import Blame
from reconciler.model import Note, ObjectId

_FIRST = 3
_WINDOW = 20
_STOPPING = 5


class FailureBudget:
    """Counts how guests end, and says when the run has to stop."""

    def __init__(self) -> None:
        self._first: dict[ObjectId, Blame | None] = {}
        self._last: deque[Blame | None] = deque(maxlen=_WINDOW)

    def begin(self, guest: ObjectId) -> None:
        """Count one guest's first write."""
        if len(self._first) < _FIRST:
            self._first.setdefault(guest, None)

    def spend(self, guest: ObjectId, blame: Blame | None) -> Note | None:
        """Count one guest's end, `None` if nothing failed, and give the reason to stop, if there is one."""
        self._last.append(blame)
        if guest in self._first:
            self._first[guest] = blame
            if list(self._first.values()) == [Blame.REFUSED] * _FIRST:
                return Note(
                    rule="all-refused",
                    message=f"the first {_FIRST} guests were all refused, so the cause is hardly theirs: "
                    "the run stopped; look at their outcomes in the report, and put the cause right",
                )
        failed = self._last.count(Blame.DIRECTORY)
        if failed >= _STOPPING:
            return Note(
                rule="failure-budget",
                message=f"{failed} of the last {len(self._last)} guests failed for reasons not their own "
                f"({_STOPPING} of {_WINDOW} stop a run): the run stopped; "
                "apply again when the directory answers",
            )
        return None
