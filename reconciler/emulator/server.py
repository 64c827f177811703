"""Serving the emulator on loopback: in a thread of this process, or in the foreground."""

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from reconciler.emulator.app import make_app
from reconciler.emulator.auth import Authorizer, FixedToken
from reconciler.emulator.clock import Clock
from reconciler.emulator.gateway import Gateway, switches_of
from reconciler.emulator.seed import Seed, plant
from reconciler.emulator.store import Store

_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class RunningEmulator:
    """An emulator that answers."""

    root: str
    """Scheme, host and port, such as `http://127.0.0.1:49152`; Graph is below `/v1.0` there."""


class _Server(uvicorn.Server):
    """Leaves signals alone, which belong to the process it runs in, and says when it answers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@contextlib.contextmanager
def serve(
    state: Path | None,
    *,
    seed: Seed | None = None,
    port: int = 0,
    switches: Mapping[str, Any] | None = None,
    authorizer: Authorizer | None = None,
) -> Iterator[RunningEmulator]:
    """Serve a tenant from a thread of this process until the block ends.

    `state` is the file that holds the tenant; `None` keeps it in memory. A new state starts from
    `seed`, an existing one goes on as it is. `port` 0 takes a free one. `switches` are turned at the start.
    Raises `OSError` when the port is taken, `ValueError` for a switch that does not exist.
    """
    store = _open(state, seed=seed, switches=switches)
    with contextlib.closing(store), contextlib.closing(_listen(port)) as listener:
        server = _server(store, authorizer)
        thread = threading.Thread(target=server.run, args=([listener],), name="emulator")
        thread.start()
        server.ready.wait()
        try:
            yield RunningEmulator(f"http://{_HOST}:{listener.getsockname()[1]}")
        finally:
            server.should_exit = True
            thread.join()


def _listen(port: int) -> socket.socket:
    # With the protocol named: asyncio switches Nagle's algorithm off only for sockets that say TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_HOST, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def _open(state: Path | None, *, seed: Seed | None, switches: Mapping[str, Any] | None) -> Store:
    if state is not None:
        state.parent.mkdir(parents=True, exist_ok=True)
    store = Store(state)
    with store.transaction():
        plant(store, seed or Seed(document={}))
        if switches:
            store.set_meta("switches", switches_of(store).turned(switches).to_json())
    return store


def _server(store: Store, authorizer: Authorizer | None) -> _Server:
    app = make_app(Gateway(store, authorizer or FixedToken(), Clock()))
    return _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=1,
            server_header=False,
        )
    )
