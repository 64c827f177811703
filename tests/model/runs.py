"""The shell of a run: starts it, reads and sends for it, kills it. What it does next the real rules say."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from reconciler.apply import transitions
from reconciler.apply.outcomes import guest_outcome
from reconciler.apply.settings import Settings
from reconciler.apply.state import GuestState
from reconciler.apply.steps import (
    Admitted,
    Answered,
    AwaitAdmission,
    Event,
    Finish,
    GuestRead,
    GuestResult,
    Moment,
    Phase,
    ReadGuest,
    Send,
    Sent,
    Sleep,
    Slept,
    Withheld,
)
from reconciler.guard.resumption import CLOCK_TOLERANCE
from reconciler.model import (
    ActionResult,
    Done,
    Failed,
    FailureKind,
    Note,
    Outcome,
    Plan,
    ResetRedemption,
    UserUpdate,
)
from reconciler.rules import OtherRule, Rule
from tests.model.fingerprint import NOT_KNOWN, Fingerprints
from tests.model.people import invited, patched, stamps, takes_invitation
from tests.model.planner import Planner
from tests.model.scenario import Refused, Scenario
from tests.model.world import (
    MINUTE,
    NAMES,
    Object,
    Run,
    Stage,
    World,
    X,
    bits_of,
    instant,
    named,
    with_run,
    written,
)

SETTINGS: Final = Settings(
    see_within=60.0, reread_after=60.0, throttled_for=50.0, replicate_for=60.0, commit_for=50.0
)
"""A minute is longer than anybody waits."""

_DOMAINS = ("reconciler.invalid", "contoso.onmicrosoft.example")
_INTERRUPTED = Note(rule=Rule.INTERRUPTED, message="the run was interrupted")


class Happening(NamedTuple):
    """One step of the world, and what is wrong with it."""

    label: str
    world: World
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sent:
    """What came of a write."""

    suffix: str
    world: World
    answer: Done | Failed | None
    """`None`: the process died with the answer."""

    findings: tuple[str, ...] = ()


class Runs:
    """Our own processes."""

    def __init__(
        self, scenario: Scenario, planner: Planner, fingerprints: Fingerprints, files: dict[int, Plan]
    ) -> None:
        """Begin; `files` are the approved plans by the address they want."""
        self._scenario = scenario
        self._planner = planner
        self._fingerprints = fingerprints
        self._files = files
        self.moves: set[tuple[Phase, Phase]] = set()
        """Every way that was taken."""

    def steps(self, world: World) -> Iterator[Happening]:
        """Yield all that runs may do, and all that may be done to them."""
        for place, run in enumerate(world.runs):
            who = f"run {'AB'[place]}" if self._scenario.two else "run"
            if run.state is None:
                yield from self._starts(world, place, who)
                continue
            yield from self._advance(world, place, run, run.state, who)
            if world.left.kill and (run.state.wrote or run.state.own):
                left = world.left._replace(kill=world.left.kill - 1)
                yield Happening(f"{who} is killed", self._dead(world._replace(left=left), place, run.state))
            if world.left.signal and not run.interrupted:
                left = world.left._replace(signal=world.left.signal - 1)
                stopped = with_run(world._replace(left=left), place, run._replace(interrupted=True))
                yield Happening(f"{who} is asked to end", stopped)

    def _starts(self, world: World, place: int, who: str) -> Iterator[Happening]:
        run, tree = world.runs[place], world.tree
        again = run.stage is not Stage.IDLE
        # Which of two places comes first is all the same.
        waits = place > 0 and world.runs[0].stage is Stage.IDLE
        if not tree or waits or (again and not world.left.starts):
            return
        if again:
            world = world._replace(left=world.left._replace(starts=world.left.starts - 1))
        approved = self._files.get(tree) if self._scenario.file else None
        choices = [approved] if approved and not again else [approved, None] if approved else [None]
        horizon = max((past.write for past in world.past if past.ours), default=0)
        horizon = horizon if self._scenario.settles else 0
        for file in choices:
            for shown, age in self._shown(world, horizon):
                label = f"{who} starts, tree {NAMES[tree]}, {'with' if file else 'without'} a plan{age}"
                yield self._started(world, place, shown, file, horizon, label)

    def _started(
        self, world: World, place: int, shown: Object, file: Plan | None, horizon: int, label: str
    ) -> Happening:
        approval = self._planner.approval(world.tree, shown, file)
        if not approval.work:
            what = next((outcome.outcome.value for outcome in approval.outcomes), "nothing to do")
            return Happening(f"{label}: {what}", with_run(world, place, Run(Stage.ENDED)))
        at_hand = world.proofs if self._scenario.journal else ()
        digits = approval.work[0].recorded.marker_digits
        proofs = {marker: instant(at) for marker, at in at_hand if marker.endswith(digits)}
        state = transitions.begin(approval.work[0], settings=SETTINGS, proofs=proofs)
        run = Run(Stage.WORKING, world.tree, state, horizon=horizon)
        moment = _moment(world, run)
        while isinstance(transitions.next_step(state, moment), AwaitAdmission):
            state = self._after(state, Admitted(), moment)
        return Happening(label, self._with_state(world, place, run, state))

    def _shown(self, world: World, horizon: int) -> Iterable[tuple[Object, str]]:
        """Return what a read may show, and how to call it."""
        found = {self._planner.guest(world.object): (world.object, "")} if world.past else None
        if found is None:
            return ((world.object, ""),)
        for past in reversed(world.past):
            if past.write > horizon:
                found.setdefault(self._planner.guest(past.object), (past.object, ", from an older state"))
        return found.values()

    def _advance(
        self, world: World, place: int, run: Run, state: GuestState, who: str
    ) -> Iterator[Happening]:
        moment = _moment(world, run)
        step = transitions.next_step(state, moment)
        match step:
            case Finish(result=result):
                yield self._ended(world, place, state, result, who)
            case ReadGuest():
                for shown, age in self._shown(world, run.horizon):
                    event = GuestRead(self._planner.guest(shown))
                    seen = run._replace(seen=shown)
                    yield self._next(world, place, seen, event, f"{who} reads ({state.phase}){age}")
            case Send() if transitions.permits(state, moment):
                yield from self._sends(world, place, run, state, step, who)
            case Send():
                yield self._next(
                    world, place, run, Withheld(queued=0.0), f"{who} does not send {step.action.name}"
                )
            case _:
                raise AssertionError(step)

    def _next(
        self, world: World, place: int, run: Run, event: Event, label: str, *findings: str
    ) -> Happening:
        """Return the world after an event of a run."""
        assert run.state is not None
        state = self._after(run.state, event, _moment(world, run))
        if state.result is None:
            return Happening(label, self._with_state(world, place, run, state), findings)
        ended = self._ended(with_run(world, place, run), place, state, state.result, label)
        return ended._replace(findings=(*findings, *ended.findings))

    def _after(self, state: GuestState, event: Event, moment: Moment) -> GuestState:
        after = transitions.after(state, event, moment)
        if after.phase is not state.phase:
            self.moves.add((state.phase, after.phase))
        return after

    def _with_state(self, world: World, place: int, run: Run, state: GuestState) -> World:
        """Return the world with a run that has slept as long as it wants to: time passes, or it does not."""
        moment = _moment(world, run)
        while isinstance(transitions.next_step(state, moment), Sleep):
            state = self._after(state, Slept(), moment)
        return with_run(world, place, run._replace(state=state, piece=self._fingerprints.of_state(state)))

    def _sends(
        self, world: World, place: int, run: Run, state: GuestState, send: Send, who: str
    ) -> Iterator[Happening]:
        world = world._replace(nonces=world.nonces + 1)
        write = send.write
        if isinstance(write, ResetRedemption):
            label = f"{who}: POST {named(bits_of((write.email,)))}"
            sent = self._posts(world, run, state, send, bits_of((write.email,)))
        else:
            marks = " with a marker" if write.marker else ""
            label = f"{who}: {send.action.name}, {named(bits_of(write.other_mails))}{marks}"
            sent = self._patches(world, run, state, write)
        for each in sent:
            what, one = f"{label}{each.suffix}", each.world
            if each.answer is None:
                yield Happening(what, self._dead(one, place, state, known=False), each.findings)
                continue
            again = isinstance(write, ResetRedemption) and one.ghost.resets > max(world.ghost.resets, 0)
            again = again and world.ghost.resets > 0 and not (world.ghost.interfered or self._scenario.trees)
            now = run._replace(repeats=run.repeats or again)
            event = Answered(sent=send, answer=each.answer, queued=0.0)
            yield self._next(one, place, now, event, what, *each.findings)

    def _patches(self, world: World, run: Run, state: GuestState, write: UserUpdate) -> Iterator[_Sent]:
        scenario = self._scenario
        refused = scenario.refused is Refused.PATCH
        refused |= scenario.refused is Refused.CLEAR and write.marker is None
        refused |= scenario.refused is Refused.LATER and world.ghost.resets > 0
        if refused:
            yield _Sent(": refused", world, _failed(FailureKind.GUEST_REFUSED, 400))
            return
        one, others = world.object, bits_of(write.other_mails)
        new = patched(
            one,
            mail=one.mail if write.mail is None else bits_of((write.mail,)),
            others=others,
            markers=(write.marker.local_part,) if write.marker else (),
            link_dies=scenario.link_dies,
        )
        after = written(world, new, lag=scenario.lag, ours=True)
        excuse, findings = "", []
        if one.others & ~others & X:
            known = run.seen is not None and bool(run.seen.others & X)
            findings.append("I5: X is taken away although the read before showed it" if known else "H1")
        if state.phase is Phase.CLEAR:
            excuse = self._excuse_of_clearing(world, run, state)
        after = after._replace(ghost=after.ghost._replace(excuse=excuse))
        done = Done(status=204, request_id=None, at=instant(world.now))
        yield from self._answers(world, after, done, tuple(findings))

    def _excuse_of_clearing(self, world: World, run: Run, state: GuestState) -> str:
        """Return the hole through which the read before `ClearMarker` could not show a newer reset."""
        seen, one, excuse = run.seen, world.object, world.ghost.excuse
        if one.holder == run.tree or seen is None:
            return excuse
        if (seen.foreign, seen.at, seen.link, seen.bound) != (one.foreign, one.at, one.link, one.bound):
            return "H3" if one.foreign else excuse or ("H7" if self._scenario.two else "H1")
        tolerance = int(CLOCK_TOLERANCE.total_seconds()) + self._scenario.skew
        at_once = seen.at <= world.ghost.ours_at + tolerance
        return "H3" if one.foreign_marked and (at_once or seen.accepted or state.lost_answers) else excuse

    def _posts(self, world: World, run: Run, state: GuestState, send: Send, to: int) -> Iterator[_Sent]:
        scenario, one = self._scenario, world.object
        if scenario.refused is Refused.POST:
            yield _Sent(": refused", world, _failed(FailureKind.GUEST_REFUSED, 400))
            return
        if not takes_invitation(one, to, only_mail=scenario.only_mail):
            yield _Sent(": not on the object", world, _failed(FailureKind.REPLICATION, 400))
            return
        for at in stamps(world, scenario):
            new = invited(one, to, at=at, pending_moves=scenario.pending_moves)
            after = written(world, new, lag=scenario.lag, ours=True)
            ghost = after.ghost._replace(resets=after.ghost.resets + 1, ours_at=world.now, excuse="")
            after = after._replace(ghost=ghost)
            done = Done(status=201, request_id=None, at=instant(world.now))
            for sent in self._answers(world, after, done, ()):
                acknowledged = isinstance(sent.answer, Done) and send.marker is not None
                proof = ((send.marker or "", world.now),) if acknowledged else ()
                carried_out = sent.world.ghost.resets > world.ghost.resets
                unknown = sent.world.ghost.unknown + (carried_out and not isinstance(sent.answer, Done))
                yield _Sent(
                    sent.suffix,
                    sent.world._replace(
                        proofs=(*world.proofs, *proof), ghost=sent.world.ghost._replace(unknown=unknown)
                    ),
                    sent.answer,
                )
            if world.left.kill:
                left = world.left._replace(kill=world.left.kill - 1)
                yield _Sent(", killed before the answer", after._replace(left=left), None)

    @staticmethod
    def _answers(before: World, after: World, done: Done, findings: tuple[str, ...]) -> Iterator[_Sent]:
        yield _Sent("", after, done, findings)
        if before.left.lost:
            left = before.left._replace(lost=before.left.lost - 1)
            lost = _failed(FailureKind.UNKNOWN, None)
            yield _Sent(", carried out, answer lost", after._replace(left=left), lost, findings)
            yield _Sent(", not carried out, answer lost", before._replace(left=left), lost)

    def _dead(self, world: World, place: int, state: GuestState, *, known: bool = True) -> World:
        dead = with_run(world, place, Run(Stage.DEAD))
        return self._forgets(dead, state) if known else _with_unknown(dead)

    def _forgets(self, world: World, state: GuestState) -> World:
        """Count a reset that no later run can know of, because there is no journal."""
        left_half_done = state.sent is Sent.YES and bool(world.object.markers)
        return _with_unknown(world) if left_half_done and not self._scenario.journal else world

    def _ended(
        self, world: World, place: int, state: GuestState, result: GuestResult, label: str
    ) -> Happening:
        outcome = guest_outcome(state, result)
        run, one = world.runs[place], world.object
        right = one.holder == run.tree
        said = NOT_KNOWN in outcome.message
        excuse = world.ghost.excuse
        findings: list[str] = []
        applied = outcome.outcome is Outcome.APPLIED
        if applied and not right:
            unknown = "H7" if said and one.accepted and self._scenario.two else ""
            findings.append(excuse or unknown or f"I6: applied, {_held_by(one)}")
        if outcome.outcome is Outcome.ALREADY_APPLIED and not right:
            findings.append("H4" if said else f"I6: already-applied, {_held_by(one)}")
        results = {record.result for record in outcome.actions if record.action == ResetRedemption.name}
        if run.repeats and ActionResult.DONE in results:
            alone = self._scenario.settles and not self._scenario.two
            findings.append("I2: a second reset that the report calls done" if alone else "H6")
        after = with_run(world, place, Run(Stage.APPLIED if applied else Stage.ENDED))
        what = f"{label}, ends {outcome.outcome}{f' [{outcome.rule}]' if outcome.rule else ''}"
        return Happening(what, self._forgets(after, state), tuple(findings))


def _held_by(one: Object) -> str:
    return f"{'bound' if one.accepted else 'live link'} {NAMES[one.holder]}"


def _with_unknown(world: World) -> World:
    return world._replace(ghost=world.ghost._replace(unknown=world.ghost.unknown + 1))


def _moment(world: World, run: Run) -> Moment:
    return Moment(
        now=float(world.minutes * MINUTE),
        instant=instant(world.now),
        settled_at=0.0,
        nonce=f"{world.nonces:08x}",
        marker_domains=_DOMAINS,
        draining=_INTERRUPTED if run.interrupted else None,
        shutting_down=run.interrupted,
    )


def _failed(kind: FailureKind, status: int | None) -> Failed:
    return Failed(
        kind=kind, rule=OtherRule("sample"), message="it was refused", status=status, request_id=None
    )
