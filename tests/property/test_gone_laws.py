"""Who is gone: nobody who was read is, and nobody leaves the tree by mistake."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import FoundGuests, Hold, ObjectId, Policy
from reconciler.plan.gone import gone
from reconciler.rules import Rule
from tests.support.directory import declared, guest, guest_id

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NUMBERS = range(1, 6)
IDS = [guest_id(number) for number in NUMBERS]
PLACES = st.sampled_from(["live", "not-found", "deleted", "deleted, unknown when"])


@given(
    places=st.lists(PLACES, min_size=5, max_size=5),
    minutes=st.lists(st.integers(0, 60 * 24 * 60), min_size=5, max_size=5),
    held=st.sets(st.sampled_from(IDS)),
    protected=st.sets(st.sampled_from(IDS)),
    named=st.sets(st.sampled_from(IDS), max_size=2),
    days=st.integers(0, 40),
)
def test_only_those_go_who_are_gone_for_long_and_free_to_go(
    places: list[str],
    minutes: list[int],
    held: set[ObjectId],
    protected: set[ObjectId],
    named: set[ObjectId],
    days: int,
) -> None:
    """Each entry that goes is absent for long enough, and neither held nor protected unless it was named."""
    ages = [timedelta(minutes=age) for age in minutes]
    by_id = dict(zip(IDS, zip(places, ages, strict=True), strict=True))
    entries = [declared(number, f"g{number}@x.example") for number in NUMBERS]
    hold = Hold(reason="x", until=date(2026, 11, 23))
    entries = [replace(entry, hold=hold if entry.id in held else None) for entry in entries]
    found = FoundGuests(
        guests={guest_id(n): guest(n) for n in NUMBERS if by_id[guest_id(n)][0] == "live"},
        deleted=frozenset(key for key, (place, _) in by_id.items() if place.startswith("deleted")),
        deleted_at={key: NOW - age for key, (place, age) in by_id.items() if place == "deleted"},
    )
    rows = gone(entries, found, policy=Policy(protected=tuple(protected)), now=NOW, days=days, named=named)

    absent = {key for key, (place, _) in by_id.items() if place != "live"}
    assert {row.entry.id for row in rows} == (absent & named if named else absent)
    assert [row.entry.id for row in rows] == sorted(row.entry.id for row in rows)
    for row in rows:
        place, age = by_id[row.entry.id]
        assert (row.rule is Rule.NOT_FOUND) == (place == "not-found")
        long_gone = place == "not-found" or (place == "deleted" and age > timedelta(days=days))
        free = bool(named) or row.entry.id not in held | protected
        assert (not row.kept) == (long_gone and free)
