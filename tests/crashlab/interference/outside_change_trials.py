"""Trials in which somebody else changes a guest around a run, and what has to hold in the end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from tests.crashlab.boundaries import Boundary, Way, Where, write_boundary
from tests.crashlab.evidence import Evidence, Ran, holder_of, markers_in
from tests.crashlab.harness import Harness, Result
from tests.crashlab.interference.outside_changes import OUTSIDE_CHANGES, RESTORED, OutsideChange, Scene, When
from tests.crashlab.interference.stages import STAGES, Stage
from tests.crashlab.scenario import Case, guest_id


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideChangeTrial:
    """One trial: a change by somebody else, its time, and the way of running again."""

    change: OutsideChange
    number: int
    when: When
    way: Way

    boundary: Boundary | None = None
    """Where a run is held or killed; `None` before the run."""

    @property
    def name(self) -> str:
        """Say which trial it is."""
        where = self.boundary.name if self.boundary else f"of {guest_id(self.number)}, {self.way}"
        return f"{self.change.what}, {self.when}, {where}"

    @property
    def stage(self) -> Stage:
        """Say how far the guest is."""
        return STAGES[self.boundary.action, self.boundary.where] if self.boundary else Stage.UNSENT

    def run(self, lab: Harness) -> Result:
        """Make the change around a run, run again until nothing is planned, twice at most, and judge."""
        lab.begin()
        case = next(case for case in lab.declared if case.number == self.number)
        scene = Scene(lab=lab, case=case)
        self.change.prepares(scene)
        match self.when:
            case When.BEFORE:
                self.change.does(scene)
                lab.finish(lab.start(self.way))
            case When.DURING:
                assert self.boundary
                command = lab.start_until(self.boundary)
                if command is None:
                    return lab.judge(lab.evidence(interfered=case.id), hit=False)
                self.change.does(scene)
                lab.control.resume()
                lab.finish(command)
                lab.set_faults(None)
            case When.IN_FLIGHT:
                assert self.boundary
                carried_out = replace(self.boundary, where=Where.AFTER)
                command = lab.start_until(self.boundary, {"rules": [carried_out.rule()]})
                if command is None:
                    return lab.judge(lab.evidence(interfered=case.id), hit=False)
                self.change.does(scene)
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
                self.change.does(scene)
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
        lost = self.change.adds and self.change.adds not in after.other_mails
        if lost and not self._is_in_flight():
            yield f"{self.change.adds} is gone"
        if evidence.resets(case.id) > len(evidence.runs):
            yield f"{evidence.resets(case.id)} resets in {len(evidence.runs)} runs"
        excuse = self.change.excuses.get((self.when, self.stage))
        if holder_of(after) != case.email:
            if excuse is None:
                yield f"in the end {holder_of(after)} is in or invited"
            elif excuse.said and not any(text in said_of(case, evidence) for text in excuse.said):
                yield f"nobody said that {holder_of(after)} is in or invited, although {excuse.why}"
        if excuse is None or not excuse.claims:
            yield from false_claims(case, evidence)

    def _is_in_flight(self) -> bool:
        """Tell whether a list is under way that was made before the change."""
        held = self.boundary
        writes_list = held is not None and held.action in {"SetMail", "ClearMarker"}
        flying = self.when in {When.DURING, When.IN_FLIGHT}
        return flying and writes_list and held is not None and held.where is Where.BEFORE


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


SMALL_TENANT = frozenset({1, 4, 8, 10, RESTORED})
"""Numbers of the guests in the small tenants: those who are changed, and a bystander."""


def trials() -> Iterator[OutsideChangeTrial]:
    """Give every trial."""
    for change in OUTSIDE_CHANGES:
        for number in change.to:
            for way in (Way.SAME_PLAN, Way.NO_PLAN):
                yield OutsideChangeTrial(change=change, number=number, when=When.BEFORE, way=way)
            for (action, where), (when, ways) in product(STAGES, _WAYS.items()):
                if action == "ResetRedemption" and number == RESTORED:
                    continue
                if when is When.IN_FLIGHT and where is Where.AFTER:
                    continue
                for way in ways:
                    boundary = write_boundary(number, action, where, way)
                    yield OutsideChangeTrial(
                        change=change, number=number, when=when, way=way, boundary=boundary
                    )


_WAYS = {
    When.DURING: (Way.SAME_PLAN, Way.NO_PLAN),
    When.IN_FLIGHT: (Way.SAME_PLAN, Way.NO_PLAN_ELSEWHERE),
    When.BETWEEN: tuple(Way),
}
