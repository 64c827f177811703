"""A tenant that issues and accepts tokens, a stand-in for GitHub's OIDC endpoint, and credentials."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from azure.identity import ClientSecretCredential

from reconciler.emulator.identity.applications import Application, FederatedCredential
from reconciler.emulator.identity.tls import RunningSignIn
from reconciler.emulator.identity.tokens import TokenService
from reconciler.graph.credentials import CredentialTokens, token_source
from reconciler.graph.transport import TokenSource
from reconciler.model import Cloud, TenantId

TENANT = TenantId("7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10")
GUEST = "1b6a4f0c-8a0c-4d6e-9a51-5f3a3f1c7e01"
SCOPE = "https://graph.microsoft.com/.default"
ISSUER = "https://token.actions.githubusercontent.com"
SUBJECT = "repo:contoso/guests:environment:production"
READING = Application(
    name="plan",
    client_id="0c3e5a7b-1111-4222-8333-444455556666",
    secret="plan secret",
    permissions=("User.Read.All",),
)
WRITING = Application(
    name="apply",
    client_id="0c3e5a7b-7777-4888-9999-aaaabbbbcccc",
    federated=(FederatedCredential(issuer=ISSUER, subject=SUBJECT),),
    permissions=("User.Invite.All", "User.ReadWrite.All"),
)
FORGOTTEN = Application(
    name="forgotten",
    client_id="0c3e5a7b-dddd-4eee-8fff-000011112222",
    secret="old secret",
    secret_expired=True,
    permissions=("User.Read.All",),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatedTenant:
    """A tenant that issues tokens in one place and takes them in another."""

    tokens: TokenService
    page: RunningSignIn
    root: str
    """Of Graph, on loopback."""

    @property
    def trust(self) -> dict[str, Any]:
        """What makes azure-identity talk to this tenant's sign-in page."""
        return {
            "authority": self.page.authority,
            "disable_instance_discovery": True,
            "connection_verify": str(self.page.certificates),
        }


@dataclass(slots=True)
class FakeTokenEndpoint:
    """GitHub's OIDC endpoint on loopback: states whatever the test wants, anew each time."""

    url: str = ""
    request_token: str = "request token of the job"
    subject: str = SUBJECT
    lifetime: int = 300
    statuses: list[int] = field(default_factory=list)
    """Answers to come before the good ones."""

    body: bytes | None = None
    """What is answered instead of a token."""

    issued: list[str] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    """`audience` and `authorization` of each request."""

    @property
    def environ(self) -> dict[str, str]:
        """Give the variables of a job that runs as the application that may write."""
        return {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": self.url,
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self.request_token,
            "AZURE_CLIENT_ID": WRITING.client_id,
            "AZURE_TENANT_ID": TENANT,
        }

    def answer(self, *, audience: str, authorization: str, number: int) -> tuple[int, bytes]:
        """Answer one request."""
        self.asked.append({"audience": audience, "authorization": authorization})
        if self.statuses:
            return self.statuses.pop(0), b"not a good moment"
        if self.body is not None:
            return 200, self.body
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": self.subject,
            "aud": audience,
            "jti": str(number),
            "nbf": now - 5,
            "exp": now + self.lifetime,
        }
        self.issued.append(jwt.encode(claims, "k" * 32, algorithm="HS256"))
        return 200, json.dumps({"count": 1, "value": self.issued[-1]}).encode()


def handler_of(github: FakeTokenEndpoint, count: Callable[[], int]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            status, body = github.answer(
                audience=query["audience"][0],
                authorization=self.headers["Authorization"],
                number=count(),
            )
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
            """Keep quiet."""

    return Handler


def secret_tokens(
    tenant: EmulatedTenant, *, secret: str | None = None, client_id: str = READING.client_id
) -> CredentialTokens:
    credential = ClientSecretCredential(TENANT, client_id, secret or "plan secret", **tenant.trust)
    return CredentialTokens(credential, scope=SCOPE)


def job_tokens(tenant: EmulatedTenant, environ: Mapping[str, str]) -> TokenSource:
    return token_source(
        cloud=Cloud.GLOBAL,
        tenant_id=TENANT,
        environ=environ,
        authority=tenant.page.authority,
        authority_certificates=str(tenant.page.certificates),
    )
