"""The alphabet of one guest's state machine: phases, what is to be done next, and what can come of it.

Types and one table, no rules. Every way from phase to phase stands in `MOVES`; `docs/apply-machine.md` is
drawn from it.
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
    """Where a guest stands between the beginning of a run and their result."""

    PREDECESSOR = "predecessor"
    """Waits for another guest, who frees the address that this one takes over."""

    ADMISSION = "admission"
    """Waits to be one of those in flight."""

    ASSESS = "assess"
    """Is read and held against what was approved."""

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
    """Is read until our own marker shows, the reset done: what stands there is kept."""

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
"""Every way from phase to phase; to stay in a phase needs none."""

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
"""Phases in which a guest can be left without loss, unless the answer to a reset was lost."""


class Sent(StrEnum):
    """What is known about the reset of a change."""

    NO = "no"
    """Not sent in this run, or certainly not carried out."""

    IN_DOUBT = "in-doubt"
    YES = "yes"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestResult:
    """How one guest's change ended: the one result there is."""

    outcome: Outcome
    rule: RuleId | None = None
    message: str

    blames: FaultDomain | None = None
    """`None` when nothing failed."""

    seen: Guest | None = None
    """The guest as last read, when the outcome rests on that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """All that a rule may know of the run and of time when it decides."""

    now: float
    """Seconds of a clock that never runs backwards and counts a suspended computer's time."""

    instant: datetime
    """The same moment, UTC."""

    settled_at: float
    """From this moment of the same clock on, reads show all that earlier runs wrote."""

    nonce: str
    """Eight hexadecimal digits that no earlier moment had."""

    marker_domains: tuple[str, ...]
    """Where a marker may be an address, the preferred domain first."""

    draining: Note | None = None
    """Why no other guest starts; `None` while guests start."""

    shutting_down: bool = False
    """Whether the process is to end within the grace."""

    stalled: bool = False
    """Whether no write of anybody gets through: nobody waits for another try."""

    others_progress: bool = False
    """Whether other guests in flight get ahead."""

    initial_delay: float = 0.0
    """Seconds that a write takes to show in reads just now."""

    link_held: bool | None = None
    """Whether the file of redeem links holds one of this guest and address; `None`: links are not kept."""


@dataclass(frozen=True, slots=True)
class AwaitPredecessor:
    """Wait until another guest has been seen without the address, or has ended."""

    guest: ObjectId


@dataclass(frozen=True, slots=True)
class AwaitAdmission:
    """Wait to be one of those in flight."""


@dataclass(frozen=True, slots=True)
class ReadGuest:
    """Read the guest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Send one write; the permit asks `permits` when its turn comes."""

    action: Action
    """Of the plan, for the journal and the report."""

    write: Write
    attempt: int
    """Counted from 1 for each action of a guest."""

    marker: str | None
    """Local part of the marker that stands on the guest once this is sent, or until it is carried out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleep:
    """Wait; shutting down ends every wait at once, and so does a stall."""

    reason: WaitReason
    seconds: float

    until_draining: bool
    """Whether the end of admissions ends this wait too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """Nothing is left to do."""

    result: GuestResult


Step = AwaitPredecessor | AwaitAdmission | ReadGuest | Send | Sleep | Finish


@dataclass(frozen=True, slots=True)
class Released:
    """The predecessor has been seen, or has ended."""

    seen: Guest | None
    """As last read; `None` when their change was not carried out, or not seen."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The guest is one of those in flight."""


@dataclass(frozen=True, slots=True)
class GuestRead:
    """The guest was read."""

    guest: Guest | None
    """`None`: there is no such user, as far as the part of the directory that answered knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFailed:
    """The guest could not be read."""

    rule: RuleId
    message: str

    denied: bool
    """Whether the application lacks the access, so that no other guest can be read either."""


class LinkKept(StrEnum):
    """What became of the redeem link of an acknowledged reset."""

    NOT_ASKED = "not-asked"
    KEPT = "kept"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A write was sent and answered, or its answer is certain never to come."""

    sent: Send
    answer: Done | Failed

    queued: float
    """Seconds for which the write waited for its turn."""

    link: LinkKept = LinkKept.NOT_ASKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """The write was not sent: its permit was refused, or nobody waits for its turn any more."""

    queued: float
    """Seconds for which the write waited for its turn."""


@dataclass(frozen=True, slots=True)
class Slept:
    """The wait is over."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A wait for a predecessor or for admission ended because no other guest starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraceOver:
    """The process ends now, whatever is still awaited."""

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
"""What the step of a phase can bring; `ASSESS` sleeps until what earlier runs wrote shows."""

AWAITED_WHILE_PAUSED: frozenset[type[Event]] = frozenset({Slept, GraceOver})
"""What a pause can bring, in any phase."""
