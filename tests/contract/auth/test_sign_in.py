"""azure-identity's own credentials against a token endpoint over TLS, and the calls their tokens carry.

The tenant is the emulator's. GitHub's OIDC endpoint is a stand-in on loopback.
"""

import asyncio
import itertools
import json
import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from azure.identity import ClientSecretCredential

from reconciler.emulator.applications import Application, FederatedCredential
from reconciler.emulator.permissions import TokenAuthorizer
from reconciler.emulator.seed import Seed
from reconciler.emulator.server import serve
from reconciler.emulator.tls import RunningSignIn, serve_sign_in
from reconciler.emulator.tokens import TokenService
from reconciler.errors import AccessDenied, Unreachable
from reconciler.graph.credentials import CredentialTokens, FixedToken, token_source
from reconciler.graph.reader import open_reader
from reconciler.graph.sessions import connect
from reconciler.graph.transport import TokenSource
from reconciler.graph.writer import GraphWriter, open_directory
from reconciler.model import (
    Cloud,
    Desired,
    Done,
    EmailAddress,
    Failed,
    NotSent,
    ObjectId,
    Policy,
    TenantId,
    UserUpdate,
    WriteAnswer,
)
from reconciler.observation import observe
from tests.support.plans import reset_of
from tests.support.scripted_graph import granted

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


@pytest.fixture
def tenant(tmp_path: Path) -> Iterator[EmulatedTenant]:
    """Serve a tenant with one guest and three applications, whose tokens live for an hour."""
    tokens = TokenService(tenant_id=TENANT, applications=(READING, WRITING, FORGOTTEN))
    seed = Seed(
        document={
            "tenant": {"id": TENANT},
            "guests": [{"id": GUEST, "name": "Ana", "email": "ana@fabrikam.example"}],
        }
    )
    with (
        serve_sign_in(tokens, certificates=tmp_path / "ca.pem") as page,
        serve(None, seed=seed, authorizer=TokenAuthorizer(tokens)) as emulator,
    ):
        yield EmulatedTenant(tokens=tokens, page=page, root=emulator.root)


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


def _handler(github: FakeTokenEndpoint, count: Callable[[], int]) -> type[BaseHTTPRequestHandler]:
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


@pytest.fixture
def github() -> Iterator[FakeTokenEndpoint]:
    """Serve a stand-in for GitHub's OIDC endpoint."""
    endpoint = FakeTokenEndpoint()
    counter = itertools.count()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(endpoint, lambda: next(counter))) as server:
        endpoint.url = f"http://127.0.0.1:{server.server_port}/token?api-version=2.0"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield endpoint
        finally:
            server.shutdown()
            thread.join()


def _secret(
    tenant: EmulatedTenant, *, secret: str | None = None, client_id: str = READING.client_id
) -> CredentialTokens:
    credential = ClientSecretCredential(TENANT, client_id, secret or "plan secret", **tenant.trust)
    return CredentialTokens(credential, scope=SCOPE)


def _job(tenant: EmulatedTenant, environ: Mapping[str, str]) -> TokenSource:
    return token_source(
        cloud=Cloud.GLOBAL,
        tenant_id=TENANT,
        environ=environ,
        authority=tenant.page.authority,
        authority_certificates=str(tenant.page.certificates),
    )


async def _mail(tenant: EmulatedTenant, tokens: TokenSource) -> tuple[int, Any]:
    async with connect(tenant.root, tokens) as session:
        answer = (await session.batch_get([f"/users/{GUEST}?$select=mail"], what="a guest"))[0]
    return answer.status, answer.body


async def _update(writer: GraphWriter) -> WriteAnswer | NotSent:
    update = UserUpdate(mail=None, other_mails=(EmailAddress("new@fabrikam.example"),))
    return await writer.perform(ObjectId(GUEST), update, client_request_id="1", permit=granted)


async def test_a_secret_opens_the_directory(tenant: EmulatedTenant) -> None:
    """A client secret gets a token over TLS, and that token carries a read through the SDK."""
    status, body = await _mail(tenant, _secret(tenant))
    assert (status, body["mail"]) == (200, "ana@fabrikam.example")


async def test_a_job_in_github_opens_the_directory(tenant: EmulatedTenant, github: FakeTokenEndpoint) -> None:
    """A job in GitHub Actions signs in without any secret, and its token carries a write."""
    async with open_directory(tenant.root, _job(tenant, github.environ)) as (_, writer):
        assert isinstance(await _update(writer), Done)
    assert github.asked == [
        {"audience": "api://AzureADTokenExchange", "authorization": f"bearer {github.request_token}"}
    ]


async def test_each_token_request_has_a_fresh_assertion(
    tenant: EmulatedTenant, github: FakeTokenEndpoint
) -> None:
    """Two tokens cost two assertions, which are never the same."""
    tokens = _job(tenant, github.environ)
    await tokens.token()
    await tokens.token(claims='{"access_token":{}}')
    assert len(set(github.issued)) == 2
    assert len(github.asked) == 2


async def test_a_held_token_costs_nothing(tenant: EmulatedTenant, github: FakeTokenEndpoint) -> None:
    """Fifty calls at once on an empty cache make one token request."""
    tokens = _job(tenant, github.environ)
    held = await asyncio.gather(*(tokens.token() for _ in range(50)))
    assert len(set(held)) == 1
    assert len(github.asked) == 1


async def test_claims_replace_the_token_once(tenant: EmulatedTenant) -> None:
    """After a claims challenge there is a new token, and plain calls get that one from then on."""
    tokens = _secret(tenant)
    first = await tokens.token()
    second = await tokens.token(claims='{"access_token":{}}')
    assert first != second
    assert await tokens.token() == second


async def test_a_revoked_token_is_replaced_on_the_way(tenant: EmulatedTenant) -> None:
    """A token revoked before its end is replaced within the call that finds out."""
    tokens = _secret(tenant)
    await tokens.token()
    tenant.tokens.revoke()
    status, _ = await _mail(tenant, tokens)
    assert status == 200


async def test_a_reader_cannot_write(tenant: EmulatedTenant) -> None:
    """A read-only application gets 403 for a write."""
    async with open_directory(tenant.root, _secret(tenant)) as (_, writer):
        answer = await _update(writer)
        assert writer.may_write() is False
    assert isinstance(answer, Failed)
    assert (answer.status, answer.rule) == (403, "not-permitted")


async def test_a_reader_cannot_reset(tenant: EmulatedTenant) -> None:
    """A read-only application gets 403 for an invitation."""
    reset = reset_of("ana@fabrikam.example")
    async with open_directory(tenant.root, _secret(tenant)) as (_, writer):
        answer = await writer.perform(ObjectId(GUEST), reset, client_request_id="1", permit=granted)
    assert isinstance(answer, Failed)
    assert (answer.status, answer.rule) == (403, "permission-missing")


async def test_permissions_hold_within_a_batch(tenant: EmulatedTenant) -> None:
    """Each item of a batch needs its own permission."""
    async with connect(tenant.root, _secret(tenant)) as session:
        users, organization = await session.batch_get(["/users", "/organization"], what="two things")
    assert (users.status, organization.status) == (200, 403)


async def test_an_expired_token_is_denied(tenant: EmulatedTenant) -> None:
    """A fixed token past its end is an error of access, exit 6, and not of the network."""
    tenant.tokens.lifetime = -1
    await _denied(tenant, FixedToken(tenant.tokens.issue(READING)))


async def test_a_missing_token_is_denied(tenant: EmulatedTenant) -> None:
    """A token that is none is an error of access, exit 6."""
    await _denied(tenant, FixedToken("not a token"))


async def test_an_insufficient_token_names_the_permission(tenant: EmulatedTenant) -> None:
    """An application that may not read users is told which permission to grant, with exit 6."""
    bare = replace(READING, permissions=("Organization.Read.All",))
    denied = await _denied(tenant, FixedToken(tenant.tokens.issue(bare)))
    assert "User.Read.All" in denied.hint


async def _denied(tenant: EmulatedTenant, tokens: TokenSource) -> AccessDenied:
    """Observe the directory, which must be denied."""
    policy = Policy()
    desired = Desired(tenant_id=TENANT, cloud=Cloud.EMULATOR, policy=policy, guests=())
    async with open_reader(tenant.root, tokens) as reader:
        with pytest.raises(AccessDenied) as denied:
            await observe(reader, desired)
    assert denied.value.exit_code == 6
    assert denied.value.hint
    return denied.value


async def test_a_token_past_its_end_is_replaced(tenant: EmulatedTenant, github: FakeTokenEndpoint) -> None:
    """A long run never sends a token that has run out: the next call gets another."""
    tenant.tokens.lifetime = 0
    tokens = _job(tenant, github.environ)
    first = await tokens.token()
    tenant.tokens.lifetime = 3600
    status, _ = await _mail(tenant, tokens)
    assert status == 200
    assert await tokens.token() != first
    assert len(github.issued) == 2


async def test_a_wrong_secret_says_which_variable(tenant: EmulatedTenant) -> None:
    """A wrong secret names the variable to set, and does not repeat the secret."""
    with pytest.raises(AccessDenied) as denied:
        await _secret(tenant, secret="guessed").token()
    assert denied.value.rule == "invalid-secret"
    assert "AZURE_CLIENT_SECRET" in denied.value.hint
    assert "guessed" not in denied.value.message + denied.value.hint


async def test_an_expired_secret_says_so(tenant: EmulatedTenant) -> None:
    """An expired secret is told from a wrong one."""
    with pytest.raises(AccessDenied) as denied:
        await _secret(tenant, secret="old secret", client_id="0c3e5a7b-dddd-4eee-8fff-000011112222").token()
    assert denied.value.rule == "expired-secret"


async def test_a_foreign_subject_shows_what_to_register(
    tenant: EmulatedTenant, github: FakeTokenEndpoint
) -> None:
    """An unknown subject is shown exactly, beside both forms GitHub has for it."""
    github.subject = "repo:contoso/guests:pull_request"
    with pytest.raises(AccessDenied) as denied:
        await _job(tenant, github.environ).token()
    assert denied.value.rule == "federated-identity-mismatch"
    assert f"issuer {ISSUER}, subject repo:contoso/guests:pull_request" in denied.value.hint
    assert "repo:OWNER/REPOSITORY:" in denied.value.hint
    assert "repo:OWNER@OWNER_ID/REPOSITORY@REPOSITORY_ID:" in denied.value.hint


async def test_a_subject_in_other_case_is_named_as_such(
    tenant: EmulatedTenant, github: FakeTokenEndpoint
) -> None:
    """A subject that differs in case only is not trusted, and the error says that it is the case."""
    github.subject = SUBJECT.replace("contoso", "Contoso")
    with pytest.raises(AccessDenied) as denied:
        await _job(tenant, github.environ).token()
    assert "upper and lower case" in denied.value.message


async def test_an_expired_assertion_points_at_the_clock(
    tenant: EmulatedTenant, github: FakeTokenEndpoint
) -> None:
    """An assertion that has run out says what to look at."""
    github.lifetime = -10
    with pytest.raises(AccessDenied) as denied:
        await _job(tenant, github.environ).token()
    assert denied.value.rule == "expired-assertion"


async def test_an_application_without_trust_is_refused(
    tenant: EmulatedTenant, github: FakeTokenEndpoint
) -> None:
    """An application without federated credentials refuses a job."""
    with pytest.raises(AccessDenied) as denied:
        await _job(tenant, {**github.environ, "AZURE_CLIENT_ID": READING.client_id}).token()
    assert denied.value.rule == "federated-identity-mismatch"


async def test_an_unknown_application_is_refused(tenant: EmulatedTenant, github: FakeTokenEndpoint) -> None:
    """A client id nobody registered names the variables that may be wrong."""
    with pytest.raises(AccessDenied) as denied:
        await _job(tenant, {**github.environ, "AZURE_CLIENT_ID": TENANT}).token()
    assert denied.value.rule == "unknown-application"


async def test_github_may_stumble_twice(tenant: EmulatedTenant, github: FakeTokenEndpoint) -> None:
    """Two bad answers of GitHub's endpoint are survived."""
    github.statuses = [503, 429]
    assert await _job(tenant, github.environ).token()
    assert len(github.asked) == 3


async def test_github_may_not_fail_for_good(tenant: EmulatedTenant, github: FakeTokenEndpoint) -> None:
    """When GitHub's endpoint keeps failing, the error blames it and not Entra."""
    github.statuses = [500] * 3
    with pytest.raises(Unreachable, match="GitHub's OIDC endpoint answered with status 500"):
        await _job(tenant, github.environ).token()


async def test_github_may_refuse(tenant: EmulatedTenant, github: FakeTokenEndpoint) -> None:
    """A job without the right to a token is told which permission to give it."""
    github.statuses = [403]
    with pytest.raises(AccessDenied) as denied:
        await _job(tenant, github.environ).token()
    assert "id-token: write" in denied.value.hint


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"value": 5}', b'{"value": "no token"}'])
async def test_nonsense_from_github_is_no_token(
    tenant: EmulatedTenant, github: FakeTokenEndpoint, body: bytes
) -> None:
    """Whatever GitHub's endpoint answers instead of a token is refused, and not repeated."""
    github.body = body
    with pytest.raises(AccessDenied) as denied:
        await _job(tenant, github.environ).token()
    assert denied.value.rule == "github-token"
    assert "html" not in denied.value.message


async def test_a_dead_endpoint_of_github_is_unreachable(
    tenant: EmulatedTenant, github: FakeTokenEndpoint
) -> None:
    """Where nothing listens, the error says that GitHub did not answer."""
    environ = {**github.environ, "ACTIONS_ID_TOKEN_REQUEST_URL": "http://127.0.0.1:1/token"}
    with pytest.raises(Unreachable, match="GitHub's OIDC endpoint did not answer"):
        await _job(tenant, environ).token()


async def test_a_dead_authority_is_unreachable(tenant: EmulatedTenant, github: FakeTokenEndpoint) -> None:
    """Where no sign-in page listens, the error says so and is not one of access."""
    dead = replace(tenant, page=replace(tenant.page, authority="https://127.0.0.1:1"))
    with pytest.raises(Unreachable):
        await _job(dead, github.environ).token()


@pytest.mark.parametrize("subject", [SUBJECT, "repo:somebody/else:pull_request"])
async def test_secrets_stay_out_of_logs(
    tenant: EmulatedTenant, github: FakeTokenEndpoint, caplog: pytest.LogCaptureFixture, subject: str
) -> None:
    """Neither the request token, nor an assertion, nor an access token is logged, at any level."""
    github.subject = subject
    tokens = _job(tenant, github.environ)
    held = "nothing held"
    with caplog.at_level(logging.DEBUG):
        try:
            held = await tokens.token()
        except AccessDenied as error:
            caplog.handler.records.append(logging.makeLogRecord({"msg": f"{error.message} {error.hint}"}))
    text = "\n".join(record.getMessage() + str(record.exc_info or "") for record in caplog.records)
    assert github.issued
    for secret in (github.request_token, *github.issued, held):
        assert secret not in text


async def test_a_plain_client_sees_the_discovery_document(tenant: EmulatedTenant) -> None:
    """The sign-in page describes itself, and refuses a tenant it does not have."""
    trust = ssl.create_default_context(cafile=str(tenant.page.certificates))
    async with httpx.AsyncClient(verify=trust, trust_env=False) as client:
        good = await client.get(f"{tenant.page.authority}/{TENANT}/v2.0/.well-known/openid-configuration")
        bad = await client.get(f"{tenant.page.authority}/common/v2.0/.well-known/openid-configuration")
    assert good.json()["token_endpoint"] == f"{tenant.page.authority}/{TENANT}/oauth2/v2.0/token"
    assert (bad.status_code, bad.json()["error_codes"]) == (400, [90002])
