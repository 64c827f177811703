"""azure-identity's own credentials against a token endpoint over TLS, and the calls their tokens carry.

The tenant is the emulator's. GitHub's OIDC endpoint is a stand-in on loopback.
"""

import asyncio
import logging
import ssl
from typing import Any

import httpx
import pytest

from reconciler.errors import AccessDenied
from reconciler.graph.sessions import connect
from reconciler.graph.transport import TokenSource
from reconciler.graph.writer import GraphWriter, open_directory
from reconciler.model import Done, EmailAddress, Failed, NotSent, ObjectId, UserUpdate, WriteAnswer
from tests.contract.auth.served import (
    GUEST,
    SUBJECT,
    TENANT,
    EmulatedTenant,
    FakeTokenEndpoint,
    job_tokens,
    secret_tokens,
)
from tests.support.plans import reset_of
from tests.support.scripted_graph import granted


async def _mail(tenant: EmulatedTenant, tokens: TokenSource) -> tuple[int, Any]:
    async with connect(tenant.root, tokens) as session:
        answer = (await session.batch_get([f"/users/{GUEST}?$select=mail"], what="a guest"))[0]
    return answer.status, answer.body


async def _update(writer: GraphWriter) -> WriteAnswer | NotSent:
    update = UserUpdate(mail=None, other_mails=(EmailAddress("new@fabrikam.example"),))
    return await writer.perform(ObjectId(GUEST), update, client_request_id="1", permit=granted)


async def test_a_secret_opens_the_directory(tenant: EmulatedTenant) -> None:
    """A client secret gets a token over TLS, and that token carries a read through the SDK."""
    status, body = await _mail(tenant, secret_tokens(tenant))
    assert (status, body["mail"]) == (200, "ana@fabrikam.example")


async def test_a_job_in_github_opens_the_directory(tenant: EmulatedTenant, github: FakeTokenEndpoint) -> None:
    """A job in GitHub Actions signs in without any secret, and its token carries a write."""
    async with open_directory(tenant.root, job_tokens(tenant, github.environ)) as (_, writer):
        assert isinstance(await _update(writer), Done)
    assert github.asked == [
        {"audience": "api://AzureADTokenExchange", "authorization": f"bearer {github.request_token}"}
    ]


async def test_each_token_request_has_a_fresh_assertion(
    tenant: EmulatedTenant, github: FakeTokenEndpoint
) -> None:
    """Two tokens cost two assertions, which are never the same."""
    tokens = job_tokens(tenant, github.environ)
    await tokens.token()
    await tokens.token(claims='{"access_token":{}}')
    assert len(set(github.issued)) == 2
    assert len(github.asked) == 2


async def test_a_held_token_costs_nothing(tenant: EmulatedTenant, github: FakeTokenEndpoint) -> None:
    """Fifty calls at once on an empty cache make one token request."""
    tokens = job_tokens(tenant, github.environ)
    held = await asyncio.gather(*(tokens.token() for _ in range(50)))
    assert len(set(held)) == 1
    assert len(github.asked) == 1


async def test_claims_replace_the_token_once(tenant: EmulatedTenant) -> None:
    """After a claims challenge there is a new token, and plain calls get that one from then on."""
    tokens = secret_tokens(tenant)
    first = await tokens.token()
    second = await tokens.token(claims='{"access_token":{}}')
    assert first != second
    assert await tokens.token() == second


async def test_a_revoked_token_is_replaced_on_the_way(tenant: EmulatedTenant) -> None:
    """A token revoked before its end is replaced within the call that finds out."""
    tokens = secret_tokens(tenant)
    await tokens.token()
    tenant.tokens.revoke()
    status, _ = await _mail(tenant, tokens)
    assert status == 200


async def test_a_reader_cannot_write(tenant: EmulatedTenant) -> None:
    """A read-only application gets 403 for a write."""
    async with open_directory(tenant.root, secret_tokens(tenant)) as (_, writer):
        answer = await _update(writer)
        assert writer.may_write() is False
    assert isinstance(answer, Failed)
    assert (answer.status, answer.rule) == (403, "not-permitted")


async def test_a_reader_cannot_reset(tenant: EmulatedTenant) -> None:
    """A read-only application gets 403 for an invitation."""
    reset = reset_of("ana@fabrikam.example")
    async with open_directory(tenant.root, secret_tokens(tenant)) as (_, writer):
        answer = await writer.perform(ObjectId(GUEST), reset, client_request_id="1", permit=granted)
    assert isinstance(answer, Failed)
    assert (answer.status, answer.rule) == (403, "permission-missing")


async def test_permissions_hold_within_a_batch(tenant: EmulatedTenant) -> None:
    """Each item of a batch needs its own permission."""
    async with connect(tenant.root, secret_tokens(tenant)) as session:
        users, organization = await session.batch_get(["/users", "/organization"], what="two things")
    assert (users.status, organization.status) == (200, 403)


async def test_a_token_past_its_end_is_replaced(tenant: EmulatedTenant, github: FakeTokenEndpoint) -> None:
    """A long run never sends a token that has run out: the next call gets another."""
    tenant.tokens.lifetime = 0
    tokens = job_tokens(tenant, github.environ)
    first = await tokens.token()
    tenant.tokens.lifetime = 3600
    status, _ = await _mail(tenant, tokens)
    assert status == 200
    assert await tokens.token() != first
    assert len(github.issued) == 2


@pytest.mark.parametrize("subject", [SUBJECT, "repo:somebody/else:pull_request"])
async def test_secrets_stay_out_of_logs(
    tenant: EmulatedTenant, github: FakeTokenEndpoint, caplog: pytest.LogCaptureFixture, subject: str
) -> None:
    """Neither the request token, nor an assertion, nor an access token is logged, at any level."""
    github.subject = subject
    tokens = job_tokens(tenant, github.environ)
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
