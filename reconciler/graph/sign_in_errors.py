"""The meaning of a refused sign-in, and its remedy.

Decides by the number Entra puts after `AADSTS`, or by OpenSSL's code for a refused certificate. The rest of
its answer is dropped: it is text from outside, and may repeat the request.

Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.certificates import CODE, REMEDY
from reconciler.errors import AccessDenied, Unreachable
from reconciler.rules import Rule

if TYPE_CHECKING:
    from reconciler.graph.github_oidc import Statement

_CODE = re.compile(r"AADSTS(\d{4,9})")

SUBJECT_FORMATS = (
    "repo:OWNER/REPOSITORY:environment:NAME, or, for a repository created, renamed or transferred after "
    "2026-07-15, repo:OWNER@OWNER_ID/REPOSITORY@REPOSITORY_ID:environment:NAME"
    " (without an environment: …:pull_request or …:ref:refs/heads/BRANCH)"
)
"""Both forms of GitHub's subject. Source: https://docs.github.com/actions/reference/security/oidc"""


@dataclass(frozen=True, slots=True)
class Meaning:
    """The meaning of an error number of Entra."""

    rule: Rule
    message: str

    hint: str
    """The remedy."""


_FEDERATED_CREDENTIAL = (
    "add a federated credential to the application that AZURE_CLIENT_ID names, with exactly"
)

MEANINGS = {
    "7000215": Meaning(
        Rule.INVALID_SECRET,
        "the client secret is wrong",
        "set AZURE_CLIENT_SECRET to the secret's value, not to its id",
    ),
    "7000222": Meaning(
        Rule.EXPIRED_SECRET,
        "the client secret has expired",
        "create a new secret and set AZURE_CLIENT_SECRET; in GitHub Actions no secret is needed",
    ),
    "7000218": Meaning(
        Rule.NO_SECRET, "the sign-in carried neither secret nor assertion", "set AZURE_CLIENT_SECRET"
    ),
    "700016": Meaning(
        Rule.UNKNOWN_APPLICATION,
        "the tenant does not know this application",
        "check that AZURE_CLIENT_ID is the application (client) id and that AZURE_TENANT_ID is its tenant",
    ),
    "7000229": Meaning(
        Rule.UNKNOWN_APPLICATION,
        "the application has no service principal in this tenant",
        "grant admin consent in this tenant: that creates it",
    ),
    "7000112": Meaning(
        Rule.DISABLED_APPLICATION, "the application is disabled", "have an administrator enable it again"
    ),
    "90002": Meaning(
        Rule.UNKNOWN_TENANT,
        "there is no such tenant in this cloud",
        "check AZURE_TENANT_ID, and `tenantId` and `cloud` in tenant.yaml",
    ),
    "700024": Meaning(
        Rule.EXPIRED_ASSERTION,
        "the assertion was outside its time",
        "check the clock of the machine that runs the job",
    ),
    "70021": Meaning(
        Rule.FEDERATED_IDENTITY_MISMATCH,
        "the application does not trust this workflow",
        f"{_FEDERATED_CREDENTIAL} the issuer, subject and audience of the job",
    ),
    "700211": Meaning(
        Rule.FEDERATED_IDENTITY_MISMATCH,
        "the application does not trust this issuer",
        f"{_FEDERATED_CREDENTIAL} the issuer https://token.actions.githubusercontent.com, "
        "without a slash at its end",
    ),
    "700212": Meaning(
        Rule.FEDERATED_IDENTITY_MISMATCH,
        "the application's federated credential has another audience",
        f"{_FEDERATED_CREDENTIAL} the audience of the cloud, such as api://AzureADTokenExchange",
    ),
    "700213": Meaning(
        Rule.FEDERATED_IDENTITY_MISMATCH,
        "the application does not trust this workflow",
        f"{_FEDERATED_CREDENTIAL} the subject of the job",
    ),
    "7002138": Meaning(
        Rule.FEDERATED_IDENTITY_MISMATCH,
        "the subject of the workflow and of the federated credential differ in upper and lower case only",
        "write the federated credential's subject exactly as the job states it, case included",
    ),
    "700027": Meaning(
        Rule.INVALID_ASSERTION,
        "the signature of the assertion or certificate is not the application's",
        "check the certificate, or the federated credential, of the application",
    ),
    "65001": Meaning(
        Rule.NO_CONSENT,
        "nobody has consented to the application's permissions",
        "have an administrator grant admin consent",
    ),
    "500011": Meaning(
        Rule.UNKNOWN_RESOURCE,
        "Microsoft Graph of this cloud is not known to the tenant",
        "check `cloud` in tenant.yaml",
    ),
    "1002012": Meaning(
        Rule.UNKNOWN_RESOURCE, "the scope asked for does not fit the cloud", "check `cloud` in tenant.yaml"
    ),
    "50076": Meaning(
        Rule.INTERACTION_NEEDED, "the sign-in needs a second factor", "sign in again: `az login`"
    ),
    "50079": Meaning(
        Rule.INTERACTION_NEEDED, "the sign-in needs a second factor", "sign in again: `az login`"
    ),
    "70043": Meaning(Rule.INTERACTION_NEEDED, "the sign-in is too old", "sign in again: `az login`"),
    "700082": Meaning(Rule.INTERACTION_NEEDED, "the sign-in is too old", "sign in again: `az login`"),
    "53003": Meaning(
        Rule.CONDITIONAL_ACCESS,
        "a Conditional Access policy forbids this sign-in",
        "run where the policy allows it, or have an administrator change the policy",
    ),
}
"""By the number after `AADSTS`. Every one stands in docs/authentication.md."""


def untrusted_authority() -> Unreachable:
    """Make the error for a certificate of Entra that is not trusted."""
    return Unreachable(
        "the certificate with which Microsoft Entra answered is not trusted",
        rule=Rule.UNTRUSTED_CERTIFICATE,
        hint=REMEDY,
    )


def refused_sign_in(text: str, *, statement: "Statement | None") -> AccessDenied | Unreachable:
    """Make the error for a sign-in that Entra, or the machine, refused.

    `text` is what azure-identity reports; only the error number in it is used. `statement` has the claims of
    GitHub's token, if one was sent.
    """
    code = _CODE.search(text)
    if code is None and CODE in text:
        return untrusted_authority()
    if code is None:
        return AccessDenied(
            "no credential for Microsoft Entra gave a token",
            rule=Rule.NO_CREDENTIAL,
            hint="sign in with `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET; "
            "in GitHub Actions the job signs in by itself",
        )
    meaning = MEANINGS.get(code[1])
    if meaning is None:
        return AccessDenied(
            f"Microsoft Entra refused the sign-in (AADSTS{code[1]})",
            rule=Rule.SIGN_IN_REFUSED,
            hint=f"see https://login.microsoftonline.com/error?code={code[1]}",
        )
    hint = meaning.hint
    if meaning.rule is Rule.FEDERATED_IDENTITY_MISMATCH:
        hint = f"{hint}. {_stated(statement)}A subject has the form {SUBJECT_FORMATS}"
    return AccessDenied(
        f"Microsoft Entra refused the sign-in: {meaning.message} (AADSTS{code[1]})",
        rule=meaning.rule,
        hint=hint,
    )


def _stated(statement: "Statement | None") -> str:
    if statement is None:
        return ""
    said = f"issuer {statement.issuer}, subject {statement.subject}, audience {statement.audience}"
    return f"The job stated {said}. "
