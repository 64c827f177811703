"""The rules that make the directory unusable: of signing in, and of reading."""

from types import MappingProxyType
from typing import Final

from reconciler.rules.description import Severity, Table, Text, Where, described
from reconciler.rules.ids import Rule

_ASKING = (Where.IMPORT, Where.SET_EMAIL, Where.PRUNE, Where.PLAN, Where.APPLY)

_SIGN_IN = described(
    Severity.ERROR,
    _ASKING,
    {
        Rule.NO_CREDENTIAL: Text(
            meaning="Nothing on this machine gives a token.",
            remedy="sign in with `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET",
        ),
        Rule.SIGN_IN_REFUSED: Text(
            meaning="Microsoft Entra refused the sign-in for a reason that is not in the list of known ones.",
            remedy="see the page that the message names",
        ),
        Rule.FEDERATED_IDENTITY_MISMATCH: Text(
            meaning="The application does not trust this job of GitHub Actions.",
            remedy="register a federated credential with exactly what the message shows",
        ),
        Rule.INVALID_SECRET: Text(
            meaning="The client secret is wrong.",
            remedy="set AZURE_CLIENT_SECRET to the secret's value, not to its id",
        ),
        Rule.EXPIRED_SECRET: Text(
            meaning="The client secret has expired.",
            remedy="create a new secret and set AZURE_CLIENT_SECRET",
        ),
        Rule.NO_SECRET: Text(
            meaning="The sign-in carried neither a secret nor an assertion.",
            remedy="set AZURE_CLIENT_SECRET",
        ),
        Rule.UNKNOWN_APPLICATION: Text(
            meaning="The tenant does not know the application.",
            remedy="check AZURE_CLIENT_ID and AZURE_TENANT_ID, and grant admin consent in this tenant",
        ),
        Rule.DISABLED_APPLICATION: Text(
            meaning="The application is disabled.",
            remedy="have an administrator enable it again",
        ),
        Rule.UNKNOWN_TENANT: Text(
            meaning="There is no such tenant in this cloud.",
            remedy="check AZURE_TENANT_ID, and tenantId and cloud in tenant.yaml",
        ),
        Rule.EXPIRED_ASSERTION: Text(
            meaning="The assertion was outside its time.",
            remedy="check the clock of the machine that runs the job",
        ),
        Rule.INVALID_ASSERTION: Text(
            meaning="The signature of the assertion or certificate is not the application's.",
            remedy="check the certificate, or the federated credential, of the application",
        ),
        Rule.UNKNOWN_RESOURCE: Text(
            meaning="The tenant does not know Microsoft Graph of this cloud.",
            remedy="check cloud in tenant.yaml",
        ),
        Rule.INTERACTION_NEEDED: Text(
            meaning="A person has to sign in again.",
            remedy="sign in again: `az login`",
        ),
        Rule.CONDITIONAL_ACCESS: Text(
            meaning="A Conditional Access policy forbids this sign-in.",
            remedy="run where the policy allows it, or have an administrator change the policy",
        ),
        Rule.GITHUB_TOKEN: Text(
            meaning="GitHub gives the job no token, or none that can be used.",
            remedy="give the job `permissions: id-token: write`; a pull request from a fork never gets it",
        ),
        Rule.MISSING_VARIABLE: Text(
            meaning="A variable of the job is missing or no GUID.",
            remedy="set it in the job's `env` from a repository or environment variable",
        ),
        Rule.AUTHORITY_UNREACHABLE: Text(
            meaning="Microsoft Entra's token endpoint does not answer.",
            remedy="check the network, the proxy and cloud in tenant.yaml",
        ),
        Rule.GRAPH_ROOT: Text(
            meaning="`RECONCILER_GRAPH_URL` is not an address of this machine: exit code 2.",
            remedy="leave it unset to talk to the real Microsoft Graph",
        ),
    },
)

_CONSENT = described(
    Severity.ERROR,
    _ASKING,
    {
        Rule.NO_CONSENT: Text(
            meaning="Nobody has consented to the application's permissions (exit code 6), or `apply` has no "
            "terminal to ask on and nothing was approved beforehand (exit code 2).",
            remedy="have an administrator grant admin consent; for apply, give --plan FILE with a reviewed "
            "plan, or --auto-approve",
        ),
    },
)

_REFUSAL = described(
    Severity.REFUSAL,
    _ASKING,
    {
        Rule.WRONG_TENANT: Text(
            meaning="The directory, or `AZURE_TENANT_ID`, is another tenant than `tenant.yaml` declares.",
            remedy="correct tenantId in tenant.yaml, or sign in to the declared tenant",
        ),
    },
)

_READING = described(
    (Severity.ERROR, Severity.OUTCOME),
    _ASKING,
    {
        Rule.UNREACHABLE: Text(
            meaning="No connection to the directory could be made, or it kept failing.",
            remedy="check the network, proxies and https://status.cloud.microsoft, then run the command "
            "again",
        ),
        Rule.UNEXPECTED_ANSWER: Text(
            meaning="The directory answered in a form that nobody documented.",
            remedy="run the command again, which also finds out whether a write was done; if it stays, the "
            "directory or something on the way to it is broken",
        ),
        Rule.FOREIGN_LINK: Text(
            meaning="The directory gave a link to the next page that leads to another place; nothing was "
            "sent there.",
            remedy="check proxies: something on the way changes the directory's answers",
        ),
    },
)

_CERTIFICATES = {
    **described(
        (Severity.ERROR, Severity.OUTCOME),
        (*_ASKING, Where.GITHUB),
        {
            Rule.UNTRUSTED_CERTIFICATE: Text(
                meaning="The certificate with which Microsoft Graph, Microsoft Entra or GitHub answered is "
                "of an authority that is not trusted here, or has expired.",
                remedy="behind a proxy that inspects TLS, set SSL_CERT_FILE to a PEM file that holds its "
                "root certificate as well; else check the clock of this machine",
            ),
        },
    ),
    **described(
        Severity.ERROR,
        (*_ASKING, Where.GITHUB),
        {
            Rule.CERTIFICATES_UNUSABLE: Text(
                meaning="The file that `SSL_CERT_FILE` names holds no certificates that can be read: exit "
                "code 2.",
                remedy="name a PEM file of the authorities to trust, or unset the variable",
            ),
        },
    ),
}

_DENIED = described(
    (Severity.ERROR, Severity.STOP, Severity.OUTCOME),
    _ASKING,
    {
        Rule.TOKEN_REFUSED: Text(
            meaning="The directory refuses the token, a fresh one too.",
            remedy="check that the application is of this tenant and cloud, and is not disabled",
        ),
        Rule.USERS_NOT_READABLE: Text(
            meaning="The application may not read users.",
            remedy="grant it the application permission User.Read.All, with admin consent",
        ),
    },
)

_TENANT = described(
    Severity.ERROR,
    _ASKING,
    {
        Rule.TENANT_NOT_READABLE: Text(
            meaning="The application may not read which tenant it is in.",
            remedy="grant it the application permission Organization.Read.All, with admin consent",
        ),
    },
)

DIRECTORY: Final[Table] = MappingProxyType(
    {**_SIGN_IN, **_CONSENT, **_REFUSAL, **_READING, **_CERTIFICATES, **_DENIED, **_TENANT}
)
