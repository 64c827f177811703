"""What goes wrong during an apply, and what people do meanwhile: drawn at random, most often where it hurts.

Where it hurts is the reset and the last write: an answer lost or the process killed there, before or
after the write took effect.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from hypothesis import strategies as st

from reconciler.errors import Unreachable
from reconciler.model import FailureKind, ObjectId
from tests.samples.directory import guest_id
from tests.samples.tenant_calls import Call, Fault, Kind, failed

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
    "unreadable": Fault(answer=Unreachable("no answer", rule="unreachable")),
    "slow": Fault(committed=True, takes=75.0),
    "killed before": Fault(kills=True),
}
GRAVE = ("killed after", "killed before", "lost after", "lost before")


class Deed(StrEnum):
    """What somebody does to a guest."""

    RIGHT_REDEEMS = "the invited person redeems"
    OLD_REDEEMS = "whoever has the old address redeems"
    ADDS = "another administrator adds an address"
    WRITES_MAIL = "another administrator writes mail as declared"
    PUTS_MAIL_BACK = "another administrator writes the old mail"
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
        concerns = self.guest is None or call.guest is None or self.guest == call.guest
        return concerns and call.kind is self.kind and self.nth in {None, call.nth}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A fault that waits for its occasion."""

    at: Occasion
    name: str

    @property
    def fault(self) -> Fault:
        """What becomes of the call."""
        return (FAULTS if self.at.kind.writes else READ_FAULTS)[self.name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interjection:
    """A deed that waits for its occasion."""

    at: Occasion
    guest: ObjectId
    deed: Deed

    after: bool
    """Whether the call takes effect first, where it is a write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """How one run goes."""

    rest: float
    """Seconds between the run before and this one."""

    faults: tuple[Planned, ...] = ()
    interjections: tuple[Interjection, ...] = ()

    invitation_lag: float = 0.0
    """Seconds until a write is known to the invitation service."""

    stop_after: float | None = None
    """When the signal comes."""

    def fault_for(self, call: Call) -> Planned | None:
        """Give the first fault that hits."""
        return next((planned for planned in self.faults if planned.at.is_now(call)), None)

    def deeds_for(self, call: Call) -> tuple[Interjection, ...]:
        """Give what people do at a call."""
        return tuple(each for each in self.interjections if each.at.is_now(call))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
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
    read_lag: float
    owner_lag: float
    queue: float


T = TypeVar("T")


def weighted(*choices: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """Draw from any of them, as often as each is named; `|` would count each once."""
    return st.sampled_from(choices).flatmap(lambda chosen: chosen)


_guests = st.sampled_from([guest_id(number) for number in MANAGED])


@st.composite
def _faults(draw: st.DrawFn, kinds: tuple[Kind, ...], *, grave: bool) -> Planned:
    kind = draw(st.sampled_from(kinds))
    return Planned(
        at=Occasion(
            kind=kind,
            guest=draw(st.none() | _guests),
            nth=draw(st.sampled_from([1, 1, 1, None] if grave else [1, 1, 2, 3])),
        ),
        name=draw(st.sampled_from(GRAVE if grave else sorted(FAULTS if kind.writes else READ_FAULTS))),
    )


@st.composite
def _interjections(draw: st.DrawFn) -> Interjection:
    guest = draw(_guests)
    kind = draw(st.sampled_from([Kind.RESET, Kind.MAIL, Kind.READ, Kind.OWNERS, Kind.OTHER_MAILS]))
    return Interjection(
        at=Occasion(
            kind=kind,
            guest=guest,
            nth=draw(st.integers(1, 6)) if kind is Kind.READ else 1,
        ),
        guest=guest,
        deed=draw(deeds),
        after=draw(st.booleans()),
    )


deeds = st.sampled_from([Deed.RIGHT_REDEEMS, Deed.RIGHT_REDEEMS, Deed.OLD_REDEEMS, *Deed])
grave_faults = _faults((Kind.RESET, Kind.MAIL), grave=True)
any_faults = _faults((Kind.RESET, Kind.MAIL, Kind.OTHER_MAILS, Kind.READ, Kind.OWNERS), grave=False)
_troubles = st.builds(
    Trouble,
    rest=st.sampled_from([0.0, 5.0, 60.0, 300.0]),
    faults=st.tuples(
        st.lists(grave_faults, min_size=1, max_size=2),
        weighted(st.just([]), st.lists(any_faults, max_size=2)),
    ).map(lambda both: (*both[0], *both[1])),
    interjections=weighted(st.just(()), st.lists(_interjections(), min_size=1, max_size=2).map(tuple)),
    invitation_lag=st.sampled_from([0.0, 0.0, 5.0, 90.0]),
    stop_after=weighted(*[st.none()] * 4, st.floats(min_value=0.1, max_value=60.0)),
)
_redeemed_unseen = st.builds(
    Trouble,
    rest=st.just(0.0),
    faults=st.just((Planned(at=Occasion(kind=Kind.RESET, guest=None, nth=1), name="lost after"),)),
    interjections=st.just(
        tuple(
            Interjection(
                at=Occasion(kind=Kind.RESET, guest=guest_id(number), nth=1),
                guest=guest_id(number),
                deed=Deed.RIGHT_REDEEMS,
                after=True,
            )
            for number in MANAGED
        )
    ),
)
"""The answer to a reset is lost, and by the time somebody looks the invited person is in."""

troubles = weighted(*[_troubles] * 7, _redeemed_unseen)
NO_TROUBLE = Trouble(rest=300.0)

wishes = st.dictionaries(
    st.sampled_from(MANAGED),
    st.builds(
        Wish,
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
    read_lag=st.sampled_from([0.0, 0.0, 5.0, 25.0]),
    owner_lag=st.sampled_from([0.0, 5.0]),
    queue=st.sampled_from([0.0, 0.0, 2.0, 20.0]),
)


def calm(trouble: Trouble, *, rest: float) -> Trouble:
    """Let more time pass before a run."""
    return replace(trouble, rest=max(trouble.rest, rest))
