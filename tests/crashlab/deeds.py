"""What others do to a guest before, between and during runs, and what has to hold of that guest all the same.

An administrator resets in a portal, another tool resets or owns `otherMails`, persons open apps and redeem.
Whatever they do, and whenever: in the end the guest is as declared, without a marker, and only the declared
address is bound or invited. Where Graph cannot show a deed, an excuse says so, and what the plan or a report
has to say instead.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import product
from typing import Any

from reconciler.emulator.control.client import ControlClient, GuestTruth
from tests.crashlab.boundaries import Boundary, Way, Where, write_boundary
from tests.crashlab.evidence import Evidence, Ran, markers_in
from tests.crashlab.harness import Harness, Result
from tests.crashlab.scenario import Case, guest_id, old

_FOREIGN, _ADDED, _THIRD = "desk@foreign.example", "added@foreign.example", "third@foreign.example"

_LONG_AFTER = 6.5
"""Seconds after which a reset is not taken for one acknowledged before: five, and a whole second."""


class When(StrEnum):
    """When a deed is done."""

    BEFORE = "before the run"
    """Between the approval and the run."""

    DURING = "during a run"
    """While a request of the guest is held."""

    IN_FLIGHT = "while a write of a killed run is in flight"
    """Before it is carried out; the run is killed before its answer comes."""

    BETWEEN = "between two runs"
    """After the first one was killed there."""


class Stage(StrEnum):
    """How far the guest is."""

    UNSENT = "nothing is written"
    MARKED = "mail and marker are written"
    RESET = "the guest is reset"
    CLEARING = "the last write is on its way"
    CLEARED = "all is written"


STAGES = {
    ("SetMail", Where.BEFORE): Stage.UNSENT,
    ("SetMail", Where.AFTER): Stage.MARKED,
    ("ResetRedemption", Where.BEFORE): Stage.MARKED,
    ("ResetRedemption", Where.AFTER): Stage.RESET,
    ("ClearMarker", Where.BEFORE): Stage.CLEARING,
    ("ClearMarker", Where.AFTER): Stage.CLEARED,
}
"""How far a guest is when a request is held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where a deed is done."""

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
class Deed:
    """Something that somebody else does to a guest."""

    what: str
    does: Callable[[Scene], None]
    prepares: Callable[[Scene], None] = lambda _scene: None
    """What has been so for long."""

    to: tuple[int, ...] = (1,)
    """Numbers of the guests whom it is done to."""

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

_BOTH, _RESTORED = (1, 8), 21

DEEDS = (
    Deed(what="portal reset", does=_resets_in_portal, to=(*_BOTH, _RESTORED)),
    Deed(
        what="portal reset, its mailbox redeems",
        does=_resets_in_portal_and_mailbox_redeems,
        to=(*_BOTH, _RESTORED),
    ),
    Deed(
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
    Deed(
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
    Deed(what="old person opens an app", does=_old_person_opens_an_app, to=(*_BOTH, _RESTORED)),
    Deed(
        what="old person opens an app, found in proxyAddresses",
        prepares=_old_address_stays_in_proxies,
        does=_old_person_opens_an_app,
        to=_BOTH,
        excuses=dict.fromkeys(
            product((When.DURING, When.IN_FLIGHT, When.BETWEEN), set(Stage) - {Stage.UNSENT}),
            _REMAINS,
        ),
    ),
    Deed(what="right person redeems", does=_right_person_redeems, to=_BOTH),
    Deed(what="admin adds an address", does=_admin_adds_an_address, adds=_ADDED, to=(*_BOTH, _RESTORED)),
    Deed(what="another tool owns otherMails", does=_tool_owns_the_list, excuses=_WITHOUT_ITS_MARKER),
    Deed(what="marker removed", does=_marker_is_removed, excuses=_WITHOUT_ITS_MARKER, to=(1, _RESTORED)),
    Deed(what="marker forged", does=_marker_is_forged, to=(*_BOTH, _RESTORED)),
    Deed(what="marker of another change", does=_marker_of_another_change, to=_BOTH),
    Deed(what="mail put back", does=_mail_is_put_back, to=_BOTH),
    Deed(
        what="mail given away and reset in a portal",
        does=_mail_is_given_away,
        to=_BOTH,
        excuses={(When.DURING, Stage.CLEARING): _NOTICED, (When.IN_FLIGHT, Stage.CLEARING): _WRITTEN_OVER},
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One trial: a deed, when it is done, and the way of running again."""

    deed: Deed
    number: int
    when: When
    way: Way

    boundary: Boundary | None = None
    """Where a run is held or killed; `None` before the run."""

    @property
    def name(self) -> str:
        """Say which trial it is."""
        where = self.boundary.name if self.boundary else f"of {guest_id(self.number)}, {self.way}"
        return f"{self.deed.what}, {self.when}, {where}"

    @property
    def stage(self) -> Stage:
        """Say how far the guest is."""
        return STAGES[self.boundary.action, self.boundary.where] if self.boundary else Stage.UNSENT

    def run(self, lab: Harness) -> Result:
        """Do the deed around a run, run again until nothing is planned, twice at most, and judge."""
        lab.begin()
        case = next(case for case in lab.declared if case.number == self.number)
        scene = Scene(lab=lab, case=case)
        self.deed.prepares(scene)
        match self.when:
            case When.BEFORE:
                self.deed.does(scene)
                lab.finish(lab.start(self.way))
            case When.DURING:
                assert self.boundary
                command = lab.start_until(self.boundary)
                if command is None:
                    return lab.judge(lab.evidence(interfered=case.id), hit=False)
                self.deed.does(scene)
                lab.control.resume()
                lab.finish(command)
                lab.set_faults(None)
            case When.IN_FLIGHT:
                assert self.boundary
                carried_out = replace(self.boundary, where=Where.AFTER)
                command = lab.start_until(self.boundary, {"rules": [carried_out.rule()]})
                if command is None:
                    return lab.judge(lab.evidence(interfered=case.id), hit=False)
                self.deed.does(scene)
                lab.control.resume()
                if not lab.is_held(command, at=carried_out):
                    return lab.judge(lab.evidence(interfered=case.id), hit=False)
                lab.kill(command, carried_out)
                lab.set_faults(None)
                lab.finish(lab.start(self.way, again=True))
            case When.BETWEEN:
                assert self.boundary
                if not lab.kill_at(self.boundary):
                    return lab.judge(lab.evidence(interfered=case.id), hit=False)
                self.deed.does(scene)
                lab.finish(lab.start(self.way, again=True))
        evidence = lab.evidence(interfered=case.id)
        if case.id in evidence.open_changes:
            # Who was stale or met somebody else's write is left to a new plan.
            lab.finish(lab.start(Way.NO_PLAN_ELSEWHERE if self.way.elsewhere else Way.NO_PLAN, again=True))
            evidence = lab.evidence(interfered=case.id)
        return lab.judge(evidence, also=tuple(self._violations(case, evidence)))

    def _violations(self, case: Case, evidence: Evidence) -> Iterator[str]:
        after = evidence.after[case.id]
        if case.id in evidence.open_changes:
            yield "another plan still has a change"
        if markers_in(after.other_mails):
            yield f"a marker is left: {after.other_mails}"
        if (after.mail or "").lower() != case.email:
            yield f"mail is {after.mail}"
        lost = self.deed.adds and self.deed.adds not in after.other_mails
        if lost and not self._is_in_flight():
            yield f"{self.deed.adds} is gone"
        if evidence.resets(case.id) > len(evidence.runs):
            yield f"{evidence.resets(case.id)} resets in {len(evidence.runs)} runs"
        excuse = self.deed.excuses.get((self.when, self.stage))
        if holder_of(after) != case.email:
            if excuse is None:
                yield f"in the end {holder_of(after)} is in or invited"
            elif excuse.said and not any(text in said_of(case, evidence) for text in excuse.said):
                yield f"nobody said that {holder_of(after)} is in or invited, although {excuse.why}"
        if excuse is None or not excuse.claims:
            yield from false_claims(case, evidence)

    def _is_in_flight(self) -> bool:
        """Tell whether a list is under way that was made before the deed."""
        held = self.boundary
        writes_list = held is not None and held.action in {"SetMail", "ClearMarker"}
        flying = self.when in {When.DURING, When.IN_FLIGHT}
        return flying and writes_list and held is not None and held.where is Where.BEFORE


def holder_of(guest: GuestTruth) -> str:
    """Give who is bound, else who holds a link that works; empty: nobody."""
    return (guest.account or (guest.invited if guest.has_live_link else "") or "").lower()


def said_of(case: Case, evidence: Evidence) -> str:
    """Give all that the reports, the approved plan and the last plan say of a guest."""
    outcomes = [_outcome(case, ran) or {} for ran in evidence.runs]
    notes = [
        note
        for plan in (evidence.plan, evidence.planned)
        for change in plan["changes"]
        if change["id"] == case.id
        for note in change["warnings"]
    ]
    notes += [note for note in evidence.planned["warnings"] if note["message"].startswith(case.id)]
    return " ".join(f"{one.get('rule')} {one.get('message')}" for one in (*outcomes, *notes))


def false_claims(case: Case, evidence: Evidence) -> Iterator[str]:
    """Name each run that called a guest done although somebody else was in or invited, without a remark."""
    for ran in evidence.runs:
        outcome = _outcome(case, ran)
        if outcome is None or outcome["outcome"] not in {"applied", "already-applied"}:
            continue
        holder = holder_of(ran.after[case.id])
        if holder != case.email and "is not known" not in outcome["message"]:
            yield f"a run said {outcome['outcome']} while {holder} was in or invited"


def _outcome(case: Case, ran: Ran) -> Mapping[str, Any] | None:
    outcomes = (ran.report or {}).get("outcomes", ())
    return next((outcome for outcome in outcomes if outcome["id"] == case.id), None)


WARD = frozenset({1, 4, 8, 10, _RESTORED})
"""Numbers of the guests in the small tenants: those whom something is done to, and a bystander."""


def trials() -> Iterator[Done]:
    """Give every trial."""
    for deed in DEEDS:
        for number in deed.to:
            for way in (Way.SAME_PLAN, Way.NO_PLAN):
                yield Done(deed=deed, number=number, when=When.BEFORE, way=way)
            for (action, where), (when, ways) in product(STAGES, _WAYS.items()):
                if action == "ResetRedemption" and number == _RESTORED:
                    continue
                if when is When.IN_FLIGHT and where is Where.AFTER:
                    continue
                for way in ways:
                    boundary = write_boundary(number, action, where, way)
                    yield Done(deed=deed, number=number, when=when, way=way, boundary=boundary)


_WAYS = {
    When.DURING: (Way.SAME_PLAN, Way.NO_PLAN),
    When.IN_FLIGHT: (Way.SAME_PLAN, Way.NO_PLAN_ELSEWHERE),
    When.BETWEEN: tuple(Way),
}
