"""Which servers are trusted, as the environment chooses it, and the error for one that is not.

A proxy that inspects TLS answers with a certificate of an authority that nothing but its own network knows.
"""

import os
import ssl
from collections.abc import Iterator, Mapping

from reconciler.errors import UsageError
from reconciler.rules import Rule

VARIABLE = "SSL_CERT_FILE"
"""Names the PEM file of trusted authorities, for OpenSSL, httpx and this program."""

CODE = "CERTIFICATE_VERIFY_FAILED"
"""OpenSSL's name of the failure, by which it is known in a text."""

REMEDY = (
    f"behind a proxy that inspects TLS, set {VARIABLE} to a PEM file that holds its root certificate as well;"
    " without such a proxy, check the clock of this machine, and the address"
)


def chosen_certificates(environ: Mapping[str, str] = os.environ) -> ssl.SSLContext | None:
    """Return a context that trusts the authorities of the variable's file; `None`: it is not set.

    Raises `UsageError` when the file cannot be used.
    """
    file = environ.get(VARIABLE)
    if not file:
        return None
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as error:  # an `SSLError` is one: the file is there, and is no PEM
        raise UsageError(
            f"{VARIABLE} names {file}, which holds no certificates that can be read",
            rule=Rule.CERTIFICATES_UNUSABLE,
            hint="name a PEM file of the authorities to trust, or unset the variable",
        ) from error


def distrust(error: BaseException) -> str | None:
    """Return OpenSSL's reason for which a server's certificate was refused; `None` for any other error."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return str(cause.verify_message)
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it was raised from, each once."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        cause = todo.pop()
        if cause is not None and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            todo += [cause.__context__, cause.__cause__]
