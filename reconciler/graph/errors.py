"""What each answer to a write means, and what an answer that never came does.

Words are compared without regard to case, white space and the shape of apostrophes. No word of an answer
gets into a message from here: only a code of letters, and ids of the request and of an object in the way.
"""

import re

import httpx

from reconciler.errors import DirectoryError, Unreachable
from reconciler.graph.answers import Answer, GraphError
from reconciler.graph.refusals import REFUSALS, Write
from reconciler.model import Failed, FailureKind

__all__ = ["Write", "explain", "explain_no_token", "explain_silence", "unreadable"]

_THROTTLING = "Request_ThrottledTemporarily"
"""A code that comes with statuses which leave open whether a write was carried out."""

_NO_GUEST_OR_TAKEN = (
    "check that the id is that of a B2B guest and that no other object of the tenant holds the address"
)
_INVALID_OR_TAKEN = "check that the addresses are valid and that no other object of the tenant holds them"

_CHECKS = {
    (Write.INVITATION, 400): f"{_NO_GUEST_OR_TAKEN}, then ",
    (Write.UPDATE, 400): f"{_INVALID_OR_TAKEN}, then ",
}
"""Where to look when a refusal is not in the table, by what is refused so as a rule."""

_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)

_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_STRAIGHT = str.maketrans({"\u2019": "'", "\u2018": "'", "\u00b4": "'", "`": "'"})


def explain(answer: Answer, write: Write) -> Failed:
    """Say what an answer to a write means that was no success."""
    kind, rule, message = _judge(answer, write)
    return Failed(
        kind=kind,
        rule=rule,
        message=message,
        status=answer.status,
        request_id=answer.request_id,
        retry_after=answer.retry_after,
    )


def unreadable(answer: Answer) -> Failed:
    """Say what a success means whose body is not one that is documented: look before sending again."""
    return Failed(
        kind=FailureKind.UNKNOWN,
        rule="unexpected-answer",
        message=f"the directory answered with status {answer.status} and nothing that can be understood; "
        "run apply again",
        status=answer.status,
        request_id=answer.request_id,
    )


def explain_silence(error: httpx.RequestError | TimeoutError) -> Failed:
    """Say what a call without an answer means: whether it may have been carried out."""
    unsent = isinstance(error, _UNSENT)
    return Failed(
        kind=FailureKind.NOT_EXECUTED if unsent else FailureKind.UNKNOWN,
        rule="unreachable" if unsent else "no-answer",
        message="no connection to the directory could be made; check the network, then run apply again"
        if unsent
        else "the directory did not answer, so whether it did the write is not known; run apply again",
        status=None,
        request_id=None,
    )


def explain_no_token(error: DirectoryError) -> Failed:
    """Say what it means that there was no token to send a write with: nothing was sent."""
    passing = isinstance(error, Unreachable)
    return Failed(
        kind=FailureKind.NOT_EXECUTED if passing else FailureKind.RUN_REFUSED,
        rule=error.rule,
        message=f"{error.message}; {error.hint}" if error.hint else error.message,
        status=None,
        request_id=None,
    )


def _judge(answer: Answer, write: Write) -> tuple[FailureKind, str, str]:
    status, error = answer.status, answer.error
    if status == 429:
        return (
            FailureKind.NOT_EXECUTED,
            "throttled",
            "the directory is throttling requests; run apply again later",
        )
    if status >= 500 or status == 408:
        return _unclear(status, error)
    words = " ".join(error.message.translate(_STRAIGHT).lower().split())
    for refusal in REFUSALS:
        if refusal.fits(write, status, error, words):
            return refusal.kind, refusal.rule, refusal.message.format(object=_in_the_way(error))
    return FailureKind.GUEST_REFUSED, "refused", _unlisted(answer, write)


def _unclear(status: int, error: GraphError) -> tuple[FailureKind, str, str]:
    """Judge an answer that leaves open whether the write was carried out."""
    if error.code == _THROTTLING:
        rule, what = "throttled", "is throttling requests"
    else:
        rule, what = "server-error", f"failed with status {status}"
    message = f"the directory {what}; whether it did the write is not known, run apply again later"
    return FailureKind.UNKNOWN, rule, message


def _unlisted(answer: Answer, write: Write) -> str:
    """Say what to do about a refusal that is not in the table, and by what Microsoft can find it."""
    code = f" ({answer.error.code})" if answer.error.code else ""
    check = _CHECKS.get((write, answer.status), "")
    found = _GUID.fullmatch(answer.request_id or "")
    by = f" by the request id {found[0]}" if found else ""
    return (
        f"the directory refused the write with status {answer.status}{code}; {check}run apply again; "
        f"if it stays, Microsoft's support can tell why{by}"
    )


def _in_the_way(error: GraphError) -> str:
    """Name the object that holds the address, when Graph told its id."""
    targets = " ".join(target for code, target in error.details if code == "ConflictingObjects")
    found = _GUID.search(f"{targets} {error.message}")
    return f" (object {found[0].lower()})" if found else ""
