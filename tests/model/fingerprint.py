"""When two states of the world are the same: what decides nothing is left out, and the rest is renamed.

Instants count by their order and by the gaps between them up to `CLAMP`, moments by whether a minute has
passed since, markers by where they stand. Every field of `GuestState` is named here: a new one is refused
until somebody has said what it decides.
"""

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Final

from reconciler.apply.evidence import Redemption
from reconciler.apply.state import GuestState
from reconciler.apply.steps import Phase, Sent
from reconciler.model import Change, Guest, RedemptionState, ResetRedemption
from tests.model.world import MINUTE, Object, Piece, Run, World, bits_of, seconds

CLAMP: Final = 12
"""Gaps between instants from here on are alike: more than any tolerance that a rule grants."""

ENOUGH: Final = 2
"""Turns of the last write that are let go; how many more were is all the same."""

_BEFORE_ANY_WRITE = frozenset(
    {Phase.PREDECESSOR, Phase.ADMISSION, Phase.ASSESS, Phase.PATCH, Phase.RECHECK, Phase.CONFIRM, Phase.RESET}
)
_WRITES_FROM_A_READ = frozenset({Phase.PATCH, Phase.RECHECK, Phase.RESET, Phase.CLEAR, Phase.CLEAR_READ})
_READS_FOR_A_WHILE = frozenset(
    {Phase.ASSESS, Phase.RECHECK, Phase.CONFIRM, Phase.VERIFY, Phase.CLEAR_READ, Phase.READ_BACK}
)

_SAYS_NOTHING = frozenset(
    {
        "settings",  # one value for all
        "pause",  # slept at once: whether time passes is the world's choice
        "failure",  # only named in reports
        "stops_run",  # there is one guest
        "shown",
        "freed",
        "link_lost",  # links are not kept
        "result",  # ends the run at once
    }
)
_TAKEN_APART = frozenset(
    {
        "recorded",
        "planned",
        "proofs",
        "phase",
        "poll",
        "todo",
        "guest",
        "read_at",
        "before",
        "own",
        "refused_domains",
        "patched_at",
        "confirmed",
        "listed",
        "sent",
        "reset_at",
        "reset_shown_at",
        "redemption",
        "withheld",
        "lost_answers",
        "repeats",
        "owed",
        "tries",
        "failing",
        "records",
        "remarks",
    }
)

NOT_KNOWN = "not known"
"""In the remarks that say what nobody can see."""


class Fingerprints:
    """Takes states apart; one for each exploration, because values are known by identity."""

    def __init__(self, *, dated: bool = False) -> None:
        """Begin; `dated` says that some rule looks at the instant in a marker."""
        unknown = {each.name for each in fields(GuestState)} - _SAYS_NOTHING - _TAKEN_APART
        if unknown:
            raise TypeError(f"say what {', '.join(sorted(unknown))} of a guest's state decides")
        self._dated = dated
        self._numbers: dict[object, int] = {}
        self._objects: dict[Object, Piece] = {}
        self._values: dict[int, tuple[object, Piece]] = {}

    def __call__(self, world: World) -> object:
        """Return what two worlds that are the same have in common."""
        pieces = [self._object(world.object), *(self._object(past.object) for past in world.past)]
        pieces += [self._object(world.backup)] if world.backup else []
        for run in world.runs:
            pieces.append(run.piece)
            pieces += [self._object(run.seen)] if run.seen and run.state else []
        markers = [marker for piece in pieces for marker in piece.markers]
        instants = [each for piece in pieces for each in piece.instants]
        places: dict[str, int] = {}
        for marker in markers:
            places.setdefault(marker, len(places))
        proven = dict(world.proofs)
        proofs = [proven.get(marker, -1) for marker in places]
        now = world.minutes * MINUTE
        return (
            tuple(piece.shape for piece in pieces),
            tuple(places[marker] for marker in markers),
            tuple(marker[-16:] for marker in places),
            _in_order((world.now, world.ghost.ours_at, *proofs, *instants)),
            tuple(now - each >= MINUTE for piece in pieces for each in piece.moments),
            tuple(past.ours for past in world.past),
            world.tree,
            world.backup is None,
            tuple(_standing(run, world) for run in world.runs),
            world.left,
            world.ghost._replace(ours_at=0),
        )

    def of_state(self, state: GuestState) -> Piece:
        """Take a guest's state apart."""
        phase = state.phase
        early = phase in _BEFORE_ANY_WRITE
        reads_on = phase in _WRITES_FROM_A_READ
        shapes: list[object] = [phase, state.confirmed, state.sent, state.lost_answers, state.repeats]
        markers: list[str] = []
        instants: list[int] = []
        moments: list[float] = []

        def take(piece: Piece) -> None:
            shapes.append(piece.shape)
            markers.extend(piece.markers)
            instants.extend(piece.instants)

        whole = early and (state.before is None or phase in {Phase.PATCH, Phase.RECHECK})
        for change in (state.recorded, state.planned):
            take(self._of(change, _whole_change if whole else _goal))
        take(self._of(state.guest if reads_on else None, _guest))
        take(self._of(state.before, _written))
        take(_instant(state.patched_at if state.sent is not Sent.YES else None))
        take(_instant(state.reset_at))
        take(_instant(state.reset_shown_at))
        take(_redemption(state.redemption))
        shapes += [bits_of(tuple(state.listed)), len(state.own), state.refused_domains, state.owed is None]
        markers += [marker.local_part for marker in state.own]
        shapes.append(tuple(action.name for action in state.todo))
        for tries in sorted(state.tries, key=lambda tries: tries.action):
            answered = tries.action == ResetRedemption.name and tries.count > state.lost_answers
            shapes.append((tries.action, tries.in_doubt, answered))
        for failing in state.failing:
            shapes.append((failing.allowance, failing.since is None, bool(failing.spent)))
            moments += [] if failing.since is None else [failing.since]
        shapes.append([record.result for record in state.records if record.action == ResetRedemption.name])
        shapes.append(any(NOT_KNOWN in remark for remark in state.remarks))
        if phase in {Phase.PREDECESSOR, Phase.ADMISSION, Phase.ASSESS}:
            shapes.append(len(state.proofs))
            markers += [marker for marker, _ in state.proofs]
            instants += [seconds(at) for _, at in state.proofs]
        if phase in {Phase.CLEAR_READ, Phase.CLEAR}:
            shapes.append(min(state.withheld, ENOUGH))
        if phase in {Phase.PATCH, Phase.RESET, Phase.CLEAR}:
            moments.append(state.read_at)
        if state.poll is not None and phase in _READS_FOR_A_WHILE:
            moments.append(state.poll.started)
        return self._piece(repr(shapes), markers, instants, moments)

    def _object(self, one: Object) -> Piece:
        piece = self._objects.get(one)
        if piece is None:
            shape = one._replace(markers=(), at=0, foreign=int(one.foreign > 0))
            instants = [one.at, one.foreign] if one.foreign > 0 else [one.at]
            piece = self._objects[one] = self._piece(("object", shape), [*one.markers], instants, [])
        return piece

    def _of(self, value: object, take_apart: "Callable[..., Piece]") -> Piece:
        """Take apart a value that lives as long as the exploration, once."""
        if value is None:
            return Piece(None)
        key = id(value) * 4 + _WAYS[take_apart]
        known = self._values.get(key)
        if known is None:
            made = take_apart(value)
            known = self._values[key] = (
                value,
                self._piece((take_apart.__name__, made.shape), [*made.markers], [*made.instants], []),
            )
        return known[1]

    def _piece(self, shape: object, markers: list[str], instants: list[int], moments: list[float]) -> Piece:
        """Return a piece whose shape is a number, so that comparing it is cheap."""
        if self._dated:
            instants = [*instants, *(_dated(marker) for marker in markers)]
        whole = (shape, len(markers), len(instants), len(moments))
        number = self._numbers.setdefault(whole, len(self._numbers))
        return Piece(number, tuple(markers), tuple(instants), tuple(moments))


def _standing(run: Run, world: World) -> object:
    shown = sum(past.write > run.horizon for past in world.past) if run.state else 0
    return run.stage, run.tree if run.state else 0, run.interrupted, run.repeats, run.seen is None, shown


def _in_order(instants: tuple[int, ...]) -> tuple[int, ...]:
    renamed: dict[int, int] = {}
    last = total = 0
    for each in sorted(set(instants)):
        total += min(each - last, CLAMP)
        renamed[each] = total
        last = each
    return tuple(renamed[each] for each in instants)


def _dated(marker: str) -> int:
    """Return the seconds of Graph's clock that a marker names."""
    return seconds(datetime.fromtimestamp(int(marker.split("-")[1]), tz=UTC))


def _instant(at: datetime | None) -> Piece:
    return Piece("no instant") if at is None else Piece("instant", (), (seconds(at),))


def _redemption(redemption: Redemption | None) -> Piece:
    if redemption is None or redemption.changed_at is None:
        return Piece(redemption and redemption.state)
    return Piece(redemption.state, (), (seconds(redemption.changed_at),))


def _whole_change(change: Change) -> Piece:
    before = change.precondition
    marker = (before.marker.local_part,) if before.marker else ()
    shape = (change.digest, change.resumes, before.mail, before.other_mails, before.state)
    at = () if before.state_changed_at is None else (seconds(before.state_changed_at),)
    return Piece(shape, marker, at)


def _goal(change: Change) -> Piece:
    return Piece((change.digest, change.resumes))


def _guest(guest: Guest) -> Piece:
    at = () if guest.state_changed_at is None else (seconds(guest.state_changed_at),)
    return Piece(
        (guest.mail, guest.other_mails, guest.state is RedemptionState.ACCEPTED, guest.identities),
        tuple(marker.local_part for marker in guest.markers),
        at,
    )


def _written(guest: Guest) -> Piece:
    return Piece((guest.mail, guest.other_mails), tuple(marker.local_part for marker in guest.markers))


_WAYS: dict[Callable[..., Piece], int] = {_whole_change: 0, _goal: 1, _guest: 2, _written: 3}
