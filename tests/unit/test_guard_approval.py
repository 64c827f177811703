"""What a plan file allows, and what becomes of everything it does not."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.guard.approval import Approval, Work, approve, approve_all
from reconciler.model import (
    ChangeKind,
    Desired,
    DesiredGuest,
    Guest,
    Hold,
    Marker,
    Origin,
    Outcome,
    Plan,
    Policy,
    RedemptionState,
)
from reconciler.plan import make_plan
from tests.support.directory import NEW, NOW, OLD, REDEEMED, declared, desired, guest, guest_id, live
from tests.support.plans import marker_of

PENDING = RedemptionState.PENDING
RESET_AT = NOW + timedelta(minutes=1)
LATER = NOW + timedelta(hours=1)
DUE = REDEEMED + timedelta(days=1)


def plan_of(entries: DesiredGuest | Desired, *guests: Guest, hours: int = 0) -> Plan:
    tree = desired(entries) if isinstance(entries, DesiredGuest) else entries
    return make_plan(tree, live(*guests), NOW + timedelta(hours=hours))


def outcomes(approval: Approval) -> list[tuple[str, str | None]]:
    return [(outcome.outcome, outcome.rule) for outcome in approval.outcomes]


def stale_message(plan: Plan, approved: Sequence[Plan]) -> str:
    approval = approve(plan, approved)
    assert approval.work == ()
    assert outcomes(approval) == [(Outcome.STALE, "stale")]
    return approval.outcomes[0].message


def test_without_a_file_every_change_is_its_own_record() -> None:
    """A person who has just seen the plan approves all of it, and blocked guests are reported."""
    tree = desired(declared(1), declared(2, email="bo@new.example"))
    plan = plan_of(tree, guest(1))
    approval = approve_all(plan)
    assert approval.work == (Work(planned=plan.changes[0], recorded=plan.changes[0]),)
    assert outcomes(approval) == [(Outcome.BLOCKED, "not-found")]


def test_the_same_digest_is_approved_whenever_it_was_planned() -> None:
    """The same work on another day and from another file is what was reviewed."""
    plan, file = plan_of(declared(), guest(), hours=5), plan_of(declared(), guest())
    assert approve(plan, [file]) == Approval(
        work=(Work(planned=plan.changes[0], recorded=file.changes[0], approved_at=file.created_at),),
        outcomes=(),
    )


def test_a_guest_no_file_names_is_not_approved() -> None:
    """What nobody reviewed does not run, and says what to do."""
    approval = approve(plan_of(declared(), guest()), [])
    assert approval.work == ()
    assert outcomes(approval) == [(Outcome.NOT_APPROVED, "not-approved")]
    assert "plan again" in approval.outcomes[0].message


FILE = plan_of(declared(), guest())
OWN = marker_of(FILE.changes[0].marker_digits)


def begun(*, marker: Marker | None = OWN, others: Sequence[str] = (NEW,), **fields: Any) -> Guest:
    """Make the guest as the first write of the approved change has left them."""
    return guest(mail=NEW, others=others, markers=() if marker is None else (marker,), **fields)


@pytest.mark.parametrize(
    "half",
    [
        begun(),
        begun(state=PENDING, changed=RESET_AT),
        begun(changed=LATER),
        begun(others=[NEW, "x@foreign.example"]),
        begun(marker=replace(OWN, nonce="ffffffff", domain="contoso.onmicrosoft.example")),
    ],
    ids=["written", "reset sent", "redeemed in between", "address added since", "another nonce and domain"],
)
def test_the_rest_of_an_approved_change_is_approved_by_its_digits(half: Guest) -> None:
    """A row that finishes what was begun is approved by the plan whose digest begins with its digits."""
    plan = plan_of(declared(), half, hours=2)
    assert plan.changes[0].resumes == OWN.digits
    assert plan.changes[0].digest != FILE.changes[0].digest
    assert approve(plan, [FILE]).work == (
        Work(planned=plan.changes[0], recorded=FILE.changes[0], approved_at=FILE.created_at),
    )


def test_the_rest_of_a_change_that_nobody_approved_is_stale() -> None:
    """Digits that no approved plan knows, a forged marker among them, approve nothing."""
    plan = plan_of(declared(), begun(marker=marker_of("f" * 16)), hours=2)
    assert "not as they were then" in stale_message(plan, [FILE])


def test_the_rest_that_a_plan_shows_is_approved_by_that_plan() -> None:
    """Who reviewed the rest of a change has approved it, whoever began it."""
    rest = plan_of(declared(), begun(marker=marker_of("f" * 16)))
    plan = plan_of(declared(), begun(marker=marker_of("f" * 16)), hours=2)
    assert approve(plan, [rest]).work[0].recorded == rest.changes[0]


def test_the_rest_with_another_invitation_is_stale() -> None:
    """The digits name a change; how its guest is invited has to be what was approved."""
    plan = plan_of(declared(send_message=False), begun(), hours=2)
    assert "invitation" in stale_message(plan, [FILE])


def test_the_rest_with_an_address_of_its_own_is_stale() -> None:
    """An alternate declared since the approval would be written without a review."""
    plan = plan_of(declared(alternates=["x@foreign.example"]), begun(), hours=2)
    assert "otherMails" in stale_message(plan, [FILE])


def test_a_restored_mail_approves_the_reset_that_is_needed_after_all() -> None:
    """The reset was shown as what follows when the guest is not seen to sign in with the address."""
    file = plan_of(declared(), guest(passcode=NEW))
    marker = marker_of(file.changes[0].marker_digits)
    plan = plan_of(declared(), begun(marker=marker), hours=2)
    assert [change.kind for change in (*file.changes, *plan.changes)] == [
        ChangeKind.RESTORE_MAIL,
        ChangeKind.CHANGE_EMAIL,
    ]
    assert approve(plan, [file]).work == (
        Work(planned=plan.changes[0], recorded=file.changes[0], approved_at=file.created_at),
    )


def test_a_change_back_over_a_marker_needs_an_approval_of_its_own() -> None:
    """Neither the marker nor the approval of what was begun approves another address."""
    plan = plan_of(declared(email=OLD), begun(state=PENDING, changed=RESET_AT), hours=2)
    assert plan.changes[0].resumes is None
    assert "was approved" in stale_message(plan, [FILE])


def test_the_rest_of_a_reset_that_wrote_its_list_is_approved() -> None:
    """After the list is written only the invitation is left to plan."""
    entry = declared(email=OLD, reset_after=DUE, alternates=[])
    file = plan_of(entry, guest(others=[OLD, "x@gone.example"]))
    plan = plan_of(entry, guest(), hours=2)
    assert [len(each.changes[0].actions) for each in (file, plan)] == [2, 1]
    assert approve(plan, [file]).work == (
        Work(planned=plan.changes[0], recorded=file.changes[0], approved_at=file.created_at),
    )


def test_the_rest_of_a_reset_that_added_its_address_is_approved() -> None:
    """After the address is added only the invitation is left to plan."""
    entry = declared(email=OLD, reset_after=DUE)
    file, plan = plan_of(entry, guest(others=[])), plan_of(entry, guest(), hours=2)
    assert approve(plan, [file]).work[0].recorded == file.changes[0]


def test_a_list_may_be_written_without_the_reset_that_is_no_longer_needed() -> None:
    """A guest who redeemed in between holds no link that would have to be killed."""
    entry = declared(email=OLD, alternates=[])
    file = plan_of(entry, guest(others=[OLD, "x@gone.example"], state=PENDING))
    plan = plan_of(entry, guest(others=[OLD, "x@gone.example"]), hours=2)
    assert approve(plan, [file]).work[0].recorded == file.changes[0]


def test_a_reset_that_nobody_approved_is_not_added() -> None:
    """A guest who became pending would be reset now, and that was not reviewed."""
    entry = declared(email=OLD, alternates=[])
    file = plan_of(entry, guest(others=[OLD, "x@gone.example"]))
    plan = plan_of(entry, guest(others=[OLD, "x@gone.example"], state=PENDING), hours=2)
    assert "no reset was approved" in stale_message(plan, [file])


def test_another_address_is_stale_and_named() -> None:
    """A typo corrected after the review needs another review."""
    message = stale_message(
        plan_of(declared(email="anna@newco.example"), guest()), [plan_of(declared(), guest())]
    )
    assert "ana@newco.example was approved, anna@newco.example is planned" in message


def test_another_kind_is_stale_and_named() -> None:
    """A reset that was approved does not allow a change of address."""
    file = plan_of(declared(email=OLD, reset_after=DUE), guest())
    assert "reset was approved, change-email is planned" in stale_message(
        plan_of(declared(), guest()), [file]
    )


def test_another_invitation_is_stale() -> None:
    """Who is told, and how, is part of what was reviewed."""
    message = stale_message(plan_of(declared(send_message=False), guest()), [plan_of(declared(), guest())])
    assert "invitation" in message


def test_another_list_is_stale() -> None:
    """An address that came to otherMails since the review would be kept without a review."""
    plan = plan_of(declared(), guest(others=[OLD, "x@foreign.example"]))
    assert "otherMails" in stale_message(plan, [plan_of(declared(), guest())])
    entry = declared(email=OLD, reset_after=DUE, alternates=[])
    relisted = plan_of(entry, guest(others=[OLD, "x@gone.example"]))
    bare = plan_of(declared(email=OLD, reset_after=DUE), guest())
    assert "otherMails" in stale_message(relisted, [bare])


def test_several_files_allow_what_any_of_them_allows() -> None:
    """Runs are dropped when merges come fast, so the files of several reviews count together."""
    tree = desired(declared(1), declared(2, email="bo@new.example"), declared(3, email="cy@new.example"))
    guests = (guest(1), guest(2, "bo@old.example"), guest(3, "cy@old.example"))
    plan = plan_of(tree, *guests)
    files = [plan_of(declared(1), *guests), plan_of(declared(2, email="bo@new.example"), *guests)]
    approval = approve(plan, files)
    assert [work.planned and work.planned.id for work in approval.work] == [guest_id(1), guest_id(2)]
    assert [outcome.id for outcome in approval.outcomes] == [guest_id(3)]


def test_the_file_that_fits_wins_over_a_newer_one() -> None:
    """A later review of something else does not take back what fits, in whatever order the files come."""
    old, newer = plan_of(declared(), guest()), plan_of(declared(email="anna@newco.example"), guest(), hours=3)
    plan = plan_of(declared(), guest(), hours=4)
    for files in ([old, newer], [newer, old]):
        assert approve(plan, files).work[0].recorded == old.changes[0]


def test_among_files_that_fit_the_same_digest_wins_and_then_the_newest() -> None:
    """The record closest to the work is the one it is judged against."""
    plan = plan_of(declared(), begun(), hours=5)
    rest, again = plan_of(declared(), begun(), hours=1), plan_of(declared(), begun(changed=LATER), hours=2)
    newer = plan_of(declared(), guest(changed=LATER), hours=3)
    assert rest.changes[0].digest == again.changes[0].digest == plan.changes[0].digest
    assert approve(plan, [rest, again, newer]).work[0].recorded == again.changes[0]
    assert approve(plan, [FILE, newer]).work[0].recorded == newer.changes[0]


def test_an_approved_guest_who_needs_nothing_is_looked_at_only() -> None:
    """Whether an earlier run had done it is for apply to find out, without writing."""
    file, newer = (
        plan_of(declared(), guest()),
        plan_of(declared(email="anna@newco.example"), guest(), hours=1),
    )
    done = plan_of(declared(), guest(mail=NEW))
    removed = plan_of(desired(), guest())
    assert approve(done, [file]).work == (
        Work(planned=None, recorded=file.changes[0], approved_at=file.created_at),
    )
    assert approve(removed, [file, newer]).work == (
        Work(planned=None, recorded=newer.changes[0], approved_at=newer.created_at),
    )


@pytest.mark.parametrize(
    ("policy", "rule", "withheld"),
    [
        (Policy(protected=(guest_id(1),)), "protected", False),
        (Policy(denied_domains=("newco.example",)), "domain-denied", True),
    ],
)
def test_an_approved_guest_who_is_blocked_now_is_blocked(
    policy: Policy, rule: str, *, withheld: bool
) -> None:
    """A rule that has come to hold since wins; it counts as not done unless it was written on purpose."""
    blocked = plan_of(desired(declared(), policy=policy), guest())
    approval = approve(blocked, [FILE])
    assert (approval.work, outcomes(approval)) == ((), [(Outcome.BLOCKED, rule)])
    assert approval.withheld == ({guest_id(1)} if withheld else frozenset())
    assert approve(blocked, []).withheld == frozenset()


def test_an_approved_guest_on_hold_is_left_alone_on_purpose() -> None:
    """A hold written since the approval is no failure of the run."""
    hold = Hold(reason="on leave", until=NOW.date())
    approval = approve(plan_of(declared(hold=hold), guest()), [FILE])
    assert (outcomes(approval), approval.withheld) == ([(Outcome.BLOCKED, "on-hold")], frozenset())


def test_whoever_waits_for_a_guest_who_is_not_approved_is_not_attempted() -> None:
    """An address is not taken over from somebody whose own change does not run, along the whole chain."""
    tree = desired(*(declared(n, email=f"p{n + 1}@old.example") for n in (1, 2, 3)))
    guests = [guest(n, f"p{n}@old.example") for n in (1, 2, 3)]
    whole = plan_of(tree, *guests)
    file = replace(whole, changes=tuple(change for change in whole.changes if change.id != guest_id(3)))
    approval = approve(whole, [file])
    assert approval.work == ()
    assert outcomes(approval) == [
        (Outcome.NOT_ATTEMPTED, "address-in-use"),
        (Outcome.NOT_ATTEMPTED, "address-in-use"),
        (Outcome.NOT_APPROVED, "not-approved"),
    ]
    assert [work.recorded.id for work in approve(whole, [whole]).work] == [guest_id(n) for n in (3, 2, 1)]


def marked(plan: Plan, origin: Origin) -> Plan:
    """Give the plan as one whose rows are all of one origin."""
    return replace(plan, changes=tuple(replace(change, origin=origin) for change in plan.changes))


def test_a_row_of_this_change_approves() -> None:
    """What a pull request declared, and its reviewers saw, runs."""
    plan = plan_of(declared(), guest())
    file = marked(plan, Origin.THIS_CHANGE)
    assert approve(plan, [file]).work == (
        Work(planned=plan.changes[0], recorded=file.changes[0], approved_at=file.created_at),
    )


def test_drift_beside_a_reviewed_change_is_not_approved_and_says_how_it_is_applied() -> None:
    """An unrelated merge never resets a guest whom the helpdesk has just repaired."""
    plan = plan_of(declared(), guest())
    approval = approve(plan, [marked(plan, Origin.ELSEWHERE)])
    assert approval.work == ()
    assert outcomes(approval) == [(Outcome.NOT_APPROVED, "not-approved")]
    assert "drift" in approval.outcomes[0].message
    # Either side may win, and the message says how.
    assert "apply a plan of its own" in approval.outcomes[0].message
    assert f"set email to {plan.changes[0].precondition.mail}" in approval.outcomes[0].message


def test_drift_in_one_review_does_not_take_back_the_approval_of_another() -> None:
    """The next pull request shows what the one before has changed as drift until it is applied."""
    plan = plan_of(declared(), guest())
    own, later = marked(plan, Origin.THIS_CHANGE), marked(plan, Origin.ELSEWHERE)
    assert approve(plan, [own, replace(later, created_at=LATER)]).work[0].recorded == own.changes[0]


def test_drift_with_another_goal_is_not_stale() -> None:
    """Nobody approved anything about the guest, so nothing approved has gone stale."""
    file = marked(plan_of(declared(email="anna@newco.example"), guest()), Origin.ELSEWHERE)
    assert outcomes(approve(plan_of(declared(), guest()), [file])) == [(Outcome.NOT_APPROVED, "not-approved")]


def test_drift_that_went_away_is_not_even_looked_at() -> None:
    """A guest who is as declared again, and was never approved, is nobody's work."""
    file = marked(plan_of(declared(), guest()), Origin.ELSEWHERE)
    assert approve(plan_of(declared(), guest(mail=NEW)), [file]) == Approval(work=(), outcomes=())


def test_the_rest_of_an_approved_rest_is_approved() -> None:
    """A rest that was approved as such and killed after its first write goes on under the same file."""
    marker = marker_of("0" * 16)
    file = plan_of(declared(email=OLD), guest(others=(), markers=(marker,)))
    assert file.changes[0].resumes == marker.digits
    plan = plan_of(declared(email=OLD), guest(others=(OLD,), markers=(marker,)), hours=1)
    assert plan.changes[0].digest != file.changes[0].digest
    (work,) = approve(plan, [file]).work
    assert work.recorded == file.changes[0]
