"""A small tenant that people change and redeem in while apply runs, is killed and is run again.

After every run the invariants are checked against what only the tenant knows: who can sign in, and who
holds the good link.
"""

import json
import logging
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from reconciler.guard.approval import Work, approve, approve_all
from reconciler.guard.proofs import AcknowledgedReset, proofs_of
from reconciler.journal import read_evidence
from reconciler.model import ChangeKind, Note, ObjectId, Plan, RedemptionState
from reconciler.plan import make_plan
from reconciler.redeem_links import open_redeem_links
from tests.property.actors import People, email
from tests.property.apply_laws import (
    Listening,
    Ran,
    check_run,
    check_s6_no_read_address_is_written_over,
    must_be_said,
)
from tests.support.applying import Machine, apply, plan_for, run_together
from tests.support.directory import declared, guest, guest_id
from tests.support.fault_strategies import (
    MANAGED,
    NO_TROUBLE,
    Declaration,
    OutsideChange,
    Trouble,
    World,
    declarations,
    outside_changes,
    troubles,
    weighted,
    worlds,
)
from tests.support.journals import MemoryJournal
from tests.support.tenant_calls import Call, Fault, Kind

ACCEPTED, PENDING = RedemptionState.ACCEPTED, RedemptionState.PENDING
PEOPLE_TAKE = 60.0
"""Seconds until somebody who has seen a run end has changed the desired state: replicas are that fast."""
WATCH = 30.0
"""Seconds for which nothing that reads show counts after the last write of an earlier run."""

_MEMORY = Path("/dev/shm")  # noqa: S108 - the journal is forced to the disk before each write
_log = logging.getLogger("reconciler")


def play(examples: int, *, same_each_time: bool = False) -> Counter[str]:
    """Play so many examples, and give how often each fault and each outside change has come to pass."""
    People.hits.clear()
    run_state_machine_as_test(
        ApplyMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=6,
            derandomize=same_each_time,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
    return Counter(People.hits)


class ApplyMachine(RuleBasedStateMachine):
    """A tenant, a desired state, an approved plan, and everything that may happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.people = People()
        self.tenant = self.people.tenant
        self.approved: Plan | None = None
        self.resets_under_plan: Counter[ObjectId] = Counter()
        self.said: defaultdict[ObjectId, set[Note]] = defaultdict(set)
        """All that plans have ever said of each guest."""
        self.last_told: list[tuple[ObjectId, str]] = []
        self.upns: dict[ObjectId, str | None] = {}
        self.folder = tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None)

    def teardown(self) -> None:
        """See that everything ends right, unless something has gone wrong already."""
        try:
            if sys.exc_info()[0] is None and self.upns:
                self.converge()
        finally:
            self.folder.cleanup()

    @initialize(world=worlds)
    def begin(self, world: World) -> None:
        """Fill the tenant; every guest is declared as they are, but for a new address."""
        self.tenant.moves_time_of_pending = world.moves_time
        self.tenant.keeps_stale_proxies = world.keeps_proxies
        self.tenant.read_lag = self.tenant.observe_lag = world.read_lag
        self.tenant.shows_passcodes = world.shows_passcodes
        self.tenant.queues = {Kind.RESET: world.queue, Kind.MAIL: world.queue, Kind.CLEAR: world.queue}
        self.tenant.add(guest(9, "undeclared@old.example"))
        for number in MANAGED:
            state = PENDING if number in world.pending else ACCEPTED
            self.tenant.add(guest(number, email(number, "old"), state=state))
            self.people.entries[guest_id(number)] = declared(number, email(number, "new"))
        self.upns = {each.id: each.user_principal_name for each in self.tenant.live.values()}

    # What people do between runs

    @rule(number=st.sampled_from(MANAGED), clears=st.booleans())
    def take_back(self, number: int, clears: bool) -> None:  # noqa: FBT001
        """Somebody declares what the directory has; who clears the other addresses undoes the change."""
        self.tenant.clock.pass_by(PEOPLE_TAKE)
        self.people.take_back(number, clears=clears)

    @rule(number=st.sampled_from(MANAGED), change=outside_changes)
    def meanwhile(self, number: int, change: OutsideChange) -> None:
        """Something happens between two runs."""
        self.people.do(change, guest_id(number))

    # Runs

    @rule(
        redeclared=declarations,
        runs=st.lists(troubles, min_size=1, max_size=3),
        reviewing=weighted(
            st.none(),
            st.tuples(st.sampled_from(MANAGED), st.just(OutsideChange.WRITES_MAIL) | outside_changes),
        ),
        gone=weighted(st.none(), st.none(), st.sampled_from(MANAGED)),
    )
    def change_and_run(
        self,
        redeclared: dict[int, Declaration],
        runs: list[Trouble],
        reviewing: tuple[int, OutsideChange] | None,
        gone: int | None,
    ) -> None:
        """Change the desired state, have the plan reviewed, and apply under it, again and again.

        Somebody may do something to a guest during the review, and an entry may go after the first run.
        """
        self.tenant.clock.pass_by(PEOPLE_TAKE)
        self.people.declare(redeclared)
        self.approved = self.plan()
        self.resets_under_plan.clear()
        self.people.touched.clear()
        if reviewing:
            number, change = reviewing
            self.people.do(change, guest_id(number))
        for trouble in runs:
            self.carry_out(trouble, self.approved)
            if gone:
                self.people.forget(gone)

    @precondition(lambda self: self.approved is not None)
    @rule(trouble=troubles)
    def run_approved_again(self, trouble: Trouble) -> None:
        """Start the job again, with the same plan."""
        assert self.approved is not None
        self.carry_out(trouble, self.approved)

    @rule(redeclared=weighted(st.just({}), declarations), trouble=troubles)
    def run_without_plan(self, redeclared: dict[int, Declaration], trouble: Trouble) -> None:
        """Somebody applies whatever is planned now."""
        if redeclared:
            self.tenant.clock.pass_by(PEOPLE_TAKE)
        self.people.declare(redeclared)
        self.carry_out(trouble)

    @rule(
        apart=st.sampled_from([0.0, 0.15, 0.3, 0.45, 5.0]),
        redeclared=weighted(st.just({}), declarations),
        dies=weighted(
            st.none(),
            st.tuples(st.integers(0, 1), st.sampled_from([Kind.MAIL, Kind.RESET, Kind.CLEAR])),
        ),
    )
    def run_twice_at_once(
        self, apart: float, redeclared: dict[int, Declaration], dies: tuple[int, Kind] | None
    ) -> None:
        """Two jobs at the same time, of the same tree or of two, one of them killed or none."""
        tenant = self.tenant
        tenant.calls.clear()
        tenant.script = lambda call: None
        tenant.clock.pass_by(PEOPLE_TAKE)
        before = {each: truth.resets for each, truth in tenant.truth.items()}
        older = approve_all(self.plan()).work
        self.people.declare(redeclared)
        newer = approve_all(self.plan()).work
        machines = [
            Machine(
                tenant=tenant,
                work=work,
                starts_after=number * apart,
                dies_after=dies[1] if dies and dies[0] == number else None,
            )
            for number, work in enumerate((older, newer))
        ]
        for finished in run_together(tenant, *machines):
            for outcome in finished.outcomes if finished else ():
                if "no later plan shows" in outcome.message:
                    self.people.report_lost_marker(outcome.id)
        self.people.touched.update(each.recorded.id for each in (*older, *newer))
        self.people.happened("two runs at once")
        for each, count in before.items():
            assert tenant.truth[each].resets - count <= 2
        assert {call.guest for call in tenant.calls if call.kind.writes} <= {
            each.recorded.id for each in (*older, *newer)
        }

    def converge(self) -> None:
        """Without trouble, a few runs end with an empty plan."""
        for _ in range(3):
            self.tenant.clock.pass_by(NO_TROUBLE.rest)
            if self.plan().changes:
                self.carry_out(NO_TROUBLE)
        self.tenant.clock.pass_by(NO_TROUBLE.rest)
        left = [(change.id, change.reason) for change in self.plan().changes]
        assert not left, f"{left} is left: {self.last_told}"
        self.check_everybody_ends_right_or_is_said()

    def plan(self) -> Plan:
        """Plan from what the directory shows, and remember what the plan says."""
        return self.note(plan_for(self.tenant, self.people.desired))

    def note(self, plan: Plan) -> Plan:
        """Remember what a plan says, and see that it blocks nobody without cause."""
        for change in plan.changes:
            self.said[change.id].update(change.warnings)
        for note in plan.warnings:
            self.said[ObjectId(note.message.partition(":")[0])].add(note)
        for blocked in plan.blocked:
            if blocked.rule == "not-found":
                assert blocked.id not in self.tenant.live
            else:
                assert self.people.chained, f"{blocked.id} is blocked: {blocked.message}"
                assert blocked.rule in {"address-in-use", "address-cycle"}
        return plan

    def carry_out(self, trouble: Trouble, *approved: Plan) -> None:
        """Run apply once, and check what it promises."""
        tenant, people = self.tenant, self.people
        journal, links = Path(self.folder.name, "journal.jsonl"), Path(self.folder.name, "links.jsonl")
        tenant.clock.pass_by(trouble.rest)
        tenant.calls.clear()
        tenant.invitation_lag = trouble.invitation_lag
        plan, resets = self.plan(), self.resets(journal) if trouble.knows_journal else ()
        work = (approve(plan, approved) if approved else approve_all(plan)).work
        people.ran = ran = Ran(
            declared=dict(people.entries),
            work=work,
            before=dict(tenant.live),
            resets_before={each: truth.resets for each, truth in tenant.truth.items()},
            proved=frozenset(
                each.recorded.id
                for each in work
                if each.recorded.id not in people.touched and self.is_proved(each, resets)
            ),
            under_plan=self.resets_that_show(work) if approved else {},
            by_hand=frozenset(each for each in tenant.live if people.by_hand(each)),
        )
        tenant.script = lambda call: self.answer(trouble, call, ran)
        listening, lines_of_run = Listening(ran.logged), MemoryJournal()
        _log.addHandler(listening)
        try:
            with open_redeem_links(links) as opened:
                ran.finished = apply(
                    tenant,
                    ran.work,
                    journal=lines_of_run,
                    links=opened,
                    heard=ran.heard,
                    stop_after=trouble.stop_after,
                    resets=resets,
                    settles_in=max(0.0, WATCH - trouble.rest),
                )
        finally:
            _log.removeHandler(listening)
            people.ran = None
        with journal.open("a") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines_of_run.lines.kept)
        self.count(ran, under_plan=bool(approved))
        check_run(tenant, ran, journal=journal.read_text(), links=links.read_text())

    def is_proved(self, work: Work, resets: Iterable[AcknowledgedReset]) -> bool:
        """Tell whether a journal proves the reset of this very change.

        Who was reset in a portal since has another person's link, whatever the journal proves.
        """
        recorded, found = work.recorded, self.tenant.live.get(work.recorded.id)
        if found is None or self.tenant.truth[recorded.id].reset_by_others:
            return False
        proofs = proofs_of(recorded, resets, approved_at=work.approved_at)
        if found.markers:
            return found.marker is not None and found.marker.local_part in proofs
        return found.state is RedemptionState.PENDING and recorded.digest in proofs

    def resets_that_show(self, work: Iterable[Work]) -> Mapping[ObjectId, int]:
        """Return how often each guest was reset under the plan, without resets of which nothing can be seen.

        They leave neither a marker nor another time, and only a journal knows of them.
        """
        hidden = {
            each.recorded.id
            for each in work
            if each.recorded.kind is ChangeKind.OTHER_MAILS and not self.tenant.moves_time_of_pending
        }
        return {each: count for each, count in self.resets_under_plan.items() if each not in hidden}

    def resets(self, journal: Path) -> tuple[AcknowledgedReset, ...]:
        """Return what the journals of all runs so far prove."""
        files = [journal] if journal.exists() else []
        return read_evidence(files, now=self.tenant.clock.now()).resets

    def count(self, ran: Ran, *, under_plan: bool) -> None:
        """Add up what a run has done."""
        told = ran.finished.outcomes if ran.finished else ()
        self.last_told = [(outcome.id, outcome.message) for outcome in told]
        if under_plan:
            self.resets_under_plan.update(ran.resets(self.tenant))

    def answer(self, trouble: Trouble, call: Call, ran: Ran) -> Fault | None:
        """Let a call go as the trouble says, and people do meanwhile what it says."""
        planned, wanted = trouble.fault_for(call), trouble.changes_at(call)
        behind = [each for each in wanted if each.after and call.kind.writes]
        for each in wanted:
            if each not in behind:
                self.people.do(each.change, each.guest)
        if call.kind.writes and call.kind is not Kind.RESET:
            check_s6_no_read_address_is_written_over(self.tenant, ran, call)
        if call.kind is Kind.CLEAR and (planned is None or planned.fault.committed):
            self.check_s5_newest_reset_is_for_the_address(call, ran)
        if planned:
            self.people.happened(f"{call.kind} {planned.name}")
            ran.hear(call, planned.fault)
        fault = planned.fault if planned else None
        if not behind:
            return fault

        def meanwhile() -> None:
            for each in behind:
                self.people.do(each.change, each.guest)

        return replace(fault or Fault(committed=True), meanwhile=meanwhile)

    # Invariants

    def check_s5_newest_reset_is_for_the_address(self, call: Call, ran: Ran) -> None:
        """S4 and S5: the marker goes only once the newest reset is for the address, or its person is in."""
        truth = self.tenant.truth[call.guest]
        right = call.addresses[0] in {truth.last_invited, truth.bound}
        assert right or call.guest in ran.edited, f"{call.guest} is called finished for {call.addresses[0]}"

    @invariant()
    def check_i2_guests_stay_who_they_are(self) -> None:
        """I2: no guest loses id or UPN."""
        for each in self.tenant.live.values():
            assert each.user_principal_name == self.upns[each.id]

    @invariant()
    def check_everybody_ends_right_or_is_said(self) -> None:
        """I3 and I4: where nothing is planned, the desired person is in or invited, or a plan has said it."""
        tenant, wanted = self.tenant, self.people.desired
        plan = self.note(make_plan(wanted, tenant.look(wanted), tenant.clock.now()))
        open_ids = {change.id for change in plan.changes} | {blocked.id for blocked in plan.blocked}
        for entry in wanted.guests:
            truth, said = tenant.truth[entry.id], self.said[entry.id]
            if entry.id in open_ids or self.people.by_hand(entry.id) or truth.bound == entry.email:
                continue
            assert truth.last_invited == entry.email, f"{entry.id}: the newest reset is another address's"
            assert truth.bound or truth.invited == entry.email, f"{entry.id} is stranded"
            if truth.bound:
                must_be_said({"old-address-remains", "kept-address"}, truth.bound, said)


if __name__ == "__main__":
    for what, times in play(3000).most_common():
        sys.stdout.write(f"{times:6}  {what}\n")
