"""The source of tokens: chosen from the environment, fetched when needed, never shown.

The only place that knows azure-identity. It is imported when the first credential is built, so that runs
against this machine do not load it.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reconciler.certificates import CODE, VARIABLE, chosen_certificates
from reconciler.errors import AccessDenied, Unreachable, UsageError, WrongTenant
from reconciler.graph.clouds import graph_root, token_scope
from reconciler.graph.daemon_threads import DaemonThreads
from reconciler.graph.guids import GUID
from reconciler.graph.loopback import is_loopback
from reconciler.graph.sign_in_errors import refused_sign_in, untrusted_authority
from reconciler.model import Cloud, TenantId
from reconciler.rules import Rule

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential

    from reconciler.graph.github_oidc import AssertionFetcher
    from reconciler.graph.transport import TokenSource

ROOT_VARIABLE = "RECONCILER_GRAPH_URL"
"""Replaces the Graph root; must be loopback."""

TOKEN_VARIABLE = "RECONCILER_GRAPH_TOKEN"  # noqa: S105 - the name of a variable
"""The bearer token sent to a loopback root."""

EMULATOR_TOKEN = "emulator"  # noqa: S105 - the emulator's well-known token, worth nothing elsewhere
"""The token for a loopback root when the variable is not set."""

# Authority and audience of federated credentials.
# Sources: https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud,
# https://learn.microsoft.com/graph/api/resources/federatedidentitycredential
_AUTHORITIES = {
    Cloud.GLOBAL: ("https://login.microsoftonline.com", "api://AzureADTokenExchange"),
    Cloud.USGOV: ("https://login.microsoftonline.us", "api://AzureADTokenExchangeUSGov"),
    Cloud.USGOV_DOD: ("https://login.microsoftonline.us", "api://AzureADTokenExchangeUSGov"),
    Cloud.CHINA: ("https://login.chinacloudapi.cn", "api://AzureADTokenExchangeChina"),
}

_GITHUB_VARIABLES = ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")

# azure-identity renews its own cache this long before a token ends; a shorter margin of ours would return a
# token it has already replaced.
_MARGIN_SECONDS = 300


def graph_root_from(environ: Mapping[str, str], cloud: Cloud) -> str | None:
    """Return the Graph root of this run, such as `https://graph.microsoft.com`, without `/v1.0`.

    `RECONCILER_GRAPH_URL` replaces the cloud's. `None` means the embedded emulator, which has no address
    until it is started. Raises `UsageError` when the variable is not exactly scheme, loopback host and port:
    a token for Graph must not be sent unencrypted.
    """
    text = environ.get(ROOT_VARIABLE, "")
    if not text:
        return None if cloud is Cloud.EMULATOR else graph_root(cloud)
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port
    except ValueError:
        raise _bad_root() from None
    plain = url.scheme in {"http", "https"} and url.path in {"", "/"} and not re.search(r"[\s@?#\\]", text)
    if not plain or not is_loopback(host):
        raise _bad_root()
    shown = f"[{host}]" if ":" in host else host
    return f"{url.scheme}://{shown}" if port is None else f"{url.scheme}://{shown}:{port}"


def token_source(
    *,
    cloud: Cloud,
    tenant_id: TenantId | None,
    environ: Mapping[str, str],
    authority: str | None = None,
    authority_certificates: str | None = None,
) -> "TokenSource":
    """Choose the source of tokens.

    The embedded emulator has its well-known token, a loopback Graph root the token of the variable. Otherwise
    a job in GitHub Actions signs in with GitHub's OIDC token, and any other process with
    `DefaultAzureCredential`. `tenant_id` is the declared tenant; `None` leaves it to the environment.
    `authority` and `authority_certificates` (a path to PEM) replace the cloud's, for a private token
    endpoint.

    Raises `UsageError` as `graph_root_from` does and for certificates that cannot be used, `AccessDenied`
    when the environment lacks a variable, `WrongTenant` when it names another tenant.
    """
    root = graph_root_from(environ, cloud)
    if root is None:
        return FixedToken(EMULATOR_TOKEN)
    if environ.get(ROOT_VARIABLE):
        return FixedToken(environ.get(TOKEN_VARIABLE) or EMULATOR_TOKEN)
    named = _tenant_of(environ, declared=tenant_id)
    usual_authority, audience = _AUTHORITIES[cloud]
    options: dict[str, object] = {"authority": authority or usual_authority}
    if authority is not None:
        options["disable_instance_discovery"] = True
    if chosen_certificates(environ) is not None:
        # azure-identity reads another variable: one must do for all connections.
        options["connection_verify"] = environ.get(VARIABLE)
    if authority_certificates is not None:
        options["connection_verify"] = authority_certificates
    _keep_answers_out_of_logs()
    scope = token_scope(root)
    if environ.get("GITHUB_ACTIONS") == "true":
        return _from_github(
            environ, tenant=tenant_id or named, scope=scope, audience=audience, options=options
        )

    from azure.identity import DefaultAzureCredential  # noqa: PLC0415 - see the module's docstring

    return CredentialTokens(DefaultAzureCredential(**options), scope=scope, tenant_id=tenant_id)


class FixedToken:
    """One token for the whole run."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self, *, claims: str | None = None) -> str:
        """Return the token; a claims challenge changes nothing, there is no other."""
        del claims
        return self._token


class CredentialTokens:
    """Tokens from an azure-identity credential, one fetch at a time and off the event loop.

    A fetch may take a minute and cannot be cancelled: a cancelled run does not wait for it.
    """

    def __init__(
        self,
        credential: "TokenCredential",
        *,
        scope: str,
        tenant_id: str | None = None,
        assertions: "AssertionFetcher | None" = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Build the source over a synchronous credential.

        `scope` is Graph's, ending in `/.default`. `tenant_id` chooses among the tenants of a person who is a
        guest elsewhere. `assertions` has the statement that Entra refused. `now` returns the time in seconds
        since 1970.
        """
        self._credential = credential
        self._scope = scope
        self._tenant_id = tenant_id
        self._assertions = assertions
        self._now = now
        self._lock = asyncio.Lock()
        self._threads = DaemonThreads()
        self._held: AccessToken | None = None

    async def token(self, *, claims: str | None = None) -> str:
        """Return a token that is valid now; see `TokenSource`.

        Some credentials start a program for each token, so a token is cached here until five minutes before
        its expiry; from then on the credential decides.
        """
        async with self._lock:
            if claims is None and self._held and self._now() < self._held.expires_on - _MARGIN_SECONDS:
                return self._held.token
            loop = asyncio.get_running_loop()
            self._held = await loop.run_in_executor(self._threads, self._fetch, claims)
            return self._held.token

    def _fetch(self, claims: str | None) -> "AccessToken":
        from azure.core.exceptions import AzureError, ClientAuthenticationError  # noqa: PLC0415 - as above

        try:
            if claims is None:
                return self._credential.get_token(self._scope, tenant_id=self._tenant_id)
            return self._credential.get_token(self._scope, tenant_id=self._tenant_id, claims=claims)
        except ClientAuthenticationError as error:
            statement = self._assertions.statement if self._assertions else None
            raise refused_sign_in(error.message, statement=statement) from None
        except AzureError as error:
            if CODE in error.message:
                raise untrusted_authority() from None
            raise Unreachable(
                f"Microsoft Entra's token endpoint did not answer ({type(error).__name__})",
                rule=Rule.AUTHORITY_UNREACHABLE,
                hint="check the network, the proxy and `cloud` in tenant.yaml",
            ) from None


def _tenant_of(environ: Mapping[str, str], *, declared: TenantId | None) -> str:
    """Return the tenant that the environment names, empty for none; raise `WrongTenant` for another one."""
    named = environ.get("AZURE_TENANT_ID", "").strip().lower()
    if declared is not None and named and named != declared:
        raise WrongTenant(
            f"AZURE_TENANT_ID names tenant {named}, tenant.yaml declares {declared}",
            rule=Rule.WRONG_TENANT,
            hint="set AZURE_TENANT_ID to the declared tenant's id",
        )
    return named


def _from_github(
    environ: Mapping[str, str], *, tenant: str, scope: str, audience: str, options: Mapping[str, object]
) -> CredentialTokens:
    """Sign in as the job: without a secret, with an assertion fetched for each use."""
    missing = [name for name in _GITHUB_VARIABLES if not environ.get(name)]
    if missing:
        raise AccessDenied(
            f"the job may not ask GitHub for a token: {' and '.join(missing)} not set",
            rule=Rule.GITHUB_TOKEN,
            hint="give the job `permissions: id-token: write`; a pull request from a fork never gets it",
        )
    client_id = environ.get("AZURE_CLIENT_ID", "").strip().lower()
    unusable = [
        name
        for name, value in (("AZURE_CLIENT_ID", client_id), ("AZURE_TENANT_ID", tenant))
        if not GUID.fullmatch(value)
    ]
    if unusable:
        raise AccessDenied(
            f"{' and '.join(unusable)} must be set to a GUID",
            rule=Rule.MISSING_VARIABLE,
            hint="set it in the job's `env` from a repository or environment variable; it is no secret",
        )
    url, request_token = (environ[name] for name in _GITHUB_VARIABLES)

    from azure.identity import ClientAssertionCredential  # noqa: PLC0415 - see the module's docstring

    from reconciler.graph.github_oidc import AssertionFetcher  # noqa: PLC0415 - loads what verifies tokens

    fetch = AssertionFetcher(url=url, request_token=request_token, audience=audience)
    credential = ClientAssertionCredential(tenant, client_id, fetch, **options)
    return CredentialTokens(credential, scope=scope, assertions=fetch)


def _keep_answers_out_of_logs() -> None:
    """Stop azure-identity's logs: it warns with the whole answer of the token endpoint, unescaped.

    Its errors are raised as well, and reported in our own words.
    """
    logging.getLogger("azure.identity").setLevel(logging.CRITICAL)


def _bad_root() -> UsageError:
    return UsageError(
        f"{ROOT_VARIABLE} must be http or https, a loopback host and a port, such as http://127.0.0.1:8080",
        rule=Rule.GRAPH_ROOT,
        hint="leave it unset to talk to the real Microsoft Graph",
    )
