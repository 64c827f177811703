"""Fetches GitHub's OIDC token of the running workflow, a fresh one for each sign-in.

Neither the token returned nor the one that requests it may appear in an error or a log. Its claims (issuer,
subject, audience) are no secret; federation errors need them.

Source: https://docs.github.com/actions/reference/security/oidc
"""

import json
from dataclasses import dataclass
from typing import cast

import httpx
import jwt
import tenacity

from reconciler.certificates import REMEDY, chosen_certificates, distrust
from reconciler.errors import AccessDenied, Unreachable
from reconciler.graph.loopback import is_loopback
from reconciler.rules import Rule

_SECONDS = 20.0
_ATTEMPTS = 3
_NOT_A_TOKEN = "GitHub's OIDC endpoint answered with something that is no token"  # noqa: S105 - a sentence
_GITHUB_IS_ILL = (
    "GitHub's part of the sign-in failed: run the job again, or look at https://www.githubstatus.com"
)
_PERMISSION_HINT = "give the job `permissions: id-token: write`; a pull request from a fork never gets it"


def _last_answer(state: tenacity.RetryCallState) -> httpx.Response:
    """Return the answer of the last attempt, or raise its error."""
    outcome = cast("tenacity.Future", state.outcome)
    return cast("httpx.Response", outcome.result())


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The claims of the last token about the workflow. Entra compares all three byte by byte."""

    issuer: str
    subject: str
    audience: str


class AssertionFetcher:
    """Fetches a new token from GitHub whenever it is called, as `ClientAssertionCredential` wants it."""

    def __init__(self, *, url: str, request_token: str, audience: str) -> None:
        """Store the endpoint.

        `url` and `request_token` are `ACTIONS_ID_TOKEN_REQUEST_URL` and `…_TOKEN` of the job; `audience` is
        the cloud's. Raises `AccessDenied` when the URL would send the token unencrypted.
        """
        try:
            where = httpx.URL(url)
        except httpx.InvalidURL:
            where = httpx.URL()
        if not where.host or (where.scheme != "https" and not is_loopback(where.host)):
            raise AccessDenied(
                "ACTIONS_ID_TOKEN_REQUEST_URL is no https address",
                rule=Rule.GITHUB_TOKEN,
                hint="leave this variable to GitHub: the job must not set it",
            )
        self._url = where.copy_set_param("audience", audience)
        self._request_token = request_token
        self.statement: Statement | None = None
        """The claims of the last token; `None` before the first."""

    def __call__(self) -> str:
        """Fetch a token; blocks for up to 60 seconds.

        Raises `AccessDenied` when GitHub refuses, `Unreachable` when it does not answer.
        """
        try:
            answer = self._ask()
        except httpx.TransportError as error:
            reason = distrust(error)
            if reason is not None:
                raise Unreachable(
                    f"the certificate with which {self._url.host} answered is not trusted ({reason})",
                    rule=Rule.UNTRUSTED_CERTIFICATE,
                    hint=REMEDY,
                ) from None
            raise Unreachable(
                f"GitHub's OIDC endpoint did not answer ({type(error).__name__})",
                rule=Rule.GITHUB_UNREACHABLE,
                hint=_GITHUB_IS_ILL,
            ) from None
        if answer.status_code in {401, 403}:
            raise AccessDenied(
                f"GitHub refused the job a token ({answer.status_code})",
                rule=Rule.GITHUB_TOKEN,
                hint=_PERMISSION_HINT,
            )
        if answer.status_code != 200:
            raise Unreachable(
                f"GitHub's OIDC endpoint answered with status {answer.status_code}",
                rule=Rule.GITHUB_UNREACHABLE,
                hint=_GITHUB_IS_ILL,
            )
        try:
            assertion = json.loads(answer.content)["value"]
            claims = jwt.decode(assertion, options={"verify_signature": False})
        except (ValueError, KeyError, TypeError, jwt.InvalidTokenError):
            raise AccessDenied(_NOT_A_TOKEN, rule=Rule.GITHUB_TOKEN, hint=_GITHUB_IS_ILL) from None
        self.statement = Statement(
            issuer=str(claims.get("iss")), subject=str(claims.get("sub")), audience=str(claims.get("aud"))
        )
        return str(assertion)

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(httpx.TransportError)
        | tenacity.retry_if_result(lambda answer: answer.status_code in {429, *range(500, 600)}),
        stop=tenacity.stop_after_attempt(_ATTEMPTS),
        wait=tenacity.wait_random_exponential(multiplier=0.1, max=2),
        retry_error_callback=_last_answer,
    )
    def _ask(self) -> httpx.Response:
        # Proxies of the environment are for the real GitHub, not for a stand-in on this machine.
        with httpx.Client(
            timeout=_SECONDS,
            trust_env=not is_loopback(self._url.host),
            verify=chosen_certificates() or True,
        ) as client:
            return client.get(
                self._url,
                headers={
                    "Authorization": f"bearer {self._request_token}",
                    "Accept": "application/json; api-version=2.0",
                },
            )
