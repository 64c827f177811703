"""What could not be read, said as a value: a check that cannot be made is told, and ends no plan.

Only what the directory refuses or fails to answer is said so. An answer that is there and makes no
sense, or leads elsewhere, is an error whatever it is about.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.graph.responses import Answer
from reconciler.model import NotChecked


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Unavailable:
    """Why something could not be read."""

    reason: str
    """A sentence; never holds any part of a body."""

    status: int | None = None
    """HTTP status; `None` when there was no answer."""

    code: str = ""
    """Graph's error code, where there is one."""

    @classmethod
    def of(cls, answer: Answer) -> "Unavailable":
        """Say so of an answer that is no success; one that is not Graph's tells nothing of the object."""
        if answer.is_foreign:
            return cls(reason=f"something on the way answered with status {answer.status}")
        return cls(
            reason=f"the directory answered with status {answer.status}",
            status=answer.status,
            code=answer.error.code,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Something that is looked at before a plan is made, and what it means not to."""

    name: str
    """What is looked at, such as `role assignments`."""

    permission: str
    """The least application permission for it."""

    essential: bool
    """Whether a plan is incomplete without it."""

    unmade: str
    """What follows when it is not made."""

    def not_made(self, unavailable: Unavailable) -> NotChecked:
        """Say that the check was not made; only a 403 asks for the permission."""
        refused = unavailable.status == 403
        told = "the application lacks the permission" if refused else unavailable.reason
        return NotChecked(
            check=self.name,
            permission=self.permission if refused else None,
            essential=self.essential,
            reason=f"{told}; {self.unmade}",
        )

    def all_not_made(self, unavailable: Iterable[Unavailable]) -> tuple[NotChecked, ...]:
        """Say it once for each different reason, sorted; nothing when there is none."""
        return tuple(sorted(self.not_made(each) for each in set(unavailable)))
