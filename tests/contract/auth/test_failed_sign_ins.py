"""Sign-ins that fail at Entra or at GitHub: the rule of each error, its exit code and its hint.

The tenant is the emulator's. GitHub's OIDC endpoint is a stand-in on loopback.
"""

from dataclasses import replace

import pytest
from azure.core.credentials import TokenCredential
from azure.identity import ClientAssertionCredential, ClientSecretCredential, DefaultAzureCredential

from reconciler.errors import AccessDenied, Unreachable
from reconciler.graph.credentials import CredentialTokens, FixedToken, token_source
from reconciler.graph.reader import open_reader
from reconciler.graph.transport import TokenSource
from reconciler.model import Cloud
from reconciler.observation import observe
from tests.contract.auth.served import (
    ISSUER,
    READING,
    SCOPE,
    SUBJECT,
    TENANT,
    EmulatedTenant,
    FakeTokenEndpoint,
    job_tokens,
    secret_tokens,
)
from tests.support.directory import desired


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
    tree = replace(desired(), tenant_id=TENANT, cloud=Cloud.EMULATOR)
    async with open_reader(tenant.root, tokens) as reader:
        with pytest.raises(AccessDenied) as denied:
            await observe(reader, tree)
    assert denied.value.exit_code == 6
    assert denied.value.hint
    return denied.value


async def test_a_wrong_secret_says_which_variable(tenant: EmulatedTenant) -> None:
    """A wrong secret names the variable to set, and does not repeat the secret."""
    with pytest.raises(AccessDenied) as denied:
        await secret_tokens(tenant, secret="guessed").token()
    assert denied.value.rule == "invalid-secret"
    assert "AZURE_CLIENT_SECRET" in denied.value.hint
    assert "guessed" not in denied.value.message + denied.value.hint


async def test_an_expired_secret_says_so(tenant: EmulatedTenant) -> None:
    """An expired secret is told from a wrong one."""
    with pytest.raises(AccessDenied) as denied:
        await secret_tokens(
            tenant, secret="old secret", client_id="0c3e5a7b-dddd-4eee-8fff-000011112222"
        ).token()
    assert denied.value.rule == "expired-secret"


async def test_a_foreign_subject_shows_what_to_register(
    tenant: EmulatedTenant, github: FakeTokenEndpoint
) -> None:
    """An unknown subject is shown exactly, beside both forms GitHub has for it."""
    github.subject = "repo:contoso/guests:pull_request"
    with pytest.raises(AccessDenied) as denied:
        await job_tokens(tenant, github.environ).token()
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
        await job_tokens(tenant, github.environ).token()
    assert "upper and lower case" in denied.value.message


async def test_an_expired_assertion_points_at_the_clock(
    tenant: EmulatedTenant, github: FakeTokenEndpoint
) -> None:
    """An assertion that has run out says what to look at."""
    github.lifetime = -10
    with pytest.raises(AccessDenied) as denied:
        await job_tokens(tenant, github.environ).token()
    assert denied.value.rule == "expired-assertion"


async def test_an_application_without_trust_is_refused(
    tenant: EmulatedTenant, github: FakeTokenEndpoint
) -> None:
    """An application without federated credentials refuses a job."""
    with pytest.raises(AccessDenied) as denied:
        await job_tokens(tenant, {**github.environ, "AZURE_CLIENT_ID": READING.client_id}).token()
    assert denied.value.rule == "federated-identity-mismatch"


async def test_an_unknown_application_is_refused(tenant: EmulatedTenant, github: FakeTokenEndpoint) -> None:
    """A client id nobody registered names the variables that may be wrong."""
    with pytest.raises(AccessDenied) as denied:
        await job_tokens(tenant, {**github.environ, "AZURE_CLIENT_ID": TENANT}).token()
    assert denied.value.rule == "unknown-application"


async def test_github_may_stumble_twice(tenant: EmulatedTenant, github: FakeTokenEndpoint) -> None:
    """Two bad answers of GitHub's endpoint are survived."""
    github.statuses = [503, 429]
    assert await job_tokens(tenant, github.environ).token()
    assert len(github.asked) == 3


async def test_github_may_not_fail_for_good(tenant: EmulatedTenant, github: FakeTokenEndpoint) -> None:
    """When GitHub's endpoint keeps failing, the error blames it and not Entra."""
    github.statuses = [500] * 3
    with pytest.raises(Unreachable, match="GitHub's OIDC endpoint answered with status 500"):
        await job_tokens(tenant, github.environ).token()


async def test_github_may_refuse(tenant: EmulatedTenant, github: FakeTokenEndpoint) -> None:
    """A job without the right to a token is told which permission to give it."""
    github.statuses = [403]
    with pytest.raises(AccessDenied) as denied:
        await job_tokens(tenant, github.environ).token()
    assert "id-token: write" in denied.value.hint


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"value": 5}', b'{"value": "no token"}'])
async def test_nonsense_from_github_is_no_token(
    tenant: EmulatedTenant, github: FakeTokenEndpoint, body: bytes
) -> None:
    """Whatever GitHub's endpoint answers instead of a token is refused, and not repeated."""
    github.body = body
    with pytest.raises(AccessDenied) as denied:
        await job_tokens(tenant, github.environ).token()
    assert denied.value.rule == "github-token"
    assert "html" not in denied.value.message


async def test_a_dead_endpoint_of_github_is_unreachable(
    tenant: EmulatedTenant, github: FakeTokenEndpoint
) -> None:
    """Where nothing listens, the error says that GitHub did not answer."""
    environ = {**github.environ, "ACTIONS_ID_TOKEN_REQUEST_URL": "http://127.0.0.1:1/token"}
    with pytest.raises(Unreachable, match="GitHub's OIDC endpoint did not answer"):
        await job_tokens(tenant, environ).token()


async def test_a_dead_authority_is_unreachable(tenant: EmulatedTenant, github: FakeTokenEndpoint) -> None:
    """Where no sign-in page listens, the error says so and is not one of access."""
    dead = replace(tenant, page=replace(tenant.page, authority="https://127.0.0.1:1"))
    with pytest.raises(Unreachable):
        await job_tokens(dead, github.environ).token()


@pytest.mark.parametrize("how", ["secret", "assertion", "chain"])
async def test_an_authority_that_is_not_trusted_is_named_as_such(
    tenant: EmulatedTenant, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Behind a proxy that inspects TLS `az login` is no remedy, whichever credential met the proxy."""
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", READING.client_id)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "plan secret")
    trust = {**tenant.trust, "retry_total": 0}
    del trust["connection_verify"]
    credential: TokenCredential
    match how:
        case "secret":
            credential = ClientSecretCredential(TENANT, READING.client_id, "plan secret", **trust)
        case "assertion":
            credential = ClientAssertionCredential(TENANT, READING.client_id, lambda: "a", **trust)
        case _:
            credential = DefaultAzureCredential(**trust)
    with pytest.raises(Unreachable) as caught:
        await CredentialTokens(credential, scope=SCOPE).token()
    assert caught.value.rule == "untrusted-certificate"
    assert "SSL_CERT_FILE" in caught.value.hint


async def test_the_variable_for_all_connections_is_enough_for_the_sign_in(
    tenant: EmulatedTenant, github: FakeTokenEndpoint
) -> None:
    """azure-identity has a variable of its own, which nobody needs to know."""
    tokens = token_source(
        cloud=Cloud.GLOBAL,
        tenant_id=TENANT,
        environ={**github.environ, "SSL_CERT_FILE": str(tenant.page.certificates)},
        authority=tenant.page.authority,
    )
    assert await tokens.token()
