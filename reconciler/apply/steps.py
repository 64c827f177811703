"""The alphabet of one guest's state machine: phases, steps and events.

Types and one table, no rules. Every transition between phases is in `MOVES`; `docs/apply-machine.md` is drawn
from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from reconciler.apply.events import WaitReason
from reconciler.apply.retry_policy import FaultDomain
from reconciler.model import Action, Done, Failed, Guest, Note, ObjectId, Outcome, Write
from reconciler.rules import RuleId


class Phase(StrEnum):
    """The phase of a guest between the beginning of a run and the result."""

    PREDECESSOR = "predecessor"
    """Waits for another guest, who frees the address that this one takes over."""

    ADMISSION = "admission"
    """Waits to be one of those in flight."""

    ASSESS = "assess"
    """Is read and compared with the approved change."""

    PATCH = "patch"
    """A PATCH that comes before any reset is due."""

    RECHECK = "recheck"
    """Is read before that PATCH is sent again."""

    CONFIRM = "confirm"
    """Is read until our own PATCH shows, or anew before a reset."""

    RESET = "reset"
    """The POST is due."""

    VERIFY = "verify"
    """The answer to the POST was lost: is read until it shows whether it happened."""

    CLEAR_READ = "clear-read"
    """Is read until our own marker shows, the reset done: all other values are kept."""

    CLEAR = "clear"
    """The PATCH that takes the marker away, or sets the declared list after a reset, is due."""

    READ_BACK = "read-back"
    """Everything is written: is read until it shows."""

    DONE = "done"


MOVES: Mapping[Phase, frozenset[Phase]] = MappingProxyType(
    {
        Phase.PREDECESSOR: frozenset({Phase.ADMISSION, Phase.DONE}),
        Phase.ADMISSION: frozenset({Phase.ASSESS, Phase.DONE}),
        Phase.ASSESS: frozenset({Phase.PATCH, Phase.RESET, Phase.CLEAR_READ, Phase.CLEAR, Phase.DONE}),
        Phase.PATCH: frozenset({Phase.ASSESS, Phase.RECHECK, Phase.CONFIRM, Phase.READ_BACK, Phase.DONE}),
        Phase.RECHECK: frozenset({Phase.PATCH, Phase.CONFIRM, Phase.READ_BACK, Phase.DONE}),
        Phase.CONFIRM: frozenset({Phase.RESET, Phase.CLEAR, Phase.CLEAR_READ, Phase.READ_BACK, Phase.DONE}),
        Phase.RESET: frozenset({Phase.CONFIRM, Phase.VERIFY, Phase.CLEAR_READ, Phase.READ_BACK, Phase.DONE}),
        Phase.VERIFY: frozenset({Phase.RESET, Phase.CLEAR_READ, Phase.READ_BACK, Phase.DONE}),
        Phase.CLEAR_READ: frozenset({Phase.CLEAR, Phase.READ_BACK, Phase.DONE}),
        Phase.CLEAR: frozenset({Phase.CLEAR_READ, Phase.READ_BACK, Phase.DONE}),
        Phase.READ_BACK: frozenset({Phase.DONE}),
        Phase.DONE: frozenset(),
    }
)
"""Every transition between phases; to stay in a phase needs none."""

IN_FLIGHT = frozenset(Phase) - {Phase.PREDECESSOR, Phase.ADMISSION, Phase.READ_BACK, Phase.DONE}
"""Phases that count against `Settings.max_in_flight`."""

LEAVES_WHEN_DRAINING = frozenset(
    {
        Phase.PREDECESSOR,
        Phase.ADMISSION,
        Phase.ASSESS,
        Phase.PATCH,
        Phase.RECHECK,
        Phase.CONFIRM,
        Phase.RESET,
    }
)
"""Phases in which a guest can be left without harm, unless the answer to a reset was lost."""


class Sent(StrEnum):
    """The knowledge about the reset of a change."""

    NO = "no"
    """Not sent in this run, or certainly not executed."""

    IN_DOUBT = "in-doubt"
    YES = "yes"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestResult:
    """The final result of one guest's change."""

    outcome: Outcome
    rule: RuleId | None = None
    message: str

    blames: FaultDomain | None = None
    """`None` when nothing failed."""

    seen: Guest | None = None
    """The guest as last read, when the outcome depends on that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The facts about the run and the time that a rule may use."""

    now: float
    """Monotonic time in seconds, with the time of a suspended computer."""

    instant: datetime
    """The same moment, UTC."""

    settled_at: float
    """From this time of the same clock on, in seconds, reads show all that earlier runs wrote."""

    nonce: str
    """Eight hexadecimal digits, unique to this moment."""

    marker_domains: tuple[str, ...]
    """The domains that a marker may be in, the preferred one first."""

    draining: Note | None = None
    """Why no other guest starts; `None` while guests start."""

    shutting_down: bool = False
    """Whether the process has to end within `Settings.grace` seconds."""

    stalled: bool = False
    """Whether no write of any guest succeeds: no guest waits for another try."""

    others_progress: bool = False
    """Whether other guests in flight make progress."""

    initial_delay: float = 0.0
    """Seconds that a write takes to show in reads now."""

    link_held: bool | None = None
    """Whether the file of redeem links holds a link of this guest and address; `None`: none are stored."""


@dataclass(frozen=True, slots=True)
class AwaitPredecessor:
    """Wait until a read shows another guest without the address, or that guest has ended."""

    guest: ObjectId


@dataclass(frozen=True, slots=True)
class AwaitAdmission:
    """Wait for a slot in flight."""


@dataclass(frozen=True, slots=True)
class ReadGuest:
    """Read the guest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Send one write; the permit calls `permits` just before it is sent."""

    action: Action
    """The action of the plan, for the journal and the report."""

    write: Write
    attempt: int
    """Counted from 1 for each action of a guest."""

    marker: str | None
    """Local part of the marker on the guest once this is sent, or until it is executed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleep:
    """Wait; shutting down ends every wait at once, and so does a stall."""

    reason: WaitReason
    seconds: float

    until_draining: bool
    """Whether the end of admissions ends this wait too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """End with a result."""

    result: GuestResult


Step = AwaitPredecessor | AwaitAdmission | ReadGuest | Send | Sleep | Finish


@dataclass(frozen=True, slots=True)
class Released:
    """A read showed the predecessor's change, or the predecessor has ended."""

    seen: Guest | None
    """The predecessor as last read; `None` when no read showed its change."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The guest has a slot in flight."""


@dataclass(frozen=True, slots=True)
class GuestRead:
    """The guest was read."""

    guest: Guest | None
    """`None`: there is no such user, as far as the replica that answered knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFailed:
    """The guest could not be read."""

    rule: RuleId
    message: str

    denied: bool
    """Whether the application lacks the access, so that no other guest can be read either."""


class LinkKept(StrEnum):
    """The fate of the redeem link of an acknowledged reset."""

    NOT_ASKED = "not-asked"
    KEPT = "kept"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A write was sent and answered, or its answer will certainly not arrive."""

    sent: Send
    answer: Done | Failed

    queued: float
    """Seconds that the write was queued."""

    link: LinkKept = LinkKept.NOT_ASKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """The write was not sent: its permit was refused, or its wait was cancelled."""

    queued: float
    """Seconds that the write was queued."""


@dataclass(frozen=True, slots=True)
class Slept:
    """The wait is over."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A wait for a predecessor or for admission ended because no other guest starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraceOver:
    """The process ends now, without waiting for pending answers."""

    in_flight: Send | None
    """The write whose answer was awaited."""


Event = Released | Admitted | GuestRead | ReadFailed | Answered | Withheld | Slept | Interrupted | GraceOver

_READING: Final = frozenset({GuestRead, ReadFailed, GraceOver})
_SENDING: Final = frozenset({Answered, Withheld, GraceOver})

AWAITED: Mapping[Phase, frozenset[type[Event]]] = MappingProxyType(
    {
        Phase.PREDECESSOR: frozenset({Released, Interrupted}),
        Phase.ADMISSION: frozenset({Admitted, Interrupted}),
        Phase.ASSESS: _READING | {Interrupted, Slept},
        Phase.PATCH: _SENDING,
        Phase.RECHECK: _READING | {Interrupted},
        Phase.CONFIRM: _READING | {Interrupted},
        Phase.RESET: _SENDING,
        Phase.VERIFY: _READING,
        Phase.CLEAR_READ: _READING,
        Phase.CLEAR: _SENDING,
        Phase.READ_BACK: _READING | {Interrupted},
        Phase.DONE: frozenset(),
    }
)
"""The events that the step of a phase can produce; `ASSESS` sleeps until what earlier runs wrote shows."""

AWAITED_WHILE_PAUSED: frozenset[type[Event]] = frozenset({Slept, GraceOver})
"""The events that a pause can produce, in any phase."""
