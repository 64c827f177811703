"""Where tokens come from, decided from the environment; no network is used."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.identity import CredentialUnavailableError
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import AccessDenied, Unreachable, UsageError, WrongTenant
from reconciler.graph.credentials import CredentialTokens, FixedToken, graph_root_from, token_source
from reconciler.graph.github_oidc import AssertionFetcher
from reconciler.graph.loopback import is_loopback
from reconciler.graph.sign_in_errors import MEANINGS, refused_sign_in
from reconciler.model import Cloud, TenantId

TENANT = TenantId("7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10")
OTHER = "00000000-5f0b-4f57-9f0e-2f3c6f1f2a10"
SCOPE = "https://graph.microsoft.com/.default"
JOB = {
    "GITHUB_ACTIONS": "true",
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://oidc.example/token?api-version=2.0",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "secret of the job",
    "AZURE_CLIENT_ID": "0c3e5a7b-1111-4222-8333-444455556666",
    "AZURE_TENANT_ID": TENANT,
}


class FakeCredential:
    """A credential of azure-identity's shape that answers what it was given, in order."""

    def __init__(self, *answers: AccessToken | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[tuple[str, ...], dict[str, Any]]] = []

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Give the next answer."""
        self.asked.append((scopes, options))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize(
    ("cloud", "root"),
    [
        (Cloud.GLOBAL, "https://graph.microsoft.com"),
        (Cloud.USGOV, "https://graph.microsoft.us"),
        (Cloud.USGOV_DOD, "https://dod-graph.microsoft.us"),
        (Cloud.CHINA, "https://microsoftgraph.chinacloudapi.cn"),
        (Cloud.EMULATOR, None),
    ],
)
def test_each_cloud_has_its_root(cloud: Cloud, root: str | None) -> None:
    """Without a variable the cloud decides; the emulator has no address before it is started."""
    assert graph_root_from({}, cloud) == root
    assert graph_root_from({"RECONCILER_GRAPH_URL": ""}, cloud) == root


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://127.9.8.7:1", "http://127.9.8.7:1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://LOCALHOST:8443", "https://localhost:8443"),
        ("http://localhost", "http://localhost"),
    ],
)
def test_a_loopback_root_is_taken(text: str, root: str) -> None:
    """The variable replaces the root of any cloud, brought into one spelling."""
    assert graph_root_from({"RECONCILER_GRAPH_URL": text}, Cloud.GLOBAL) == root


@pytest.mark.parametrize(
    "text",
    [
        "https://graph.microsoft.com",
        "http://10.0.0.1:8080",
        "http://0.0.0.0:8080",
        "http://127.0.0.1.evil.example:8080",
        "http://localhost.evil.example",
        "http://user@127.0.0.1:8080",
        "http://127.0.0.1:8080@evil.example",
        "http://127.0.0.1:8080/v1.0",
        "http://127.0.0.1:8080?x=1",
        "http://127.0.0.1:8080#x",
        "http://127.0.0.1:8080\\@evil.example",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:port",
        "http://[::1",
        "ftp://127.0.0.1",
        "127.0.0.1:8080",
        "http://",
        " http://127.0.0.1:8080",
    ],
)
def test_any_other_root_is_wrong_usage(text: str) -> None:
    """A root that is not plainly this machine ends with exit 2 before a token is asked for."""
    with pytest.raises(UsageError) as wrong:
        token_source(cloud=Cloud.GLOBAL, tenant_id=TENANT, environ={"RECONCILER_GRAPH_URL": text})
    assert wrong.value.exit_code == 2


@given(st.text(max_size=40))
def test_a_root_is_loopback_or_refused(text: str) -> None:
    """Whatever the variable holds, what comes out is this machine."""
    try:
        root = graph_root_from({"RECONCILER_GRAPH_URL": f"http://{text}"}, Cloud.GLOBAL)
    except UsageError:
        return
    assert root is not None
    host = root.removeprefix("http://")
    assert host.startswith(("127.", "localhost", "[::1]"))
    assert "@" not in host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.255.255.254", "::1", "localhost", "LocalHost"])
def test_this_machine_is_known_by_its_names(host: str) -> None:
    """Each documented name of this machine counts as loopback."""
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "128.0.0.1", "::2", "localhost.example", "graph.microsoft.com"])
def test_other_machines_are_not_this_one(host: str) -> None:
    """A name that merely looks like loopback does not count."""
    assert not is_loopback(host)


async def test_a_loopback_root_gets_the_fixed_token() -> None:
    """A loopback root is sent the variable's token, or the emulator's, whatever is challenged."""
    root = {"RECONCILER_GRAPH_URL": "http://127.0.0.1:8080"}
    usual = token_source(cloud=Cloud.GLOBAL, tenant_id=TENANT, environ=root)
    own = token_source(cloud=Cloud.GLOBAL, tenant_id=None, environ={**root, "RECONCILER_GRAPH_TOKEN": "mine"})
    assert await usual.token() == "emulator"
    assert await own.token(claims="{}") == "mine"


async def test_the_emulator_never_sees_a_real_token() -> None:
    """The embedded emulator gets its own token even in a job that could sign in, or with a token set."""
    environ = {**JOB, "RECONCILER_GRAPH_TOKEN": "mine"}
    source = token_source(cloud=Cloud.EMULATOR, tenant_id=TENANT, environ=environ)
    assert isinstance(source, FixedToken)
    assert await source.token() == "emulator"


def test_azure_identity_is_not_loaded_for_a_fixed_token() -> None:
    """Whoever talks to this machine only does not wait for azure-identity to load."""
    code = (
        "import sys; from reconciler.graph.credentials import token_source;"
        "from reconciler.model import Cloud;"
        "token_source(cloud=Cloud.EMULATOR, tenant_id=None, environ={});"
        "sys.exit('azure.identity' in sys.modules or 'msgraph' in sys.modules)"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environ).returncode == 0


@pytest.mark.parametrize("name", ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
def test_a_job_without_the_right_to_a_token_is_told(name: str) -> None:
    """A job that may not ask GitHub for a token learns which permission it lacks, with exit 6."""
    with pytest.raises(AccessDenied, match=name) as denied:
        token_source(cloud=Cloud.GLOBAL, tenant_id=TENANT, environ={**JOB, name: ""})
    assert denied.value.exit_code == 6
    assert "id-token: write" in denied.value.hint


@pytest.mark.parametrize("value", ["", "contoso", "0c3e5a7b-1111-4222-8333-444455556666/.."])
def test_a_job_without_a_client_id_is_told(value: str) -> None:
    """A missing or malformed client id names the variable."""
    with pytest.raises(AccessDenied, match="AZURE_CLIENT_ID must be set"):
        token_source(cloud=Cloud.GLOBAL, tenant_id=TENANT, environ={**JOB, "AZURE_CLIENT_ID": value})


def test_a_job_without_a_tree_needs_the_tenant() -> None:
    """Where no tenant is declared yet, as for an import, the variable must name it."""
    with pytest.raises(AccessDenied, match="AZURE_TENANT_ID must be set"):
        token_source(cloud=Cloud.GLOBAL, tenant_id=None, environ={**JOB, "AZURE_TENANT_ID": ""})
    source = token_source(cloud=Cloud.GLOBAL, tenant_id=None, environ=JOB)
    assert isinstance(source, CredentialTokens)


def test_the_declared_tenant_is_enough_for_a_job() -> None:
    """A job may leave the tenant's variable out, and may spell it in capitals."""
    for value in ("", TENANT.upper()):
        environ = {**JOB, "AZURE_TENANT_ID": value}
        assert isinstance(
            token_source(cloud=Cloud.GLOBAL, tenant_id=TENANT, environ=environ), CredentialTokens
        )


@pytest.mark.parametrize("job", [JOB, {}])
def test_two_different_tenants_refuse_the_run(job: dict[str, str]) -> None:
    """A variable that names another tenant than the tree is refused before any sign-in."""
    with pytest.raises(WrongTenant) as refused:
        token_source(cloud=Cloud.GLOBAL, tenant_id=TENANT, environ={**job, "AZURE_TENANT_ID": OTHER})
    assert OTHER in refused.value.message
    assert TENANT in refused.value.message


@pytest.mark.parametrize("url", ["http://oidc.example/token", "not a url", "https://", "http://[::1"])
def test_the_jobs_token_never_leaves_in_clear(url: str) -> None:
    """The request token is sent over https or to this machine, and nowhere else."""
    with pytest.raises(AccessDenied, match="ACTIONS_ID_TOKEN_REQUEST_URL"):
        AssertionFetcher(url=url, request_token="t", audience="a")


def test_outside_github_the_default_chain_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a laptop whatever azure-identity finds is used, and nothing is asked before it is needed."""
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
    source = token_source(cloud=Cloud.USGOV, tenant_id=TENANT, environ={})
    assert isinstance(source, CredentialTokens)


async def test_a_machine_without_any_credential_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Where nobody has signed in, the error says how to, and shows nothing of what was tried."""
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
    monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("empty")))
    with pytest.raises(AccessDenied) as denied:
        await token_source(cloud=Cloud.GLOBAL, tenant_id=TENANT, environ={}).token()
    assert denied.value.rule == "no-credential"
    assert "az login" in denied.value.hint


async def test_a_token_is_held_until_five_minutes_before_its_end() -> None:
    """The credential is asked again only when the held token is near its end."""
    now = 1000.0
    credential = FakeCredential(AccessToken("first", 2000), AccessToken("second", 9000))
    tokens = CredentialTokens(credential, scope=SCOPE, tenant_id=TENANT, now=lambda: now)
    assert [await tokens.token(), await tokens.token()] == ["first", "first"]
    now = 1699.0
    assert await tokens.token() == "first"
    now = 1700.0
    assert await tokens.token() == "second"
    assert credential.asked == [((SCOPE,), {"tenant_id": TENANT})] * 2


async def test_claims_reach_the_credential() -> None:
    """A claims challenge is passed on as it is, and its answer is held from then on."""
    credential = FakeCredential(AccessToken("first", 2**40), AccessToken("second", 2**40))
    tokens = CredentialTokens(credential, scope=SCOPE)
    assert await tokens.token() == "first"
    assert await tokens.token(claims='{"a":1}') == "second"
    assert await tokens.token() == "second"
    assert credential.asked[1] == ((SCOPE,), {"tenant_id": None, "claims": '{"a":1}'})


async def test_callers_at_once_share_one_fetch() -> None:
    """Many callers on an empty cache cost one question to the credential."""
    credential = FakeCredential(AccessToken("first", 2**40))
    tokens = CredentialTokens(credential, scope=SCOPE)
    assert set(await asyncio.gather(*(tokens.token() for _ in range(20)))) == {"first"}


def test_a_sign_in_that_hangs_is_left_behind() -> None:
    """A run that gives up a hanging sign-in can end at once."""
    end = threading.Event()

    async def main() -> None:
        loop, hanging = asyncio.get_running_loop(), asyncio.Event()

        class Hanging(FakeCredential):
            def get_token(self, *scopes: str, **options: Any) -> AccessToken:
                loop.call_soon_threadsafe(hanging.set)
                end.wait(20)
                return super().get_token(*scopes, **options)

        fetching = asyncio.ensure_future(
            CredentialTokens(Hanging(AccessToken("late", 2**40)), scope=SCOPE).token()
        )
        await hanging.wait()
        fetching.cancel()

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < 10
    end.set()


async def test_a_failure_is_not_held() -> None:
    """After a failed sign-in the next call tries again."""
    credential = FakeCredential(ServiceRequestError("no route"), AccessToken("first", 2**40))
    tokens = CredentialTokens(credential, scope=SCOPE)
    with pytest.raises(Unreachable):
        await tokens.token()
    assert await tokens.token() == "first"


@pytest.mark.parametrize(
    ("error", "rule"),
    [
        (CredentialUnavailableError("nothing configured"), "no-credential"),
        (
            ClientAuthenticationError("AADSTS7000222: The provided client secret keys are expired"),
            "expired-secret",
        ),
        (ClientAuthenticationError("(invalid_client) AADSTS90002: Tenant 'x' not found"), "unknown-tenant"),
        (ClientAuthenticationError("AADSTS65001: consent"), "no-consent"),
        (ClientAuthenticationError("AADSTS1234567: news"), "sign-in-refused"),
    ],
)
async def test_each_refusal_has_a_rule_and_a_remedy(error: ClientAuthenticationError, rule: str) -> None:
    """A refused sign-in says what to do, with exit 6."""
    with pytest.raises(AccessDenied) as denied:
        await CredentialTokens(FakeCredential(error), scope=SCOPE).token()
    assert denied.value.rule == rule
    assert denied.value.hint
    assert denied.value.exit_code == 6


@given(st.text(alphabet=st.characters(codec="utf-8")), st.sampled_from(["7000215", "700213", "999999", ""]))
def test_nothing_of_an_answer_is_repeated(text: str, code: str) -> None:
    """Whatever Entra says, only the number it gives is shown."""
    marked = f"\x1b[31mBEGIN{text}END"
    error = refused_sign_in(f"{marked} AADSTS{code}: {marked}", statement=None)
    shown = error.message + error.hint
    assert "BEGIN" not in shown
    assert "\x1b" not in shown


def test_every_refusal_stands_in_the_documentation() -> None:
    """Each error number the product explains is in the documentation, in the row of its rule."""
    page = Path(__file__).parents[2] / "docs" / "authentication.md"
    rows = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    for number, meaning in MEANINGS.items():
        assert any(f"`{meaning.rule}`" in row and number in row for row in rows), number
