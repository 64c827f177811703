"""A client that dies in the middle of a request is what the crash lab does all day."""

import logging
import socket
from urllib.parse import urlsplit

import pytest

from reconciler.emulator.control.client import ControlClient
from reconciler.emulator.server import serve

_HALF = b"POST /v1.0/invitations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"


def test_half_a_request_is_none(caplog: pytest.LogCaptureFixture) -> None:
    """What never arrived whole is neither carried out nor recorded, and nobody is bothered with it."""
    with caplog.at_level(logging.WARNING), serve(None) as emulator, ControlClient(emulator.root) as control:
        url = urlsplit(emulator.root)
        assert url.port is not None
        with socket.create_connection(("127.0.0.1", url.port)) as client:
            client.sendall(_HALF)
        assert control.requests() == []
        assert control.history() == []
    assert caplog.records == []
