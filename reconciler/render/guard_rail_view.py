"""Guard rails and limits in words: what a tree loosens, and the raise under which apply would not refuse.

Nothing here is escaped; each renderer escapes whole values for its medium.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from reconciler.model import GuardRail, Refusal, Setting, SuggestedRaise

_ANY_DOMAIN: Final = "(none: every domain is allowed)"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardRailView:
    """A setting that lets more happen than it did at the base."""

    field: str

    was: str | None
    """The value at the base; `None` for a list, unless it was empty."""

    now: str | None
    """The value as declared here; `None` for a list, unless it is empty."""

    added: tuple[str, ...]
    """The values that a list holds here and did not at the base."""

    removed: tuple[str, ...]
    """The values that a list held at the base and does not here."""

    @property
    def difference(self) -> tuple[str, ...]:
        """The difference as one line a value."""
        return (
            *([] if self.was is None else [f"was {self.was}"]),
            *([] if self.now is None else [f"is {self.now}"]),
            *(f"+ {value}" for value in self.added),
            *(f"- {value}" for value in self.removed),
        )


def guard_rail_view(guard_rail: GuardRail) -> GuardRailView:
    """Build the view of a loosened guard rail."""
    before, after = _listed(guard_rail.before), _listed(guard_rail.after)
    return GuardRailView(
        field=guard_rail.field,
        was=_shown(guard_rail.field, guard_rail.before),
        now=_shown(guard_rail.field, guard_rail.after),
        added=tuple(value for value in after if value not in before),
        removed=tuple(value for value in before if value not in after),
    )


def raise_block(refusals: Iterable[Refusal]) -> str | None:
    """Return the YAML of the raise that refusals suggest; its reason is for a person to write."""
    suggested = next((one.suggested_raise for one in refusals if one.suggested_raise is not None), None)
    return None if suggested is None else _yaml(suggested)


def _yaml(suggested: SuggestedRaise) -> str:
    raised = [f"    {key}: {value}" for key, value in suggested.limits.items()]
    lines = [
        "# in tenant.yaml",
        "policy:",
        "  raise:",
        *raised,
        f"    until: {suggested.until.isoformat()}",
        "    reason: <why so many>",
    ]
    return "".join(f"{line}\n" for line in lines)


def _listed(value: Setting) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


def _shown(field: str, value: Setting) -> str | None:
    match value:
        case ():
            return _ANY_DOMAIN if field == "policy.allowedDomains" else "(none)"
        case tuple():
            return None
        case None:
            return "(none)"
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)
