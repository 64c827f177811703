"""The context of a rule of the tenant while it answers one request."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from reconciler.emulator.faults.fault import FaultKind
from reconciler.emulator.identity.auth import Principal
from reconciler.emulator.protocol.wire import GraphRequest
from reconciler.emulator.tenant.replicas import Replica
from reconciler.emulator.tenant.store import Store, StoredObject
from reconciler.emulator.tenant.switches import Switches


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request, its tenant, and its caller."""

    request: GraphRequest
    store: Store
    switches: Switches
    caller: Principal
    now: datetime
    number: int | None
    """The number of the request in the record; `None` for changes outside Graph."""

    replica: Replica
    """The replica for reads and the invitation service; writes use the store itself."""

    oddities: Collection[FaultKind] = ()
    """The faults to play while it is answered."""

    def user(self, key: str) -> StoredObject | None:
        """Return the user with this id or user principal name that is not deleted."""
        found = self.store.find("upn = ? AND kind = 'user' AND deleted IS NULL", key)
        return self.store.by_id(key) or next(found, None)
