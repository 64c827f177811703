"""What may happen in one exploration, and how Graph behaves where nobody knows."""

from dataclasses import dataclass, field
from enum import StrEnum

from tests.model.world import NOBODY, OLD, Left


class OutsideChange(StrEnum):
    """A change that somebody else may make to the guest."""

    PORTAL = "portal"
    """An administrator resets in the portal: the invitation goes to `mail`."""

    TOOL = "tool"
    """Another tool resets to any address on the object."""

    MAIL = "mail"
    """An administrator writes `mail`."""

    MAIL_X = "mail-x"
    """The same, to a third address only."""

    ADDS_X = "adds-x"
    ADDS_OLD = "adds-old"
    REMOVES_MARKER = "removes-marker"
    FORGES_MARKER = "forges-marker"
    BACKUP = "backup"
    """A backup is taken at any time, and restored at any time."""

    FIRST_DAY = "first-day"
    """The state before all runs is restored."""


class Refused(StrEnum):
    """What Graph refuses for good."""

    NOTHING = "nothing"
    PATCH = "patch"
    POST = "post"
    CLEAR = "clear"
    """Every PATCH that puts no marker."""

    LATER = "later"
    """Every PATCH once the guest was reset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """The bounds of one exploration."""

    name: str
    left: Left

    accepted: bool = True
    """Whether the guest has redeemed when it begins; else they hold a link."""

    bound: int = OLD
    """Who that is."""

    kept: int = NOBODY
    """Addresses that stand in `otherMails` besides OLD."""

    outside_changes: frozenset[OutsideChange] = frozenset()
    two: bool = False
    """Whether two runs go at once."""

    trees: tuple[int, ...] = ()
    """What git may say after NEW1."""

    refused: Refused = Refused.NOTHING
    file: bool = True
    """Whether runs have an approved plan; a run after the first may always go without."""

    journal: bool = True
    """Whether a run has the journals of those before it."""

    settles: bool = True
    """Whether a run waits until what earlier runs wrote shows."""

    lag: int = 1
    """How many writes a read may be behind."""

    still: bool = False
    """Whether all of it takes less than a minute."""

    skew: int = 0
    """Seconds by which a state-change time may be ahead of the `Date` of answers."""

    pending_moves: bool = True
    """Whether a reset moves the time of a guest who is pending."""

    only_mail: bool = False
    """Whether Graph resets only to `mail`."""

    link_dies: bool = False
    """Whether a link is dead once its address is off the object."""

    portal_last: bool = False
    """Whether the portal's reset goes to the last address, if that is on the object."""

    proxies: bool = False
    """Whether somebody can redeem by opening an app with an address of `proxyAddresses`."""

    passcode: bool = False
    """Whether the directory shows the address of who has redeemed."""

    holes: frozenset[str] = field(default_factory=frozenset)
    """What must be found, and cannot be closed: the holes of docs/apply-machine.md."""

    limit: int = 400_000
    """States after which it is given up."""
