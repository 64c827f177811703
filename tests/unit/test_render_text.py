import dataclasses
import re
from dataclasses import replace

import pytest

from reconciler.model import (
    ActionRecord,
    ActionResult,
    Change,
    Cloud,
    Note,
    Outcome,
    Problem,
    RedemptionState,
    Refusal,
)
from reconciler.render import markdown, text
from reconciler.render.plan_view import plan_view
from reconciler.render.report_view import report_view
from reconciler.rules import OtherRule, Rule
from tests.support.plans import (
    LINGERS,
    NOW,
    again_of,
    blocked_of,
    change_of,
    guest_id,
    large_plan,
    mixed_report,
    others_of,
    outcome_of,
    plan_of,
    report_of,
    reset_of,
    rest_of,
    restored_of,
    small_plan,
)

SMALL = """\
Plan for tenant 7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10, made 2026-10-01T08:00:00Z

new address: Ana Souza
    id    1b6a4f0c-8a0c-4d6e-9a51-000000000001 (guests/fabrikam.yaml:4)
    from  ana@old.example
    to    ana@newco.example
    + ana@newco.example
    - ana@old.example
    why   the declared address differs from mail
    Cannot sign in until they redeem.
    Microsoft sends the invitation in en-US.
    The old address can still redeem while it stays in proxyAddresses.
    Can sign in with these too: ana.k@private.example.
    warning: domain-look-alike: newc0.example looks like newco.example, which 40
      guests use

reset, same address: Bo Hansen
    id    1b6a4f0c-8a0c-4d6e-9a51-000000000002 (guests/fabrikam.yaml:30)
    from  bo@fabrikam.example
    to    (the same)
    why   resetAfter is later than the last redemption
    Cannot sign in until they redeem.
    No message is sent, and no redeem link is kept, so the person cannot get in:
      remove sendMessage: false, or apply with --redeem-links FILE and hand the
      link over.

other addresses: Eve Moneypenny
    id    1b6a4f0c-8a0c-4d6e-9a51-000000000003 (guests/fabrikam.yaml:40)
    from  eve@fabrikam.example
    to    (the same)
    - eve@private.example
    why   the declared alternateEmails differ from otherMails
    Nobody is reset. 1 address will not be able to sign in any more.

blocked: Max Admin
    id    1b6a4f0c-8a0c-4d6e-9a51-000000000009 (guests/fabrikam.yaml:9)
    holds-role: holds the role User Administrator; remove the role assignment,
      apply, and assign it again

Warnings:
  not-checked: PIM eligibility was not looked at: grant RoleManagement.Read.All

3 guests to change, 2 of them cannot sign in until they redeem, 1 blocked.
Declared 101: 3 to change, 1 blocked, 97 unchanged. Not declared: 12.
Review sha256:a4a4fc0a5dfb0308134e73c916b00bd65048d1c24ef08c0aee1e95a168626389
Plan sha256:a496c24c96477739bb1af8790ae36d05ba86619dbaa5b2aa07d17546f92e0e0c
"""


def test_a_small_plan_reads_like_this() -> None:
    """At 80 columns without colour a plan says who, from, to, what happens and why, and counts last."""
    assert text.plan(plan_view(small_plan()), width=80, colour=False) == SMALL


def test_an_empty_plan_says_so() -> None:
    """A converged tenant is one sentence, the counts and the digests."""
    lines = text.plan(plan_view(plan_of()), width=80, colour=False).splitlines()
    assert lines[2] == "Nothing to change: 97 declared guests and the tenant agree."
    assert len(lines) == 6


def test_output_about_the_emulator_says_so_first() -> None:
    """The first line of a plan and of a report begins with EMULATOR when no real tenant is meant."""
    assert text.plan(plan_view(small_plan(cloud=Cloud.EMULATOR)), width=80, colour=False).startswith(
        "EMULATOR"
    )
    assert text.report(report_view(mixed_report(cloud=Cloud.EMULATOR)), width=80, colour=False).startswith(
        "EMULATOR"
    )


def test_colour_adds_only_colour() -> None:
    """Without its escape sequences, coloured output is the plain output."""
    coloured = text.plan(plan_view(small_plan()), width=80, colour=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == SMALL


def test_a_long_plan_says_the_usual_once() -> None:
    """From many changes on, what holds for most is said once, and what is odd about one stays with it."""
    shown = text.plan(plan_view(large_plan(200)), width=80, colour=False)
    assert shown.count("Unless a guest below says otherwise:") == 1
    assert "Cannot sign in until they redeem." not in shown
    assert shown.count("guest-disabled") == 2
    assert shown.count("new address:") == 200


def test_no_line_is_wider_than_asked_but_for_a_single_long_word() -> None:
    """Lines are broken at spaces in terminal cells, and an address is never cut."""
    address = "x" * 90 + "@newco.example"
    shown = text.plan(plan_view(plan_of(change_of(after=address, name="山田 " * 30))), width=60, colour=False)
    assert address in shown
    wide = [line for line in shown.splitlines() if len(line) > 60]
    assert all(len(line.split()) == 1 or " " not in line.strip() for line in wide)


def test_refusals_and_incompleteness_are_said() -> None:
    """A plan that apply would refuse, or that lacks a check, says so before the counts."""
    shown = text.plan(
        plan_view(
            plan_of(
                change_of(),
                refusals=[Refusal(rule=Rule.MAX_CHANGES, message="21 resets, 20 are allowed")],
                complete=False,
                listed_all=False,
            )
        ),
        width=80,
        colour=False,
    )
    assert "Apply would refuse this plan:\n  max-changes: 21 resets, 20 are allowed" in shown
    assert "INCOMPLETE" in shown
    assert "Not declared: 12 seen, and there may be more" in " ".join(shown.split())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (change_of(before=None), "from  (none)"),
        (change_of(name=None), "new address: (no name)"),
        (
            change_of(state=RedemptionState.PENDING),
            "Has not redeemed yet; the link sent before stops working.",
        ),
        (
            change_of(reset=reset_of("ana@newco.example", cc="boss@contoso.example")),
            "in en-US, with a copy to boss@contoso.example.",
        ),
        (change_of(reset=reset_of("ana@newco.example", message="Hi")), "with a message of yours."),
        (
            change_of(waits_for=guest_id(7)),
            f"Waits until guest {guest_id(7)} has left an address that this guest gets.",
        ),
        (again_of(others=["bo.h@fabrikam.example"]), "Can sign in with these too: bo.h@fabrikam.example."),
        (
            others_of(reset=reset_of("eve@fabrikam.example")),
            "Has not redeemed yet; the link sent before stops working.",
        ),
        (others_of(after=["a@x.example", "b@x.example"]), "    + a@x.example\n    + b@x.example\n"),
        (restored_of(), "mail put back: Kim Restored"),
        (restored_of(), "They keep their way to sign in; reset only if it is not seen once mail is written."),
        (
            restored_of(),
            "The address that goes usually stays in proxyAddresses: after a reset it can redeem.",
        ),
        (rest_of(), "Finishes change 0123456789abcdef, which an earlier run began."),
        (rest_of(), "to    (the same)"),
        (rest_of(), "warning: half-done: a change of address was begun and not finished"),
    ],
)
def test_what_will_happen_is_said(change: Change, sentence: str) -> None:
    """Each thing a change does to its guest is a sentence of its own."""
    assert sentence in text.plan(plan_view(plan_of(change)), width=120, colour=False)


def test_a_report_leads_with_those_who_need_somebody() -> None:
    """Outcomes are grouped, failures first, each group with what to do next, and counts last."""
    shown = text.report(report_view(mixed_report()), width=80, colour=False)
    heads = [shown.index(f"\n{outcome}: 1 guest") for outcome in ("failed", "stale", "blocked", "applied")]
    assert heads == sorted(heads)
    assert "holds-role: Graph refused the reset" in shown
    assert "SetMail: done, request req-1" in shown
    assert "exit code 7." in shown.splitlines()[-4] + shown.splitlines()[-3]


def test_a_refused_run_says_why() -> None:
    """A run that touched nobody shows the refusal and the exit code."""
    shown = text.report(
        report_view(
            report_of(
                refusals=[Note(rule=Rule.WRONG_TENANT, message="the tenant is another")],
                exit_code=5,
                digest=None,
            )
        ),
        width=80,
        colour=False,
    )
    assert "wrong-tenant: the tenant is another" in shown
    assert "No guest was touched; exit code 5." in shown
    assert "sha256" not in shown


def test_an_outcome_without_rule_still_shows_its_message() -> None:
    """A message stands on its own where there is no rule to name."""
    shown = text.report(
        report_view(report_of(outcome_of(1, Outcome.APPLIED, message="sent twice", name=None))),
        width=80,
        colour=True,
    )
    assert "      sent twice" in shown


def test_a_second_message_is_told_although_all_went_well() -> None:
    """Who got two links must be told which one works; a reset that went out once needs no word."""
    done, repeated = (
        ActionRecord(action="ResetRedemption", result=result, attempts=2, request_id=None)
        for result in (ActionResult.DONE, ActionResult.REPEATED)
    )
    shown = report_of(
        outcome_of(1, Outcome.APPLIED, actions=[done]), outcome_of(2, Outcome.APPLIED, actions=[repeated])
    )
    said = "ResetRedemption: repeated, so only the last link works"
    for rendered in (
        text.report(report_view(shown), width=100, colour=False),
        markdown.report(report_view(shown), marker="m", elsewhere=""),
    ):
        assert rendered.count(said) == rendered.count("ResetRedemption") == 1


def test_one_guest_is_not_one_of_them() -> None:
    """The headline of the commonest plan is a sentence."""
    shown = text.plan(plan_view(plan_of(change_of())), width=100, colour=False)
    assert "1 guest to change, who cannot sign in until they redeem.\n" in shown


def test_problems_are_one_line_each() -> None:
    """A problem is one line as compilers write it, whatever its message holds."""
    problem = Problem(
        file="guests/a.yaml",
        line=3,
        column=9,
        rule=OtherRule("bad-email"),
        message="'a\n::error::x' is none",
        hint="correct it",
    )
    assert text.problems([problem]) == (
        "guests/a.yaml:3:9: bad-email: 'a\\n:<U+003A>error:<U+003A>x' is none; correct it\n"
    )


def test_blocked_guests_alone_are_in_the_headline() -> None:
    """A plan without changes but with blocked guests does not claim that all is well."""
    shown = text.plan(plan_view(plan_of(blocked=[blocked_of(name=None)])), width=80, colour=False)
    assert "0 guests to change, 1 blocked." in shown
    assert LINGERS.rule not in shown


def test_moments_are_shown_to_the_second() -> None:
    """Nobody reads microseconds, so text and pages leave them out."""
    exact = dataclasses.replace(plan_of(), created_at=NOW.replace(microsecond=787_223))
    assert "made 2026-10-01T08:00:00Z\n" in text.plan(plan_view(exact), width=80, colour=False)


@pytest.mark.parametrize("change", [change_of(), restored_of(), rest_of()])
def test_a_marker_is_never_shown_as_an_address(change: Change) -> None:
    """Nobody can sign in with it, so no list of addresses holds one."""
    assert "pending-" not in text.plan(plan_view(plan_of(change)), width=120, colour=False)


def test_a_report_says_what_its_run_could_not_see() -> None:
    """A missing check, a warning of the run and its commit stand in the report itself."""
    shown = text.report(
        report_view(
            replace(
                report_of(),
                complete=False,
                warnings=(Note(rule=Rule.NOT_CHECKED, message="roles not checked"),),
                commit="c0ffee",
            )
        ),
        width=80,
        colour=False,
    )
    assert "Warnings:\n  not-checked: roles not checked" in shown
    assert "INCOMPLETE" in shown
    assert shown.endswith("Commit c0ffee\nPlan sha256:aa\n")
    assert "INCOMPLETE" not in text.report(report_view(report_of()), width=80, colour=False)
