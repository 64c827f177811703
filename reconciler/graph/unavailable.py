"""A failed read as a value: a check that cannot be made is reported, and ends no plan.

Only refusals and missing answers are reported so. An answer that is undocumented or leads elsewhere is always
an error.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.graph.responses import Answer
from reconciler.model import NotChecked


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Unavailable:
    """The reason of a failed read."""

    reason: str
    """A sentence; never holds any part of a body."""

    status: int | None = None
    """HTTP status; `None` when there was no answer."""

    code: str = ""
    """Graph's error code, where there is one."""

    @classmethod
    def of(cls, answer: Answer) -> "Unavailable":
        """Build the reason from an answer that is no success; a foreign one proves nothing of the object."""
        if answer.is_foreign:
            return cls(reason=f"something on the way answered with status {answer.status}")
        return cls(
            reason=f"the directory answered with status {answer.status}",
            status=answer.status,
            code=answer.error.code,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check before a plan is made, and the consequence of omitting it."""

    name: str
    """The name of the check, such as `role assignments`."""

    permission: str
    """The least application permission for it."""

    essential: bool
    """Whether a plan is incomplete without it."""

    unmade: str
    """The consequence when it is not made."""

    def not_made(self, unavailable: Unavailable) -> NotChecked:
        """Return that the check was not made; only a 403 names the permission."""
        refused = unavailable.status == 403
        told = "the application lacks the permission" if refused else unavailable.reason
        return NotChecked(
            check=self.name,
            permission=self.permission if refused else None,
            essential=self.essential,
            reason=f"{told}; {self.unmade}",
        )

    def all_not_made(self, unavailable: Iterable[Unavailable]) -> tuple[NotChecked, ...]:
        """Return one record for each different reason, sorted; none without a reason."""
        return tuple(sorted(self.not_made(each) for each in set(unavailable)))
