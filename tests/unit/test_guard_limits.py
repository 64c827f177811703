"""How many resets and new sign-ins are too many, at the borders."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from reconciler.guard.limits import check
from reconciler.model import LimitRaise, Policy, SuggestedRaise
from tests.support.plans import NOW


def rules(
    changes: int, declared: int = 50, policy: Policy | None = None, *, now: datetime = NOW
) -> list[str]:
    found = check(changes=changes, declared=declared, policy=policy or Policy(), now=now)
    return [note.rule for note in found]


def raised(
    *, changes: int | None = None, percent: int | None = None, days: int = 0, base: int = 20
) -> Policy:
    until = NOW.date() + timedelta(days=days)
    limit = LimitRaise(max_changes=changes, max_change_percent=percent, until=until, reason="a rename")
    return Policy(max_changes=base, limit_raise=limit)


@pytest.mark.parametrize(("changes", "expected"), [(0, []), (20, []), (21, ["max-changes"])])
def test_the_count_may_reach_its_limit_but_not_pass_it(changes: int, expected: list[str]) -> None:
    """As many changes as the policy says are fine; one more refuses the whole apply."""
    assert rules(changes) == expected


def test_a_limit_of_nothing_lets_nothing_through() -> None:
    """A policy of zero changes refuses the first, and accepts a plan without any."""
    assert rules(0, 0, Policy(max_changes=0)) == []
    assert rules(1, 1, Policy(max_changes=0)) == ["max-changes"]


@pytest.mark.parametrize(
    ("changes", "declared", "expected"),
    [
        (11, 99, []),
        (10, 100, []),
        (11, 100, ["max-change-percent"]),
        (20, 199, ["max-change-percent"]),
        (20, 200, []),
    ],
)
def test_the_share_counts_from_a_hundred_declared_guests_on(
    changes: int, declared: int, expected: list[str]
) -> None:
    """In a small tree one guest is a large share, so only the count is looked at there."""
    assert rules(changes, declared) == expected


def test_both_limits_are_told_together() -> None:
    """Whoever raises one limit should not meet the other afterwards."""
    assert rules(30, 100) == ["max-change-percent", "max-changes"]


@pytest.mark.parametrize(("days", "holds"), [(0, True), (-1, False), (400, True)])
def test_a_raise_counts_through_its_last_day(days: int, *, holds: bool) -> None:
    """A raise ends by itself, so that nobody has to remember to take it back."""
    assert (rules(80, policy=raised(changes=80, days=days)) == []) is holds


def test_a_raise_ends_with_the_day_in_utc() -> None:
    """The zone of the clock does not prolong a raise."""
    evening = datetime(2026, 10, 1, 23, 59, tzinfo=timezone(timedelta(hours=-3)))
    assert evening.astimezone(UTC).date() > NOW.date()
    assert rules(80, policy=raised(changes=80), now=evening) == ["max-changes"]


def test_a_raise_never_lowers() -> None:
    """A raise below the policy's own limit does nothing, and each key raises only itself."""
    assert rules(20, policy=raised(changes=5)) == []
    assert rules(21, policy=raised(percent=90)) == ["max-changes"]
    assert rules(15, 100, raised(percent=15)) == []
    assert rules(15, 100, raised(changes=90)) == ["max-change-percent"]


def test_a_refusal_holds_the_numbers_and_the_raise_that_suffices() -> None:
    """The way out is a reviewed edit, and each refusal has the whole of it."""
    share, count = check(changes=30, declared=100, policy=Policy(), now=NOW)
    suggested = SuggestedRaise(max_changes=30, max_change_percent=30, until=date(2026, 10, 8))
    counted = "would be reset or could sign in with another address"
    assert f"30 of 100 declared guests {counted}, 10 % are allowed" in share.message
    assert f"30 guests {counted}, 20 are allowed" in count.message
    assert share.suggested_raise == count.suggested_raise == suggested


def test_a_suggested_share_is_rounded_up_so_that_it_suffices() -> None:
    """Copying the suggestion lifts the refusal."""
    (note,) = check(changes=20, declared=199, policy=Policy(), now=NOW)
    suggested = note.suggested_raise
    assert suggested is not None
    assert (suggested.max_changes, suggested.max_change_percent) == (None, 11)
    assert rules(20, 199, raised(percent=11)) == []


def test_a_suggestion_keeps_what_the_raise_in_force_gives() -> None:
    """The new raise replaces the old one, so it holds both."""
    (note,) = check(changes=81, declared=200, policy=raised(changes=80, percent=50), now=NOW)
    suggested = note.suggested_raise
    assert suggested is not None
    assert (suggested.max_changes, suggested.max_change_percent) == (81, 50)


def test_an_expired_raise_is_named() -> None:
    """Whoever wonders why the raise does not help learns that it has ended."""
    (note,) = check(changes=30, declared=50, policy=raised(changes=80, days=-1), now=NOW)
    assert "ended on 2026-09-30" in note.message
