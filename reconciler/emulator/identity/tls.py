"""The sign-in page over TLS on loopback, with a temporary certificate authority.

azure-identity accepts only https. The authority's key never leaves the process; its certificate is written to
a file of the caller, for clients to trust.
"""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
import uvicorn

from reconciler.emulator.identity.sign_in import sign_in_app
from reconciler.emulator.identity.tokens import TokenService


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSignIn:
    """A running sign-in page."""

    authority: str
    """The authority for azure-identity, such as `https://localhost:8443`."""

    certificates: Path
    """PEM file that makes the authority trusted: azure-identity's `connection_verify`."""


@contextmanager
def serve_sign_in(tokens: TokenService, *, certificates: Path, port: int = 0) -> Iterator[RunningSignIn]:
    """Serve the sign-in page from a thread until the block ends.

    Writes the authority's certificate to `certificates`. `port` 0 chooses a free one. Raises `OSError` when
    the port is in use or the file cannot be written.
    """
    authority = trustme.CA(organization_name="reconciler emulator")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(certificates))
    config = uvicorn.Config(
        sign_in_app(tokens),
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        # A client that keeps its connection would delay the end: TLS is closed by both sides.
        headers=[("Connection", "close")],
        timeout_graceful_shutdown=1,
    )
    config.load()
    config.ssl = context
    server = uvicorn.Server(config)
    # The socket listens before the thread runs: early connections wait in its queue.
    with socket.create_server(("127.0.0.1", port)) as listener:
        thread = threading.Thread(
            target=asyncio.run, args=(server.serve(sockets=[listener]),), name="sign-in", daemon=True
        )
        thread.start()
        try:
            yield RunningSignIn(
                authority=f"https://localhost:{listener.getsockname()[1]}", certificates=certificates
            )
        finally:
            server.should_exit = True
            thread.join()
