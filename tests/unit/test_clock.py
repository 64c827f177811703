"""The computer's clock: instants in UTC, and seconds that go on while the machine is suspended."""

import time
from datetime import UTC, timedelta

import pytest

from reconciler.clock import Clock, SystemClock


def test_instants_have_a_zone() -> None:
    """An instant can be compared with those of Graph, which are in UTC."""
    assert SystemClock().now().utcoffset() == timedelta(0)
    assert SystemClock().now().tzinfo is UTC


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="this system has no such clock")
def test_a_suspended_machine_lets_time_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Durations come from the clock that counts the hours a laptop has slept."""
    slept = 8 * 3600.0
    asked: list[int] = []
    measured = time.clock_gettime

    def after_sleep(number: int) -> float:
        asked.append(number)
        return measured(number) + slept * (number == time.CLOCK_BOOTTIME)

    clock: Clock = SystemClock()
    before = clock.monotonic()
    monkeypatch.setattr(time, "clock_gettime", after_sleep)
    assert clock.monotonic() - before >= slept
    assert asked == [time.CLOCK_BOOTTIME]


def test_a_system_without_that_clock_has_the_ordinary_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no clock counts suspension, durations are measured all the same."""
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    before = time.monotonic()
    assert before <= SystemClock().monotonic() <= time.monotonic()


async def test_sleeping_lets_the_clock_go_on() -> None:
    """After a sleep, at least that many seconds have passed on the same clock."""
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.01)
    assert clock.monotonic() - before >= 0.009
