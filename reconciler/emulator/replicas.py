"""What a replica that lags behind still shows."""

import json
import time
from dataclasses import dataclass

from reconciler.emulator.store import Store, StoredObject
from reconciler.emulator.wire import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """The directory as it was `lag` real seconds ago; 0: as it is."""

    store: Store
    lag: float

    def body(self, item: StoredObject) -> JsonObject | None:
        """Give an object as this replica shows it; `None` when it has not heard of it yet."""
        if not self.lag:
            return item.body
        # The version that was replaced first after that moment is the one that was current then.
        for row in self.store.rows(
            "SELECT body FROM versions WHERE n = ? AND until > ? ORDER BY until LIMIT 1", item.n, self._then()
        ):
            shown: JsonObject | None = json.loads(row["body"])
            return shown
        return item.body

    def outdated(self) -> dict[int, JsonObject | None]:
        """Give every object this replica shows differently, by position, as `body` does."""
        if not self.lag:
            return {}
        rows = self.store.rows(
            "SELECT n, body, min(until) FROM versions WHERE until > ? GROUP BY n", self._then()
        )
        return {row["n"]: json.loads(row["body"]) for row in rows}

    def _then(self) -> float:
        return time.time() - self.lag
