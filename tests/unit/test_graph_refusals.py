"""Each known refusal of a write has one meaning, however it is spelled, and a remedy."""

import re

import pytest

from reconciler.graph.write_results import explain
from reconciler.model import FailureKind, Write
from tests.support.refused_writes import GUEST, HOLDER, LIST, MARKED, RESET, SECRET, UPDATE, refused

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


def test_one_404_is_no_reason_to_remove_an_entry() -> None:
    """What one replica does not know is not said to be gone."""
    message = explain(refused(404, "Request_ResourceNotFound"), GUEST, UPDATE).message
    assert "may pass" in message
    assert "remove" not in message
