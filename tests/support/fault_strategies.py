"""What goes wrong during an apply, and what people do meanwhile: drawn at random, most often where it hurts.

Where it hurts are the three writes of a change of address: an answer lost or the process killed there,
before or after the write took effect.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from hypothesis import strategies as st

from reconciler.errors import Unreachable
from reconciler.model import FailureKind, ObjectId
from reconciler.rules import Rule
from tests.support.directory import guest_id
from tests.support.tenant_calls import Call, Fault, Kind, failed

MANAGED = (1, 2, 3)

FAULTS = {
    "throttled": Fault(answer=failed(FailureKind.NOT_EXECUTED, status=429, retry_after=7.0)),
    "no connection": Fault(answer=failed(FailureKind.NOT_EXECUTED)),
    "lost before": Fault(answer=failed(FailureKind.UNKNOWN)),
    "lost after": Fault(answer=failed(FailureKind.UNKNOWN), committed=True),
    "slow": Fault(committed=True, takes=75.0),
    "refused": Fault(answer=failed(FailureKind.GUEST_REFUSED, status=403)),
    "run refused": Fault(answer=failed(FailureKind.RUN_REFUSED, status=403)),
    "mismatch": Fault(answer=failed(FailureKind.REPLICATION, status=400)),
    "killed before": Fault(kills=True),
    "killed after": Fault(kills=True, committed=True),
}
READ_FAULTS = {
    "unreadable": Fault(answer=Unreachable("no answer", rule=Rule.UNREACHABLE)),
    "slow": Fault(committed=True, takes=75.0),
    "killed before": Fault(kills=True),
}
GRAVE = ("killed after", "killed before", "lost after", "lost before")


class OutsideChange(StrEnum):
    """A change to a guest that no run makes."""

    RIGHT_REDEEMS = "the invited person redeems"
    OLD_REDEEMS = "whoever has the old address redeems"
    ADDS = "another administrator adds an address"
    WRITES_MAIL = "another administrator writes mail as declared"
    PUTS_MAIL_BACK = "another administrator writes the old mail"
    RESETS = "another administrator resets the guest in the portal"
    TAKES_MARKER = "another administrator removes the marker"
    FORGES_MARKER = "another administrator forges a marker"
    DELETES = "another administrator deletes the guest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Some calls of one kind."""

    kind: Kind

    guest: ObjectId | None
    """`None`: whoever it is about."""

    nth: int | None
    """Counted from 1 for each guest; `None`: every one."""

    def is_now(self, call: Call) -> bool:
        """Tell whether a call is meant."""
        concerns = self.guest is None or self.guest == call.guest
        return concerns and call.kind is self.kind and self.nth in {None, call.nth}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledFault:
    """A fault that waits for its occasion."""

    at: Occasion
    name: str

    @property
    def fault(self) -> Fault:
        """What becomes of the call."""
        return (FAULTS if self.at.kind.writes else READ_FAULTS)[self.name]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledChange:
    """An outside change that waits for its occasion."""

    at: Occasion
    guest: ObjectId
    change: OutsideChange

    after: bool
    """Whether the call takes effect first, where it is a write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """How one run goes."""

    rest: float
    """Seconds between the run before and this one."""

    faults: tuple[ScheduledFault, ...] = ()
    changes: tuple[ScheduledChange, ...] = ()

    invitation_lag: float = 0.0
    """Seconds until a write is known to the invitation service."""

    stop_after: float | None = None
    """When the signal comes."""

    knows_journal: bool = True
    """Whether the journals of the runs before are at hand."""

    def fault_for(self, call: Call) -> ScheduledFault | None:
        """Give the first fault that hits."""
        return next((planned for planned in self.faults if planned.at.is_now(call)), None)

    def changes_at(self, call: Call) -> tuple[ScheduledChange, ...]:
        """Give the outside changes that are made at a call."""
        return tuple(each for each in self.changes if each.at.is_now(call))


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What somebody declares for a guest."""

    company: str
    """Where the guest's new address is; `next` takes over the address that another guest has now."""

    alternates: bool | None = None
    """`None`: not declared; else whether there is one."""

    anew: bool = False
    """Whether `resetAfter` is set to the present."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How the tenant is."""

    pending: frozenset[int]
    moves_time: bool
    keeps_proxies: bool
    shows_passcodes: bool
    read_lag: float
    queue: float


T = TypeVar("T")


def weighted(*choices: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """Draw from any of them, as often as each is named; `|` would count each once."""
    return st.sampled_from(choices).flatmap(lambda chosen: chosen)


_guests = st.sampled_from([guest_id(number) for number in MANAGED])


@st.composite
def _faults(draw: st.DrawFn, kinds: tuple[Kind, ...], *, grave: bool) -> ScheduledFault:
    kind = draw(st.sampled_from(kinds))
    return ScheduledFault(
        at=Occasion(
            kind=kind,
            guest=draw(st.none() | _guests),
            nth=draw(st.sampled_from([1, 1, 1, None] if grave else [1, 1, 2, 3])),
        ),
        name=draw(st.sampled_from(GRAVE if grave else sorted(FAULTS if kind.writes else READ_FAULTS))),
    )


@st.composite
def _scheduled_changes(draw: st.DrawFn) -> ScheduledChange:
    guest = draw(_guests)
    kind = draw(st.sampled_from([Kind.RESET, Kind.MAIL, Kind.CLEAR, Kind.READ, Kind.OTHER_MAILS]))
    return ScheduledChange(
        at=Occasion(
            kind=kind,
            guest=guest,
            nth=draw(st.integers(1, 6)) if kind is Kind.READ else 1,
        ),
        guest=guest,
        change=draw(outside_changes),
        after=draw(st.booleans()),
    )


_frequent = [
    OutsideChange.RIGHT_REDEEMS,
    OutsideChange.RIGHT_REDEEMS,
    OutsideChange.OLD_REDEEMS,
    OutsideChange.RESETS,
    OutsideChange.RESETS,
    OutsideChange.ADDS,
]
outside_changes = st.sampled_from([*_frequent, *OutsideChange])
grave_faults = _faults((Kind.MAIL, Kind.RESET, Kind.CLEAR), grave=True)
any_faults = _faults((Kind.RESET, Kind.MAIL, Kind.CLEAR, Kind.OTHER_MAILS, Kind.READ), grave=False)
_troubles = st.builds(
    Trouble,
    rest=st.sampled_from([0.0, 5.0, 60.0, 300.0]),
    faults=st.tuples(
        st.lists(grave_faults, min_size=1, max_size=2),
        weighted(st.just([]), st.lists(any_faults, max_size=2)),
    ).map(lambda both: (*both[0], *both[1])),
    changes=weighted(st.just(()), st.lists(_scheduled_changes(), min_size=1, max_size=2).map(tuple)),
    invitation_lag=st.sampled_from([0.0, 0.0, 5.0, 90.0]),
    stop_after=weighted(*[st.none()] * 4, st.floats(min_value=0.1, max_value=60.0)),
    knows_journal=st.booleans(),
)


def _everybody(kind: Kind, change: OutsideChange, *, after: bool) -> tuple[ScheduledChange, ...]:
    """Let the same happen to each guest, at their first call of a kind."""
    return tuple(
        ScheduledChange(
            at=Occasion(kind=kind, guest=guest_id(number), nth=1),
            guest=guest_id(number),
            change=change,
            after=after,
        )
        for number in MANAGED
    )


def _fault(kind: Kind, name: str) -> ScheduledFault:
    return ScheduledFault(at=Occasion(kind=kind, guest=None, nth=1), name=name)


_known_to_hurt = st.sampled_from(
    [
        # The answer to a reset is lost, and by the time somebody looks the invited person is in.
        Trouble(
            rest=0.0,
            faults=(_fault(Kind.RESET, "lost after"),),
            changes=_everybody(Kind.RESET, OutsideChange.RIGHT_REDEEMS, after=True),
        ),
        # Reset in the portal after our read, and killed before our own reset.
        Trouble(
            rest=0.0,
            faults=(_fault(Kind.MAIL, "killed after"),),
            changes=_everybody(Kind.MAIL, OutsideChange.RESETS, after=False),
        ),
        # Reset in the portal, and our own reset not carried out, its answer lost.
        Trouble(
            rest=0.0,
            faults=(_fault(Kind.RESET, "lost before"),),
            changes=_everybody(Kind.MAIL, OutsideChange.RESETS, after=False),
        ),
        # Reset in the portal after ours, while the last write waits.
        Trouble(
            rest=0.0,
            faults=(_fault(Kind.CLEAR, "throttled"),),
            changes=_everybody(Kind.CLEAR, OutsideChange.RESETS, after=False),
        ),
        # The marker removed by hand just before our own reset, or just after it.
        Trouble(rest=0.0, changes=_everybody(Kind.RESET, OutsideChange.TAKES_MARKER, after=False)),
        Trouble(rest=0.0, changes=_everybody(Kind.RESET, OutsideChange.TAKES_MARKER, after=True)),
    ]
)
troubles = weighted(*[_troubles] * 6, *[_known_to_hurt] * 2)
NO_TROUBLE = Trouble(rest=300.0)

declarations = st.dictionaries(
    st.sampled_from(MANAGED),
    st.builds(
        Declaration,
        company=st.sampled_from(["new", "new", "typo", "old", "next"]),
        alternates=st.sampled_from([None, None, False, True]),
        anew=st.sampled_from([False, False, True]),
    ),
    min_size=1,
)
worlds = st.builds(
    World,
    pending=st.frozensets(st.sampled_from(MANAGED), max_size=2),
    moves_time=st.booleans(),
    keeps_proxies=st.booleans(),
    shows_passcodes=st.booleans(),
    read_lag=st.sampled_from([0.0, 0.0, 5.0, 25.0]),
    queue=st.sampled_from([0.0, 0.0, 2.0, 20.0]),
)
