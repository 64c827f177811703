"""Ways in which a change of address could once end wrongly, while everything looked green.

Numbers are those of the review that found them. Those about writes of other administrators and runs are in
`test_apply_foreign_writes.py`; those about signals, reports and files of a run are held where the command is
tested. OLD and NEW are the address before and after; nobody but NEW may end with the guest, or with the link
that works.
"""

from pathlib import Path

import pytest

from reconciler.apply import Settings, WaitReason
from reconciler.guard.approval import approve
from reconciler.model import ActionResult, EmailAddress, FailureKind, Outcome, Policy, ResetRedemption
from reconciler.redeem_links import open_redeem_links
from tests.support.applying import (
    Heard,
    Machine,
    apply,
    at_call,
    new_tenant,
    ours_alone,
    outcome_of,
    outcomes,
    plan_for,
    result_of,
    run_together,
    work_for,
)
from tests.support.directory import NEW, OLD, declared, desired, guest, guest_id
from tests.support.tenant_calls import (
    KILLED_BEFORE,
    LOST_BEFORE,
    REFUSED,
    THROTTLED,
    Call,
    Fault,
    Kind,
    failed,
)

ONE = guest_id(1)
OLD_ADDRESS, NEW_ADDRESS = EmailAddress(OLD), EmailAddress(NEW)
CHANGED, BACK = desired(declared()), desired(declared(email=OLD))
QUIET = desired(declared(send_message=False))


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
