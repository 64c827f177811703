"""Twenty-one ways in which a change of address could once end wrongly, while everything looked green.

Numbers are those of the review that found them. Those about signals, reports and files of a run are held
where the command is tested. OLD and NEW are the address before and after; nobody but NEW may end with the
guest, or with the link that works.
"""

from pathlib import Path

import pytest

from reconciler.apply import Settings, WaitReason
from reconciler.guard.approval import approve
from reconciler.model import (
    ActionResult,
    EmailAddress,
    FailureKind,
    Outcome,
    Policy,
    RedemptionState,
    ResetRedemption,
)
from reconciler.redeem_links import open_redeem_links
from tests.support.applying import (
    Heard,
    Machine,
    apply,
    at_call,
    new_tenant,
    outcome_of,
    outcomes,
    plan_for,
    result_of,
    run_together,
    work_for,
)
from tests.support.directory import NEW, OLD, addresses, declared, desired, guest, guest_id
from tests.support.tenant import Tenant
from tests.support.tenant_calls import (
    KILLED_AFTER,
    KILLED_BEFORE,
    LOST_BEFORE,
    MISMATCH,
    REFUSED,
    THROTTLED,
    Call,
    Fault,
    Kind,
    failed,
)

ONE = guest_id(1)
OLD_ADDRESS, NEW_ADDRESS = EmailAddress(OLD), EmailAddress(NEW)
THIRD = EmailAddress("third@old.example")
CHANGED, BACK = desired(declared()), desired(declared(email=OLD))
QUIET = desired(declared(send_message=False))


def ours_alone(tenant: Tenant) -> bool:
    """Return whether only NEW can come in, by the link of our own newest reset."""
    truth = tenant.truth[ONE]
    return (truth.bound, truth.invited, truth.reset_by_others) == (None, NEW_ADDRESS, False)


def test_v01_the_old_person_cannot_come_in_while_the_last_write_is_on_its_way() -> None:
    """Between the reset and the last write, however long that takes, the old address is off the object."""
    tenant = new_tenant(guest())
    tenant.keeps_stale_proxies = False
    tenant.answers(Kind.CLEAR, THROTTLED, Fault(committed=True, takes=4.0))
    came_in: list[bool] = []
    at_call(tenant, Kind.CLEAR, 1, lambda: came_in.append(tenant.redeem(ONE, OLD_ADDRESS)))
    at_call(tenant, Kind.CLEAR, 2, lambda: came_in.append(tenant.redeem(ONE, OLD_ADDRESS)))
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED)))
    assert (outcome.outcome, came_in) == (Outcome.APPLIED, [False, False])
    assert ours_alone(tenant)


def test_v01_who_comes_in_by_what_the_directory_keeps_is_not_vouched_for() -> None:
    """Where the old address stays in proxyAddresses, the plan and the report say that it can redeem."""
    tenant = new_tenant(guest())
    at_call(tenant, Kind.CLEAR, 1, lambda: tenant.redeem(ONE, OLD_ADDRESS))
    plan = plan_for(tenant, CHANGED)
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED, plan)))
    assert tenant.truth[ONE].bound == OLD_ADDRESS
    assert "old-address-remains" in {note.rule for note in plan.changes[0].warnings}
    assert "who that was is not known" in outcome.message


def test_v02_a_portal_reset_before_the_run_is_not_taken_for_ours() -> None:
    """a1: NEW stands in otherMails, OLD is reset by hand after the review: stale, and planned again."""
    tenant = new_tenant(guest(others=(OLD, NEW)))
    plan = plan_for(tenant, CHANGED)
    tenant.clock.pass_by(5.0)
    tenant.reset_in_portal(ONE)
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED, plan)))
    assert (outcome.outcome, tenant.writes()) == (Outcome.STALE, ())
    assert outcome_of(apply(tenant, work_for(tenant, CHANGED))).outcome is Outcome.APPLIED
    assert ours_alone(tenant)


@pytest.mark.parametrize("fault", [KILLED_BEFORE, KILLED_AFTER])
@pytest.mark.parametrize("kind", [Kind.MAIL, Kind.RESET])
def test_v02_a_portal_reset_after_a_killed_run_is_not_taken_for_ours(kind: Kind, fault: Fault) -> None:
    """a2: killed at any write, reset by hand, run again: nobody but NEW is invited, by a reset of ours."""
    tenant = new_tenant(guest())
    plan = plan_for(tenant, CHANGED)
    tenant.answers(kind, fault)
    assert apply(tenant, work_for(tenant, CHANGED, plan)) is None
    tenant.script = lambda call: None
    tenant.clock.pass_by(20.0)
    tenant.reset_in_portal(ONE)
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED, plan), settles_in=30.0))
    if outcome.outcome is not Outcome.STALE:
        assert (outcome.outcome, ours_alone(tenant)) == (Outcome.APPLIED, True)
        assert result_of(outcome, ResetRedemption.name)[0] is ActionResult.REPEATED
    else:
        assert plan_for(tenant, CHANGED).changes


@pytest.mark.parametrize("lag", [0.0, 8.0])
@pytest.mark.parametrize(
    ("kind", "number"), [(Kind.MAIL, 1), (Kind.READ, 2), (Kind.RESET, 1)], ids=["patch", "wait", "post"]
)
def test_v02_a_portal_reset_during_an_undisturbed_run_is_overtaken(
    kind: Kind, number: int, lag: float
) -> None:
    """a4: reset by hand just before or after our first PATCH, however late that shows: our POST follows."""
    tenant = new_tenant(guest())
    work = work_for(tenant, CHANGED)
    tenant.read_lag = lag
    at_call(tenant, kind, number, lambda: tenant.reset_in_portal(ONE))
    assert outcome_of(apply(tenant, work)).outcome is Outcome.APPLIED
    assert ours_alone(tenant)


def test_v02_a_portal_reset_while_an_address_replicates_is_overtaken() -> None:
    """a3: reset by hand while the invitation service does not know the address yet: our POST wins."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.RESET, MISMATCH, MISMATCH)
    at_call(tenant, Kind.RESET, 2, lambda: tenant.reset_in_portal(ONE))
    assert outcome_of(apply(tenant, work_for(tenant, CHANGED))).outcome is Outcome.APPLIED
    assert ours_alone(tenant)


def test_v02_a_portal_reset_after_ours_leaves_the_marker() -> None:
    """Reset by hand between our POST and the last write: the link of ours is dead, and the report says so."""
    tenant = new_tenant(guest())

    def later() -> None:
        tenant.clock.pass_by(0.0)
        tenant.reset_in_portal(ONE)

    tenant.answers(Kind.CLEAR, THROTTLED)
    at_call(tenant, Kind.READ, 4, later)
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED)))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "reset-meanwhile")
    assert tenant.live[ONE].markers
    assert plan_for(tenant, CHANGED).changes


@pytest.mark.parametrize("dies_after", [Kind.MAIL, Kind.RESET, Kind.CLEAR])
@pytest.mark.parametrize("apart", [0.0, 0.1, 0.2, 0.3])
def test_v03_the_reset_of_another_tree_is_not_taken_for_ours(dies_after: Kind, apart: float) -> None:
    """A run of an older tree is killed, one of the corrected tree goes on: no link of the older is left."""
    tenant = new_tenant(guest())
    older = work_for(tenant, desired(declared(email="ana@typo.example")))
    ours = Machine(tenant=tenant, work=work_for(tenant, CHANGED), starts_after=apart)
    run_together(tenant, Machine(tenant=tenant, work=older, dies_after=dies_after), ours)
    if plan_for(tenant, CHANGED).changes:
        tenant.clock.pass_by(60.0)
        apply(tenant, work_for(tenant, CHANGED))
    assert not plan_for(tenant, CHANGED).changes
    assert ours_alone(tenant)


@pytest.mark.parametrize("dies_after", [Kind.MAIL, Kind.RESET])
@pytest.mark.parametrize("apart", [0.0, 0.1, 0.2, 0.3])
def test_v03_the_killed_run_of_the_corrected_tree_leaves_a_plan(dies_after: Kind, apart: float) -> None:
    """Where the corrected tree's run is the one that is killed, its plan is not empty before NEW is in."""
    tenant = new_tenant(guest())
    older = work_for(tenant, desired(declared(email="ana@typo.example")))
    ours = Machine(tenant=tenant, work=work_for(tenant, CHANGED), starts_after=apart, dies_after=dies_after)
    run_together(tenant, Machine(tenant=tenant, work=older), ours)
    if tenant.truth[ONE].invited != NEW_ADDRESS:
        assert plan_for(tenant, CHANGED).changes
    tenant.clock.pass_by(60.0)
    if plan_for(tenant, CHANGED).changes:
        apply(tenant, work_for(tenant, CHANGED))
    assert ours_alone(tenant)


@pytest.mark.parametrize("kind", [Kind.MAIL, Kind.CLEAR])
def test_v04_no_retry_writes_blindly_over_an_administrator(kind: Kind) -> None:
    """A PATCH fails four times, and meanwhile somebody resets the guest to another address: theirs stays."""
    tenant = new_tenant(guest())
    tenant.answers(kind, *[LOST_BEFORE] * 4)

    def give_another_address() -> None:
        tenant.edit(ONE, mail=THIRD, other_mails=addresses(THIRD.text))
        tenant.reset_in_portal(ONE)

    at_call(tenant, kind, 4, give_another_address)
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED)))
    assert outcome.outcome is Outcome.FAILED
    assert outcome.rule in {"changed-meanwhile", "reset-meanwhile"}
    found = tenant.live[ONE]
    assert (found.mail, found.other_mails) == (THIRD, addresses(THIRD.text))
    assert tenant.truth[ONE].invited == THIRD
    assert plan_for(tenant, CHANGED).changes


def test_v05_a_change_taken_back_after_the_new_person_redeemed_is_planned() -> None:
    """Half done, NEW redeemed, the entry goes back to OLD: a change, after which only OLD is invited."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.CLEAR, KILLED_BEFORE)
    assert apply(tenant, work_for(tenant, CHANGED)) is None
    tenant.script = lambda call: None
    tenant.clock.pass_by(60.0)
    assert tenant.redeem(ONE, NEW_ADDRESS)
    plan = plan_for(tenant, BACK)
    assert [change.reset and change.reset.email for change in plan.changes] == [OLD_ADDRESS]
    assert outcome_of(apply(tenant, work_for(tenant, BACK, plan))).outcome is Outcome.APPLIED
    assert (tenant.truth[ONE].bound, tenant.truth[ONE].invited) == (None, OLD_ADDRESS)


@pytest.mark.parametrize("redeems", [True, False])
def test_v06_a_change_that_somebody_made_by_hand_is_not_vouched_for(
    redeems: bool,  # noqa: FBT001 - pytest names it
) -> None:
    """OLD reset by hand, redeemed or not, and `mail` written by hand: who that lets in is not known."""
    tenant = new_tenant(guest())
    plan = plan_for(tenant, CHANGED)
    tenant.clock.pass_by(5.0)
    tenant.reset_in_portal(ONE)
    if redeems:
        assert tenant.redeem(ONE, OLD_ADDRESS)
    tenant.edit(ONE, mail=NEW_ADDRESS, other_mails=addresses(NEW))
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED, plan)))
    assert outcome.outcome is Outcome.ALREADY_APPLIED
    assert "who holds the link, or redeemed with it, is not known" in outcome.message


def test_v07_an_answer_about_another_user_is_no_reset() -> None:
    """Where the answer names somebody else, nothing more is written, the run stops, the plan shows it."""
    tenant = new_tenant(guest(), guest(2, "bo@old.example"), guest(3, "cy@old.example"))
    entries = desired(*(declared(number, f"g{number}@newco.example") for number in (1, 2, 3)))
    wrong = Fault(answer=failed(FailureKind.RUN_REFUSED, rule="not-a-reset", status=201))
    tenant.answers(Kind.RESET, *[wrong] * 9)
    finished = apply(tenant, work_for(tenant, entries))
    assert finished is not None
    assert [note.rule for note in finished.notes] == ["not-a-reset"]
    assert Kind.CLEAR not in tenant.writes()
    assert tenant.live[ONE].markers
    assert len(plan_for(tenant, entries).changes) == 3


@pytest.mark.parametrize(("count", "apart"), [(8, 0.0), (8, 0.3), (8, 3.0)])
def test_v09_no_machine_hands_over_a_dead_link_as_good(count: int, apart: float, tmp_path: Path) -> None:
    """One plan, two machines, a links file each: whose outcome is `applied` holds the link that works."""
    numbers = range(1, count + 1)
    tenant = new_tenant(*(guest(number, f"g{number}@old.example") for number in numbers))
    entries = desired(
        *(declared(number, f"g{number}@newco.example", send_message=False) for number in numbers)
    )
    plan = plan_for(tenant, entries)
    files = [tmp_path / "a", tmp_path / "b"]
    with open_redeem_links(files[0]) as links_a, open_redeem_links(files[1]) as links_b:
        finished = run_together(
            tenant,
            Machine(tenant=tenant, work=work_for(tenant, entries, plan), links=links_a),
            Machine(tenant=tenant, work=work_for(tenant, entries, plan), links=links_b, starts_after=apart),
        )
    for file, run in zip(files, finished, strict=True):
        for outcome in outcomes(run).values():
            if outcome.outcome is Outcome.APPLIED:
                link = tenant.truth[outcome.id].link
                assert link is not None
                assert link.reveal() in file.read_text()
    open_ids = {change.id for change in plan_for(tenant, entries).changes}
    for number in numbers:
        link = tenant.truth[guest_id(number)].link
        kept = any(link and link.reveal() in file.read_text() for file in files)
        assert kept or guest_id(number) in open_ids


def test_v10_a_reset_carried_out_late_is_seen_before_the_last_write() -> None:
    """A first POST that takes effect after its repetition kills our link: the marker stays."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.RESET, LOST_BEFORE)
    tenant.answers(Kind.CLEAR, THROTTLED)
    at_call(tenant, Kind.READ, 50, lambda: None)
    late: list[bool] = []
    earlier = tenant.script

    def script(call: Call) -> Fault | None:
        if call.kind is Kind.READ and Kind.CLEAR in tenant.writes() and not late:
            late.append(tenant.truth[ONE].resets == 1)
            tenant.reset_in_portal(ONE)
        return earlier(call)

    tenant.script = script
    outcome = outcome_of(apply(tenant, work_for(tenant, QUIET)))
    assert late == [True]
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "reset-meanwhile")
    assert result_of(outcome, ResetRedemption.name)[0] is ActionResult.REPEATED
    assert tenant.live[ONE].markers


def test_v10_a_repeated_reset_is_called_that() -> None:
    """A reset that may still be carried out after the run's end is reported as repeated."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.RESET, LOST_BEFORE)
    outcome = outcome_of(apply(tenant, work_for(tenant, QUIET)))
    assert result_of(outcome, ResetRedemption.name) == (ActionResult.REPEATED, 2)


def test_v11_a_conflict_that_only_the_directory_knows_costs_no_message() -> None:
    """Three runs without a plan file against an address that is taken: nobody is reset once."""
    tenant = new_tenant(guest())
    work = work_for(tenant, CHANGED)
    tenant.add(guest(9, NEW))
    for _ in range(3):
        outcome = outcome_of(apply(tenant, work))
        assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "address-in-use")
        tenant.clock.pass_by(60.0)
    assert (tenant.truth[ONE].resets, tenant.truth[ONE].bound) == (0, OLD_ADDRESS)


def test_v11_who_cannot_be_written_to_any_more_is_not_reset_again() -> None:
    """Where every PATCH after the reset is refused, a later run meets that before its POST."""
    tenant = new_tenant(guest())
    tenant.script = lambda call: (
        REFUSED if call.kind in {Kind.MAIL, Kind.CLEAR} and tenant.truth[ONE].resets else None
    )
    for _ in range(3):
        apply(tenant, work_for(tenant, CHANGED))
        tenant.clock.pass_by(60.0)
    assert tenant.truth[ONE].resets == 1
    assert plan_for(tenant, CHANGED).changes


@pytest.mark.parametrize("kind", [Kind.MAIL, Kind.CLEAR])
def test_v12_an_address_added_while_a_write_waits_is_not_lost(kind: Kind) -> None:
    """A pause of 8 s between our read and our PATCH, and somebody adds an address: it stays there."""
    tenant = new_tenant(guest())
    tenant.answers(kind, Fault(answer=failed(FailureKind.NOT_EXECUTED, status=429, retry_after=8.0)))
    added = EmailAddress("added@old.example")

    def add() -> None:
        found = tenant.live[ONE]
        tenant.edit(ONE, other_mails=tuple(sorted({*found.other_mails, added})))

    at_call(tenant, kind, 1, add)
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED)))
    assert added in tenant.live[ONE].other_mails
    if kind is Kind.MAIL:
        assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "changed-meanwhile")
    else:
        assert outcome.outcome is Outcome.APPLIED
        assert f"{added} was added to otherMails meanwhile" in outcome.message


@pytest.mark.parametrize(("permission_held", "stops"), [(True, False), (None, True), (False, True)])
def test_v13_three_refused_guests_do_not_stop_the_others(
    permission_held: bool | None,  # noqa: FBT001 - pytest names it
    stops: bool,  # noqa: FBT001 - pytest names it
) -> None:
    """The first three are refused for ever; when the token holds the permission, the others are changed."""
    tenant = new_tenant(*(guest(number, f"g{number}@old.example") for number in range(1, 11)))
    tenant.permission_held = permission_held
    entries = desired(*(declared(number, f"g{number}@newco.example") for number in range(1, 11)))
    for number in (1, 2, 3):
        tenant.answers(Kind.MAIL, *[REFUSED] * 9, guest=guest_id(number))
    finished = apply(tenant, work_for(tenant, entries), settings=Settings(max_in_flight=3))
    found = [each.outcome for each in outcomes(finished).values()]
    others = Outcome.NOT_ATTEMPTED if stops else Outcome.APPLIED
    assert found == [Outcome.FAILED] * 3 + [others] * 7


def test_v14_a_long_retry_after_does_not_end_a_half_done_guest() -> None:
    """The last write, told to wait for 700 s, is tried once more before its ten minutes are over."""
    tenant = new_tenant(guest())
    tenant.answers(Kind.CLEAR, Fault(answer=failed(FailureKind.NOT_EXECUTED, status=429, retry_after=700.0)))
    heard, begun = Heard(), tenant.clock.monotonic()
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED), heard=heard))
    assert outcome.outcome is Outcome.APPLIED
    assert 590.0 < tenant.clock.monotonic() - begun < 660.0
    assert WaitReason.THROTTLED in heard.reasons(ONE)


def test_v20_an_approved_change_that_is_blocked_since_is_counted() -> None:
    """The run is told which approved changes a rule keeps from running, to end with a failure for them."""
    tenant = new_tenant(guest())
    approved = plan_for(tenant, CHANGED)
    blocked = plan_for(tenant, desired(declared(), policy=Policy(denied_domains=("newco.example",))))
    approval = approve(blocked, [approved])
    assert [outcome.outcome for outcome in approval.outcomes] == [Outcome.BLOCKED]
    assert approval.withheld == {ONE}


@pytest.mark.parametrize("when", ["before", "after the first write", "after the reset"])
def test_v21_a_guest_made_internal_is_named_as_that(when: str) -> None:
    """Somebody converts the guest: nothing waits for reads to catch up, and no cause is made up."""
    tenant, heard = new_tenant(guest()), Heard()
    plan = plan_for(tenant, CHANGED)
    kind = {"after the first write": Kind.MAIL, "after the reset": Kind.RESET}.get(when)
    if kind is not None:
        tenant.answers(kind, KILLED_AFTER)
        assert apply(tenant, work_for(tenant, CHANGED, plan)) is None
    work = work_for(tenant, CHANGED, plan)
    tenant.edit(ONE, state=None, state_changed_at=None)
    begun = tenant.clock.monotonic()
    outcome = outcome_of(apply(tenant, work, heard=heard))
    assert (outcome.outcome, outcome.rule) == (Outcome.STALE, "stale")
    assert "externalUserState" in outcome.message
    assert tenant.clock.monotonic() - begun < 10.0
    assert tenant.live[ONE].state is not RedemptionState.PENDING


@pytest.mark.parametrize("number", [2, 3, 4])
def test_v21_a_guest_made_internal_during_the_run_is_named_as_that(number: int) -> None:
    """Converted between any two of our writes, or after the last: the report says so, and nobody waits."""
    tenant = new_tenant(guest())
    at_call(tenant, Kind.READ, number, lambda: tenant.edit(ONE, state=None, state_changed_at=None))
    begun = tenant.clock.monotonic()
    outcome = outcome_of(apply(tenant, work_for(tenant, CHANGED)))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "changed-meanwhile")
    assert "made them an internal user" in outcome.message
    assert tenant.clock.monotonic() - begun < 10.0
