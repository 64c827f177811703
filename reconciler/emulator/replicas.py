"""What a replica that lags behind still shows."""

import json
import time

from reconciler.emulator.store import Store
from reconciler.emulator.wire import JsonObject


def late_bodies(store: Store, lag: float) -> dict[int, JsonObject | None]:
    """Give each object as it was `lag` real seconds ago, by position, where it has changed since.

    `None` stands for an object that did not exist.
    """
    if lag <= 0:
        return {}
    # The version that was replaced first after that moment is the one that was current then.
    return {
        row["n"]: json.loads(row["body"])
        for row in store.rows(
            "SELECT n, body, min(until) FROM versions WHERE until > ? GROUP BY n", time.time() - lag
        )
    }
