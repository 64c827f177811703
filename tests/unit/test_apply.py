"""Apply when nothing fails, and what it does with what it finds."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.apply import Settings, WaitReason
from reconciler.guard.approval import Work
from reconciler.model import (
    ActionResult,
    EmailAddress,
    Outcome,
    RedemptionState,
)
from tests.support.applying import Heard, apply, new_tenant, outcome_of, outcomes, plan_for, work_for
from tests.support.directory import NEW, OLD, REDEEMED, addresses, declared, desired, guest, guest_id
from tests.support.tenant import Tenant
from tests.support.tenant_calls import Call, Fault, Kind, refused

ONE, TWO = guest_id(1), guest_id(2)
THREE_WRITES = (Kind.MAIL, Kind.RESET, Kind.CLEAR)


def tenant_of_one(**fields: object) -> Tenant:
    tenant = new_tenant()
    tenant.add(guest(**fields))  # type: ignore[arg-type]
    return tenant


def test_a_change_of_address_writes_mail_first_and_takes_the_marker_away_last() -> None:
    """A guest gets `mail` with a marker, then the reset, then the marker goes, and the person is invited."""
    tenant = tenant_of_one()
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.APPLIED, outcome
    assert [record.result for record in outcome.actions] == [ActionResult.DONE] * 3
    assert tenant.writes(ONE) == THREE_WRITES
    assert tenant.truth[ONE].invited == EmailAddress(NEW)
    assert tenant.live[ONE].mail == EmailAddress(NEW)
    assert (tenant.live[ONE].other_mails, tenant.live[ONE].markers) == (addresses(NEW), ())
    assert not plan_for(tenant, desired(declared())).changes


def test_from_the_first_write_to_the_last_the_guest_carries_the_marker_of_the_change() -> None:
    """Whenever the run ends in between, the guest says whose change is not finished."""
    tenant = tenant_of_one()
    work = work_for(tenant, desired(declared()))
    apply(tenant, work)
    history = [(found.mail, found.marker) for _, found in tenant.truth[ONE].versions]
    assert [mail for mail, _ in history] == [EmailAddress(OLD), *[EmailAddress(NEW)] * 3]
    assert [marker and marker.digits for _, marker in history] == [
        None,
        work[0].recorded.marker_digits,
        work[0].recorded.marker_digits,
        None,
    ]


def test_the_old_address_is_off_the_object_before_the_guest_is_pending() -> None:
    """Nobody who only has the old address could be let in by `mail` or `otherMails` after the reset."""
    tenant = tenant_of_one()
    apply(tenant, work_for(tenant, desired(declared())))
    pending = [found for _, found in tenant.truth[ONE].versions if found.state is RedemptionState.PENDING]
    assert pending
    assert all(EmailAddress(OLD) not in {found.mail, *found.other_mails} for found in pending)


def test_a_guest_without_mail_gets_one() -> None:
    """A guest who never had a `mail` is changed like any other."""
    tenant = tenant_of_one(mail=None, others=("other@old.example",))
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()))))
    assert outcome.outcome is Outcome.APPLIED
    assert tenant.live[ONE].other_mails == addresses(NEW, "other@old.example")


def test_a_forced_reset_leaves_every_address_alone() -> None:
    """A reset of the same address sends one POST and no PATCH."""
    tenant = tenant_of_one(mail=NEW)
    work = work_for(tenant, desired(declared(reset_after=REDEEMED + timedelta(days=1))))
    assert outcome_of(apply(tenant, work)).outcome is Outcome.APPLIED
    assert tenant.writes() == (Kind.RESET,)


def test_a_forced_reset_first_writes_the_declared_list() -> None:
    """Where the other addresses differ as well, the list is written before the reset and is seen after it."""
    tenant = tenant_of_one(mail=NEW)
    entry = declared(reset_after=REDEEMED + timedelta(days=1), alternates=("second@newco.example",))
    assert outcome_of(apply(tenant, work_for(tenant, desired(entry)))).outcome is Outcome.APPLIED
    assert tenant.writes() == (Kind.OTHER_MAILS, Kind.RESET)
    assert tenant.live[ONE].other_mails == addresses(NEW, "second@newco.example")


def test_other_addresses_change_without_a_reset() -> None:
    """Declared other addresses of an accepted guest are written and nobody is locked out."""
    tenant = tenant_of_one(mail=NEW)
    work = work_for(tenant, desired(declared(alternates=("second@newco.example",))))
    assert outcome_of(apply(tenant, work)).outcome is Outcome.APPLIED
    assert tenant.writes() == (Kind.OTHER_MAILS,)
    assert tenant.truth[ONE].bound == EmailAddress(NEW)


@pytest.mark.parametrize("moves_time", [True, False])
def test_a_pending_guest_who_loses_an_address_loses_the_link_too(moves_time: bool) -> None:  # noqa: FBT001 - pytest names it
    """The link that the lost address may hold is dead before the address goes, whether or not times move."""
    tenant = tenant_of_one(mail=NEW, others=(NEW, OLD), state=RedemptionState.PENDING)
    tenant.moves_time_of_pending = moves_time
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared(alternates=())))))
    assert outcome.outcome is Outcome.APPLIED, outcome
    assert tenant.writes() == (Kind.RESET, Kind.OTHER_MAILS)


def test_addresses_are_sent_as_they_stand_on_the_object() -> None:
    """A new address that is there already is sent in its live spelling, in the PATCHes and in the POST."""
    tenant = tenant_of_one(others=("ANA@newco.example", OLD))
    apply(tenant, work_for(tenant, desired(declared())))
    sent = {address.text for call in tenant.calls if call.kind.writes for address in call.addresses}
    assert sent == {"ANA@newco.example"}


def test_a_change_of_a_finished_run_is_already_applied() -> None:
    """The same plan applied twice writes nothing the second time."""
    tenant = tenant_of_one()
    plan = plan_for(tenant, desired(declared()))
    apply(tenant, work_for(tenant, desired(declared()), plan))
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared()), plan)))
    assert outcome.outcome is Outcome.ALREADY_APPLIED
    assert {record.result for record in outcome.actions} == {ActionResult.SKIPPED}
    assert "who holds the link, or redeemed with it, is not known" in outcome.message
    assert len(tenant.writes()) == 3


def test_a_guest_changed_since_the_plan_is_stale() -> None:
    """Another administrator's edit between plan and apply leaves the guest untouched."""
    tenant = tenant_of_one()
    work = work_for(tenant, desired(declared()))
    tenant.edit(ONE, other_mails=addresses(OLD, "foreign@old.example"))
    outcome = outcome_of(apply(tenant, work))
    assert (outcome.outcome, outcome.rule) == (Outcome.STALE, "stale")
    assert "otherMails" in outcome.message
    assert not tenant.writes()


def test_a_guest_deleted_since_the_plan_is_stale() -> None:
    """A guest who is gone is reported, not written to."""
    tenant = tenant_of_one()
    work = work_for(tenant, desired(declared()))
    tenant.delete(ONE)
    assert outcome_of(apply(tenant, work)).outcome is Outcome.STALE
    assert not tenant.writes()


def test_what_the_new_plan_does_not_ask_for_is_not_done() -> None:
    """An approved change whose entry is gone from the desired state is stale, not carried out."""
    tenant = tenant_of_one()
    plan = plan_for(tenant, desired(declared()))
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(), plan)))
    assert outcome.outcome is Outcome.STALE
    assert not tenant.writes()


def test_an_approved_reset_is_not_sent_when_the_new_plan_has_none() -> None:
    """Only what the new plan holds is sent, whatever was approved beside it."""
    tenant = tenant_of_one(mail=NEW, others=(NEW, OLD), state=RedemptionState.PENDING)
    (change,) = plan_for(tenant, desired(declared(alternates=()))).changes
    without = replace(change, actions=change.actions[1:])
    apply(tenant, [Work(planned=without, recorded=change)])
    assert tenant.writes() == (Kind.OTHER_MAILS,)


def test_who_takes_over_an_address_waits_until_it_is_free() -> None:
    """A guest who gets another's address is written to only after that one was seen without it."""
    tenant = tenant_of_one()
    tenant.add(guest(2, "bo@old.example"))
    tenant.keeps_stale_proxies = False
    heard = Heard()
    entries = desired(declared(1, NEW), declared(2, OLD))
    outcome = outcomes(apply(tenant, work_for(tenant, entries), heard=heard))
    assert {each.outcome for each in outcome.values()} == {Outcome.APPLIED}, outcome
    (freed,) = [call.number for call in tenant.calls if call.kind is Kind.MAIL and call.guest == ONE]
    first_of_two = min(call.number for call in tenant.calls if call.kind.writes and call.guest == TWO)
    assert freed < first_of_two
    assert WaitReason.PREDECESSOR in heard.reasons(TWO)


def test_a_predecessor_need_not_be_finished() -> None:
    """Once the address is free, what is left of its old owner's change holds up nobody."""
    tenant = tenant_of_one()
    tenant.add(guest(2, "bo@old.example"))
    tenant.keeps_stale_proxies = False
    tenant.answers(Kind.RESET, Fault(answer=refused("holds-role")), guest=ONE)
    outcome = outcomes(apply(tenant, work_for(tenant, desired(declared(1, NEW), declared(2, OLD)))))
    assert outcome[ONE].outcome is Outcome.FAILED
    assert outcome[TWO].outcome is Outcome.APPLIED


def test_an_address_that_stays_behind_is_not_taken_over() -> None:
    """Where Graph keeps the old address in proxyAddresses, nothing is written to its next owner."""
    tenant = tenant_of_one()
    tenant.add(guest(2, "bo@old.example"))
    outcome = outcomes(apply(tenant, work_for(tenant, desired(declared(1, NEW), declared(2, OLD)))))
    assert outcome[ONE].outcome is Outcome.APPLIED
    assert (outcome[TWO].outcome, outcome[TWO].rule) == (Outcome.NOT_ATTEMPTED, "address-in-use")
    # Nobody is told to do what Graph's own documentation rules out, or to try the same again.
    assert f"still stands on {ONE}" in outcome[TWO].message
    assert "declare another address" in outcome[TWO].message
    assert "apply again once it is gone" in outcome[TWO].message
    assert not tenant.writes(TWO)


def test_nobody_takes_over_from_a_guest_who_failed() -> None:
    """When the first of a chain fails, the one behind it is not attempted."""
    tenant = tenant_of_one()
    tenant.add(guest(2, "bo@old.example"))
    work = work_for(tenant, desired(declared(1, NEW), declared(2, OLD)))
    tenant.edit(ONE, mail=EmailAddress("somebody@old.example"))
    outcome = outcomes(apply(tenant, work))
    assert outcome[ONE].outcome is Outcome.STALE
    assert (outcome[TWO].outcome, outcome[TWO].rule) == (Outcome.NOT_ATTEMPTED, "address-in-use")
    assert not tenant.writes()


def test_nobody_takes_over_from_a_guest_outside_the_run() -> None:
    """Who waits for a guest that is no part of the run is not attempted."""
    tenant = tenant_of_one()
    tenant.add(guest(2, "bo@old.example"))
    (_, second) = work_for(tenant, desired(declared(1, NEW), declared(2, OLD)))
    outcome = outcome_of(apply(tenant, [second]))
    assert (outcome.outcome, outcome.rule) == (Outcome.NOT_ATTEMPTED, "address-in-use")


def test_a_chain_is_taken_up_after_its_first_guest_is_done() -> None:
    """A chain whose first guest an earlier run had finished goes on with the second."""
    tenant = tenant_of_one()
    tenant.add(guest(2, "bo@old.example"))
    tenant.keeps_stale_proxies = False
    entries = desired(declared(1, NEW), declared(2, OLD))
    work = work_for(tenant, entries)
    apply(tenant, work[:1])
    outcome = outcomes(apply(tenant, work))
    assert outcome[ONE].outcome is Outcome.ALREADY_APPLIED
    assert outcome[TWO].outcome is Outcome.APPLIED


def test_an_address_taken_in_the_last_moment_resets_nobody() -> None:
    """A conflict that only the directory knows is met at the first write, before anything is lost."""
    tenant = tenant_of_one()
    work = work_for(tenant, desired(declared()))
    tenant.add(guest(9, NEW))
    outcome = outcome_of(apply(tenant, work))
    assert (outcome.outcome, outcome.rule) == (Outcome.FAILED, "address-in-use")
    assert tenant.writes() == (Kind.MAIL,)
    assert (tenant.live[ONE].mail, tenant.truth[ONE].bound) == (EmailAddress(OLD), EmailAddress(OLD))


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_no_more_guests_are_in_flight_than_allowed(limit: int) -> None:
    """Between first and last write there are never more guests than the settings say."""
    tenant = new_tenant()
    numbers = range(1, 25)
    for number in numbers:
        tenant.add(guest(number, f"g{number}@old.example"))
    entries = desired(*(declared(number, f"g{number}@newco.example") for number in numbers))
    tenant.invitation_lag = 4.0
    finished = apply(tenant, work_for(tenant, entries), settings=Settings(max_in_flight=limit))
    assert {each.outcome for each in outcomes(finished).values()} == {Outcome.APPLIED}
    begun: dict[object, int] = {}
    most = 0
    for call in tenant.calls:
        if call.kind.writes:
            begun[call.guest] = begun.get(call.guest, 0) + 1
            in_flight = sum(
                1 for guest_ in begun if call.guest == guest_ or not _finished(tenant, guest_, call.number)
            )
            most = max(most, in_flight)
    assert most <= limit


def _finished(tenant: Tenant, guest_: object, number: int) -> bool:
    return any(
        call.kind is Kind.CLEAR and call.guest == guest_ and call.number < number for call in tenant.calls
    )


def test_many_guests_wait_at_the_same_time() -> None:
    """Forty guests with replication to wait for take hardly longer than one."""
    tenant = new_tenant()
    for number in range(1, 41):
        tenant.add(guest(number, f"g{number}@old.example"))
    tenant.invitation_lag = 30.0
    entries = desired(*(declared(number, f"g{number}@newco.example") for number in range(1, 41)))
    work = work_for(tenant, entries)
    started = tenant.clock.monotonic()
    apply(tenant, work)
    assert tenant.clock.monotonic() - started < 2 * 60


def test_guests_learn_from_each_other_how_long_writes_take_to_show() -> None:
    """With a lag of five seconds, most guests are read once or twice and not all the time."""
    tenant = new_tenant()
    for number in range(1, 81):
        tenant.add(guest(number, f"g{number}@old.example"))
    tenant.read_lag = tenant.invitation_lag = 5.0
    entries = desired(*(declared(number, f"g{number}@newco.example") for number in range(1, 81)))
    finished = apply(tenant, work_for(tenant, entries), settings=Settings(max_in_flight=8))
    assert {each.outcome for each in outcomes(finished).values()} == {Outcome.APPLIED}
    assert sum(1 for call in tenant.calls if call.kind is Kind.READ) < 80 * 5


@pytest.mark.parametrize("kind", [Kind.MAIL, Kind.RESET])
def test_a_guest_whose_turn_comes_late_is_read_again(kind: Kind) -> None:
    """A write that queued for the quota for more than a minute is preceded by another read."""
    tenant = tenant_of_one()
    work = work_for(tenant, desired(declared()))
    tenant.queues[kind] = 61.0
    script = tenant.script

    def hold_the_first_turn_only(call: Call) -> Fault | None:
        if call.kind is Kind.READ and call.nth >= 2 and tenant.clock.monotonic() > 60.0:
            tenant.queues.clear()
        return script(call)

    tenant.script = hold_the_first_turn_only
    assert outcome_of(apply(tenant, work)).outcome is Outcome.APPLIED
    kinds = [call.kind for call in tenant.calls]
    assert kinds[: kinds.index(kind)].count(Kind.READ) == (2 if kind is Kind.MAIL else 3)
    assert tenant.truth[ONE].resets == 1


def test_an_edit_while_a_write_queues_is_not_overwritten() -> None:
    """Another administrator's edit during a long wait for the quota is seen before the first write."""
    tenant = tenant_of_one()
    work = work_for(tenant, desired(declared()))
    tenant.queues[Kind.MAIL] = 90.0
    script = tenant.script

    def edit_at_the_second_read(call: Call) -> Fault | None:
        if call.kind is Kind.READ and call.nth == 2:
            tenant.edit(ONE, other_mails=addresses(OLD, "foreign@old.example"))
        return script(call)

    tenant.script = edit_at_the_second_read
    assert outcome_of(apply(tenant, work)).outcome is Outcome.STALE
    assert not tenant.writes()


def test_a_write_that_does_not_show_is_unverified() -> None:
    """What is not seen within the time is neither success nor failure."""
    tenant = tenant_of_one(mail=NEW)
    work = work_for(tenant, desired(declared(alternates=("second@newco.example",))))
    tenant.read_lag = 300.0
    finished = apply(tenant, work)
    assert (outcome_of(finished).outcome, outcome_of(finished).rule) == (Outcome.UNVERIFIED, "not-seen")


def test_a_person_who_redeems_at_once_does_not_confuse_the_read_back() -> None:
    """A redemption between the reset and the read back still counts as seen."""
    tenant = tenant_of_one()
    work = work_for(tenant, desired(declared()))
    script = tenant.script

    def redeem_before_read_back(call: object) -> Fault | None:
        if tenant.writes(ONE) == THREE_WRITES:
            tenant.redeem(ONE, EmailAddress(NEW))
        return script(call)  # type: ignore[arg-type]

    tenant.script = redeem_before_read_back
    outcome = outcome_of(apply(tenant, work))
    assert outcome.outcome is Outcome.APPLIED
    assert "who that was is not known" in outcome.message
    assert tenant.truth[ONE].bound == EmailAddress(NEW)


def test_the_observer_is_notified_of_every_step() -> None:
    """The observer gets the start, each action and the end of a guest."""
    tenant = tenant_of_one()
    heard = Heard()
    finished = apply(tenant, work_for(tenant, desired(declared())), heard=heard)
    assert heard.started == [ONE]
    assert [record.action for _, record in heard.ended] == ["SetMail", "ResetRedemption", "ClearMarker"]
    assert heard.finished == [outcome_of(finished)]


def test_nothing_to_do_is_done_at_once() -> None:
    """A run over no work ends, and says that nothing went wrong."""
    finished = apply(new_tenant(), [])
    assert finished is not None
    assert (finished.outcomes, finished.notes, finished.interrupted, finished.crash) == ((), (), False, None)


def test_a_guest_whom_no_message_reaches_is_named() -> None:
    """Without a message and without a file for the link, the outcome says that the person cannot know."""
    tenant = tenant_of_one()
    outcome = outcome_of(apply(tenant, work_for(tenant, desired(declared(send_message=False)))))
    assert outcome.outcome is Outcome.APPLIED
    assert "the person is not informed" in outcome.message
    informed = tenant_of_one()
    outcome = outcome_of(apply(informed, work_for(informed, desired(declared()))))
    assert "the person is not informed" not in outcome.message
