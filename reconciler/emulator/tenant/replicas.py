"""The state that a lagging replica still returns."""

import json
import time
from dataclasses import dataclass

from reconciler.emulator.protocol.wire import JsonObject
from reconciler.emulator.tenant.store import Store, StoredObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """The directory as it was `lag` real seconds ago; 0: the present state."""

    store: Store
    lag: float

    def body(self, item: StoredObject) -> JsonObject | None:
        """Return an object as this replica has it; `None` when it has not received it yet."""
        if not self.lag:
            return item.body
        # The version replaced first after that moment was the current one then.
        for row in self.store.rows(
            "SELECT body FROM versions WHERE n = ? AND until > ? ORDER BY until LIMIT 1", item.n, self._then()
        ):
            shown: JsonObject | None = json.loads(row["body"])
            return shown
        return item.body

    def outdated(self) -> dict[int, JsonObject | None]:
        """Return every object that differs on this replica, by position, as `body` does."""
        if not self.lag:
            return {}
        rows = self.store.rows(
            "SELECT n, body, min(until) FROM versions WHERE until > ? GROUP BY n", self._then()
        )
        return {row["n"]: json.loads(row["body"]) for row in rows}

    def _then(self) -> float:
        return time.time() - self.lag
