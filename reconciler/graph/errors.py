"""What each answer to a write means: the one table of Graph's refusals, and how they are told apart.

Codes decide where there are any. The invitation service has one code for many causes, so its words
decide there, compared without regard to case, white space and the shape of apostrophes. No word of
an answer gets into a message from here: only a code of letters, and the id of an object in the way.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

import httpx

from reconciler.errors import DirectoryError, Unreachable
from reconciler.graph.answers import Answer, GraphError
from reconciler.model import Failed, FailureKind


class Write(StrEnum):
    """The two writes there are."""

    UPDATE = "update"
    """PATCH of a user."""

    INVITATION = "invitation"
    """POST of an invitation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """A refusal that is known, and what follows from it. Empty criteria fit everything."""

    write: Write | None = None
    status: int | None = None
    code: str = ""

    words: str = ""
    """In lower case, with straight apostrophes and single spaces."""

    kind: FailureKind
    rule: str
    message: str

    def fits(self, write: Write, status: int, error: GraphError, words: str) -> bool:
        return (
            self.write in {None, write}
            and self.status in {None, status}
            and (not self.code or self.code == error.code or _names(error, self.code))
            and self.words in words
        )


_GUEST, _RUN = FailureKind.GUEST_REFUSED, FailureKind.RUN_REFUSED

_IN_USE = (
    "another object of the tenant holds this address{object}; take it away there, or declare another address"
)
_PERMISSION = (
    "the application lacks a permission to invite; grant it User.ReadWrite.All and User.Invite.All, "
    "with admin consent"
)
_RIGHTS = (
    "the application has no rights over this guest; it needs User.ReadWrite.All, and Microsoft refuses "
    "it for whoever holds a directory role or is in a restricted administrative unit: remove that, or let an "
    "administrator do it by hand"
)

# Documented: https://learn.microsoft.com/graph/errors, https://learn.microsoft.com/graph/api/user-update,
# https://learn.microsoft.com/entra/external-id/troubleshoot,
# https://learn.microsoft.com/entra/identity/multi-tenant-organizations/cross-tenant-synchronization-configure
# The words of the invitation service are known from reports: https://github.com/MicrosoftDocs/azure-docs/issues
# 71825, 78054, 86773 and 48061, https://github.com/microsoftgraph/microsoft-graph-docs/issues/5883,
# https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/8421.
# The first row that fits counts.
_REFUSALS = (
    _Refusal(
        status=401,
        kind=_RUN,
        rule="token-refused",
        message="the directory refused the token, a fresh one too; check that the application is enabled",
    ),
    _Refusal(
        write=Write.INVITATION,
        words="doesn't match any emails on the user object",
        kind=FailureKind.REPLICATION,
        rule="address-not-replicated",
        message="the invitation service does not see the new address on the guest yet; run apply again later",
    ),
    _Refusal(
        write=Write.INVITATION,
        words="guest invitations not allowed for your company",
        kind=_RUN,
        rule="invitations-disabled",
        message="the tenant does not let this application invite; allow it in the external collaboration "
        "settings (allowInvitesFrom), and grant User.Invite.All beside User.ReadWrite.All",
    ),
    _Refusal(
        write=Write.INVITATION,
        status=403,
        code="Authorization_RequestDenied",
        kind=_RUN,
        rule="permission-missing",
        message=_PERMISSION,
    ),
    _Refusal(
        write=Write.INVITATION,
        words="verified domain of this directory",
        kind=_GUEST,
        rule="verified-domain",
        message="the domain of the address is one of the tenant's own; declare an address of another domain",
    ),
    _Refusal(
        write=Write.INVITATION,
        words="already exists in the directory as object id",
        kind=_GUEST,
        rule="address-in-use",
        message=_IN_USE,
    ),
    _Refusal(
        write=Write.INVITATION, words="ambiguoususer", kind=_GUEST, rule="address-in-use", message=_IN_USE
    ),
    _Refusal(
        write=Write.INVITATION,
        code="AmbiguousUser",
        kind=_GUEST,
        rule="address-in-use",
        message=_IN_USE,
    ),
    _Refusal(
        write=Write.INVITATION,
        words="useraccountdisabled",
        kind=_GUEST,
        rule="guest-disabled",
        message="the guest's account is disabled; enable it, then run apply again",
    ),
    _Refusal(
        write=Write.INVITATION,
        words="group email address is not supported",
        kind=_GUEST,
        rule="group-address",
        message="the address is that of a group or distribution list; declare a person's address",
    ),
    _Refusal(
        write=Write.INVITATION,
        words="primary smtp address is an invalid value",
        kind=_GUEST,
        rule="invalid-address",
        message="the invitation service does not take this address; declare another one",
    ),
    _Refusal(
        write=Write.INVITATION,
        words="blocked by cross-tenant access settings",
        kind=_GUEST,
        rule="cross-tenant-access",
        message="cross-tenant access settings forbid it; administrators of both organizations must allow it",
    ),
    _Refusal(
        write=Write.INVITATION,
        words="domain blocked by policy",
        kind=_GUEST,
        rule="domain-denied",
        message="the tenant's list of allowed and blocked domains forbids the domain of the address; "
        "change the list or declare an address of another domain",
    ),
    _Refusal(
        write=Write.INVITATION,
        words="can't be invited to this directory",
        kind=_GUEST,
        rule="not-invitable",
        message="the directory does not let this user be invited; look at the collaboration restrictions",
    ),
    _Refusal(status=403, kind=_GUEST, rule="not-permitted", message=_RIGHTS),
    _Refusal(
        status=404,
        kind=_GUEST,
        rule="not-found",
        message="there is no such user any more; remove the entry, or correct its id",
    ),
    _Refusal(code="ObjectConflict", kind=_GUEST, rule="address-in-use", message=_IN_USE),
    _Refusal(
        code="Request_MultipleObjectsWithSameKeyValue", kind=_GUEST, rule="address-in-use", message=_IN_USE
    ),
    _Refusal(
        words="another object with the same value for property",
        kind=_GUEST,
        rule="address-in-use",
        message=_IN_USE,
    ),
    _Refusal(
        words="originated within an external service",
        kind=_GUEST,
        rule="owned-elsewhere",
        message="another service, such as Exchange, owns the address of this user; change it there",
    ),
)

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
        message=f"the directory answered with status {answer.status} and nothing that can be understood",
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
        return (
            FailureKind.UNKNOWN,
            "server-error",
            f"the directory failed with status {status}; whether it did the write is unknown, apply again",
        )
    words = " ".join(error.message.translate(_STRAIGHT).lower().split())
    for refusal in _REFUSALS:
        if refusal.fits(write, status, error, words):
            return refusal.kind, refusal.rule, refusal.message.format(object=_in_the_way(error))
    code = f" ({error.code})" if error.code else ""
    return (
        FailureKind.GUEST_REFUSED,
        "refused",
        f"the directory refused the write with status {status}{code}; Microsoft's support can tell why",
    )


def _names(error: GraphError, code: str) -> bool:
    return any(detail_code == code for detail_code, _ in error.details)


def _in_the_way(error: GraphError) -> str:
    """Name the object that holds the address, when Graph told its id."""
    targets = " ".join(target for code, target in error.details if code == "ConflictingObjects")
    found = _GUID.search(f"{targets} {error.message}")
    return f" (object {found[0].lower()})" if found else ""
