"""Careless versions of our rules: each one rule replaced, and what the model must find in it.

M1 to M9 are the mistakes that the design of the protocol was cleared of.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any, Final
from unittest.mock import patch

from reconciler.apply import assess, commits, evidence, patches, resets, transitions, updates
from reconciler.apply.state import GuestState
from reconciler.apply.steps import Moment
from reconciler.guard import resumption
from reconciler.guard.proofs import Proofs
from reconciler.guard.resumption import ResumePoint, Verdict, later
from reconciler.model import (
    Change,
    ClearMarker,
    EmailAddress,
    Guest,
    RedemptionState,
    ResetRedemption,
    SetMail,
    UserUpdate,
)
from tests.model.scenario import OutsideChange, Refused, Scenario
from tests.model.world import NEW1, NEW2, Left, X

_RULES = (resumption, assess, commits, evidence, patches, resets, transitions, updates)

_begun = resumption._of_begun
_update_for = updates.update_for
_differences = resumption._differences
_confirmed = resets._confirmed


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One rule replaced."""

    name: str
    module: ModuleType
    function: str
    careless: Callable[..., Any]

    and_also: tuple[tuple[ModuleType, str, Callable[..., Any]], ...] = ()
    """Further rules, where one alone is caught by another."""

    dated: bool = False
    """Whether it looks at the instant in a marker."""

    scenario: Scenario
    """In which it shows."""

    breaks: str
    """The invariant."""

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the careless rule in the place of ours, in every module that has imported it."""
        with ExitStack() as stack:
            for module, function, careless in ((self.module, self.function, self.careless), *self.and_also):
                ours = getattr(module, function)
                for user in _RULES:
                    if getattr(user, function, None) is ours:
                        stack.enter_context(patch.object(user, function, careless))
            yield


def _clears(recorded: Change, guest: Guest) -> ResumePoint:
    actions = tuple(action for action in recorded.actions if isinstance(action, ClearMarker))
    return ResumePoint(verdict=Verdict.RUN, remaining=actions, reset_at=guest.state_changed_at)


def _by_the_markers_instant(recorded: Change, guest: Guest, proofs: Proofs) -> ResumePoint:
    """Take a time well after the marker's own instant for proof, instead of the journal."""
    instant = guest.marker.instant if guest.marker else None
    moved = instant is not None and later(guest.state_changed_at, instant + timedelta(seconds=2))
    return _clears(recorded, guest) if moved else _begun(recorded, guest, {})


def _by_a_moved_time(recorded: Change, guest: Guest, proofs: Proofs) -> ResumePoint:
    """Take a pending guest whose time has moved since the plan for reset by us."""
    moved = later(guest.state_changed_at, recorded.precondition.state_changed_at)
    pending = guest.state is RedemptionState.PENDING
    return _clears(recorded, guest) if moved and pending else _begun(recorded, guest, proofs)


def _by_acceptance(recorded: Change, guest: Guest, proofs: Proofs) -> ResumePoint:
    """Take a guest who has redeemed since the plan for reset by us."""
    moved = later(guest.state_changed_at, recorded.precondition.state_changed_at)
    accepted = guest.state is RedemptionState.ACCEPTED
    return _clears(recorded, guest) if moved and accepted else _begun(recorded, guest, proofs)


def _since_the_precondition(state: GuestState, guest: Guest) -> bool:
    """Take a lost POST for carried out when the time has moved since the plan."""
    return later(guest.state_changed_at, state.recorded.precondition.state_changed_at)


def _from_the_reset(recorded: Change, guest: Guest, proofs: Proofs) -> ResumePoint:
    """Take an unfinished change up at the reset, without a fresh marker."""
    point = _begun(recorded, guest, proofs)
    if point.remaining != recorded.actions:
        return point
    return replace(point, remaining=resumption._from(recorded, ResetRedemption))


def _list_alone(state: GuestState, action: Any, guest: Guest, moment: Moment) -> UserUpdate:
    """Let `ClearMarker` write the list without `mail`."""
    update = _update_for(state, action, guest, moment)
    return replace(update, mail=None) if isinstance(action, ClearMarker) else update


def _any_read(state: GuestState, guest: Guest) -> bool:
    """Let `ClearMarker` start from a read that does not show our marker."""
    return True


def _without_marker(state: GuestState, action: Any, guest: Guest, moment: Moment) -> UserUpdate:
    """Let restore-mail, which resets nobody, write no marker."""
    update = _update_for(state, action, guest, moment)
    restores = isinstance(action, SetMail) and state.reset not in state.todo
    return replace(update, marker=None) if restores else update


def _without_another_look(state: GuestState, guest: Guest, moment: Moment) -> GuestState:
    """Let restore-mail end without asking whether the guest still signs in with the address."""
    clears = bool(state.todo) and isinstance(state.todo[0], ClearMarker)
    change = replace(state.recorded, fallback=None)
    after = _confirmed(replace(state, recorded=change, planned=None) if clears else state, guest, moment)
    return replace(after, recorded=state.recorded, planned=state.planned)


def _until_the_marker_is_gone(guest: Guest, at: datetime | None, *, shown_at: datetime | None) -> bool:
    """Look for another reset only once the marker is gone."""
    return not guest.markers and _reset_since(guest, at, shown_at=shown_at)


_reset_since = evidence.reset_since


def _but_for_the_marker(recorded: Change, guest: Guest) -> tuple[str, ...]:
    """Take a rest whose marker is gone for equal."""
    found = _differences(recorded, guest)
    gone = recorded.resumes is not None and not guest.markers
    return tuple(each for each in found if "marker" not in each) if gone else found


def _never_a_marker(state: GuestState, action: Any, guest: Guest, moment: Moment) -> UserUpdate:
    """Write `mail` without a marker."""
    return replace(_update_for(state, action, guest, moment), marker=None)


def _as_planned(state: GuestState, guest: Guest) -> tuple[EmailAddress, ...]:
    """Write the planned list over what was added since."""
    return ()


def _marker_and_all(state: GuestState, action: Any, guest: Guest, moment: Moment) -> UserUpdate:
    """Let `ClearMarker` leave the marker."""
    update = _update_for(state, action, guest, moment)
    return replace(update, marker=guest.marker) if isinstance(action, ClearMarker) else update


def _whatever_the_markers(change: Change, guest: Guest, **seen: Any) -> bool:
    """Take a guest who carries a marker for finished."""
    return _shows_result(change, replace(guest, markers=()), **seen)


_shows_result = evidence.shows_result

_KILLED = Left(kill=1, starts=1)
_PORTAL = frozenset({OutsideChange.PORTAL})

MUTANTS: Final = (
    Mutant(
        name="M1, proof by the marker's instant",
        module=resumption,
        function="_of_begun",
        careless=_by_the_markers_instant,
        dated=True,
        scenario=Scenario(name="killed", left=_KILLED),
        breaks="I2",
    ),
    Mutant(
        name="M2, proof by a moved time",
        module=resumption,
        function="_of_begun",
        careless=_by_a_moved_time,
        scenario=Scenario(name="portal", left=_KILLED._replace(human=1), outside_changes=_PORTAL),
        breaks="I1",
    ),
    Mutant(
        name="M3, proof by acceptance",
        module=resumption,
        function="_of_begun",
        careless=_by_acceptance,
        scenario=Scenario(name="portal", left=_KILLED._replace(human=1, redeem=1), outside_changes=_PORTAL),
        breaks="I1",
    ),
    Mutant(
        name="M4, a lost POST by a moved time",
        module=resets,
        function="_happened_unanswered",
        careless=_since_the_precondition,
        scenario=Scenario(name="portal", left=Left(human=1, lost=1), outside_changes=_PORTAL),
        breaks="I6",
    ),
    Mutant(
        name="M5, taken up without a fresh marker",
        module=resumption,
        function="_of_begun",
        careless=_from_the_reset,
        scenario=Scenario(
            name="later writes refused", left=Left(starts=3), refused=Refused.LATER, file=False, journal=False
        ),
        breaks="I7",
    ),
    Mutant(
        name="M6, ClearMarker without mail",
        module=updates,
        function="update_for",
        careless=_list_alone,
        scenario=Scenario(
            name="two trees", left=Left(git=1, kill=1), two=True, trees=(NEW2,), file=False, still=True
        ),
        breaks="I4",
    ),
    Mutant(
        name="M6, ClearMarker from any read",
        module=updates,
        function="is_shown",
        careless=_any_read,
        scenario=Scenario(
            name="two trees", left=Left(git=1), lag=0, two=True, trees=(NEW2,), file=False, still=True
        ),
        breaks="I6",
    ),
    Mutant(
        name="M7, restore-mail without a marker",
        module=updates,
        function="update_for",
        careless=_without_marker,
        scenario=Scenario(
            name="restored",
            bound=NEW1,
            passcode=True,
            file=False,
            left=_KILLED._replace(human=1),
            outside_changes=_PORTAL,
        ),
        breaks="I1",
    ),
    Mutant(
        name="M7, restore-mail without another look",
        module=resets,
        function="_confirmed",
        careless=_without_another_look,
        scenario=Scenario(
            name="restored",
            bound=NEW1,
            passcode=True,
            file=False,
            left=Left(human=1),
            outside_changes=_PORTAL,
        ),
        breaks="I1",
    ),
    Mutant(
        name="M8, another reset looked for too late",
        module=evidence,
        function="reset_since",
        careless=_until_the_marker_is_gone,
        scenario=Scenario(
            name="tool", left=Left(human=1, redeem=1), kept=X, outside_changes=frozenset({OutsideChange.TOOL})
        ),
        breaks="I1",
    ),
    Mutant(
        name="M9, a rest is equal without its marker",
        module=resumption,
        function="_differences",
        careless=_but_for_the_marker,
        scenario=Scenario(
            name="the marker removed",
            left=_KILLED._replace(human=1),
            outside_changes=frozenset({OutsideChange.REMOVES_MARKER}),
            file=False,
        ),
        breaks="I2",
    ),
    Mutant(
        name="a marker is left",
        module=updates,
        function="update_for",
        careless=_marker_and_all,
        and_also=((evidence, "shows_result", _whatever_the_markers),),
        scenario=Scenario(name="undisturbed", left=Left()),
        breaks="I3",
    ),
    Mutant(
        name="no marker",
        module=updates,
        function="update_for",
        careless=_never_a_marker,
        scenario=Scenario(name="undisturbed", left=Left()),
        breaks="I4",
    ),
    Mutant(
        name="the planned list over an added address",
        module=updates,
        function="_since_planned",
        careless=_as_planned,
        scenario=Scenario(
            name="adds X", left=_KILLED._replace(human=1), outside_changes=frozenset({OutsideChange.ADDS_X})
        ),
        breaks="I5",
    ),
)
"""One for each mistake, and at least one for each invariant."""
