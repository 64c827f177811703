"""The meaning of each answer to a write, and of a missing one.

Words are compared without regard to case, white space and the shape of apostrophes. No word of an answer is
copied to a message here: only a code of letters, and ids of the request and of a conflicting object.
"""

import re
from typing import assert_never

import httpx

from reconciler.certificates import REMEDY, distrust
from reconciler.errors import DirectoryError, Unreachable
from reconciler.graph.guids import GUID
from reconciler.graph.refusals import REFUSALS, Operation
from reconciler.graph.responses import Answer, GraphError
from reconciler.model import Failed, FailureKind, Marker, ObjectId, ResetRedemption, UserUpdate, Write
from reconciler.rules import Rule

_THROTTLING = "Request_ThrottledTemporarily"
"""A code sent with statuses that leave open whether a write was executed."""

_NO_GUEST_OR_TAKEN = (
    "check that the id is that of a B2B guest and that no other object of the tenant holds the address"
)
_INVALID_OR_TAKEN = "check that the addresses are valid and that no other object of the tenant holds them"

_TAKES_MARKER = (
    "check that the addresses are valid, that no other object of the tenant holds them, and that the tenant "
    "takes addresses in {domain} (markerDomain in tenant.yaml)"
)

_OWN_CONFLICT = (
    "the directory finds the guest itself in conflict{object}, whatever address is written; look for the "
    "object that holds one of the guest's proxyAddresses as well, deleted users and mail contacts among "
    "them, remove the address there, then run apply again"
)

_FOREIGN = (
    "something on the way answered with status {status} in the directory's place, so whether the write was "
    "done is not known; check proxies and gateways, then run apply again"
)

_STATUSES = {
    401: (
        FailureKind.RUN_REFUSED,
        Rule.TOKEN_REFUSED,
        "the directory refused the token, a fresh one too; check that the application is enabled",
    ),
    407: (
        FailureKind.NOT_EXECUTED,
        Rule.PROXY_REFUSED,
        "a proxy wants credentials before it passes anything on; check its settings, then run apply again",
    ),
    429: (
        FailureKind.NOT_EXECUTED,
        Rule.THROTTLED,
        "the directory is throttling requests; run apply again later",
    ),
}
"""Statuses that prove that the request was not executed, from any server and with any body.

Whether the directory, a gateway before it or a proxy asks for credentials or limits requests: a request
refused so has gone no further. (A redirect proves no such thing: 303 follows a POST that was executed.)
Sources: https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2, https://www.rfc-editor.org/rfc/rfc9110#section-15.5.8,
https://www.rfc-editor.org/rfc/rfc6585#section-4
"""

_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)

_STRAIGHT = str.maketrans({"\u2019": "'", "\u2018": "'", "\u00b4": "'", "`": "'"})


def explain(answer: Answer, guest: ObjectId, write: Write) -> Failed:
    """Return the failure that an answer to a write means when it is no success."""
    kind, rule, message = _judge(answer, guest, write)
    return Failed(
        kind=kind,
        rule=rule,
        message=message,
        status=answer.status,
        request_id=answer.request_id,
        retry_after=answer.retry_after,
    )


def unreadable(answer: Answer) -> Failed:
    """Return the failure of a success whose body is not documented: read before sending again."""
    return Failed(
        kind=FailureKind.UNKNOWN,
        rule=Rule.UNEXPECTED_ANSWER,
        message=f"the directory answered with status {answer.status} and nothing that can be understood; "
        "run apply again",
        status=answer.status,
        request_id=answer.request_id,
    )


def explain_silence(error: httpx.RequestError | TimeoutError) -> Failed:
    """Return the failure of a call without an answer: whether it may have been executed."""
    unsent = isinstance(error, _UNSENT)
    reason = distrust(error)
    if reason is not None:
        return Failed(
            kind=FailureKind.NOT_EXECUTED,
            rule=Rule.UNTRUSTED_CERTIFICATE,
            message=f"the certificate with which the directory answered is not trusted ({reason}): {REMEDY}",
            status=None,
            request_id=None,
        )
    return Failed(
        kind=FailureKind.NOT_EXECUTED if unsent else FailureKind.UNKNOWN,
        rule=Rule.UNREACHABLE if unsent else Rule.NO_ANSWER,
        message="no connection to the directory could be made; check the network, then run apply again"
        if unsent
        else "the directory did not answer, so whether it did the write is not known; run apply again",
        status=None,
        request_id=None,
    )


def explain_no_token(error: DirectoryError) -> Failed:
    """Return the failure of a write for which there was no token: nothing was sent."""
    passing = isinstance(error, Unreachable)
    return Failed(
        kind=FailureKind.NOT_EXECUTED if passing else FailureKind.RUN_REFUSED,
        rule=error.rule,
        message=f"{error.message}; {error.hint}" if error.hint else error.message,
        status=None,
        request_id=None,
    )


def not_a_reset(answer: Answer, *, other: str | None) -> Failed:
    """Return the failure of a success that reset another guest, whose id is `other`, or none."""
    found = GUID.fullmatch(other or "")
    told = "says that nobody was reset" if other is None else f"is about another user{_naming(found)}"
    return Failed(
        kind=FailureKind.RUN_REFUSED,
        rule=Rule.NOT_A_RESET,
        message=f"the invitation service took the reset, and its answer {told}; the run stops, as the next "
        "reset would go the same way: check what stands between here and the directory, look at the "
        "invitation in the guest's audit log, then run apply again",
        status=answer.status,
        request_id=answer.request_id,
    )


def _judge(answer: Answer, guest: ObjectId, write: Write) -> tuple[FailureKind, Rule, str]:
    status, error = answer.status, answer.error
    if (known := _STATUSES.get(status)) is not None:
        return known
    if status >= 500 or status == 408:
        return _unclear(status, error)
    if answer.is_foreign:
        return FailureKind.UNKNOWN, Rule.FOREIGN_ANSWER, _FOREIGN.format(status=status)
    operation = _operation(write)
    words = " ".join(error.message.translate(_STRAIGHT).lower().split())
    for refusal in REFUSALS:
        if refusal.fits(operation, status, error, words):
            if refusal.rule is Rule.ADDRESS_IN_USE and _is_own_conflict(error, guest, write):
                return refusal.kind, Rule.GUEST_IN_CONFLICT, _own_conflict(error, guest)
            return refusal.kind, refusal.rule, refusal.message.format(object=_in_the_way(error))
    of_a_value = operation is Operation.UPDATE and status == 400
    rule = Rule.VALUE_REFUSED if of_a_value else Rule.REFUSED
    return FailureKind.GUEST_REFUSED, rule, _unlisted(answer, write)


def _operation(write: Write) -> Operation:
    match write:
        case UserUpdate():
            return Operation.UPDATE
        case ResetRedemption():
            return Operation.INVITATION
        case _ as unknown:
            assert_never(unknown)


def _unclear(status: int, error: GraphError) -> tuple[FailureKind, Rule, str]:
    """Judge an answer that leaves open whether the write was executed."""
    if error.code == _THROTTLING:
        rule, what = Rule.THROTTLED, "is throttling requests"
    else:
        rule, what = Rule.SERVER_ERROR, f"failed with status {status}"
    message = f"the directory {what}; whether it did the write is not known, run apply again later"
    return FailureKind.UNKNOWN, rule, message


def _is_own_conflict(error: GraphError, guest: ObjectId, write: Write) -> bool:
    """Return whether the guest has this conflict already, so that another address would not help.

    `otherMails` need not be unique: a PATCH of it alone can only hit an existing conflict.
    Source: https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/8421
    """
    return isinstance(write, UserUpdate) and (write.mail is None or guest in _conflicting(error))


def _own_conflict(error: GraphError, guest: ObjectId) -> str:
    others = [found for found in _conflicting(error) if found != guest]
    return _OWN_CONFLICT.format(object=f" with object {others[0]}" if others else "")


def _unlisted(answer: Answer, write: Write) -> str:
    """Return the remedy of a refusal that is not in the table, with the ids by which Microsoft finds it."""
    code = f" ({answer.error.code})" if answer.error.code else ""
    check = f"{_check(write)}, then " if answer.status == 400 else ""
    found = GUID.fullmatch(answer.request_id or "")
    by = f" by the request id {found[0]}" if found else ""
    return (
        f"the directory refused the write with status {answer.status}{code}; {check}run apply again; "
        f"if it stays, Microsoft's support can tell why{by}"
    )


def _check(write: Write) -> str:
    """Return the most frequent cause to check."""
    match write:
        case ResetRedemption():
            return _NO_GUEST_OR_TAKEN
        case UserUpdate(marker=Marker(domain=domain)):
            return _TAKES_MARKER.format(domain=domain)
        case UserUpdate():
            return _INVALID_OR_TAKEN
        case _ as unknown:
            assert_never(unknown)


def _in_the_way(error: GraphError) -> str:
    """Return the conflicting object as text, if Graph names its id."""
    return _naming(GUID.search(" ".join([*_conflicting(error), error.message])))


def _naming(found: re.Match[str] | None) -> str:
    return f" (object {found[0].lower()})" if found else ""


def _conflicting(error: GraphError) -> list[str]:
    """Return the ids, in lower case, of the objects that Graph names as those in conflict."""
    targets = " ".join(target for code, target in error.details if code == "ConflictingObjects")
    return GUID.findall(targets.lower())
