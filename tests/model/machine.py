"""The machine of one guest alone, against a directory that may answer anything.

No world is behind the answers: reads show whatever would matter to some rule, whether or not it could come to
that. So laws that hold here hold for any directory.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from reconciler.apply.state import GuestState
from reconciler.apply.steps import (
    AWAITED,
    AWAITED_WHILE_PAUSED,
    Admitted,
    Answered,
    Event,
    GraceOver,
    GuestRead,
    Interrupted,
    Moment,
    Phase,
    ReadFailed,
    Released,
    Send,
    Slept,
    Step,
    Withheld,
)
from reconciler.apply.transitions import after, begin, next_step
from reconciler.apply.updates import target_mail
from reconciler.guard.approval import Work
from reconciler.model import (
    ChangeKind,
    Desired,
    Done,
    EmailAddress,
    Failed,
    FailureKind,
    Guest,
    Marker,
    Note,
    RedemptionState,
    ResetRedemption,
)
from reconciler.plan import make_plan
from reconciler.rules import OtherRule, Rule
from tests.model.fingerprint import Fingerprints
from tests.model.runs import SETTINGS
from tests.model.world import MINUTE, instant
from tests.support.directory import NEW, OLD, declared, desired, guest, guest_id, live

BEFORE, PATCHED, RESET, REDEEMED, RESET_AGAIN = (instant(second) for second in (10, 1000, 2000, 2500, 3000))
KEPT: Final = "ana@private.example"


class Mood(StrEnum):
    """How the run is doing."""

    CALM = "calm"
    STALLED = "stalled"
    DRAINING = "draining"
    SHUTTING_DOWN = "shutting-down"


_WHY = Note(rule=OtherRule("sample"), message="the run was ended")


class Situation(NamedTuple):
    """A guest, the run around it, and what has happened to it so far."""

    state: GuestState
    mood: Mood = Mood.CALM
    minutes: int = 0
    troubles: int = 2
    """How many answers to a reset may still be lost, or one other request fail instead."""

    posts: int = 0
    """Sent, and not certainly without effect."""

    unread: bool = False
    """Whether the answer to a reset was lost and no read has come since."""

    @property
    def moment(self) -> Moment:
        """What a rule may know now."""
        return Moment(
            now=float(self.minutes * MINUTE),
            instant=instant(100),
            settled_at=0.0,
            nonce=f"{len(self.state.own):08x}",
            marker_domains=("reconciler.invalid", "contoso.onmicrosoft.example"),
            draining=None if self.mood is Mood.CALM else _WHY,
            shutting_down=self.mood is Mood.SHUTTING_DOWN,
            stalled=self.mood is Mood.STALLED,
        )

    @property
    def step(self) -> Step:
        """What is to be done now."""
        return next_step(self.state, self.moment)

    @property
    def awaited(self) -> frozenset[type[Event]]:
        """The kinds of events that may come."""
        return AWAITED_WHILE_PAUSED if self.state.pause else AWAITED[self.state.phase]


@dataclass(slots=True)
class Visited:
    """Everywhere the machine can be."""

    situations: list[Situation] = field(default_factory=list)
    moves: set[tuple[Phase, Phase]] = field(default_factory=set)


def every_work() -> dict[str, Work]:
    """Return a change of each kind, and of each way to be begun, by name."""
    marker = Marker(seconds=0, nonce="ffffffff", digits="0" * 16, domain="reconciler.invalid")
    accepted = guest(changed=BEFORE, others=[OLD, KEPT])
    pending = replace(accepted, state=RedemptionState.PENDING)
    begun = guest(mail=NEW, others=[NEW], state=RedemptionState.PENDING, changed=RESET, markers=(marker,))
    signs_in = guest(passcode=NEW, changed=BEFORE)
    plain, again = desired(declared()), desired(declared(email=OLD, reset_after=PATCHED))
    works = {
        "change-email": _work(plain, accepted),
        "change-email, begun": _work(plain, begun),
        "restore-mail": _work(plain, signs_in),
        "reset": _work(again, accepted),
        "reset, address added": _work(again, replace(accepted, other_mails=())),
        "reset, list written": _work(
            desired(declared(email=OLD, alternates=[], reset_after=PATCHED)), accepted
        ),
        "other-mails": _work(desired(declared(email=OLD, alternates=[])), accepted),
        "other-mails, pending": _work(desired(declared(email=OLD, alternates=[])), pending),
    }
    change = works["change-email"].recorded
    works["nothing planned"] = Work(planned=None, recorded=change)
    waiting = replace(works["other-mails"].recorded, waits_for=guest_id(2))
    works["after another guest"] = Work(planned=waiting, recorded=waiting)
    return works


def _work(tree: Desired, found: Guest) -> Work:
    (change,) = make_plan(tree, live(found), instant(10**6)).changes
    return Work(planned=change, recorded=change)


def beginnings() -> dict[str, GuestState]:
    """Return how each work begins; the begun one with and without proof of its reset."""
    found = {name: begin(work, settings=SETTINGS, proofs={}) for name, work in every_work().items()}
    begun = every_work()["change-email, begun"]
    marker = begun.recorded.precondition.marker
    assert marker is not None
    narrowed = every_work()["other-mails, pending"]
    proofs = {narrowed.recorded.digest: RESET}
    found["other-mails, proven"] = begin(narrowed, settings=SETTINGS, proofs=proofs)
    found["change-email, proven"] = begin(begun, settings=SETTINGS, proofs={marker.local_part: RESET})
    return found


def visit(state: GuestState) -> Visited:
    """Go wherever any directory can drive the machine while the run goes on."""
    fingerprints, visited = Fingerprints(), Visited()
    frontier, known = [Situation(state)], set[object]()
    while frontier:
        situation = frontier.pop()
        piece = fingerprints.of_state(situation.state)
        late = tuple(situation.minutes * MINUTE - each >= MINUTE for each in piece.moments)
        key = (piece[:3], late, situation.state.pause is None, situation[1:2], situation[3:])
        if key in known:
            continue
        known.add(key)
        visited.situations.append(situation)
        if situation.state.result is not None:
            continue
        for event in events(situation):
            following = _followed(situation, event)
            if following.state.phase is not situation.state.phase:
                visited.moves.add((situation.state.phase, following.state.phase))
            frontier.append(following)
        frontier.append(situation._replace(minutes=situation.minutes + 1))
    return visited


def events(situation: Situation) -> Iterator[Event]:
    """Yield all that may come of the step that is due."""
    for kind in sorted(situation.awaited, key=lambda kind: kind.__name__):
        yield from _of_kind(kind, situation)


def _begun(situation: Situation) -> Step | None:
    """Return the step that was begun before the run came to its mood."""
    return None if situation.state.result else situation._replace(mood=Mood.CALM).step


def samples(situation: Situation) -> Iterator[Event]:
    """Yield an event of every kind, whatever is due."""
    kinds = frozenset[type[Event]]().union(*AWAITED.values(), AWAITED_WHILE_PAUSED)
    for kind in sorted(kinds, key=lambda kind: kind.__name__):
        yield from _of_kind(kind, situation)


def _of_kind(kind: type[Event], situation: Situation) -> Iterable[Event]:
    if kind is Answered:
        return _answers(situation)
    if kind is GuestRead:
        return [GuestRead(seen) for seen in dict.fromkeys([None, *_reads(situation.state)])]
    if kind is ReadFailed:
        denials = (True, False) if situation.troubles > 1 else ()
        return [
            ReadFailed(rule=OtherRule("sample"), message="it was not read", denied=denied)
            for denied in denials
        ]
    if kind is GraceOver:
        return [GraceOver(in_flight=each) for each in (_send_of(situation), None)]
    if kind is Interrupted:
        return [Interrupted()] if situation.moment.draining else []
    return _WITHOUT_CHOICE[kind]


def _answers(situation: Situation) -> Iterator[Answered]:
    send = _send_of(situation)
    resets = isinstance(send.write, ResetRedemption)
    done = Done(status=204, request_id=None, at=RESET if resets else PATCHED)
    yield Answered(sent=send, answer=done, queued=0.0)
    for failed in _FAILURES:
        lost = resets and failed.kind is FailureKind.UNKNOWN
        if situation.troubles >= (1 if lost else 2):
            yield Answered(sent=send, answer=failed, queued=0.0)


_WITHOUT_CHOICE: Mapping[type[Event], tuple[Event, ...]] = {
    Slept: (Slept(),),
    Admitted: (Admitted(),),
    Withheld: (Withheld(queued=0.0),),
    Released: (
        Released(None),
        Released(guest(2, mail=KEPT, others=[KEPT])),
        Released(guest(2, mail=NEW)),
    ),
}

_FAILURES = (
    *(
        Failed(kind=kind, rule=OtherRule("sample"), message="it failed", status=400, request_id=None)
        for kind in FailureKind
    ),
    Failed(
        kind=FailureKind.GUEST_REFUSED,
        rule=Rule.VALUE_REFUSED,
        message="refused",
        status=400,
        request_id=None,
    ),
    Failed(
        kind=FailureKind.GUEST_REFUSED,
        rule=OtherRule("denied"),
        message="denied",
        status=403,
        request_id=None,
    ),
)


def _send_of(situation: Situation) -> Send:
    """Return the write that is due, or some write where none is."""
    step = _begun(situation)
    if isinstance(step, Send):
        return step
    reset = next(action for action in _INVITES.actions if isinstance(action, ResetRedemption))
    return Send(action=reset, write=reset, attempt=1, marker=None)


def _reads(state: GuestState) -> Iterable[Guest]:
    """Return what a read may show that some rule cares about."""
    before = state.recorded.precondition
    found = guest(
        mail=None if before.mail is None else before.mail.text,
        others=[address.text for address in before.other_mails],
        state=before.state,
        changed=before.state_changed_at,
        markers=(before.marker,) if before.marker else (),
        passcode=NEW if state.recorded.kind is ChangeKind.RESTORE_MAIL else None,
    )
    mail = target_mail(state) or found.mail
    listed = tuple(sorted(state.listed)) if state.listed else found.other_mails
    ours = replace(found, mail=mail, other_mails=listed, markers=state.own[-1:])
    reset = replace(ours, state=RedemptionState.PENDING, state_changed_at=RESET)
    redeemed = replace(reset, state=RedemptionState.ACCEPTED, state_changed_at=REDEEMED)
    declares = [action.other_mails for action in state.recorded.actions if hasattr(action, "other_mails")]
    cleared = replace(reset, markers=(), other_mails=declares[-1] if declares else listed)
    foreign = replace(found, mail=EmailAddress(KEPT), markers=())
    stranger = replace(ours, identities=())
    match state.phase:
        case Phase.ASSESS:
            older = replace(found, state_changed_at=BEFORE - timedelta(days=1))
            return found, cleared, foreign, older
        case Phase.RECHECK | Phase.CONFIRM:
            return found, ours, stranger, reset, foreign
        case Phase.VERIFY:
            return ours, reset, foreign
        case Phase.CLEAR_READ:
            return found, reset, redeemed, replace(reset, state_changed_at=RESET_AGAIN), cleared, foreign
        case _:
            accepted = replace(cleared, state=RedemptionState.ACCEPTED, state_changed_at=REDEEMED)
            return ours, accepted, replace(cleared, state_changed_at=RESET_AGAIN)


def _followed(situation: Situation, event: Event) -> Situation:
    state = after(situation.state, event, situation.moment)
    following = situation._replace(state=state)
    match event:
        case Answered(sent=sent, answer=answer):
            resets = isinstance(sent.write, ResetRedemption)
            failed = isinstance(answer, Failed)
            unknown = isinstance(answer, Failed) and answer.kind is FailureKind.UNKNOWN
            return following._replace(
                troubles=situation.troubles - ((1 if resets and unknown else 2) if failed else 0),
                posts=situation.posts + (resets and (unknown or not failed)),
                unread=resets and unknown,
            )
        case ReadFailed():
            return following._replace(troubles=0)
        case GuestRead():
            return following._replace(unread=False)
        case _:
            return following


_INVITES = every_work()["change-email"].recorded

__all__ = ["Mood", "Situation", "Visited", "beginnings", "events", "samples", "visit"]
