"""An answer shows of its headers and its error what can be understood, and never its body."""

from datetime import UTC

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.graph.responses import Answer
from reconciler.graph.write_results import explain
from reconciler.model import FailureKind
from tests.support.refused_writes import GUEST, RESET


def test_error_envelope_gives_its_code_only_when_it_can_be_shown() -> None:
    """A code that is not made of letters, dots and underscores is left out."""

    def code(text: object) -> str:
        body = {"error": {"code": text, "message": 1, "details": [1, {"code": "a"}]}}
        return Answer(status=400, headers=httpx.Headers(), body=body).error.code

    assert code("Request_BadRequest") == "Request_BadRequest"
    assert code("<script>") == code("a" * 81) == code(7) == ""


def test_answer_does_not_show_its_body() -> None:
    """The printed form of an answer and of its error hold nothing of the body."""
    answer = Answer(
        status=201,
        headers=httpx.Headers(),
        body={"inviteRedeemUrl": "secret", "error": {"code": "a", "message": "secret"}},
    )
    assert "secret" not in repr(answer) + repr(answer.error)


NOON = "Mon, 30 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "Mon, 30 Nov 2026 12:01:30 GMT", "date": NOON}, 90.0),
        ({"retry-after": "Monday, 30-Nov-26 12:00:10 GMT", "date": NOON}, 10.0),
        ({"retry-after": "Mon, 30 Nov 2026 11:00:00 GMT", "date": NOON}, 0.0),
        ({"retry-after": NOON}, None),
        ({"retry-after": NOON, "date": "no date"}, None),
        ({"retry-after": "soon", "date": NOON}, None),
        ({"retry-after": "-1", "date": NOON}, None),
        ({"retry-after": "inf", "date": NOON}, None),
        ({"date": NOON}, None),
        ({}, None),
    ],
)
def test_time_to_wait_is_a_number_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    """A date counts from the answer's own `Date`; what cannot be understood is no time at all."""
    body = {"error": {"code": "TooManyRequests", "innerError": {"date": "2026-11-30T12:00:00"}}}
    answer = Answer(status=429, headers=httpx.Headers(headers), body=body)
    assert answer.retry_after == seconds
    failed = explain(answer, GUEST, RESET)
    assert (failed.kind, failed.rule, failed.retry_after) == (FailureKind.NOT_EXECUTED, "throttled", seconds)


@given(st.text(max_size=60))
def test_no_text_of_a_header_breaks_reading_it(text: str) -> None:
    """Whatever stands in `Date` and `Retry-After`, they are read or not, and nothing is raised."""
    ascii_text = text.encode("ascii", "replace").decode()
    answer = Answer(
        status=429, headers=httpx.Headers({"date": ascii_text, "retry-after": ascii_text}), body=None
    )
    assert answer.date is None or answer.date.tzinfo is UTC
    assert answer.retry_after is None or answer.retry_after >= 0
