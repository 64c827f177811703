"""An emulated tenant behind a real socket, and what a test does to it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from reconciler.emulator.control.client import ControlClient
from reconciler.emulator.faults.plan import fault_plan
from reconciler.emulator.server import serve
from reconciler.emulator.tenant.seed import Seed
from tests.contract.emulator.tenant import SEED


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A tenant behind a socket."""

    root: str
    control: ControlClient

    graph: httpx.Client
    """Sends to Graph, with the token."""

    def patch(self, user: str, **changes: Any) -> httpx.Response:
        """Update a user."""
        return self.graph.patch(f"/users/{user}", json=changes)

    def reset(self, user: str, email: str, **more: Any) -> httpx.Response:
        """Reset a guest's redemption."""
        body = {
            "invitedUserEmailAddress": email,
            "inviteRedirectUrl": "https://myapps.microsoft.com",
            "invitedUser": {"id": user},
            "resetRedemption": True,
        }
        return self.graph.post("/invitations", json={**body, **more})

    def user(self, user: str, *names: str) -> dict[str, Any]:
        """Read these properties of a user."""
        answer = self.graph.get(f"/users/{user}", params={"$select": ",".join(names)})
        answer.raise_for_status()
        return {name: answer.json()[name] for name in names}

    def operations(self) -> Sequence[str]:
        """Name the accepted writes, in order."""
        return [write.operation for write in self.control.history()]


@contextmanager
def serving(
    document: Mapping[str, Any] = SEED, *, faults: Mapping[str, Any] | None = None, **switches: Any
) -> Iterator[Served]:
    """Serve a tenant until the block ends; `switches` by their JSON names."""
    plan = fault_plan(faults or {})
    headers = {"Authorization": "Bearer emulator"}
    with (
        serve(None, seed=Seed(document=document), faults=plan, switches=switches) as emulator,
        ControlClient(emulator.root) as control,
        httpx.Client(base_url=f"{emulator.root}/v1.0", headers=headers, trust_env=False) as graph,
    ):
        yield Served(root=emulator.root, control=control, graph=graph)
