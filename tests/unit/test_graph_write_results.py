"""Every answer to a write that is no success means one thing, says what to do, and shows no body."""

import re
from datetime import UTC
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import AccessDenied, Unreachable
from reconciler.graph.responses import Answer
from reconciler.graph.write_results import explain, explain_no_token, explain_silence, unreadable
from reconciler.model import (
    EmailAddress,
    FailureKind,
    Invitation,
    Marker,
    ObjectId,
    ResetRedemption,
    UserUpdate,
    Write,
)
from reconciler.rules import OtherRule, Rule

GUEST = ObjectId("11111111-2222-4333-8444-555555555555")
HOLDER = "1b6a4f0c-8a0c-4d6e-9a51-5f3a3f1c7e01"
SECRET = "ana@secret.example"
ANA = EmailAddress("ana@newco.example")
MARKER = Marker(seconds=1, nonce="0a1b2c3d", digits="0123456789abcdef", domain="reconciler.invalid")
UPDATE = UserUpdate(mail=ANA, other_mails=(ANA,))
LIST = UserUpdate(mail=None, other_mails=(ANA,))
MARKED = UserUpdate(mail=ANA, other_mails=(ANA,), marker=MARKER)
RESET = ResetRedemption(
    email=ANA,
    invitation=Invitation(
        send_message=False, language="en-US", redirect_url="https://x.example", cc=None, message=None
    ),
)


def refused(
    status: int,
    code: str = "",
    message: str = "",
    *,
    details: object = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    error: dict[str, Any] = {"code": code, "message": f"{message} {SECRET}", "innerError": {}}
    if details is not None:
        error["details"] = details
    return Answer(status=status, headers=httpx.Headers(headers or {}), body={"error": error})


INVITATIONS = [
    (
        400,
        "BadRequest",
        (
            "The email you\u2019re using to invite this user doesn\u2019t match any emails on the user "
            "object. Please add this email to the user object and try again."
        ),
        FailureKind.REPLICATION,
        "address-not-replicated",
    ),
    (403, "Forbidden", "Generic authorization exception.", FailureKind.GUEST_REFUSED, "not-permitted"),
    (
        403,
        "Forbidden",
        "Guest invitations not allowed for your company. Contact your company administrator.",
        FailureKind.RUN_REFUSED,
        "invitations-disabled",
    ),
    (404, "Request_ResourceNotFound", "Resource", FailureKind.NOT_FOUND, "not-found"),
    (404, "NotFound", "", FailureKind.NOT_FOUND, "not-found"),
    (
        400,
        "BadRequest",
        (
            "This user cannot be invited because the domain of the user's email address is a verified "
            "domain of this directory."
        ),
        FailureKind.GUEST_REFUSED,
        "verified-domain",
    ),
    (
        400,
        "BadRequest",
        (
            f"The invited user already exists in the directory as object ID: {HOLDER}. They can use that "
            "account to sign in to shared apps and resources."
        ),
        FailureKind.GUEST_REFUSED,
        "address-in-use",
    ),
    (400, "AmbiguousUser", "Whatever", FailureKind.GUEST_REFUSED, "address-in-use"),
    (400, "BadRequest", "The user is an AmbiguousUser", FailureKind.GUEST_REFUSED, "address-in-use"),
    (
        400,
        "BadRequest",
        "InvitationCreationFailureUserAccountDisabled",
        FailureKind.GUEST_REFUSED,
        "guest-disabled",
    ),
    (
        400,
        "InvitationCreationFailureUserAccountDisabled",
        "The account is disabled",
        FailureKind.GUEST_REFUSED,
        "guest-disabled",
    ),
    (
        400,
        "InvitationCreationFailureAmbiguousUser",
        "Whatever",
        FailureKind.GUEST_REFUSED,
        "address-in-use",
    ),
    (400, "BadRequest", "Group email address is not supported", FailureKind.GUEST_REFUSED, "group-address"),
    (
        400,
        "BadRequest",
        "The Primary SMTP Address is an invalid value",
        FailureKind.GUEST_REFUSED,
        "invalid-address",
    ),
    (
        403,
        "Forbidden",
        "This invitation is blocked by cross-tenant access settings. Admins in both organizations must",
        FailureKind.GUEST_REFUSED,
        "cross-tenant-access",
    ),
    (400, "BadRequest", "Failed: domain blocked by policy", FailureKind.GUEST_REFUSED, "domain-denied"),
    (
        400,
        "BadRequest",
        "This user can\u2019t be invited to this directory because",
        FailureKind.GUEST_REFUSED,
        "not-invitable",
    ),
    (429, "TooManyRequests", "", FailureKind.NOT_EXECUTED, "throttled"),
    (
        403,
        "Authorization_RequestDenied",
        "Insufficient privileges to complete the operation.",
        FailureKind.RUN_REFUSED,
        "permission-missing",
    ),
    (401, "InvalidAuthenticationToken", "", FailureKind.RUN_REFUSED, "token-refused"),
    (500, "InternalServerError", "", FailureKind.UNKNOWN, "server-error"),
    (502, "", "", FailureKind.UNKNOWN, "server-error"),
    (503, "Request_ThrottledTemporarily", "", FailureKind.UNKNOWN, "throttled"),
    (429, "Request_ThrottledTemporarily", "", FailureKind.NOT_EXECUTED, "throttled"),
    (501, "NotImplemented", "", FailureKind.UNKNOWN, "server-error"),
    (400, "BadRequest", "Something nobody has reported", FailureKind.GUEST_REFUSED, "refused"),
    (504, "", "", FailureKind.UNKNOWN, "server-error"),
    (408, "", "", FailureKind.UNKNOWN, "server-error"),
    (302, "", "", FailureKind.UNKNOWN, "foreign-answer"),
    (303, "", "", FailureKind.UNKNOWN, "foreign-answer"),
    (400, "", "", FailureKind.UNKNOWN, "foreign-answer"),
    (407, "", "", FailureKind.NOT_EXECUTED, "proxy-refused"),
    (404, "", "", FailureKind.UNKNOWN, "foreign-answer"),
    (418, "Something_New", "", FailureKind.GUEST_REFUSED, "refused"),
]


@pytest.mark.parametrize(("status", "code", "message", "kind", "rule"), INVITATIONS)
def test_refused_invitation(status: int, code: str, message: str, kind: FailureKind, rule: str) -> None:
    """Each known refusal of an invitation has its kind and rule, and its message holds no word of it."""
    failed = explain(refused(status, code, message), GUEST, RESET)
    assert (failed.kind, failed.rule, failed.status) == (kind, rule, status)
    assert SECRET not in failed.message


UPDATES = [
    (
        400,
        "Request_BadRequest",
        "Another object with the same value for property proxyAddresses already exists.",
        FailureKind.GUEST_REFUSED,
        "address-in-use",
    ),
    (409, "Request_MultipleObjectsWithSameKeyValue", "", FailureKind.GUEST_REFUSED, "address-in-use"),
    (
        400,
        "Request_BadRequest",
        (
            "Unable to update the specified properties for objects that have originated within an external "
            "service."
        ),
        FailureKind.GUEST_REFUSED,
        "owned-elsewhere",
    ),
    (
        403,
        "Authorization_RequestDenied",
        "Insufficient privileges to complete the operation.",
        FailureKind.GUEST_REFUSED,
        "not-permitted",
    ),
    (404, "Request_ResourceNotFound", "", FailureKind.NOT_FOUND, "not-found"),
    (429, "TooManyRequests", "", FailureKind.NOT_EXECUTED, "throttled"),
    (503, "Request_ThrottledTemporarily", "", FailureKind.UNKNOWN, "throttled"),
    (400, "Request_BadRequest", "Something else", FailureKind.GUEST_REFUSED, "value-refused"),
    (
        400,
        "Request_BadRequest",
        "Invalid value specified for property 'otherMails' of resource 'User'.",
        FailureKind.GUEST_REFUSED,
        "value-refused",
    ),
    (412, "Request_PreconditionFailed", "", FailureKind.GUEST_REFUSED, "refused"),
]


@pytest.mark.parametrize(("status", "code", "message", "kind", "rule"), UPDATES)
def test_refused_update(status: int, code: str, message: str, kind: FailureKind, rule: str) -> None:
    """Each known refusal of a PATCH has its kind and rule, and its message holds no word of it."""
    failed = explain(refused(status, code, message), GUEST, UPDATE)
    assert (failed.kind, failed.rule, failed.status) == (kind, rule, status)
    assert SECRET not in failed.message


ROWS = [(RESET, *row[:3]) for row in INVITATIONS] + [
    (write, *row[:3]) for write in (UPDATE, LIST, MARKED) for row in UPDATES
]


@pytest.mark.parametrize(("write", "status", "code", "message"), ROWS)
def test_every_refusal_says_what_to_do(write: Write, status: int, code: str, message: str) -> None:
    """After what is the matter comes a remedy that somebody can carry out."""
    _, _, remedy = explain(refused(status, code, message), GUEST, write).message.partition("; ")
    assert re.search(r"\b(run apply again|declare|allow|grant|let|remove|enable|change|look|check)\b", remedy)


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
    "message",
    [
        "The email you're using to invite this user DOESN'T  match\nany emails on the user object.",
        "the email you`re using to invite this user doesn\u2018t match any emails on the user object",
    ],
)
def test_words_are_compared_tolerantly(message: str) -> None:
    """Case, white space and the shape of an apostrophe do not matter."""
    assert explain(refused(400, "BadRequest", message), GUEST, RESET).kind is FailureKind.REPLICATION


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


def test_one_404_is_no_reason_to_remove_an_entry() -> None:
    """What one replica does not know is not said to be gone."""
    message = explain(refused(404, "Request_ResourceNotFound"), GUEST, UPDATE).message
    assert "may pass" in message
    assert "remove" not in message


def test_throttling_tells_how_long_to_wait() -> None:
    """The wait Graph asks for and its request id are handed on."""
    headers = {"Retry-After": "12", "request-id": "abc"}
    failed = explain(refused(429, "TooManyRequests", headers=headers), GUEST, UPDATE)
    assert (failed.retry_after, failed.request_id) == (12.0, "abc")


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
