"""Serves the emulator on loopback, in a thread of this process."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from reconciler.emulator.app import CuttableProtocol, make_app
from reconciler.emulator.clock import EmulatedClock
from reconciler.emulator.faults.plan import FaultPlan
from reconciler.emulator.identity.auth import Authorizer
from reconciler.emulator.identity.permissions import TokenAuthorizer
from reconciler.emulator.identity.stored_tokens import tokens_of
from reconciler.emulator.identity.tls import serve_sign_in
from reconciler.emulator.identity.tokens import TokenService
from reconciler.emulator.pipeline import Pipeline
from reconciler.emulator.tenant.seed import Seed, plant
from reconciler.emulator.tenant.store import Store

_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningEmulator:
    """A running emulator."""

    root: str
    """Scheme, host and port, such as `http://127.0.0.1:49152`; Graph is below `/v1.0` there."""

    authority: str | None
    """The authority that issues tokens, such as `https://localhost:49153`; `None` without one."""


class _Server(uvicorn.Server):
    """Handles no signals, which belong to the process it runs in, and closes all connections at its end."""

    def __init__(self, config: uvicorn.Config, give_up: Callable[[], None]) -> None:
        super().__init__(config)
        self._give_up = give_up

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._give_up()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.contextmanager
def serve(
    state: Path | None,
    *,
    seed: Seed | None = None,
    port: int = 0,
    switches: Mapping[str, Any] | None = None,
    authorizer: Authorizer | None = None,
    faults: FaultPlan | None = None,
    certificates: Path | None = None,
) -> Iterator[RunningEmulator]:
    """Serve a tenant from a thread of this process until the block ends.

    `state` is the file that holds the tenant; `None` keeps it in memory. A new state starts from `seed`, an
    existing one continues unchanged. `port` 0 chooses a free one. `switches` are set at the start, by their
    JSON names. Without an `authorizer`, the fixed token and those of the seed's applications are accepted.
    `faults` apply until others are set. With `certificates` tokens are issued too, over TLS; the certificate
    of that authority is written to the file.

    Raises `OSError` when the port is in use or the state cannot be stored, `UsageError` when the state is of
    another version, `ValueError` for a switch that does not exist.
    """
    if state is not None:
        state.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(Store(state)) as store, contextlib.closing(_listen(port)) as listener:
        with store.transaction():
            plant(store, seed or Seed(document={}), switches=switches)
        tokens = tokens_of(store)
        pipeline = Pipeline(store, authorizer or TokenAuthorizer(tokens), EmulatedClock(), faults)
        server = _server(pipeline)
        # The socket listens before the thread runs: early connections wait in its queue.
        thread = threading.Thread(target=server.run, args=([listener],), name="emulator")
        thread.start()
        try:
            with _signing_in(tokens, certificates) as authority:
                yield RunningEmulator(root=f"http://{_HOST}:{listener.getsockname()[1]}", authority=authority)
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def _signing_in(tokens: TokenService, certificates: Path | None) -> Iterator[str | None]:
    if certificates is None:
        yield None
        return
    with serve_sign_in(tokens, certificates=certificates) as page:
        yield page.authority


def _server(pipeline: Pipeline) -> _Server:
    config = uvicorn.Config(
        make_app(pipeline),
        http=CuttableProtocol,
        log_config=None,
        log_level="error",
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
        server_header=False,
        date_header=False,  # the application adds the tenant's time
    )
    return _Server(config, pipeline.give_up)


def _listen(port: int) -> socket.socket:
    # With the protocol set: asyncio disables Nagle's algorithm only for sockets that declare TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_HOST, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener
