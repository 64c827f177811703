"""Apply under trouble: random faults, kills, signals, redemptions, edits and changes of mind.

A machine plays a small tenant through all of it. After every run the invariants are checked against
what only the tenant knows: who can sign in, and who holds the good link.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from reconciler.apply import Finished, exit_code
from reconciler.errors import Unreachable
from reconciler.journal import open_journal
from reconciler.model import (
    ActionResult,
    Desired,
    DesiredGuest,
    EmailAddress,
    FailureKind,
    Guest,
    GuestOutcome,
    ObjectId,
    Outcome,
    Plan,
    RedemptionState,
)
from reconciler.redeem_links import open_redeem_links
from tests.samples.applying import Heard, apply, new_tenant, plan_for, work_for
from tests.samples.directory import addresses, declared, desired, guest, guest_id
from tests.samples.tenant import Tenant, Truth
from tests.samples.tenant_calls import Call, Fault, Kind, failed

MANAGED = (1, 2, 3)
UNDECLARED = guest_id(9)
ACCEPTED, PENDING = RedemptionState.ACCEPTED, RedemptionState.PENDING

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


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault that waits for its call, of one guest or of all."""

    kind: Kind
    guest: ObjectId | None
    nth: int
    name: str

    def hits(self, call: Call) -> Fault | None:
        """Give the fault if this is the call."""
        if call.kind is not self.kind or call.nth != self.nth or self.guest not in {None, call.guest}:
            return None
        return (FAULTS if self.kind.writes else READ_FAULTS)[self.name]


def planned_faults(kind: Kind) -> st.SearchStrategy[Planned]:
    """Draw a fault for a kind of call."""
    names = sorted(FAULTS if kind.writes else READ_FAULTS)
    guests = st.sampled_from([None, None, *(guest_id(number) for number in MANAGED)])
    return st.builds(Planned, st.just(kind), guests, st.sampled_from([1, 1, 1, 2, 3]), st.sampled_from(names))


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong during one run."""

    faults: tuple[Planned, ...]
    read_lag: float
    invitation_lag: float
    stop_after: float | None

    def fault_for(self, call: Call) -> Fault | None:
        """Give the first fault that hits."""
        return next(filter(None, (fault.hits(call) for fault in self.faults)), None)


NO_TROUBLE = Trouble((), 0.0, 0.0, None)

troubles = st.builds(
    Trouble,
    st.lists(
        st.sampled_from([Kind.RESET, Kind.MAIL, Kind.RESET, Kind.MAIL, Kind.OTHER_MAILS, Kind.READ]).flatmap(
            planned_faults
        ),
        min_size=1,
        max_size=5,
    ).map(tuple),
    st.sampled_from([0.0, 5.0, 30.0]),
    st.sampled_from([0.0, 5.0, 90.0]),
    st.one_of(st.none(), st.none(), st.floats(min_value=0.1, max_value=60.0)),
)
wishes = st.dictionaries(
    st.sampled_from(MANAGED), st.sampled_from(["new", "typo", "third", "old"]), min_size=1
)


def email(number: int, company: str) -> str:
    """Give one guest's address at a company; each guest has their own at each."""
    return f"g{number}@{company}.example"


class ApplyMachine(RuleBasedStateMachine):
    """A tenant, a desired state, an approved plan, and everything that may happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.tenant: Tenant = new_tenant()
        self.entries: dict[ObjectId, DesiredGuest] = {}
        self.approved: Plan | None = None
        self.resets_under_plan: dict[ObjectId, int] = {}
        self.told_apart: set[ObjectId] = set()
        """Guests to whom nothing but runs under the approved plan has happened since it was made."""
        self.named: set[ObjectId] = set()
        """Guests of whom a plan has said that somebody else may have redeemed."""
        self.upns = {guest_id(number): self.first(number, ACCEPTED).user_principal_name for number in MANAGED}
        self.folder = tempfile.TemporaryDirectory()
        self.heard = Heard()

    def teardown(self) -> None:
        """Throw the journal away."""
        self.folder.cleanup()

    @staticmethod
    def first(number: int, state: RedemptionState) -> Guest:
        """Make a guest as they are at the beginning."""
        return guest(number, email(number, "old"), state=state)

    @initialize(
        pending=st.sets(st.sampled_from(MANAGED)),
        moves_time=st.booleans(),
        keeps_proxies=st.booleans(),
    )
    def begin(self, pending: set[int], moves_time: bool, keeps_proxies: bool) -> None:  # noqa: FBT001
        """Fill the tenant; every guest is declared as they are, but for a new address."""
        self.tenant.moves_time_of_pending = moves_time
        self.tenant.keeps_stale_proxies = keeps_proxies
        self.tenant.add(guest(9, "undeclared@old.example"))
        for number in MANAGED:
            self.tenant.add(self.first(number, PENDING if number in pending else ACCEPTED))
            self.entries[guest_id(number)] = declared(number, email(number, "new"))

    # What people do

    def change_desired(self, wished: dict[int, str]) -> None:
        """Somebody edits entries; who goes back to the live address also clears the other addresses."""
        for number, company in wished.items():
            wanted = EmailAddress(email(number, company))
            goes_back = wanted == self.tenant.live[guest_id(number)].mail
            if not goes_back:
                self.named.discard(guest_id(number))
            self.entries[guest_id(number)] = declared(
                number, wanted.text, alternates=() if goes_back else None
            )
            self.told_apart.discard(guest_id(number))

    @rule(number=st.sampled_from(MANAGED))
    def remove_entry(self, number: int) -> None:
        """Somebody stops managing a guest."""
        self.entries.pop(guest_id(number), None)
        self.told_apart.discard(guest_id(number))

    @rule(number=st.sampled_from(MANAGED), right=st.booleans())
    def redeem(self, number: int, right: bool) -> None:  # noqa: FBT001
        """Let the invited person redeem, or let whoever has the old address try to."""
        truth = self.tenant.truth[guest_id(number)]
        account = truth.invited if right else EmailAddress(email(number, "old"))
        if account and self.tenant.redeem(guest_id(number), account):
            self.told_apart.discard(guest_id(number))

    @rule(number=st.sampled_from(MANAGED))
    def edit(self, number: int) -> None:
        """Another administrator adds an address."""
        found = self.tenant.live[guest_id(number)]
        foreign = addresses(f"extra{len(found.other_mails)}@admin{number}.example")
        self.tenant.edit(found.id, other_mails=tuple(sorted({*found.other_mails, *foreign})))
        self.told_apart.discard(found.id)

    # Runs

    @rule(wished=wishes, runs=st.lists(troubles, min_size=1, max_size=3))
    def change_and_run(self, wished: dict[int, str], runs: list[Trouble]) -> None:
        """Change the desired state, have the plan reviewed, and apply under it, again and again."""
        self.change_desired(wished)
        self.approved = plan_for(self.tenant, self.desired())
        self.resets_under_plan = {}
        self.told_apart = {
            change.id for change in self.approved.changes if change.precondition.state is ACCEPTED
        }
        for trouble in runs:
            self.carry_out(trouble, self.approved)

    @precondition(lambda self: self.approved is not None)
    @rule(trouble=troubles)
    def run_approved_again(self, trouble: Trouble) -> None:
        """Start the job again, with the same plan."""
        assert self.approved is not None
        self.carry_out(trouble, self.approved)

    @rule(wished=st.one_of(st.just({}), wishes), trouble=troubles)
    def run_without_plan(self, wished: dict[int, str], trouble: Trouble) -> None:
        """Somebody applies whatever is planned now."""
        self.change_desired(wished)
        self.told_apart.clear()
        self.carry_out(trouble)

    @rule()
    def converge(self) -> None:
        """Without trouble, a few runs end with an empty plan."""
        self.told_apart.clear()
        for _ in range(3):
            if plan_for(self.tenant, self.desired()).changes:
                self.carry_out(NO_TROUBLE)
        assert not plan_for(self.tenant, self.desired()).changes

    def desired(self) -> Desired:
        """Give the desired state as it is now."""
        return desired(*self.entries.values())

    def carry_out(self, trouble: Trouble, *approved: Plan) -> None:
        """Run apply once, and check what it promises."""
        tenant = self.tenant
        tenant.clock.pass_by(300.0)
        tenant.calls.clear()
        tenant.read_lag, tenant.invitation_lag = trouble.read_lag, trouble.invitation_lag
        tenant.script = trouble.fault_for
        work = work_for(tenant, self.desired(), *approved)
        for plan in approved or (plan_for(tenant, self.desired()),):
            self.named |= {
                change.id
                for change in plan.changes
                if "may-have-redeemed" in {note.rule for note in change.warnings}
            }
        before = dict(tenant.live)
        resets = {each: truth.resets for each, truth in tenant.truth.items()}
        self.heard = Heard()
        folder = Path(self.folder.name)
        with (
            open_journal(folder / "journal.jsonl", run="r") as journal,
            open_redeem_links(folder / "links.jsonl") as links,
        ):
            finished = apply(
                tenant,
                work,
                journal=journal,
                links=links,
                heard=self.heard,
                stop_after=trouble.stop_after,
            )
        tenant.clock.pass_by(300.0)
        reset_now = {each: tenant.truth[each].resets - count for each, count in resets.items()}
        self.check_i5_one_reset_under_one_plan(reset_now, bool(approved))
        self.check_i6_no_blind_repetition(before, reset_now, finished)
        self.check_i7_links_stay_in_their_file(finished)
        if finished is not None:
            self.check_i9_outcomes_are_true(finished, reset_now)

    # Invariants

    @invariant()
    def check_i1_undeclared_guests_are_untouched(self) -> None:
        """I1: no call ever wrote to a guest nobody declared."""
        assert UNDECLARED not in {call.guest for call in self.tenant.calls if call.kind.writes}

    @invariant()
    def check_i2_guests_stay_who_they_are(self) -> None:
        """I2: no guest loses id or UPN."""
        for each, upn in self.upns.items():
            if each in self.tenant.live:
                assert self.tenant.live[each].user_principal_name == upn

    @invariant()
    def check_i3_an_empty_plan_means_invited_or_in(self) -> None:
        """I3: where nothing is planned, the desired person can sign in or is invited, or it was said."""
        for entry, truth in self.settled():
            invited = truth.invited == entry.email
            assert invited or truth.bound is not None, f"{entry.id} is stranded"
            assert invited or entry.email in {truth.bound, truth.last_invited}

    @invariant()
    def check_i4_an_empty_plan_leaves_no_old_account(self) -> None:
        """I4: where nothing is planned, no account from before the last reset is bound, or it was said."""
        for entry, truth in self.settled():
            assert truth.last_invited == entry.email, f"{entry.id} was last invited at {truth.last_invited}"

    def settled(self) -> list[tuple[DesiredGuest, Truth]]:
        """Give the declared guests for whom nothing is planned, with what the tenant knows of them.

        Left out is who has redeemed before the change was taken back, where the plan has said so:
        nothing short of `resetAfter` asks for a reset then.
        """
        if not self.entries:
            return []
        plan = plan_for(self.tenant, self.desired())
        open_ids = {change.id for change in plan.changes} | {blocked.id for blocked in plan.blocked}
        return [
            (entry, self.tenant.truth[entry.id])
            for entry in self.entries.values()
            if entry.id not in open_ids | self.named
        ]

    def check_i5_one_reset_under_one_plan(
        self,
        reset_now: dict[ObjectId, int],
        approved: bool,  # noqa: FBT001
    ) -> None:
        """I5: under one plan a guest who was accepted is reset once, as long as nobody else interferes."""
        if approved:
            for each, count in reset_now.items():
                self.resets_under_plan[each] = self.resets_under_plan.get(each, 0) + count
        for each in self.told_apart:
            assert self.resets_under_plan.get(each, 0) <= 1

    def check_i6_no_blind_repetition(
        self, before: dict[ObjectId, Guest], reset_now: dict[ObjectId, int], finished: Finished | None
    ) -> None:
        """I6: no second reset in a run where the state could tell; else one more at most, and reported."""
        outcomes = {outcome.id: outcome for outcome in finished.outcomes} if finished else {}
        for each, count in reset_now.items():
            tells = before[each].state is ACCEPTED or self.tenant.moves_time_of_pending
            assert count <= (1 if tells else 2)
            if count == 2 and each in outcomes:
                results = {record.result for record in outcomes[each].actions}
                assert results & {ActionResult.REPEATED, ActionResult.UNKNOWN}

    def check_i7_links_stay_in_their_file(self, finished: Finished | None) -> None:
        """I7: the redeem link is in the file that was asked for, and nowhere else."""
        assert "ticket" not in repr(finished)
        assert "ticket" not in repr(self.heard)
        assert "ticket" not in (Path(self.folder.name) / "journal.jsonl").read_text()

    def check_i9_outcomes_are_true(self, finished: Finished, reset_now: dict[ObjectId, int]) -> None:
        """I9: each outcome says what happened to the guest, and the exit code says the same."""
        for outcome in finished.outcomes:
            wrote = any(call.kind.writes and call.guest == outcome.id for call in self.tenant.calls)
            self.check_outcome(outcome, wrote=wrote, resets=reset_now[outcome.id])
        good = {Outcome.APPLIED, Outcome.ALREADY_APPLIED}
        all_good = all(outcome.outcome in good for outcome in finished.outcomes)
        code = exit_code(finished.outcomes, interrupted=finished.interrupted)
        assert code == (130 if finished.interrupted else 0 if all_good else 7)

    def check_outcome(self, outcome: GuestOutcome, *, wrote: bool, resets: int) -> None:
        """Compare one outcome with the guest."""
        entry = self.entries.get(outcome.id)
        found = self.tenant.live[outcome.id]
        match outcome.outcome:
            case Outcome.APPLIED | Outcome.UNVERIFIED:
                assert entry is not None
                assert found.mail == entry.email
                assert entry.email in found.other_mails
            case Outcome.STALE | Outcome.ALREADY_APPLIED:
                assert not wrote
            case Outcome.NOT_ATTEMPTED:
                assert resets == 0
            case Outcome.FAILED:
                assert outcome.rule
            case _:
                raise AssertionError(outcome)


ApplyMachine.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestApply = ApplyMachine.TestCase
