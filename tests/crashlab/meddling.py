"""What may happen to one guest between a killed run and the next, and how that has to end.

The guest is accepted and shall get a new address. Each trial ends right, or the plan or a report says what
does not.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Any

from reconciler.emulator.control import ControlClient
from tests.crashlab.boundaries import Boundary, Way, Where, write_boundary
from tests.crashlab.evidence import Evidence
from tests.crashlab.laboratory import Laboratory, Result
from tests.crashlab.scenario import Entries, guest_id, new, old

_NUMBER = 1
GUEST = guest_id(_NUMBER)
_OLD, _NEW, _CORRECTED, _FOREIGN = old(_NUMBER), new(_NUMBER), "g1@newer.example", "desk@foreign.example"


class Stage(StrEnum):
    """How far the guest was when the run was killed."""

    UNSENT = "before the reset"
    RESET = "after the reset"
    COMMITTED = "after mail was written"


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How the guest ends."""

    said: str
    """What a run under the approved plan calls it: outcome and rule, or what became of the reset."""

    mail: str
    other_mails: frozenset[str]

    account: str | None = None
    """Who is bound."""

    invited: str | None = None
    """Who holds a link that works."""

    warns: str = ""
    """The rule of a warning that a plan has for the guest after what happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meddling:
    """Something that happens between two runs."""

    what: str
    ends: Mapping[Stage, End]
    """For the stages at which it can happen."""

    declares: Entries | None = None
    """How the guest is declared from then on; `None`: as before."""

    does: Callable[[ControlClient], None] = lambda _control: None


def _right_person_redeems(control: ControlClient) -> None:
    link = next(message.redeem_url for message in reversed(control.messages()) if message.guest == GUEST)
    assert control.redeem(link, _NEW).result == "redeemed"


def _wrong_person_redeems(control: ControlClient) -> None:
    """Open an app: in before the reset, in again while the old address stands there, refused after it."""
    assert control.sign_in(_OLD).result in {"signed-in", "redeemed", "refused"}


def _admin_adds_an_address(control: ControlClient) -> None:
    listed = control.truth()[GUEST].other_mails
    control.edit_user(GUEST, {"otherMails": [*listed, _FOREIGN]})


def _end(said: str, mail: str, *more: str, **rest: Any) -> End:
    return End(said=said, mail=mail, other_mails=frozenset((mail, *more)), **rest)


_STALE, _DONE = "stale stale", "already-applied None"

MEDDLINGS = (
    Meddling(
        what="typo corrected",
        declares={GUEST: {"email": _CORRECTED}},
        ends={
            Stage.UNSENT: _end(_STALE, _CORRECTED, _NEW, invited=_CORRECTED, warns="kept-address"),
            Stage.RESET: _end(_STALE, _CORRECTED, _NEW, invited=_CORRECTED, warns="kept-address"),
            Stage.COMMITTED: _end(_STALE, _CORRECTED, invited=_CORRECTED),
        },
    ),
    Meddling(
        what="change taken back",
        declares={GUEST: {"email": _OLD, "alternateEmails": []}},
        ends={
            Stage.UNSENT: _end(_STALE, _OLD, account=_OLD),
            Stage.RESET: _end(_STALE, _OLD, invited=_OLD),
            Stage.COMMITTED: _end(_STALE, _OLD, invited=_OLD),
        },
    ),
    Meddling(
        what="entry removed",
        declares={GUEST: None},
        ends={
            Stage.UNSENT: _end(_STALE, _OLD, _NEW, account=_OLD, warns="no-longer-declared"),
            Stage.RESET: _end(_STALE, _OLD, _NEW, invited=_NEW, warns="no-longer-declared"),
            Stage.COMMITTED: _end(_DONE, _NEW, invited=_NEW, warns="no-longer-declared"),
        },
    ),
    Meddling(
        what="right person redeems",
        does=_right_person_redeems,
        ends={
            Stage.RESET: _end("applied None repeated", _NEW, invited=_NEW),
            Stage.COMMITTED: _end(_DONE, _NEW, account=_NEW),
        },
    ),
    Meddling(
        what="wrong person redeems",
        does=_wrong_person_redeems,
        ends={
            Stage.UNSENT: _end("applied None done", _NEW, invited=_NEW),
            Stage.RESET: _end("applied None repeated", _NEW, invited=_NEW),
            Stage.COMMITTED: _end(_DONE, _NEW, invited=_NEW),
        },
    ),
    Meddling(
        what="admin adds an address",
        does=_admin_adds_an_address,
        ends={
            Stage.UNSENT: _end(_STALE, _NEW, _FOREIGN, invited=_NEW, warns="kept-address"),
            Stage.RESET: _end(_STALE, _NEW, _FOREIGN, invited=_NEW, warns="kept-address"),
            Stage.COMMITTED: _end(_DONE, _NEW, _FOREIGN, invited=_NEW, warns="kept-address"),
        },
    ),
)

POINTS = {
    ("ResetRedemption", Where.BEFORE): Stage.UNSENT,
    ("ResetRedemption", Where.AFTER): Stage.RESET,
    ("SetMail", Where.BEFORE): Stage.RESET,
    ("SetMail", Where.AFTER): Stage.COMMITTED,
}
"""Where a run is killed, and how far the guest is then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meddled:
    """One trial: a kill, what happens after it, and the way of running again."""

    meddling: Meddling
    boundary: Boundary
    stage: Stage

    @property
    def name(self) -> str:
        """Say which trial it is."""
        return f"{self.meddling.what}, {self.boundary.name}"

    def run(self, lab: Laboratory) -> Result:
        """Kill, meddle, run again, and judge; where the approved plan does not fit any more, run anew."""
        lab.begin()
        if not lab.kill_at(self.boundary):
            return lab.judge(lab.evidence(), hit=False)
        end, way = self.meddling.ends[self.stage], self.boundary.way
        killed_at = lab.ran[-1].requests_until
        self.meddling.does(lab.control)
        found = [] if _warns(self._plan(lab), end.warns) else [f"no plan warns of {end.warns}"]
        lab.finish(lab.start(way))
        said = _said(lab)
        if way is Way.SAME_PLAN and said != end.said:
            found.append(f"the run said {said}, not {end.said}")
        if said == _STALE or self._removed:
            written = {write.request or 0 for write in lab.control.history() if write.id == GUEST}
            found += [f"request {number} is a write all the same" for number in written if number > killed_at]
        if said == _STALE:
            lab.finish(lab.start(Way.NO_PLAN))
        evidence = lab.evidence(meddled=GUEST)
        return lab.judge(evidence, also=(*found, *_is_not_at(end, evidence)))

    @property
    def _removed(self) -> bool:
        return (self.meddling.declares or {}).get(GUEST, {}) is None

    def _plan(self, lab: Laboratory) -> Mapping[str, Any]:
        """Plan from the tree as it is declared now; who compares revisions knows of a removed entry."""
        if not self._removed:
            lab.declare(self.meddling.declares or {})
            return lab.plan()
        git = ("git", "-c", "user.name=lab", "-c", "user.email=lab@contoso.example")
        for words in (("init", "-q"), ("add", "desired"), ("commit", "-q", "-m", "before")):
            subprocess.run([*git, *words], cwd=lab.folder, check=True)
        lab.declare(self.meddling.declares or {})
        try:
            return lab.plan("--since", "HEAD")
        finally:
            shutil.rmtree(lab.folder / ".git")


def _warns(plan: Mapping[str, Any], rule: str) -> bool:
    own = [note["rule"] for change in plan["changes"] if change["id"] == GUEST for note in change["warnings"]]
    own += [note["rule"] for note in plan["warnings"] if note["message"].startswith(GUEST)]
    return not rule or rule in own


def _said(lab: Laboratory) -> str:
    """Give what the last run called the guest: outcome, rule, and what became of a reset that it sent."""
    report = lab.ran[-1].report
    assert report is not None
    for outcome in report["outcomes"]:
        if outcome["id"] == GUEST:
            resets = [
                action["result"]
                for action in outcome["actions"]
                if action["action"] == "ResetRedemption" and action["attempts"]
            ]
            return " ".join([outcome["outcome"], str(outcome["rule"]), *resets])
    return "nothing"


def _is_not_at(end: End, evidence: Evidence) -> Iterator[str]:
    after = evidence.after[GUEST]
    if GUEST in evidence.open_changes:
        yield "another plan still has a change"
    if after.mail != end.mail:
        yield f"mail is {after.mail}, not {end.mail}"
    if set(after.other_mails) != end.other_mails:
        yield f"otherMails are {after.other_mails}, not {sorted(end.other_mails)}"
    if after.account != end.account:
        yield f"bound is {after.account}, not {end.account}"
    if (after.invited if after.has_live_link else None) != end.invited:
        yield f"invited is {after.invited} ({after.has_live_link}), not {end.invited}"


def trials() -> Iterator[Meddled]:
    """Give every trial."""
    for meddling, ((action, where), stage), way in product(MEDDLINGS, POINTS.items(), Way):
        if stage in meddling.ends:
            boundary = write_boundary(_NUMBER, action, where, way)
            yield Meddled(meddling=meddling, boundary=boundary, stage=stage)
