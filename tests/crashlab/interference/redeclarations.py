"""How a guest may be declared otherwise between a killed run and the next, and how that has to end.

The guest is accepted and shall get a new address. Each trial ends right, or the plan or a report says what
does not.
"""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from tests.crashlab.boundaries import Boundary, Way, write_boundary
from tests.crashlab.evidence import Evidence, holder_of, markers_in, people_in
from tests.crashlab.harness import Harness, Result
from tests.crashlab.interference.stages import STAGES, Stage
from tests.crashlab.scenario import Entries, guest_id, new, old

_NUMBER = 1
GUEST = guest_id(_NUMBER)
_OLD, _NEW, _CORRECTED = old(_NUMBER), new(_NUMBER), "g1@newer.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How the guest ends."""

    said: str
    """What a run under the approved plan calls it: outcome and rule."""

    mail: str
    """The one address in `otherMails`, too."""

    holder: str
    """Who is bound, or holds a link that works."""

    warns: str = ""
    """The rule of a warning that a plan has for the guest after what happened."""

    marked: bool = False
    """Whether the marker stays: nobody declares the guest any more, so nobody may touch it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeclaration:
    """Another declaration of the guest, and how the guest ends under it."""

    what: str
    declares: Entries
    ends: Mapping[Stage, End]


_STALE, _DONE = "stale stale", "already-applied None"
_CORRECTED_END = End(said=_STALE, mail=_CORRECTED, holder=_CORRECTED)
_TAKEN_BACK_END = End(said=_STALE, mail=_OLD, holder=_OLD)

REDECLARATIONS = (
    Redeclaration(
        what="typo corrected",
        declares={GUEST: {"email": _CORRECTED}},
        ends=dict.fromkeys(Stage, _CORRECTED_END),
    ),
    Redeclaration(
        what="change taken back",
        declares={GUEST: {"email": _OLD, "alternateEmails": []}},
        ends=dict.fromkeys(Stage, _TAKEN_BACK_END),
    ),
    Redeclaration(
        what="entry removed",
        declares={GUEST: None},
        ends={
            Stage.UNSENT: End(said=_STALE, mail=_OLD, holder=_OLD, warns="no-longer-declared"),
            Stage.MARKED: End(said=_STALE, mail=_NEW, holder=_OLD, warns="marker-left", marked=True),
            Stage.RESET: End(said=_STALE, mail=_NEW, holder=_NEW, warns="marker-left", marked=True),
            Stage.CLEARING: End(said=_STALE, mail=_NEW, holder=_NEW, warns="marker-left", marked=True),
            Stage.CLEARED: End(said=_DONE, mail=_NEW, holder=_NEW, warns="no-longer-declared"),
        },
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeclarationTrial:
    """One trial: a kill, what happens after it, and the way of running again."""

    redeclaration: Redeclaration
    boundary: Boundary
    stage: Stage

    @property
    def name(self) -> str:
        """Say which trial it is."""
        return f"{self.redeclaration.what}, {self.boundary.name}"

    def run(self, lab: Harness) -> Result:
        """Kill, declare otherwise, run again, and judge; run anew where the approved plan does not fit."""
        lab.begin()
        if not lab.kill_at(self.boundary):
            return lab.judge(lab.evidence(), hit=False)
        end, way = self.redeclaration.ends[self.stage], self.boundary.way
        killed_at = lab.ran[-1].requests_until
        found = [] if _warns(self._plan(lab), end.warns) else [f"no plan warns of {end.warns}"]
        lab.finish(lab.start(way, again=True))
        said = _said(lab)
        if way.has_plan and said != end.said:
            found.append(f"the run said {said}, not {end.said}")
        if said == _STALE or self._removed:
            written = {write.request or 0 for write in lab.control.history() if write.id == GUEST}
            found += [f"request {number} is a write all the same" for number in written if number > killed_at]
        if said == _STALE:
            lab.finish(lab.start(Way.NO_PLAN, again=True))
        evidence = lab.evidence(interfered=GUEST)
        return lab.judge(evidence, also=(*found, *_is_not_at(end, evidence)))

    @property
    def _removed(self) -> bool:
        return self.redeclaration.declares[GUEST] is None

    def _plan(self, lab: Harness) -> Mapping[str, Any]:
        """Plan from the tree as it is declared now; who compares revisions knows of a removed entry."""
        if not self._removed:
            lab.declare(self.redeclaration.declares)
            return lab.plan()
        git = ("git", "-c", "user.name=lab", "-c", "user.email=lab@contoso.example")
        for words in (("init", "-q"), ("add", "desired"), ("commit", "-q", "-m", "before")):
            subprocess.run([*git, *words], cwd=lab.folder, check=True)
        lab.declare(self.redeclaration.declares)
        try:
            return lab.plan("--since", "HEAD")
        finally:
            shutil.rmtree(lab.folder / ".git")


def _warns(plan: Mapping[str, Any], rule: str) -> bool:
    own = [note["rule"] for change in plan["changes"] if change["id"] == GUEST for note in change["warnings"]]
    own += [note["rule"] for note in plan["warnings"] if GUEST in note["message"]]
    return not rule or rule in own


def _said(lab: Harness) -> str:
    """Give what the last run called the guest: outcome and rule."""
    report = lab.ran[-1].report
    assert report is not None
    outcomes = (one for one in report["outcomes"] if one["id"] == GUEST)
    return next((f"{one['outcome']} {one['rule']}" for one in outcomes), "nothing")


def _is_not_at(end: End, evidence: Evidence) -> Iterator[str]:
    after = evidence.after[GUEST]
    if GUEST in evidence.open_changes:
        yield "another plan still has a change"
    if (after.mail, people_in(after.other_mails)) != (end.mail, frozenset({end.mail})):
        yield f"mail is {after.mail}, otherMails are {after.other_mails}"
    if bool(markers_in(after.other_mails)) is not end.marked:
        yield f"otherMails are {after.other_mails}"
    if holder_of(after) != end.holder:
        yield f"bound or invited is {holder_of(after)}, not {end.holder}"


def trials() -> Iterator[RedeclarationTrial]:
    """Give every trial."""
    for redeclaration, ((action, where), stage), way in product(REDECLARATIONS, STAGES.items(), Way):
        boundary = write_boundary(_NUMBER, action, where, way)
        yield RedeclarationTrial(redeclaration=redeclaration, boundary=boundary, stage=stage)
