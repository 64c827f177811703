"""A served tenant and a served stand-in for GitHub, for each test."""

import itertools
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from reconciler.emulator.identity.permissions import TokenAuthorizer
from reconciler.emulator.identity.tls import serve_sign_in
from reconciler.emulator.identity.tokens import TokenService
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import Seed
from tests.contract.auth.served import (
    FORGOTTEN,
    GUEST,
    READING,
    TENANT,
    WRITING,
    EmulatedTenant,
    FakeTokenEndpoint,
    handler_of,
)


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


@pytest.fixture
def github() -> Iterator[FakeTokenEndpoint]:
    """Serve a stand-in for GitHub's OIDC endpoint."""
    endpoint = FakeTokenEndpoint()
    counter = itertools.count()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler_of(endpoint, lambda: next(counter))) as server:
        endpoint.url = f"http://127.0.0.1:{server.server_port}/token?api-version=2.0"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield endpoint
        finally:
            server.shutdown()
            thread.join()
