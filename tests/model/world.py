"""The world around the rules: one guest in Graph, what reads may show, runs, and what is left to happen.

Values only. Addresses are bits, so that a set of them is a number; instants are seconds of Graph's clock,
which a write moves by one. A run's own clock stands still meanwhile: it counts minutes alone.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Final, NamedTuple

from reconciler.apply.state import GuestState
from reconciler.model import EmailAddress

OLD: Final = 1
NEW1: Final = 2
NEW2: Final = 4
X: Final = 8
NOBODY: Final = 0
EVERYBODY: Final = (OLD, NEW1, NEW2, X)

NAMES: Final = {NOBODY: "nobody", OLD: "OLD", NEW1: "NEW1", NEW2: "NEW2", X: "X"}
EMAILS: Final = {
    OLD: EmailAddress("ana@old.example"),
    NEW1: EmailAddress("ana@newco.example"),
    NEW2: EmailAddress("ana@fabrikam.example"),
    X: EmailAddress("ana@private.example"),
}
_BITS: Final = {email: bit for bit, email in EMAILS.items()}

MINUTE: Final = 60
EPOCH: Final = datetime(2026, 11, 30, tzinfo=UTC)


class Piece(NamedTuple):
    """A value taken apart for comparison: what is left once markers, instants and moments are left out."""

    shape: object
    markers: tuple[str, ...] = ()
    instants: tuple[int, ...] = ()
    moments: tuple[float, ...] = ()


class Object(NamedTuple):
    """The guest in Graph, and what only an onlooker knows of them."""

    mail: int
    others: int
    markers: tuple[str, ...]
    proxies: int
    accepted: bool
    at: int
    bound: int
    """Whose account signs in; nobody's while the guest is pending."""

    link: int
    """Whose link works."""

    foreign: int = 0
    """The instant of the newest reset, if it is somebody else's."""

    foreign_marked: bool = False
    """Whether a marker stood then."""

    @property
    def holder(self) -> int:
        """Who signs in, or can redeem by the link."""
        return self.bound if self.accepted else self.link


class Past(NamedTuple):
    """An older state that some replica may still show."""

    object: Object
    write: int
    """Number of the write that ended it."""

    ours: bool
    """Whether that write was a run's."""


class Stage(StrEnum):
    """What became of a run."""

    IDLE = "idle"
    WORKING = "working"
    APPLIED = "applied"
    ENDED = "ended"
    DEAD = "dead"


class Run(NamedTuple):
    """A process of the product; the same place serves the run that comes after it."""

    stage: Stage = Stage.IDLE
    tree: int = NOBODY
    state: GuestState | None = None
    piece: Piece = Piece(None)
    """`state`, taken apart."""

    horizon: int = 0
    """Number of the newest write of an earlier run; states that ended before are never shown to this one."""

    seen: Object | None = None
    """What `state.guest` is a read of."""

    interrupted: bool = False
    repeats: bool = False
    """Whether this run sent a reset although an earlier one of the same change was carried out."""


class Left(NamedTuple):
    """How much may still happen."""

    human: int = 0
    kill: int = 0
    lost: int = 0
    starts: int = 0
    redeem: int = 0
    git: int = 0
    signal: int = 0


class Ghost(NamedTuple):
    """What the invariants have to know of the past."""

    resets: int = 0
    """Carried out, ours."""

    unknown: int = 0
    """Of those, how many no journal at hand shows."""

    ours_at: int = 0
    """When our newest reset was carried out."""

    since: bool = False
    """Whether somebody else has written to the guest after our last write."""

    interfered: bool = False
    """Whether somebody else has written to the guest at all, but for taking a marker away."""

    excuse: str = ""
    """The hole through which the wrong person may hold the guest."""


class World(NamedTuple):
    """Everything there is at one moment."""

    object: Object
    past: tuple[Past, ...]
    now: int
    minutes: int
    tree: int
    backup: Object | None
    runs: tuple[Run, ...]
    left: Left
    proofs: tuple[tuple[str, int], ...]
    ghost: Ghost
    writes: int = 0
    nonces: int = 0


def instant(seconds: int) -> datetime:
    """Return an instant of Graph's clock."""
    return EPOCH + timedelta(seconds=seconds)


def seconds(moment: datetime) -> int:
    """Return the seconds of an instant."""
    return int((moment - EPOCH).total_seconds())


@cache
def emails(bits: int) -> tuple[EmailAddress, ...]:
    """Return a set of addresses, sorted."""
    return tuple(sorted(email for bit, email in EMAILS.items() if bits & bit))


def bits_of(addresses: tuple[EmailAddress, ...]) -> int:
    """Return addresses as a set."""
    return sum({_BITS[address] for address in addresses})


def named(bits: int) -> str:
    """Return the names of a set of addresses."""
    return "+".join(NAMES[bit] for bit in EVERYBODY if bits & bit) or NAMES[NOBODY]


def written(world: World, new: Object, *, lag: int, ours: bool, since: bool | None = None) -> World:
    """Return the world after a write; `since` says whether it leaves somebody else's as the newest."""
    number = world.writes + 1
    past = (*world.past, Past(world.object, number, ours))[-lag:] if lag else ()
    ghost = world.ghost._replace(since=not ours if since is None else since)
    return world._replace(object=new, past=past, now=world.now + 1, ghost=ghost, writes=number)


def with_run(world: World, place: int, run: Run) -> World:
    """Return the world with another run in a place."""
    runs = world.runs
    return world._replace(runs=(*runs[:place], run, *runs[place + 1 :]))
