"""Every refusal of the emulator, in the words that Graph is known or assumed to use.

Where Microsoft publishes no text, the comment says so: nobody may rely on such a text.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any


class ErrorResponse(Exception):
    """An answer other than success, as the caller of Graph receives it."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = tuple(details)
        self.headers = dict(headers or {})

    def envelope(
        self, *, now: datetime, request_id: str, client_request_id: str, inner: str = "innerError"
    ) -> dict[str, Any]:
        """Return the error in Graph's form, at a time in UTC; `inner` is the key of its innermost part.

        Source: https://learn.microsoft.com/graph/errors
        """
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.details:
            error["details"] = [dict(detail) for detail in self.details]
        error[inner] = {
            "date": now.strftime("%Y-%m-%dT%H:%M:%S"),
            "request-id": request_id,
            "client-request-id": client_request_id,
        }
        return {"error": error}


def bad_request(message: str) -> ErrorResponse:
    """Refuse a request that Graph's front door cannot read."""
    return ErrorResponse(400, "BadRequest", message)


def refused_value(message: str, *, details: Sequence[Mapping[str, str]] = ()) -> ErrorResponse:
    """Refuse a value or a request on behalf of the directory."""
    return ErrorResponse(400, "Request_BadRequest", message, details=details)


def unsupported_query(message: str) -> ErrorResponse:
    """Refuse a query the directory does not support in this form."""
    return ErrorResponse(400, "Request_UnsupportedQuery", message)


def not_found(what: str) -> ErrorResponse:
    """Return the error that there is no such object."""
    return ErrorResponse(
        404,
        "Request_ResourceNotFound",
        f"Resource '{what}' does not exist or one of its queried reference-property objects are not present.",
    )


def expired_page_token() -> ErrorResponse:
    """Refuse a link to a next page.

    Source: https://github.com/microsoftgraph/msgraph-sdk-dotnet/issues/2254
    """
    return ErrorResponse(
        400,
        "Directory_ExpiredPageToken",
        "The specified page token value has expired and is no longer valid.",
    )


def not_emulated(what: str) -> ErrorResponse:
    """Return the error for options of Graph that the emulator does not have."""
    return ErrorResponse(501, "EmulatorNotImplemented", f"The emulator does not implement {what}.")


def insufficient_privileges() -> ErrorResponse:
    """Refuse for lack of a permission, or of a role over the target."""
    return ErrorResponse(
        403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
    )


def invalid_token(message: str) -> ErrorResponse:
    """Refuse a missing, broken or expired token."""
    return ErrorResponse(
        401,
        "InvalidAuthenticationToken",
        message,
        headers={
            "WWW-Authenticate": 'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"'
        },
    )


def address_conflict(owner: str, owner_kind: str, *, http_conflict: bool) -> ErrorResponse:
    """Refuse a `mail` that another object has among its addresses, in one of the two reported forms.

    Source: https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/8421
    """
    if http_conflict:
        return ErrorResponse(
            409,
            "Request_MultipleObjectsWithSameKeyValue",
            "The address is in use by another object.",  # invented: the report has the code only
        )
    return ErrorResponse(
        400,
        "Request_BadRequest",
        "Another object with the same value for property proxyAddresses already exists.",
        details=(
            {"code": "ObjectConflict", "message": "", "target": "proxyAddresses"},
            {"code": "ConflictingObjects", "message": "", "target": f"{owner_kind}_{owner}"},
        ),
    )


def invitation_refused(message: str) -> ErrorResponse:
    """Refuse an invitation; the service has one code for many causes."""
    return ErrorResponse(400, "BadRequest", message)


def invitation_forbidden(message: str) -> ErrorResponse:
    """Refuse an invitation for lack of rights."""
    return ErrorResponse(403, "Forbidden", message)


# The texts of the invitation service. They come from reports, the marked ones are invented.
ADDRESS_NOT_ON_USER = (
    "The email you\u2019re using to invite this user doesn\u2019t match any emails on the user object. "
    "Please add this email to the user object and try again."
)
NO_RIGHTS_OVER_TARGET = "Generic authorization exception."
INVITATIONS_CLOSED = (
    "Guest invitations not allowed for your company. Contact your company administrator for more details."
)
VERIFIED_DOMAIN = (
    "This user cannot be invited because the domain of the user's email address is a verified domain of "
    "this directory."
)
ALREADY_EXISTS = (
    "The invited user already exists in the directory as object ID: {id}. "
    "They can use that account to sign in to shared apps and resources."
)
AMBIGUOUS = (
    "The invited user's address matches the proxy address of another object (AmbiguousUser)."  # invented
)
ACCOUNT_DISABLED = (
    "InvitationCreationFailureUserAccountDisabled: the invited user's account is disabled."  # invented
)
GROUP_ADDRESS = "Group email address is not supported"
MALFORMED_ADDRESS = "The Primary SMTP Address is an invalid value"
CROSS_TENANT_BLOCKED = (
    "This invitation is blocked by cross-tenant access settings. Admins in both your organization and the "
    "invited user's organization must configure cross-tenant access settings to allow the invitation."
)
DOMAIN_DENIED = "The invitation could not be sent: domain blocked by policy."  # invented
NOT_A_GUEST = "The redemption of this user cannot be reset because the user was not invited."  # invented
ID_MISSING = "The user whose redemption is to be reset is missing."  # invented
