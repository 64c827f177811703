"""The access tokens of the emulated tenant: the conditions of a grant, and the claims.

`permissions` decides what a token allows. The signature of a federated assertion is not verified: its issuer
is a stand-in without published keys. All other values that Entra compares are compared, byte by byte.

Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

import hmac
import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from jwt.types import Options

from reconciler.emulator.identity.applications import Application

GRAPH_ROOTS = (
    "https://graph.microsoft.com",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
)
"""Every root a token can be requested for. Source: https://learn.microsoft.com/graph/deployments"""

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""Source: https://www.rfc-editor.org/rfc/rfc7523#section-2.2"""

_ALGORITHM = "HS256"
_UNCHECKED: Options = {"verify_signature": False}
# Times are compared with the service's own clock.
_SIGNATURE_ONLY: Options = {
    "verify_aud": False,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A token request that was granted."""

    token: str

    expires_in: int
    """Lifetime in seconds from now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInRefused:
    """A token request that was refused, in Entra's words.

    Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
    """

    status: int
    error: str
    """The OAuth2 error, such as `invalid_client`."""

    code: int
    """The number after `AADSTS`."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """The claims of a valid access token."""

    client_id: str
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRefused:
    """The reason for which Graph would refuse an access token."""

    message: str

    claims: str = ""
    """The claims challenge that asks for a new token; empty when there is none."""


class TokenService:
    """Signs and reads the access tokens of one tenant."""

    def __init__(
        self,
        *,
        tenant_id: str,
        applications: Iterable[Application],
        key: bytes | None = None,
        lifetime: int = 3600,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Store a tenant's applications.

        `key` signs the tokens and must be 32 bytes at least; processes that share a tenant share it.
        `lifetime` is in seconds. `now` returns the time in seconds since 1970.
        """
        self.tenant_id = tenant_id.lower()
        self._applications = {each.client_id.lower(): each for each in applications}
        self._key = key if key is not None else secrets.token_bytes(32)
        self.lifetime = lifetime
        self._now = now
        self._era = 0

    def sign_in(self, tenant: str, form: Mapping[str, str]) -> Grant | SignInRefused:
        """Answer a client-credentials request for `tenant`, with the fields in `form`."""
        if tenant.lower() != self.tenant_id:
            return _refuse(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
        if form.get("grant_type") != "client_credentials":
            return _refuse(400, "unsupported_grant_type", 70003, "The grant type is not supported.")
        audience = form.get("scope", "").removesuffix("/.default")
        if audience == form.get("scope", ""):
            return _refuse(400, "invalid_scope", 1002012, "The scope must end in /.default.")
        if audience not in GRAPH_ROOTS:
            return _refuse(
                400, "invalid_resource", 500011, f"The resource principal {audience} was not found."
            )
        application = self._applications.get(form.get("client_id", "").lower())
        if application is None:
            message = f"Application '{form.get('client_id', '')}' was not found in the directory."
            return _refuse(400, "unauthorized_client", 700016, message)
        refused = self._refuse_client(application, form)
        if refused is not None:
            return refused
        return Grant(token=self.issue(application, audience=audience), expires_in=self.lifetime)

    def issue(self, application: Application, *, audience: str = GRAPH_ROOTS[0]) -> str:
        """Sign an access token for `application`.

        Source of the claims: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
        """
        issued = int(self._now())
        claims: dict[str, Any] = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{self.tenant_id}/",
            "iat": issued,
            "nbf": issued,
            "exp": issued + self.lifetime,
            "appid": application.client_id,
            "app_displayname": application.name,
            "idtyp": "app",
            "oid": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.tenant_id}/{application.client_id}")),
            "roles": list(application.permissions),
            "tid": self.tenant_id,
            "uti": secrets.token_urlsafe(16),
            "era": self._era,
            "ver": "1.0",
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def revoke(self) -> None:
        """Set Graph to refuse every token issued so far, as after a security event."""
        self._era += 1

    def inspect(self, token: str) -> Bearer | TokenRefused:
        """Read an access token, or return why Graph refuses it."""
        if token.count(".") != 2:
            return TokenRefused(message="IDX14100: JWT is not well formed, there are no dots (.).")
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                options=_SIGNATURE_ONLY,
            )
        except jwt.InvalidTokenError:
            return TokenRefused(message="Access token validation failure. Invalid signature.")
        if claims["tid"] != self.tenant_id or claims["aud"] not in GRAPH_ROOTS:
            return TokenRefused(message="Access token validation failure. Invalid audience.")
        if claims["exp"] <= self._now():
            return TokenRefused(message="Lifetime validation failed, the token is expired.")
        if claims["era"] < self._era:
            challenge = f'{{"access_token":{{"nbf":{{"essential":true,"value":"{int(self._now())}"}}}}}}'
            return TokenRefused(
                message="Continuous access evaluation resulted in challenge with result: "
                "InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp.",
                claims=challenge,
            )
        return Bearer(client_id=claims["appid"], permissions=frozenset(claims["roles"]))

    def _refuse_client(self, application: Application, form: Mapping[str, str]) -> SignInRefused | None:
        if "client_assertion" in form:
            if form.get("client_assertion_type") != ASSERTION_TYPE:
                return _refuse(
                    400, "invalid_request", 900144, "The client assertion type is missing or unknown."
                )
            return self._refuse_assertion(application, form["client_assertion"])
        secret = form.get("client_secret", "")
        if not secret:
            message = "The request body must contain the parameter 'client_assertion' or 'client_secret'."
            return _refuse(401, "invalid_client", 7000218, message)
        if application.secret is None or not hmac.compare_digest(
            secret.encode(), application.secret.encode()
        ):
            message = f"Invalid client secret provided for app '{application.client_id}'."
            return _refuse(401, "invalid_client", 7000215, message)
        if application.secret_expired:
            message = f"The client secret keys of app '{application.client_id}' are expired."
            return _refuse(401, "invalid_client", 7000222, message)
        return None

    def _refuse_assertion(self, application: Application, assertion: str) -> SignInRefused | None:
        try:
            claims = jwt.decode(assertion, options=_UNCHECKED)
        except jwt.InvalidTokenError:
            return _refuse(401, "invalid_client", 50027, "The client assertion is no valid JWT.")
        issuer, subject, audience = (claims.get(name) for name in ("iss", "sub", "aud"))
        begins, ends = claims.get("nbf", 0), claims.get("exp")
        if not isinstance(ends, int) or not isinstance(begins, int) or not begins <= self._now() < ends:
            message = "Client assertion is not within its valid time range."
            return _refuse(401, "invalid_client", 700024, message)
        return _refuse_identity(application, issuer=issuer, subject=subject, audience=audience)


def _refuse_identity(
    application: Application, *, issuer: object, subject: object, audience: object
) -> SignInRefused | None:
    no_match = "No matching federated identity record found for presented assertion"
    if not application.federated:
        message = f"{no_match}. The application has no configured federated identity credentials."
        return _refuse(401, "invalid_client", 70021, message)
    from_issuer = [each for each in application.federated if each.issuer == issuer]
    if not from_issuer:
        return _refuse(401, "invalid_client", 700211, f"{no_match} issuer '{issuer}'.")
    of_subject = [each for each in from_issuer if each.subject == subject]
    if not of_subject:
        if any(each.subject.lower() == str(subject).lower() for each in from_issuer):
            message = (
                f"{no_match} subject '{subject}'. The subject matches with case-insensitive comparison, "
                "but not with case-sensitive comparison."
            )
            return _refuse(401, "invalid_client", 7002138, message)
        return _refuse(401, "invalid_client", 700213, f"{no_match} subject '{subject}'.")
    if not any(each.audience == audience for each in of_subject):
        return _refuse(401, "invalid_client", 700212, f"{no_match} audience '{audience}'.")
    return None


def _refuse(status: int, error: str, code: int, message: str) -> SignInRefused:
    return SignInRefused(status=status, error=error, code=code, message=message)
