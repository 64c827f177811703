"""Addresses and instants: what is equal, what Graph would refuse, and what is read back."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import EmailAddress, address_flaw, format_instant, parse_instant


def test_addresses_that_differ_in_case_are_one_address() -> None:
    """Equality, hash and order ignore case; each address keeps the spelling it came with."""
    one, other = EmailAddress("Ana@Newco.example"), EmailAddress("ana@newco.EXAMPLE")

    assert one == other
    assert len({one, other}) == 1
    assert not one < other
    assert str(one) == "Ana@Newco.example"
    assert one.domain == "newco.example"
    assert EmailAddress("nobody").domain == ""


@pytest.mark.parametrize(
    "text",
    [
        "ana@newco.example",
        "ana.maria-lopez_2@mail.newco.example",
        "_ana_@newco.example",
        "o'neil@newco.example",
        f"{'a' * 64}@newco.example",
        f"a@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 57}.example",
        "ana@xn--nwco-1oa.example",
    ],
)
def test_what_graph_takes_has_no_flaw(text: str) -> None:
    """Underscores anywhere, dots and hyphens inside, an apostrophe, up to 250 characters."""
    assert address_flaw(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *(f"a{character}b@newco.example" for character in '~!#$%^&*()+=[]{}\\/|;:"<>?, \t\n\x00'),
        ".ana@newco.example",
        "ana.@newco.example",
        "-ana@newco.example",
        "ana-@newco.example",
        "a..na@newco.example",
        "ana@newco",
        "ana@-newco.example",
        "ana@newco..example",
        "ana@new_co.example",
        "@newco.example",
        "ana@",
        "ana",
        "",
        "ana@b@newco.example",
        "ána@newco.example",
        "ana@nẽwco.example",
        f"{'a' * 65}@newco.example",
        f"a@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 59}.example",
        "a@10.0.0.1",
        "a@newco.123",
    ],
)
def test_what_graph_refuses_has_a_flaw(text: str) -> None:
    """Whatever an invitation would refuse is told before anything is written."""
    assert address_flaw(text)


@given(st.datetimes(timezones=st.timezones()))
def test_instants_survive_being_written(instant: datetime) -> None:
    """An instant that is written and read again is the same instant."""
    text = format_instant(instant)

    assert text.endswith("Z")
    assert parse_instant(text) == instant.astimezone(UTC)


def test_seven_digits_of_a_second_are_read() -> None:
    """Graph's times may have more digits than a computer keeps; they are cut, not refused."""
    assert format_instant(parse_instant("2025-02-04T08:00:00.1234567Z")) == "2025-02-04T08:00:00.123456Z"


@pytest.mark.parametrize("text", ["2025-02-04T08:00:00", "2025-02-04", "soon"])
def test_an_instant_needs_a_time_zone(text: str) -> None:
    """A moment without a zone could be any of many."""
    with pytest.raises(ValueError, match=r"zone|Invalid"):
        parse_instant(text)
