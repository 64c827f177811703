"""The shared state of one run: whether it drains or shuts down, and the health of the directory.

A run *drains* when no other guest starts, for the first of the reasons given. It *shuts down* when a signal
asks it to end at once.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from reconciler.apply.health import CircuitBreaker, FailureBudget, ReplicationLag
from reconciler.apply.settings import Settings
from reconciler.apply.state import GuestState
from reconciler.apply.steps import Moment
from reconciler.clock import Clock
from reconciler.model import DirectoryWriter, Note, ObjectId, WriteAnswer
from reconciler.rules import Rule

_log = logging.getLogger(__name__)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Got(Generic[_T]):
    value: _T


class RunControl:
    """The state of one run."""

    def __init__(
        self,
        *,
        clock: Clock,
        settings: Settings,
        settled_at: datetime | None,
        marker_domains: tuple[str, ...],
        shutdown: asyncio.Event,
    ) -> None:
        """Start a run.

        Reads show all that earlier runs wrote from `settled_at` on; `None`: from now on. `marker_domains`
        are tried in this order.
        """
        self.clock = clock
        self.settings = settings
        self.shutting_down = False
        self.stalled = False
        self.grace_over = False
        """Whether the process ends now, without waiting for pending answers."""
        self._shutdown = shutdown
        self._change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.stop_reason: Note | None = None
        """Why no other guest starts; `None` while guests start."""
        longest = max(settings.throttled_for, settings.commit_for) + settings.see_within
        self.breaker = CircuitBreaker(longest=longest)
        self.budget = FailureBudget()
        self.lag = ReplicationLag()
        self.marker_domains = marker_domains
        wait = 0.0 if settled_at is None else max(0.0, (settled_at - clock.now()).total_seconds())
        self._settled_at = clock.monotonic() + wait
        self._stuck: set[ObjectId] = set()

    def moment(self, guest: ObjectId, *, others_in_flight: int, link_held: bool | None) -> Moment:
        """Return the facts that a rule may use now about one guest."""
        return Moment(
            now=self.clock.monotonic(),
            instant=self.clock.now(),
            settled_at=self._settled_at,
            nonce=secrets.token_hex(4),
            marker_domains=self.marker_domains,
            draining=self.stop_reason,
            shutting_down=self.shutting_down,
            stalled=self.stalled,
            others_progress=len(self._stuck - {guest}) < others_in_flight,
            initial_delay=self.lag.initial_delay,
            link_held=link_held,
        )

    @property
    def drains(self) -> bool:
        """Whether no other guest starts."""
        return self.stop_reason is not None

    def stop_admission(self, reason: Note) -> None:
        """Stop admissions; the first reason is the one that is reported."""
        if self.stop_reason is None:
            self.stop_reason = reason
            self._changed()
            _log.warning("run drains rule=%s", reason.rule)

    def on_answer(self, answer: WriteAnswer) -> None:
        """Record the result of a write of any guest."""
        self.breaker.observe(answer, self.clock.monotonic())

    def on_state(self, before: GuestState, state: GuestState) -> None:
        """Apply the effects of one guest's new state on the whole run."""
        if state.stops_run is not None:
            self.stop_admission(state.stops_run)
        if state.shown is not None and state.shown is not before.shown:
            self.lag.observe(state.shown)
        if state.stuck and state.result is None:
            self._stuck.add(state.id)
        else:
            self._stuck.discard(state.id)
        taken = state.own and len(state.records) > len(before.records)
        if state.refused_domains and taken and state.own[-1].domain != self.marker_domains[0]:
            # The directory has accepted a marker in another domain: later guests begin with that domain.
            preferred = state.own[-1].domain
            rest = tuple(each for each in self.marker_domains if each != preferred)
            self.marker_domains = (preferred, *rest)

    def forget(self, guest: ObjectId) -> None:
        """Remove a guest who has ended from those that are stuck."""
        self._stuck.discard(guest)

    async def watch(self, writer: DirectoryWriter) -> None:
        """Stop admissions on shutdown or when no write succeeds; end the grace after a shutdown."""
        asked = asyncio.ensure_future(self._shutdown.wait())
        try:
            while not asked.done() and (left := self.breaker.opens_in(self.clock.monotonic())) > 0:
                waking = asyncio.ensure_future(self.clock.sleep(left))
                await asyncio.wait([asked, waking], return_when=asyncio.FIRST_COMPLETED)
                await _give_up(waking)
            if not asked.done():
                self._stall()
                await asked
            writer.hurry()
            self._shut_down()
            await self.clock.sleep(self.settings.grace)
            self.grace_over = True
            self._changed()
        finally:
            asked.cancel()

    async def first(
        self, work: Coroutine[object, object, _T], *, gives_up: Callable[[], bool]
    ) -> _Got[_T] | None:
        """Return what `work` returns; `None`, with the work cancelled, once `gives_up` is true.

        `gives_up` is called whenever the run drains, shuts down, stalls, or ends its grace.
        """
        working = asyncio.ensure_future(work)
        try:
            while not working.done():
                if gives_up():
                    return None
                awaited: list[asyncio.Future[Any]] = [working, self._change]
                await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            return _Got(working.result())
        finally:
            await _give_up(working)

    def _stall(self) -> None:
        minutes = round(self.breaker.longest / 60)
        self.stalled = True
        self.stop_admission(
            Note(
                rule=Rule.STALLED,
                message=f"no write has got through for {minutes} minutes: the run stopped; apply again when "
                "the directory takes writes",
            )
        )
        self._changed()

    def _shut_down(self) -> None:
        self.shutting_down = True
        self.stop_admission(Note(rule=Rule.INTERRUPTED, message="the run was interrupted"))
        self._changed()

    def _changed(self) -> None:
        """Wake all waiting guests."""
        change, self._change = self._change, asyncio.get_running_loop().create_future()
        change.set_result(None)


async def _give_up(task: asyncio.Future[Any]) -> None:
    """Cancel a task that is not done, and wait until it is."""
    if not task.done():
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # its result is not needed any more
