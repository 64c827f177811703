"""Laws of one guest's machine, enumerated over everything that any directory may answer."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import product

import pytest

from reconciler.apply.settings import Settings
from reconciler.apply.state import GuestState
from reconciler.apply.steps import (
    LEAVES_WHEN_DRAINING,
    MOVES,
    Admitted,
    Answered,
    AwaitAdmission,
    AwaitPredecessor,
    Finish,
    GuestRead,
    Moment,
    Phase,
    ReadFailed,
    ReadGuest,
    Released,
    Send,
    Sleep,
    Slept,
)
from reconciler.apply.transitions import after, begin, next_step, permits
from reconciler.model import Failed, FailureKind, Outcome, ResetRedemption
from reconciler.rules import OtherRule
from tests.model.machine import Mood, Situation, Visited, beginnings, events, every_work, samples, visit
from tests.model.world import instant
from tests.support.directory import guest

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("machine laws")]
"""The first law in a process goes everywhere for all of them, which takes minutes on a busy machine."""

SAMPLE = 12
"""Situations of each phase and change that are looked at in every mood."""

IMPATIENT = 2000
"""Steps after which a guest counts as one who never finishes."""


@cache
def visited() -> Mapping[str, Visited]:
    """Go everywhere once for all laws."""
    return {name: visit(state) for name, state in beginnings().items()}


def every_situation() -> Iterator[Situation]:
    for each in visited().values():
        yield from each.situations


def sampled() -> Iterator[Situation]:
    """Yield some situations of each phase and change, in every mood."""
    for each in visited().values():
        by_phase: dict[Phase, list[Situation]] = defaultdict(list)
        for situation in each.situations:
            by_phase[situation.state.phase].append(situation)
        for found in by_phase.values():
            for situation in found[:: max(1, len(found) // SAMPLE)]:
                yield from (situation._replace(mood=mood) for mood in Mood)


def test_every_event_is_answered_or_refused() -> None:
    """What the step of a phase can bring is answered in every mood, and anything else raises `ValueError`."""
    refused = 0
    for situation in sampled():
        for event in events(situation):
            assert isinstance(after(situation.state, event, situation.moment), GuestState)
        for event in samples(situation):
            if type(event) not in situation.awaited:
                refused += 1
                with pytest.raises(ValueError, match="cannot come in"):
                    after(situation.state, event, situation.moment)
    assert refused > 0


def test_every_way_is_in_the_table_and_every_way_of_the_table_is_taken() -> None:
    """The diagram shows neither a way that nobody takes nor hides one."""
    taken = set[tuple[Phase, Phase]]().union(*(each.moves for each in visited().values()))
    for situation in sampled():
        for event in events(situation):
            phase = after(situation.state, event, situation.moment).phase
            taken.add((situation.state.phase, phase))
    ways = {(start, end) for start, ends in MOVES.items() for end in ends}
    assert {(start, end) for start, end in taken if start is not end} == ways


def test_a_lost_reset_is_read_for_before_it_is_sent_again() -> None:
    """No reset goes out between a lost answer and the next read of the guest."""
    unread = [situation for situation in every_situation() if situation.unread]
    assert unread
    for situation in unread:
        assert not isinstance(situation.step, Send)


def test_no_third_reset_is_sent() -> None:
    """After two resets that may have been carried out none follows, whatever the directory says."""
    twice = [situation for situation in every_situation() if situation.posts == 2]
    assert twice
    assert max(situation.posts for situation in every_situation()) == 2
    for situation in twice:
        step = situation.step
        assert not (isinstance(step, Send) and isinstance(step.write, ResetRedemption))


def test_nothing_is_sent_before_the_reset_while_the_run_drains() -> None:
    """A run that drains sends nothing for a guest who can be left, and permits no write that waits."""
    seen = 0
    for situation in sampled():
        ends = situation.mood in {Mood.DRAINING, Mood.SHUTTING_DOWN}
        if ends and situation.state.phase in LEAVES_WHEN_DRAINING:
            seen += 1
            assert not isinstance(situation.step, Send)
            assert not permits(situation.state, situation.moment)
    assert seen > 0


def test_rules_change_nothing_in_place() -> None:
    """Asked twice, both functions answer the same, and the state stays what it was."""
    for situation in sampled():
        state, moment = situation.state, situation.moment
        before = repr(state)
        assert situation.state.result is not None or next_step(state, moment) == next_step(state, moment)
        for event in events(situation):
            assert after(state, event, moment) == after(state, event, moment)
        assert repr(state) == before


@pytest.mark.parametrize("name", [*every_work()])
@pytest.mark.parametrize(("kind", "readable"), [*product(FailureKind, (True, False))])
def test_everybody_finishes_when_everything_fails(name: str, kind: FailureKind, *, readable: bool) -> None:
    """Whatever fails, and for good, every guest comes to an end that the report has a word for."""
    state = begin(every_work()[name], settings=Settings(), proofs={})
    failed = Failed(kind=kind, rule=OtherRule("sample"), message="it failed", status=400, request_id=None)
    now = 0.0
    for count in range(IMPATIENT):
        moment = Moment(
            now=now,
            instant=instant(int(now)),
            settled_at=0.0,
            nonce=f"{count:08x}",
            marker_domains=("reconciler.invalid",),
        )
        match next_step(state, moment):
            case Finish(result=result):
                assert result.outcome in Outcome
                return
            case Sleep(seconds=seconds):
                now += seconds
                state = after(state, Slept(), moment)
            case AwaitPredecessor():
                state = after(state, Released(guest(2, mail="bo@fabrikam.example")), moment)
            case AwaitAdmission():
                state = after(state, Admitted(), moment)
            case ReadGuest() if readable:
                before = state.recorded.precondition
                seen = replace(
                    guest(mail=before.mail.text if before.mail else None, changed=before.state_changed_at),
                    other_mails=before.other_mails,
                    state=before.state,
                    markers=(before.marker,) if before.marker else (),
                )
                state = after(state, GuestRead(seen), moment)
            case ReadGuest():
                state = after(state, ReadFailed(rule=OtherRule("sample"), message="no", denied=False), moment)
            case Send() as send:
                now += 0.1
                state = after(state, Answered(sent=send, answer=failed, queued=0.0), moment)
    pytest.fail(f"{state.phase} after {IMPATIENT} steps")
