"""Every answer to a write that is no success means one thing, says what to do, and shows no body."""

from typing import Any

import httpx
import pytest

from reconciler.errors import AccessDenied, Unreachable
from reconciler.graph.responses import Answer
from reconciler.graph.write_results import explain, explain_no_token, explain_silence, unreadable
from reconciler.model import FailureKind, Write
from reconciler.rules import OtherRule, Rule
from tests.support.refused_writes import GUEST, HOLDER, LIST, MARKED, RESET, SECRET, UPDATE, refused


def test_throttling_is_told_whatever_the_status() -> None:
    """A throttled write says so also where it is not known whether it was carried out."""
    for status in (429, 503):
        failed = explain(refused(status, "Request_ThrottledTemporarily"), GUEST, RESET)
        assert "is throttling requests" in failed.message
        assert "run apply again later" in failed.message


def test_an_invitation_refused_for_a_reason_nobody_listed_says_where_to_look() -> None:
    """What such a refusal most often comes from is named, and the request for Microsoft's support."""
    answer = refused(400, "BadRequest", "News", headers={"request-id": HOLDER})
    message = explain(answer, GUEST, RESET).message
    for part in ("400 (BadRequest)", "B2B guest", "no other object", f"request id {HOLDER}"):
        assert part in message


def test_a_request_id_that_is_none_is_not_shown() -> None:
    """Of a header only an id gets into a message."""
    message = explain(refused(400, "x", headers={"request-id": f"{HOLDER} {SECRET}"}), GUEST, UPDATE).message
    assert "request id" not in message
    assert SECRET not in message


@pytest.mark.parametrize(
    ("message", "details"),
    [
        (f"The invited user already exists in the directory as object ID: {HOLDER.upper()}.", None),
        (
            "Another object with the same value for property proxyAddresses already exists.",
            [
                {"code": "ObjectConflict", "target": "proxyAddresses"},
                {"code": "ConflictingObjects", "target": f"User_{HOLDER}"},
            ],
        ),
        ("Whatever", [{"code": "ObjectConflict"}, {"code": "ConflictingObjects", "target": HOLDER}]),
    ],
)
def test_object_in_the_way_is_named(message: str, details: object) -> None:
    """When Graph tells the id of the object that holds the address, the message names it."""
    failed = explain(refused(400, "BadRequest", message, details=details), GUEST, RESET)
    assert failed.rule == "address-in-use"
    assert HOLDER in failed.message


CONFLICT = "Another object with the same value for property proxyAddresses already exists."


def conflict(*holders: str) -> list[dict[str, str]]:
    """Write the details of the conflict as Graph does."""
    named = [{"code": "ConflictingObjects", "target": f"User_{holder}"} for holder in holders]
    return [{"code": "ObjectConflict", "target": "proxyAddresses"}, *named]


@pytest.mark.parametrize(
    ("write", "holders", "named"),
    [
        (LIST, (HOLDER,), True),
        (LIST, (), False),
        (LIST, (GUEST,), False),
        (UPDATE, (GUEST.upper(),), False),
        (MARKED, (GUEST, HOLDER), True),
    ],
)
def test_conflict_that_the_guest_is_in_already_is_its_own(
    write: Write, holders: tuple[str, ...], *, named: bool
) -> None:
    """Where another address would not help, the guest's own conflict is named, and the other object."""
    answer = refused(400, "Request_BadRequest", CONFLICT, details=conflict(*holders))
    failed = explain(answer, GUEST, write)
    assert (failed.kind, failed.rule) == (FailureKind.GUEST_REFUSED, "guest-in-conflict")
    assert "declare another address" not in failed.message
    assert "proxyAddresses" in failed.message
    assert (HOLDER in failed.message) is named
    assert GUEST not in failed.message


def test_conflict_over_the_new_mail_is_the_addresses() -> None:
    """With a new `mail` the address is taken, and who holds it is named."""
    answer = refused(400, "Request_BadRequest", CONFLICT, details=conflict(HOLDER))
    failed = explain(answer, GUEST, UPDATE)
    assert failed.rule == "address-in-use"
    assert "declare another address" in failed.message
    assert HOLDER in failed.message


def test_refused_value_names_the_markers_domain_only_with_a_marker() -> None:
    """A refusal that the marker may have caused says which key of `tenant.yaml` sets its domain."""
    answer = refused(400, "Request_BadRequest", "Invalid value specified for property 'otherMails'.")
    assert "reconciler.invalid (markerDomain in tenant.yaml)" in explain(answer, GUEST, MARKED).message
    assert "markerDomain" not in explain(answer, GUEST, UPDATE).message


def test_object_in_the_way_that_is_no_id_is_not_shown() -> None:
    """What is not an id does not get into the message."""
    details = [{"code": "ObjectConflict"}, {"code": "ConflictingObjects", "target": "User_<script>"}]
    failed = explain(refused(400, "x", "", details=details), GUEST, UPDATE)
    assert "object" not in failed.message.replace("another object", "")


def test_unlisted_refusal_shows_status_and_code_only() -> None:
    """A refusal nobody has listed shows its status and, when it is made of letters, its code."""
    assert "status 400 (Some_Code)" in explain(refused(400, "Some_Code"), GUEST, UPDATE).message
    hostile = explain(refused(400, "<b>\x1b[31m"), GUEST, UPDATE).message
    assert "<b>" not in hostile
    assert "\x1b" not in hostile


FOREIGN: list[Any] = [
    None,
    [],
    "text",
    {"error": None},
    {"error": "invalid_request"},
    {"error": {"message": "only"}},
    {"error": {"code": 403}},
    {"error": {"code": ""}},
    {"message": "no such route"},
    {},
]


@pytest.mark.parametrize("body", FOREIGN)
@pytest.mark.parametrize("write", [UPDATE, RESET], ids=["update", "reset"])
@pytest.mark.parametrize("status", [301, 303, 307, 400, 403, 404, 409, 410, 413, 421, 451])
def test_refusal_without_an_envelope_leaves_open_what_happened(
    status: int, write: Write, body: object
) -> None:
    """Whoever answers without Graph's envelope may have passed the write on before: it is unknown."""
    failed = explain(Answer(status=status, headers=httpx.Headers(), body=body), GUEST, write)
    assert (failed.kind, failed.rule) == (FailureKind.UNKNOWN, "foreign-answer")
    assert "check proxies" in failed.message


@pytest.mark.parametrize("body", FOREIGN)
@pytest.mark.parametrize(
    ("status", "kind", "rule"),
    [
        (401, FailureKind.RUN_REFUSED, "token-refused"),
        (407, FailureKind.NOT_EXECUTED, "proxy-refused"),
        (408, FailureKind.UNKNOWN, "server-error"),
        (429, FailureKind.NOT_EXECUTED, "throttled"),
        (503, FailureKind.UNKNOWN, "server-error"),
    ],
)
def test_status_that_speaks_for_itself_needs_no_envelope(
    status: int, kind: FailureKind, rule: str, body: object
) -> None:
    """Credentials asked for and requests counted mean that nothing was done, whoever says so."""
    failed = explain(Answer(status=status, headers=httpx.Headers(), body=body), GUEST, RESET)
    assert (failed.kind, failed.rule) == (kind, rule)


def test_throttling_tells_how_long_to_wait() -> None:
    """The wait Graph asks for and its request id are handed on."""
    headers = {"Retry-After": "12", "request-id": "abc"}
    failed = explain(refused(429, "TooManyRequests", headers=headers), GUEST, UPDATE)
    assert (failed.retry_after, failed.request_id) == (12.0, "abc")


REQUEST = httpx.Request("GET", "http://127.0.0.1/")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError("x"), FailureKind.NOT_EXECUTED),
        (httpx.ConnectTimeout("x"), FailureKind.NOT_EXECUTED),
        (httpx.PoolTimeout("x"), FailureKind.NOT_EXECUTED),
        (httpx.ProxyError("x"), FailureKind.NOT_EXECUTED),
        (httpx.ReadTimeout("x"), FailureKind.UNKNOWN),
        (httpx.WriteTimeout("x"), FailureKind.UNKNOWN),
        (httpx.ReadError("x"), FailureKind.UNKNOWN),
        (httpx.WriteError("x"), FailureKind.UNKNOWN),
        (httpx.RemoteProtocolError("x"), FailureKind.UNKNOWN),
        (httpx.DecodingError("x"), FailureKind.UNKNOWN),
        (TimeoutError(), FailureKind.UNKNOWN),
    ],
)
def test_silence_is_unknown_unless_no_connection_was_made(
    error: httpx.RequestError | TimeoutError, kind: FailureKind
) -> None:
    """Only a call that never had a connection was certainly not carried out."""
    failed = explain_silence(error)
    assert failed.kind is kind
    assert (failed.status, failed.request_id) == (None, None)


def test_no_token_means_that_nothing_was_sent() -> None:
    """A token that is denied stops the run; an authority that does not answer is waited for."""
    denied = explain_no_token(AccessDenied("no token", rule=OtherRule("no-token"), hint="do this"))
    assert (denied.kind, denied.rule) == (FailureKind.RUN_REFUSED, "no-token")
    assert denied.message == "no token; do this"
    silent = explain_no_token(Unreachable("no answer", rule=Rule.UNREACHABLE))
    assert (silent.kind, silent.message) == (FailureKind.NOT_EXECUTED, "no answer")


def test_success_nobody_can_read_is_unknown() -> None:
    """A success with an undocumented body may or may not be one."""
    answer = Answer(status=200, headers=httpx.Headers({"request-id": "r"}), body=None)
    assert unreadable(answer).kind is FailureKind.UNKNOWN
