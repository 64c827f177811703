"""Servers that are not trusted, over real sockets with certificates that nobody knows."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from reconciler.certificates import VARIABLE, chosen_certificates, distrust
from reconciler.errors import GitHubError, Unreachable, UsageError
from reconciler.github.client import GitHub
from reconciler.graph import requests
from reconciler.graph.github_oidc import AssertionFetcher
from reconciler.graph.sessions import connect
from reconciler.graph.write_results import explain_silence
from reconciler.model import FailureKind
from reconciler.rules import Rule
from tests.support.scripted_graph import Tokens

BODY = json.dumps({"value": []}).encode()


class Answering(BaseHTTPRequestHandler):
    """Answers everything with an empty list."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Keep quiet."""


class Quiet(ThreadingHTTPServer):
    """Says nothing of clients that end the handshake."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(authority: trustme.CA) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Quiet(("127.0.0.1", 0), Answering) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """Give the place of the authority's certificate."""
    return tmp_path / "authorities.pem"


@pytest.fixture
def server(authority: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve with the certificate of an authority that nobody trusts so far."""
    monkeypatch.delenv(VARIABLE, raising=False)
    issuer = trustme.CA()
    issuer.cert_pem.write_to_path(str(authority))
    with serving(issuer) as root:
        yield root


@pytest.fixture
def error(server: str) -> httpx.RequestError:
    """Give what a client without any trust meets."""
    with pytest.raises(httpx.RequestError) as caught:
        httpx.get(server, trust_env=False)
    return caught.value


def test_github_behind_an_unknown_authority_is_named_at_once(server: str) -> None:
    """Nothing is gained by trying again, and the status page of GitHub is not where to look."""
    pauses: list[float] = []
    with (
        GitHub(api=server, token="ghs_x", trust_env=False, pause=pauses.append) as github,
        pytest.raises(GitHubError, match=r"127\.0\.0\.1 answered is not trusted \(.*issuer") as caught,
    ):
        github.get("/rate_limit")
    assert caught.value.rule is Rule.UNTRUSTED_CERTIFICATE
    assert VARIABLE in caught.value.hint
    assert pauses == []


def test_github_is_trusted_as_the_variable_says(
    server: str, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remedy that the error names is one."""
    monkeypatch.setenv(VARIABLE, str(authority))
    with GitHub(api=server, token="ghs_x", trust_env=False) as github:
        assert github.get("/rate_limit") == {"value": []}


async def test_graph_behind_an_unknown_authority_is_named_at_once(server: str) -> None:
    """A certificate is no network that is down: the remedy is another one."""
    async with connect(server, Tokens()) as session:
        with pytest.raises(Unreachable, match="not trusted") as caught:
            await session.get(requests.organization, what="it")
    assert caught.value.rule is Rule.UNTRUSTED_CERTIFICATE
    assert VARIABLE in caught.value.hint


async def test_graph_is_trusted_as_the_variable_says(
    server: str, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remedy that the error names is one, on this machine too."""
    monkeypatch.setenv(VARIABLE, str(authority))
    async with connect(server, Tokens()) as session:
        assert (await session.get(requests.organization, what="it")).status == 200


def test_the_token_of_a_job_is_not_fetched_from_an_unknown_authority(server: str) -> None:
    """The third connection says the same as the other two."""
    fetch = AssertionFetcher(url=server, request_token="t", audience="a")
    with pytest.raises(Unreachable, match="not trusted") as caught:
        fetch()
    assert caught.value.rule is Rule.UNTRUSTED_CERTIFICATE


def test_a_write_to_an_unknown_authority_was_not_executed(error: httpx.RequestError) -> None:
    """Nothing has left this machine: the change is as it was before."""
    failed = explain_silence(error)
    assert (failed.kind, failed.rule) == (FailureKind.NOT_EXECUTED, Rule.UNTRUSTED_CERTIFICATE)
    assert VARIABLE in failed.message


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_file_without_certificates_is_a_wrong_call(authority: Path, content: bytes | None) -> None:
    """A wrong path ends with a remedy, not with a traceback from inside OpenSSL."""
    if content is not None:
        authority.write_bytes(content)
    with pytest.raises(UsageError, match=VARIABLE) as caught:
        chosen_certificates({VARIABLE: str(authority)})
    assert caught.value.rule is Rule.CERTIFICATES_UNUSABLE


def test_without_the_variable_nothing_is_chosen() -> None:
    """An empty variable is none, as for OpenSSL."""
    assert chosen_certificates({}) is None
    assert chosen_certificates({VARIABLE: ""}) is None


def refused_certificate() -> ssl.SSLCertVerificationError:
    found = ssl.SSLCertVerificationError("x")
    found.verify_message = "certificate has expired"
    return found


@given(
    links=st.lists(st.booleans(), max_size=6),
    distrusted=st.booleans(),
    circle=st.booleans(),
)
def test_a_refused_certificate_is_found_however_deep(
    links: list[bool], *, distrusted: bool, circle: bool
) -> None:
    """Libraries wrap each other's errors, with `from` or without it, and a chain may be a circle."""
    deepest = refused_certificate() if distrusted else OSError("x")
    error: BaseException = deepest
    for explicit in links:
        outer = OSError("x")
        if explicit:
            outer.__cause__ = error
        else:
            outer.__context__ = error
        error = outer
    if circle:
        deepest.__context__ = error
    assert distrust(error) == ("certificate has expired" if distrusted else None)
