"""The emulated tenant's sign-in page for programs: OAuth2 client credentials over HTTP.

Translates requests and answers; `tokens` decides about grants.

Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

from datetime import UTC, datetime
from urllib.parse import parse_qsl
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from reconciler.emulator.identity.tokens import Grant, SignInRefused, TokenService

_NEVER_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def sign_in_app(tokens: TokenService) -> Starlette:
    """Build the application that serves `/{tenant}/oauth2/v2.0/token` and its discovery document."""

    async def token(request: Request) -> JSONResponse:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))
        answer = tokens.sign_in(request.path_params["tenant"], form)
        return _granted(answer) if isinstance(answer, Grant) else _refusal(answer)

    async def discovery(request: Request) -> JSONResponse:
        tenant = request.path_params["tenant"]
        if tenant.lower() != tokens.tenant_id:
            message = f"Tenant '{tenant}' not found."
            return _refusal(SignInRefused(status=400, error="invalid_tenant", code=90002, message=message))
        return _discovery_document(f"{str(request.base_url).rstrip('/')}/{tenant}")

    return Starlette(
        routes=[
            Route("/{tenant}/oauth2/v2.0/token", token, methods=["POST"]),
            Route("/{tenant}/v2.0/.well-known/openid-configuration", discovery, methods=["GET"]),
        ]
    )


def _granted(grant: Grant) -> JSONResponse:
    """Build the answer to a token request that was granted."""
    return JSONResponse(
        {
            "token_type": "Bearer",
            "expires_in": grant.expires_in,
            "ext_expires_in": grant.expires_in,
            "access_token": grant.token,
        },
        headers=_NEVER_KEPT,
    )


def _discovery_document(authority: str) -> JSONResponse:
    """Build the metadata of an authority, such as `https://localhost:8443/{tenant}`.

    Source: https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata
    """
    return JSONResponse(
        {
            "issuer": f"{authority}/v2.0",
            "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
            "token_endpoint": f"{authority}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "response_types_supported": ["code", "id_token", "token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "tenant_region_scope": "EU",
        }
    )


def _refusal(refused: SignInRefused) -> JSONResponse:
    """Build the refusal in Entra's words.

    Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
    """
    trace, correlation = str(uuid4()), str(uuid4())
    stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return JSONResponse(
        {
            "error": refused.error,
            "error_description": f"AADSTS{refused.code}: {refused.message} Trace ID: {trace} "
            f"Correlation ID: {correlation} Timestamp: {stamp}",
            "error_codes": [refused.code],
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={refused.code}",
        },
        status_code=refused.status,
        headers=_NEVER_KEPT,
    )
