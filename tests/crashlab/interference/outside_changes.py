"""What others do to a guest before, between and during runs, and what has to hold of that guest all the same.

An administrator resets in a portal, another tool resets or owns `otherMails`, persons open apps and redeem.
Whatever they do, and whenever: in the end the guest is as declared, without a marker, and only the declared
address is bound or invited. Where Graph cannot show it, an excuse says so, and what the plan or a report
has to say instead.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import product
from typing import Any

from reconciler.emulator.control.client import ControlClient, GuestTruth
from tests.crashlab.evidence import markers_in
from tests.crashlab.harness import Harness
from tests.crashlab.interference.stages import Stage
from tests.crashlab.scenario import Case, old

_FOREIGN, _ADDED, _THIRD = "desk@foreign.example", "added@foreign.example", "third@foreign.example"

_LONG_AFTER = 6.5
"""Seconds after which a reset is not taken for one acknowledged before: five, and a whole second."""


class When(StrEnum):
    """When somebody else changes the guest."""

    BEFORE = "before the run"
    """Between the approval and the run."""

    DURING = "during a run"
    """While a request of the guest is held."""

    IN_FLIGHT = "while a write of a killed run is in flight"
    """Before it is carried out; the run is killed before its answer comes."""

    BETWEEN = "between two runs"
    """After the first one was killed there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The guest who is changed, and the tenant."""

    lab: Harness
    case: Case

    @property
    def control(self) -> ControlClient:
        """The tenant."""
        return self.lab.control

    @property
    def guest(self) -> GuestTruth:
        """The guest as they are."""
        return self.control.truth()[self.case.id]

    @property
    def old(self) -> str:
        """The address before."""
        return old(self.case.number)

    def digits(self) -> str:
        """Give the digits by which a marker names the approved change."""
        change = next(one for one in self.lab.approved["changes"] if one["id"] == self.case.id)
        return str(change["digest"]).removeprefix("sha256:")[:16]

    def people(self) -> list[str]:
        """Give the addresses in `otherMails` that are no markers."""
        listed = self.guest.other_mails
        return [address for address in listed if not markers_in([address])]

    def edit(self, **changes: Any) -> None:
        """Write to the guest."""
        self.control.edit_user(self.case.id, changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Excuse:
    """Why somebody else may be bound or invited in the end."""

    why: str

    said: tuple[str, ...] = ()
    """Texts of which one has to stand in a plan or in a report; empty: nothing can know of it."""

    claims: bool = False
    """Whether a run may call the guest done, and know no better."""


Excuses = Mapping[tuple[When, Stage], Excuse]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideChange:
    """Something that somebody else does to a guest."""

    what: str
    does: Callable[[Scene], None]
    prepares: Callable[[Scene], None] = lambda _scene: None
    """What has been so for long."""

    to: tuple[int, ...] = (1,)
    """Numbers of the guests who are changed."""

    adds: str = ""
    """An address that must still be there in the end."""

    excuses: Excuses = field(default_factory=dict)


def _resets_in_portal(scene: Scene) -> None:
    scene.control.reset_in_portal(scene.case.id)


def _resets_in_portal_and_mailbox_redeems(scene: Scene) -> None:
    mailbox = scene.guest.mail or ""
    link = scene.control.reset_in_portal(scene.case.id)
    assert scene.control.redeem(link, mailbox).result == "redeemed"


def _tool_resets(scene: Scene) -> None:
    scene.control.reset_by_tool(scene.case.id, _FOREIGN)


def _tool_resets_later(scene: Scene) -> None:
    time.sleep(_LONG_AFTER)
    _tool_resets(scene)


def _old_person_opens_an_app(scene: Scene) -> None:
    assert scene.control.sign_in(scene.old).result in {"signed-in", "redeemed", "refused"}


def _old_address_stays_in_proxies(scene: Scene) -> None:
    # The first one is replaced with `mail`, the other one stays, as it does in most tenants.
    scene.edit(proxyAddresses=[f"SMTP:{scene.old}", f"smtp:{scene.old}"])


def _right_person_redeems(scene: Scene) -> None:
    messages = [message for message in scene.control.messages() if message.guest == scene.case.id]
    if messages:
        scene.control.redeem(messages[-1].redeem_url, scene.case.email)
    else:
        scene.control.sign_in(scene.case.email)


def _admin_adds_an_address(scene: Scene) -> None:
    scene.edit(otherMails=[*scene.guest.other_mails, _ADDED])


def _tool_owns_the_list(scene: Scene) -> None:
    scene.edit(otherMails=[_ADDED])


def _marker_is_removed(scene: Scene) -> None:
    scene.edit(otherMails=scene.people())


def _marker_is_forged(scene: Scene) -> None:
    forged = f"pending-1764000000-0badcafe-{scene.digits()}@reconciler.invalid"
    scene.edit(otherMails=[*scene.people(), forged])


def _marker_of_another_change(scene: Scene) -> None:
    forged = "pending-99999999999-0badcafe-0123456789abcdef@reconciler.invalid"
    scene.edit(otherMails=[*scene.people(), forged])


def _mail_is_put_back(scene: Scene) -> None:
    scene.edit(mail=scene.old)


def _mail_is_given_away(scene: Scene) -> None:
    scene.edit(mail=_THIRD, otherMails=[*scene.guest.other_mails, _THIRD])
    scene.control.reset_in_portal(scene.case.id)


_UNSEEN = Excuse(why="without its marker a guest who was not reset looks finished")
_WITHOUT_ITS_MARKER: Excuses = {
    (When.BETWEEN, Stage.MARKED): _UNSEEN,
    (When.DURING, Stage.MARKED): _UNSEEN,
}

_AT_THE_SAME_TIME = Excuse(
    why="within five seconds of ours, a reset by somebody else cannot be told from it", claims=True
)
_AFTERWARDS = Excuse(
    why="nothing shows whom a link went to that was sent after the last write",
    said=("kept-address",),
)
_NOTICED = Excuse(why="it came after the last write was judged", said=("reset-meanwhile",))
_WRITTEN_OVER = Excuse(
    why="Graph compares nothing before it writes, and the run that did not hear of it was killed"
)
_REMAINS = Excuse(why="the plan said that it can", said=("old-address-remains",))

_BOTH, RESTORED = (1, 8), 21

OUTSIDE_CHANGES = (
    OutsideChange(what="portal reset", does=_resets_in_portal, to=(*_BOTH, RESTORED)),
    OutsideChange(
        what="portal reset, its mailbox redeems",
        does=_resets_in_portal_and_mailbox_redeems,
        to=(*_BOTH, RESTORED),
    ),
    OutsideChange(
        what="another tool resets to a kept address",
        does=_tool_resets,
        to=(4,),
        excuses={
            (When.DURING, Stage.RESET): _AT_THE_SAME_TIME,
            (When.DURING, Stage.CLEARING): _NOTICED,
            (When.DURING, Stage.CLEARED): _NOTICED,
            (When.BETWEEN, Stage.CLEARING): _AT_THE_SAME_TIME,
            (When.IN_FLIGHT, Stage.CLEARING): _AFTERWARDS,
            (When.BETWEEN, Stage.CLEARED): _AFTERWARDS,
        },
    ),
    OutsideChange(
        what="another tool resets to a kept address later",
        does=_tool_resets_later,
        to=(4,),
        excuses={
            (When.DURING, Stage.CLEARING): _NOTICED,
            (When.DURING, Stage.CLEARED): _NOTICED,
            (When.IN_FLIGHT, Stage.CLEARING): _AFTERWARDS,
            (When.BETWEEN, Stage.CLEARED): _AFTERWARDS,
        },
    ),
    OutsideChange(what="old person opens an app", does=_old_person_opens_an_app, to=(*_BOTH, RESTORED)),
    OutsideChange(
        what="old person opens an app, found in proxyAddresses",
        prepares=_old_address_stays_in_proxies,
        does=_old_person_opens_an_app,
        to=_BOTH,
        excuses=dict.fromkeys(
            product((When.DURING, When.IN_FLIGHT, When.BETWEEN), set(Stage) - {Stage.UNSENT}),
            _REMAINS,
        ),
    ),
    OutsideChange(what="right person redeems", does=_right_person_redeems, to=_BOTH),
    OutsideChange(
        what="admin adds an address", does=_admin_adds_an_address, adds=_ADDED, to=(*_BOTH, RESTORED)
    ),
    OutsideChange(what="another tool owns otherMails", does=_tool_owns_the_list, excuses=_WITHOUT_ITS_MARKER),
    OutsideChange(
        what="marker removed", does=_marker_is_removed, excuses=_WITHOUT_ITS_MARKER, to=(1, RESTORED)
    ),
    OutsideChange(what="marker forged", does=_marker_is_forged, to=(*_BOTH, RESTORED)),
    OutsideChange(what="marker of another change", does=_marker_of_another_change, to=_BOTH),
    OutsideChange(what="mail put back", does=_mail_is_put_back, to=_BOTH),
    OutsideChange(
        what="mail given away and reset in a portal",
        does=_mail_is_given_away,
        to=_BOTH,
        excuses={(When.DURING, Stage.CLEARING): _NOTICED, (When.IN_FLIGHT, Stage.CLEARING): _WRITTEN_OVER},
    ),
)
