"""Every answer to a write that is no success means one thing, says what to do, and shows no body."""

import re
from typing import Any

import httpx
import pytest

from reconciler.errors import AccessDenied, Unreachable
from reconciler.graph.answers import Answer
from reconciler.graph.errors import Write, explain, explain_no_token, explain_silence, unreadable
from reconciler.model import FailureKind

HOLDER = "1b6a4f0c-8a0c-4d6e-9a51-5f3a3f1c7e01"
SECRET = "ana@secret.example"


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


INVITATION = [
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
    (404, "Request_ResourceNotFound", "Resource", FailureKind.GUEST_REFUSED, "not-found"),
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
    (302, "", "", FailureKind.GUEST_REFUSED, "refused"),
    (418, "Something_New", "", FailureKind.GUEST_REFUSED, "refused"),
]


@pytest.mark.parametrize(("status", "code", "message", "kind", "rule"), INVITATION)
def test_refused_invitation(status: int, code: str, message: str, kind: FailureKind, rule: str) -> None:
    """Each known refusal of an invitation has its kind and rule, and its message holds no word of it."""
    failed = explain(refused(status, code, message), Write.INVITATION)
    assert (failed.kind, failed.rule, failed.status) == (kind, rule, status)
    assert SECRET not in failed.message


UPDATE = [
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
    (404, "Request_ResourceNotFound", "", FailureKind.GUEST_REFUSED, "not-found"),
    (429, "TooManyRequests", "", FailureKind.NOT_EXECUTED, "throttled"),
    (503, "Request_ThrottledTemporarily", "", FailureKind.UNKNOWN, "throttled"),
    (400, "Request_BadRequest", "Something else", FailureKind.GUEST_REFUSED, "refused"),
]


@pytest.mark.parametrize(("status", "code", "message", "kind", "rule"), UPDATE)
def test_refused_update(status: int, code: str, message: str, kind: FailureKind, rule: str) -> None:
    """Each known refusal of a PATCH has its kind and rule, and its message holds no word of it."""
    failed = explain(refused(status, code, message), Write.UPDATE)
    assert (failed.kind, failed.rule, failed.status) == (kind, rule, status)
    assert SECRET not in failed.message


ROWS = [(Write.INVITATION, *row[:3]) for row in INVITATION] + [(Write.UPDATE, *row[:3]) for row in UPDATE]


@pytest.mark.parametrize(("write", "status", "code", "message"), ROWS)
def test_every_refusal_says_what_to_do(write: Write, status: int, code: str, message: str) -> None:
    """After what is the matter comes a remedy that somebody can carry out."""
    _, _, remedy = explain(refused(status, code, message), write).message.partition("; ")
    assert re.search(r"\b(run apply again|declare|allow|grant|let|remove|enable|change|look|check)\b", remedy)


def test_throttling_is_told_whatever_the_status() -> None:
    """A throttled write says so also where it is not known whether it was carried out."""
    for status in (429, 503):
        failed = explain(refused(status, "Request_ThrottledTemporarily"), Write.INVITATION)
        assert "is throttling requests" in failed.message
        assert "run apply again later" in failed.message


def test_an_invitation_refused_for_a_reason_nobody_listed_says_where_to_look() -> None:
    """What such a refusal most often comes from is named, and the request for Microsoft's support."""
    answer = refused(400, "BadRequest", "News", headers={"request-id": HOLDER})
    message = explain(answer, Write.INVITATION).message
    for part in ("400 (BadRequest)", "B2B guest", "no other object", f"request id {HOLDER}"):
        assert part in message


def test_a_request_id_that_is_none_is_not_shown() -> None:
    """Of a header only an id gets into a message."""
    message = explain(refused(400, "x", headers={"request-id": f"{HOLDER} {SECRET}"}), Write.UPDATE).message
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
    assert explain(refused(400, "BadRequest", message), Write.INVITATION).kind is FailureKind.REPLICATION


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
    failed = explain(refused(400, "BadRequest", message, details=details), Write.INVITATION)
    assert failed.rule == "address-in-use"
    assert HOLDER in failed.message


def test_object_in_the_way_that_is_no_id_is_not_shown() -> None:
    """What is not an id does not get into the message."""
    details = [{"code": "ObjectConflict"}, {"code": "ConflictingObjects", "target": "User_<script>"}]
    failed = explain(refused(400, "x", "", details=details), Write.UPDATE)
    assert "object" not in failed.message.replace("another object", "")


def test_unlisted_refusal_shows_status_and_code_only() -> None:
    """A refusal nobody has listed shows its status and, when it is made of letters, its code."""
    assert "status 400 (Some_Code)" in explain(refused(400, "Some_Code"), Write.UPDATE).message
    hostile = explain(refused(400, "<b>\x1b[31m"), Write.UPDATE).message
    assert "<b>" not in hostile
    assert "\x1b" not in hostile


@pytest.mark.parametrize("body", [None, [], "text", {"error": None}, {"error": {"message": "only"}}, {}])
def test_broken_body_changes_nothing_about_the_status(body: object) -> None:
    """HTML, empty and broken bodies leave the status to decide."""
    answer = Answer(status=400, headers=httpx.Headers(), body=body)
    assert explain(answer, Write.UPDATE).rule == "refused"


def test_throttling_tells_how_long_to_wait() -> None:
    """The wait Graph asks for and its request id are handed on."""
    headers = {"Retry-After": "12", "request-id": "abc"}
    failed = explain(refused(429, "TooManyRequests", headers=headers), Write.UPDATE)
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
    denied = explain_no_token(AccessDenied("no token", rule="no-token", hint="do this"))
    assert (denied.kind, denied.rule) == (FailureKind.RUN_REFUSED, "no-token")
    assert denied.message == "no token; do this"
    silent = explain_no_token(Unreachable("no answer", rule="unreachable"))
    assert (silent.kind, silent.message) == (FailureKind.NOT_EXECUTED, "no answer")


def test_success_nobody_can_read_is_unknown() -> None:
    """A success with an undocumented body may or may not be one."""
    answer = Answer(status=200, headers=httpx.Headers({"request-id": "r"}), body=None)
    assert unreadable(answer).kind is FailureKind.UNKNOWN
