"""Chooses the directory of a run: the tenant's cloud, a loopback root, or the embedded emulator."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import Refused, UsageError
from reconciler.graph.credentials import graph_root_from, token_source
from reconciler.graph.transport import TokenSource
from reconciler.model import Desired
from reconciler.rules import Rule

STATE_FOLDER = Path(".reconciler")
"""The folder of the embedded emulator's tenants, in the working directory."""

SEED_FILE = "emulator.yaml"
"""The seed of the embedded emulator's tenant, at the root of the desired tree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The Graph root of this run, and its tokens."""

    root: str
    """Scheme, host and port, without `/v1.0`."""

    tokens: TokenSource

    lags: bool = True
    """Whether reads may show states older than the last write: not in an emulator inside this process."""


@contextmanager
def endpoint(desired: Desired, tree: Path) -> Iterator[Endpoint]:
    """Yield the endpoint for a desired tree; the embedded emulator runs until the block ends.

    Raises `UsageError` for a root that is not loopback, `AccessDenied` when the environment lacks a variable
    for signing in, and for the emulator `InvalidDesired` when its seed is invalid.
    """
    root = graph_root_from(os.environ, desired.cloud)
    tokens = token_source(cloud=desired.cloud, tenant_id=desired.tenant_id, environ=os.environ)
    if root is not None:
        yield Endpoint(root=root, tokens=tokens)
        return
    try:
        from reconciler.emulator.server import serve  # noqa: PLC0415
        from reconciler.emulator.tenant.seed import load_seed  # noqa: PLC0415 - an extra that may not be installed
    except ModuleNotFoundError as error:
        raise UsageError(
            f"cloud: emulator needs the package {error.name}, which is not installed",
            rule=Rule.EMULATOR_NOT_INSTALLED,
            hint="install it: pip install 'reconciler[emulator]'",
        ) from error
    state = STATE_FOLDER / f"emulator-{desired.tenant_id}.sqlite"
    try:
        with serve(state, seed=load_seed(tree / SEED_FILE)) as emulator:
            yield Endpoint(root=emulator.root, tokens=tokens, lags=False)
    except PermissionError as error:
        raise Refused(
            f"the emulator's state cannot be kept in {STATE_FOLDER}: {error.strerror}",
            rule=Rule.STATE_UNUSABLE,
            hint="run in a folder that can be written",
        ) from error
