"""The one table of Graph's refusals: the criteria that recognise each, and its meaning.

Codes decide if there are any. The invitation service has one code for many causes, so its words decide there.
The messages are ours: no part of an answer is in them but the id of a conflicting object. Only Graph's own
envelope is compared with the table; a bare status fits no row.
"""

from dataclasses import dataclass
from enum import StrEnum

from reconciler.graph.responses import GraphError
from reconciler.model import FailureKind
from reconciler.rules import Rule


class Operation(StrEnum):
    """The two requests that write."""

    UPDATE = "update"
    """PATCH of a user."""

    INVITATION = "invitation"
    """POST of an invitation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A known refusal and its meaning. Empty criteria match everything."""

    operation: Operation | None = None
    status: int | None = None
    code: str = ""

    words: str = ""
    """In lower case, with straight apostrophes and single spaces."""

    name: str = ""
    """Part of Microsoft's name of the cause, in lower case; found as a code or among the words."""

    kind: FailureKind
    rule: Rule
    message: str

    def fits(self, operation: Operation, status: int, error: GraphError, words: str) -> bool:
        """Return whether an answer to a write fits; `words` are its message, normalised like `words` here."""
        return (
            self.operation in {None, operation}
            and self.status in {None, status}
            and (not self.code or self.code == error.code or _names(error, self.code))
            and self.words in words
            and self.name in f"{error.code.lower()} {words}"
        )


_GUEST, _RUN = FailureKind.GUEST_REFUSED, FailureKind.RUN_REFUSED

_IN_USE = (
    "another object of the tenant holds this address{object}; declare another address, or free this one "
    "there (from proxyAddresses Graph can remove none)"
)
_PERMISSION = (
    "the application lacks a permission to invite; grant it User.ReadWrite.All and User.Invite.All, "
    "with admin consent"
)
NO_RIGHTS = (
    "the application has no rights over this guest; it needs User.ReadWrite.All, and Microsoft refuses "
    "it for whoever holds a directory role or is in a restricted administrative unit: remove that, or let an "
    "administrator do it by hand"
)

NO_RIGHTS_OVER_GUEST = (
    "the application may write users, so it is this guest whom Microsoft keeps from it: one who holds a "
    "directory role that the plan has not seen, or who is in a restricted administrative unit; remove that, "
    "or let an administrator do it by hand"
)
"""Of a token that is seen to hold the permission."""

# Documented: https://learn.microsoft.com/graph/errors, https://learn.microsoft.com/graph/api/user-update,
# https://learn.microsoft.com/entra/external-id/troubleshoot,
# https://learn.microsoft.com/entra/identity/multi-tenant-organizations/cross-tenant-synchronization-configure
# The words of the invitation service are known from reports:
# https://github.com/MicrosoftDocs/azure-docs/issues 71825, 78054, 86773 and 48061,
# https://github.com/microsoftgraph/microsoft-graph-docs/issues/5883,
# https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/8421. The first matching row counts.
REFUSALS = (
    Refusal(
        operation=Operation.INVITATION,
        words="doesn't match any emails on the user object",
        kind=FailureKind.REPLICATION,
        rule=Rule.ADDRESS_NOT_REPLICATED,
        message="the invitation service does not see the new address on the guest yet; run apply again later",
    ),
    Refusal(
        operation=Operation.INVITATION,
        words="guest invitations not allowed for your company",
        kind=_RUN,
        rule=Rule.INVITATIONS_DISABLED,
        message="the tenant does not let this application invite; allow it in the external collaboration "
        "settings (allowInvitesFrom), and grant User.Invite.All beside User.ReadWrite.All",
    ),
    Refusal(
        operation=Operation.INVITATION,
        status=403,
        code="Authorization_RequestDenied",
        kind=_RUN,
        rule=Rule.PERMISSION_MISSING,
        message=_PERMISSION,
    ),
    Refusal(
        operation=Operation.INVITATION,
        words="verified domain of this directory",
        kind=_GUEST,
        rule=Rule.VERIFIED_DOMAIN,
        message="the domain of the address is one of the tenant's own; declare an address of another domain",
    ),
    Refusal(
        operation=Operation.INVITATION,
        words="already exists in the directory as object id",
        kind=_GUEST,
        rule=Rule.ADDRESS_IN_USE,
        message=_IN_USE,
    ),
    Refusal(
        operation=Operation.INVITATION,
        name="ambiguoususer",
        kind=_GUEST,
        rule=Rule.ADDRESS_IN_USE,
        message=_IN_USE,
    ),
    Refusal(
        operation=Operation.INVITATION,
        name="useraccountdisabled",
        kind=_GUEST,
        rule=Rule.GUEST_DISABLED,
        message="the guest's account is disabled; enable it, then run apply again",
    ),
    Refusal(
        operation=Operation.INVITATION,
        words="group email address is not supported",
        kind=_GUEST,
        rule=Rule.GROUP_ADDRESS,
        message="the address is that of a group or distribution list; declare a person's address",
    ),
    Refusal(
        operation=Operation.INVITATION,
        words="primary smtp address is an invalid value",
        kind=_GUEST,
        rule=Rule.INVALID_ADDRESS,
        message="the invitation service does not take this address; declare another one",
    ),
    Refusal(
        operation=Operation.INVITATION,
        words="blocked by cross-tenant access settings",
        kind=_GUEST,
        rule=Rule.CROSS_TENANT_ACCESS,
        message="cross-tenant access settings forbid it; administrators of both organizations must allow it",
    ),
    Refusal(
        operation=Operation.INVITATION,
        words="domain blocked by policy",
        kind=_GUEST,
        rule=Rule.DOMAIN_DENIED,
        message="the tenant's list of allowed and blocked domains forbids the domain of the address; "
        "change the list or declare an address of another domain",
    ),
    Refusal(
        operation=Operation.INVITATION,
        words="can't be invited to this directory",
        kind=_GUEST,
        rule=Rule.NOT_INVITABLE,
        message="the directory does not let this user be invited; look at the collaboration restrictions",
    ),
    Refusal(status=403, kind=_GUEST, rule=Rule.NOT_PERMITTED, message=NO_RIGHTS),
    Refusal(
        status=404,
        # One answer proves nothing: a replica that does not know a guest yet returns the same.
        kind=FailureKind.NOT_FOUND,
        rule=Rule.NOT_FOUND,
        message="the part of the directory that answered does not know the guest, which may pass; "
        "run apply again, and see whether a plan finds the guest",
    ),
    Refusal(code="ObjectConflict", kind=_GUEST, rule=Rule.ADDRESS_IN_USE, message=_IN_USE),
    Refusal(
        code="Request_MultipleObjectsWithSameKeyValue", kind=_GUEST, rule=Rule.ADDRESS_IN_USE, message=_IN_USE
    ),
    Refusal(
        words="another object with the same value for property",
        kind=_GUEST,
        rule=Rule.ADDRESS_IN_USE,
        message=_IN_USE,
    ),
    Refusal(
        words="originated within an external service",
        kind=_GUEST,
        rule=Rule.OWNED_ELSEWHERE,
        message="another service, such as Exchange, owns the address of this user; change it there",
    ),
)


def _names(error: GraphError, code: str) -> bool:
    return any(detail_code == code for detail_code, _ in error.details)
