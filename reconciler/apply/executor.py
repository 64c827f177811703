"""Runs the guests of a plan concurrently, each by its own state machine, and reports the outcome of each."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.apply.admission import Admission, Predecessors
from reconciler.apply.events import RunObserver
from reconciler.apply.outcomes import crashed, guest_outcome
from reconciler.apply.reconcile_guest import GuestReconciliation, Shell
from reconciler.apply.retry_policy import FaultDomain
from reconciler.apply.run_control import RunControl
from reconciler.apply.settings import Settings
from reconciler.apply.state import GuestState
from reconciler.apply.steps import Phase
from reconciler.apply.transitions import begin
from reconciler.apply.write_log import WriteLog
from reconciler.clock import Clock
from reconciler.guard.approval import Work
from reconciler.guard.proofs import AcknowledgedReset, proofs_of
from reconciler.journal import Journal
from reconciler.model import (
    DEFAULT_MARKER_DOMAIN,
    DIGITS,
    DirectoryWriter,
    GuestOutcome,
    GuestReader,
    Note,
    ObjectId,
    Outcome,
    digits_of,
)
from reconciler.redeem_links import RedeemLinks
from reconciler.rules import Rule
from reconciler.settling import LastWrite


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The external services of a run."""

    reader: GuestReader
    writer: DirectoryWriter
    clock: Clock
    observer: RunObserver

    journal: Journal | None = None
    """`None`: no journal is kept, and no later run can know which resets were acknowledged."""

    links: RedeemLinks | None = None
    """`None`: redeem links are discarded."""

    last_write: LastWrite | None = None
    """The record of this run's last write for the next run on this machine; `None`: none is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The limits of a run, and the proofs of earlier runs."""

    settings: Settings = field(default_factory=Settings)

    resets: tuple[AcknowledgedReset, ...] = ()
    """Resets of earlier runs that journals prove."""

    settled_at: datetime | None = None
    """From this instant on, reads show all that earlier runs wrote; `None`: from the beginning on."""

    marker_domains: tuple[str, ...] = (DEFAULT_MARKER_DOMAIN,)
    """The domains that markers may be in, the preferred one first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """The result of a run, for its report."""

    outcomes: tuple[GuestOutcome, ...]
    """One for each piece of work, sorted by id."""

    notes: tuple[Note, ...]
    """Why the run stopped early; empty when every guest was admitted."""

    interrupted: bool
    """Whether a signal ended the run."""

    crash: BaseException | None
    """The exception of a bug in one guest's state machine: raise it once the report is written."""


def _waited_for(work: Sequence[Work]) -> frozenset[ObjectId]:
    """Return the guests of this run that others wait for."""
    running = {one.recorded.id for one in work}
    changes = [one.planned for one in work if one.planned is not None]
    return frozenset(
        change.waits_for for change in changes if change.waits_for is not None and change.waits_for in running
    )


async def apply_plan(
    work: Sequence[Work], services: Services, terms: Terms, *, shutdown: asyncio.Event
) -> RunResult:
    """Apply `work` and return the outcome of each guest; a guest who fails is no exception.

    Guests start in the order of `work`, up to the limit of guests in flight. When `shutdown` is set, no other
    guest starts, those whose reset was sent lose their marker first without being read back, and the call
    returns within `Settings.grace` seconds.
    """
    control = RunControl(
        clock=services.clock,
        settings=terms.settings,
        settled_at=terms.settled_at,
        marker_domains=terms.marker_domains,
        shutdown=shutdown,
    )
    watching = asyncio.ensure_future(control.watch(services.writer))
    try:
        return await _Execution(work, services, terms, control).run(interrupted=shutdown)
    finally:
        watching.cancel()
        await asyncio.wait([watching])


def _by_change(resets: Iterable[AcknowledgedReset]) -> Mapping[str, Sequence[AcknowledgedReset]]:
    """Sort resets by the digits of the change they may belong to, with which a marker ends."""
    sorted_out: defaultdict[str, list[AcknowledgedReset]] = defaultdict(list)
    for each in resets:
        digits = each.marker[-DIGITS:] if each.marker else digits_of(each.change or "")
        sorted_out[digits].append(each)
    return sorted_out


class _Execution:
    """One run over its guests."""

    def __init__(self, work: Sequence[Work], services: Services, terms: Terms, control: RunControl) -> None:
        self._work = work
        self._terms = terms
        self._control = control
        self._admission = Admission(terms.settings.max_in_flight)
        self._shell = Shell(
            reader=services.reader,
            writer=services.writer,
            control=control,
            admission=self._admission,
            predecessors=Predecessors(_waited_for(work)),
            log=WriteLog(
                control, journal=services.journal, links=services.links, last_write=services.last_write
            ),
            observer=services.observer,
        )
        self._resets = _by_change(terms.resets)
        self._outcomes: list[GuestOutcome] = []
        self._crash: BaseException | None = None

    async def run(self, *, interrupted: asyncio.Event) -> RunResult:
        running: set[asyncio.Task[None]] = set()

        def end(task: asyncio.Task[None]) -> None:
            running.discard(task)
            if not task.cancelled():
                crash = task.exception()
                self._crash = self._crash or crash

        try:
            for one in self._work:
                resets = self._resets.get(one.recorded.marker_digits, ())
                proofs = proofs_of(one.recorded, resets, approved_at=one.approved_at)
                state = begin(one, settings=self._terms.settings, proofs=proofs)
                admitted = await self._admit(state)
                task = asyncio.ensure_future(self._reconcile(state, admitted=admitted))
                running.add(task)
                task.add_done_callback(end)
            while running:
                await asyncio.wait(running)
        finally:
            for task in running:
                task.cancel()
            if running:
                await asyncio.wait(running)
        self._outcomes.sort(key=lambda outcome: outcome.id)
        return RunResult(
            outcomes=tuple(self._outcomes),
            notes=(self._control.stop_reason,) if self._control.stop_reason else (),
            interrupted=interrupted.is_set(),
            crash=self._crash,
        )

    async def _admit(self, state: GuestState) -> bool:
        """Wait for a slot, held only by guests that can start; one with a predecessor needs none."""
        if state.phase is Phase.PREDECESSOR:
            return False
        entered = await self._control.first(self._admission.enter(), gives_up=lambda: self._control.drains)
        return entered is not None

    async def _reconcile(self, state: GuestState, *, admitted: bool) -> None:
        guest = GuestReconciliation(state, self._shell, admitted=admitted)
        try:
            result = await guest.run()
        except asyncio.CancelledError:
            raise
        except Exception as crash:  # noqa: BLE001 - a bug in one guest's rules must not leave other guests half done
            self._crash = self._crash or crash
            note = Note(rule=Rule.INTERNAL_ERROR, message=f"a bug in the reconciler: {type(crash).__name__}")
            self._control.stop_admission(note)
            result = crashed(guest.state, note)
        if result.outcome is not Outcome.NOT_ATTEMPTED:
            self._count(guest.state, result.blames)
        guest.end_canary()
        outcome = guest_outcome(guest.state, result)
        self._outcomes.append(outcome)
        self._shell.observer.guest_finished(outcome)

    def _count(self, state: GuestState, blames: FaultDomain | None) -> None:
        reason = self._control.budget.record(state.id, blames, permission_held=self._shell.writer.may_write())
        if reason is not None:
            self._control.stop_admission(reason)
