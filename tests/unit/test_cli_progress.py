"""What a run tells in a log: every ten seconds what it waits for and when it should end, whatever happens."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import pytest

from reconciler.apply import RunObserver, WaitReason
from reconciler.cli.progress import progress_on
from reconciler.graph.rate_limits import Quota, Waiting
from reconciler.guard.approval import approve_all
from reconciler.model import GuestOutcome, Outcome
from tests.support.directory import guest_id
from tests.support.imagined_time import ImaginedClock
from tests.support.plans import small_plan

Course = Callable[[RunObserver, ImaginedClock], Awaitable[None]]


def told(
    course: Course, capsys: pytest.CaptureFixture[str], *, guests: int, quotas: Sequence[Waiting] = ()
) -> list[str]:
    """Run a course on imagined time, and give the lines about the whole run."""
    clock = ImaginedClock()
    (one, *_) = approve_all(small_plan()).work

    async def run() -> None:
        async with progress_on([one] * guests, clock=clock, quotas=lambda: quotas) as progress:
            await course(progress, clock)

    clock.run(run())
    return [line for line in capsys.readouterr().err.splitlines() if " guests ended" in line]


def applied(number: int) -> GuestOutcome:
    return GuestOutcome(
        id=guest_id(number),
        display_name="Ana Souza",
        outcome=Outcome.APPLIED,
        rule=None,
        message="",
        actions=(),
    )


async def steadily(progress: RunObserver, clock: ImaginedClock) -> None:
    """Let a guest end every 0.15 s, for 150 s."""
    for number in range(1, 1001):
        await clock.sleep(0.15)
        progress.waiting(guest_id(number), WaitReason.REPLICATION, clock.now() + timedelta(seconds=5))
        progress.waiting(guest_id(2000), WaitReason.REPLICATION, clock.now() + timedelta(seconds=5))
        progress.guest_finished(applied(number))


async def silently(progress: RunObserver, clock: ImaginedClock) -> None:
    """Let one guest end, and then nothing happen for a minute."""
    await clock.sleep(1)
    progress.guest_finished(applied(1))
    await clock.sleep(60)


def test_guests_that_end_all_the_time_hide_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Every ten seconds there is a line with what is waited for and the expected end."""
    lines = told(steadily, capsys, guests=1000)
    assert len(lines) in {14, 15}
    assert all("1 guest waits for the new address to reach" in line for line in lines)
    assert all("expected to end at 08:02:" in line for line in lines[1:])


def test_silence_is_told_too(capsys: pytest.CaptureFixture[str]) -> None:
    """When no event comes because everybody queues for a quota, that is said every ten seconds."""
    queue = Waiting(quota=Quota.WRITES, queued=40, seconds=95.4)
    lines = told(silently, capsys, guests=10, quotas=[queue])
    assert len(lines) == 6
    assert lines[0] == (
        "1/10 guests ended; 40 requests wait for the quota of directory writes, the next one for 95 s; "
        "expected to end at 08:01:40 UTC"
    )


def test_a_guest_that_ends_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A log shows of each guest what became of it."""
    clock = ImaginedClock()

    async def run() -> None:
        async with progress_on(approve_all(small_plan()).work, clock=clock, quotas=tuple) as progress:
            progress.guest_finished(applied(1))

    clock.run(run())
    assert re.fullmatch(rf"1/\d+ {guest_id(1)} Ana Souza: applied\n", capsys.readouterr().err)


async def test_nothing_is_told_once_the_run_has_ended() -> None:
    """What tells is gone with the run."""
    async with progress_on((), clock=ImaginedClock(), quotas=tuple):
        assert len(asyncio.all_tasks()) == 2
    assert len(asyncio.all_tasks()) == 1


def test_the_end_is_not_before_what_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    """A guest that waits for longer than the average guest takes puts the end off."""

    async def course(progress: RunObserver, clock: ImaginedClock) -> None:
        progress.waiting(guest_id(2), WaitReason.THROTTLED, clock.now() + timedelta(minutes=9))
        progress.guest_finished(applied(1))
        await clock.sleep(11)

    (line,) = told(course, capsys, guests=2)
    assert line == (
        "1/2 guests ended; 1 guest waits for the directory to take writes again until 08:09:00 UTC; "
        "expected to end at 08:09:00 UTC"
    )


def test_who_waits_for_a_known_moment_is_not_added_up(capsys: pytest.CaptureFixture[str]) -> None:
    """Guests who are watched side by side end together, however long the watching has taken so far."""

    async def course(progress: RunObserver, clock: ImaginedClock) -> None:
        for number in (2, 3, 4):
            progress.waiting(guest_id(number), WaitReason.EARLIER_RUN, clock.now() + timedelta(seconds=30))
        progress.guest_finished(applied(1))
        await clock.sleep(21)

    lines = told(course, capsys, guests=4)
    assert len(lines) == 2
    assert all(line.endswith("expected to end at 08:00:30 UTC") for line in lines)


@pytest.mark.parametrize("reason", list(WaitReason))
def test_every_reason_to_wait_is_put_in_words(reason: WaitReason, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a guest waits for is said, until the guest moves on."""

    async def course(progress: RunObserver, clock: ImaginedClock) -> None:
        progress.waiting(small_plan().changes[0].id, reason, None)
        await clock.sleep(11)
        progress.guest_started(small_plan().changes[0])
        await clock.sleep(10)

    waiting, moving = told(course, capsys, guests=2)
    assert "1 guest waits for " in waiting
    assert "waits" not in moving


def test_a_terminal_shows_it_beside_the_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bar is drawn with what the run waits for just now."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    queue = Waiting(quota=Quota.INVITATIONS, queued=1, seconds=0.1)
    clock = ImaginedClock()

    async def run() -> None:
        async with progress_on(
            approve_all(small_plan()).work, clock=clock, quotas=lambda: [queue]
        ) as progress:
            await silently(progress, clock)

    clock.run(run())
    shown = capsys.readouterr().err
    assert "1 request waits for the quota of invitations" in shown
    assert ": applied" not in shown
