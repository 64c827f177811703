"""Requests held at a chosen point until they are released: where tests kill the client."""

import asyncio
import contextlib
import itertools
from dataclasses import dataclass, field
from typing import Any

from reconciler.emulator.protocol.wire import GraphRequest


@dataclass(slots=True)
class _Held:
    number: int
    method: str
    path: str
    where: str
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    carry_out: bool = True


class Pauses:
    """The requests that are held now."""

    def __init__(self) -> None:
        self._held: dict[int, _Held] = {}
        self._numbers = itertools.count(1)
        self._changed = asyncio.Condition()

    async def hold(self, request: GraphRequest, *, after: bool, seconds: float | None = None) -> bool:
        """Wait with a request until `resume`; return whether it continues rather than being dropped.

        With `seconds`, which are real ones, it continues by itself when they have passed.
        """
        held = _Held(next(self._numbers), request.method, request.path, "after" if after else "before")
        async with self._changed:
            self._held[held.number] = held
            self._changed.notify_all()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await held.let_go.wait()
        finally:
            del self._held[held.number]
        return held.carry_out

    async def wait(self, seconds: float) -> list[dict[str, Any]]:
        """Return the held requests; when there are none, wait so many real seconds for the first."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: bool(self._held))
        return [
            {"number": held.number, "method": held.method, "path": held.path, "where": held.where}
            for held in self._held.values()
        ]

    def resume(self, *, carry_out: bool) -> None:
        """Release all held requests; without `carry_out`, drop those not executed yet."""
        for held in self._held.values():
            held.carry_out = carry_out
            held.let_go.set()
