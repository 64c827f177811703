"""Two runs at once with two trees, of which one may be killed: the older tree has a typo in an address.

The corrected tree is applied last. Whatever the run with the older tree wrote and when, nobody but the
corrected address is bound or invited then.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product

from tests.crashlab.boundaries import A_MARKER, Boundary, Way, Where, write_boundary
from tests.crashlab.evidence import Evidence, holder_of, markers_in
from tests.crashlab.harness import TREE, Harness, Result
from tests.crashlab.interference.stages import STAGES
from tests.crashlab.scenario import guest_id, new

_NUMBER = 1
_GUEST, _TYPO, _CORRECTED = guest_id(_NUMBER), new(_NUMBER), "g1@newer.example"
_OTHER_TREE = "corrected"
_ADDRESSES = {TREE: _TYPO, _OTHER_TREE: _CORRECTED}


class Course(StrEnum):
    """How the two go on, once one is held and the other one has started."""

    BOTH_END = "both end"
    HELD_IS_KILLED = "the held one is killed"
    OTHER_IS_KILLED = "the other one is killed after its reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoTrees:
    """One trial."""

    held: str
    """The tree of the run that is held first."""

    boundary: Boundary
    course: Course

    @property
    def name(self) -> str:
        """Say which trial it is."""
        return f"two trees, {self.held} held, {self.course}, {self.boundary.name}"

    def run(self, lab: Harness) -> Result:
        """Hold one, start the other, let both come to their ends, run the corrected tree, and judge."""
        lab.begin()
        lab.declare({_GUEST: {"email": _CORRECTED}}, tree=_OTHER_TREE)
        other = next(tree for tree in _ADDRESSES if tree != self.held)
        reset = write_boundary(_NUMBER, "ResetRedemption", Where.AFTER, Way.NO_PLAN)
        boundaries = [_of(self.boundary, self.held)]
        if self.course is Course.OTHER_IS_KILLED:
            boundaries.append(_of(reset, other))
        lab.set_faults(None, *(boundary.rule() for boundary in boundaries))
        first = lab.start(Way.NO_PLAN, tree=self.held)
        if not lab.is_held(first, at=boundaries[0]):
            return lab.judge(lab.evidence(interfered=_GUEST), hit=False)
        second = lab.start(Way.NO_PLAN, tree=other, links=1)
        match self.course:
            case Course.BOTH_END:
                lab.finish(second)
                lab.control.resume()
                lab.finish(first)
            case Course.HELD_IS_KILLED:
                lab.finish(second)
                lab.kill(first, boundaries[0])
            case Course.OTHER_IS_KILLED:
                hit = lab.is_held(second, at=boundaries[1], besides=1)
                if hit:
                    lab.kill(second, boundaries[1], carry_out=True)
                else:
                    lab.control.resume()
                lab.finish(first)
        lab.set_faults(None)
        lab.finish(lab.start(Way.NO_PLAN, again=True, tree=_OTHER_TREE))
        evidence = lab.evidence(interfered=_GUEST, tree=_OTHER_TREE, together=True)
        return lab.judge_together(evidence, also=tuple(_violations(evidence)))


def _of(boundary: Boundary, tree: str) -> Boundary:
    """Look for the write of the run with one of the trees: both write to the guest."""
    address, others = _ADDRESSES[tree], [one for name, one in _ADDRESSES.items() if name != tree]
    if boundary.has == A_MARKER:
        return replace(boundary, lacks=others[0])
    return replace(boundary, has=address)


def _violations(evidence: Evidence) -> Iterator[str]:
    after = evidence.after[_GUEST]
    if _GUEST in evidence.open_changes:
        yield "another plan still has a change"
    if (after.mail, markers_in(after.other_mails)) != (_CORRECTED, {}):
        yield f"mail is {after.mail}, otherMails are {after.other_mails}"
    if holder_of(after) != _CORRECTED and not _is_reported(evidence):
        yield f"bound or invited is {holder_of(after)}"


def _is_reported(evidence: Evidence) -> bool:
    """Return whether a run has reported that another one reset the guest under its last write.

    H7 of docs/apply-machine.md: a whole run fits between the last read of the other and its last write, which
    is on its way already. No read could have shown it before; the read back does.
    """
    outcomes = (one for ran in evidence.runs if ran.report for one in ran.report["outcomes"])
    return any(one["id"] == _GUEST and one["rule"] == "reset-meanwhile" for one in outcomes)


def trials() -> Iterator[TwoTrees]:
    """Give every trial."""
    for held, (action, where), course in product(_ADDRESSES, STAGES, Course):
        yield TwoTrees(held=held, boundary=write_boundary(_NUMBER, action, where, Way.NO_PLAN), course=course)
