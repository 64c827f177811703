from dataclasses import replace

from reconciler.model import Cloud, Note, Outcome, Refusal
from reconciler.render import markdown
from reconciler.render.markdown_page import LIMIT
from reconciler.render.plan_view import plan_view
from reconciler.render.report_view import report_view
from reconciler.rules import Rule
from tests.support.plans import (
    again_of,
    blocked_of,
    change_of,
    large_plan,
    mixed_report,
    others_of,
    outcome_of,
    plan_of,
    report_of,
    rest_of,
    restored_of,
    small_plan,
)


def paragraphs(text: str) -> list[str]:
    return [part for part in text.split("\n\n") if part]


def test_a_plan_begins_with_its_marker_and_one_summary_line() -> None:
    """The comment can be found by its first line, and what a reader sees first is one sentence."""
    parts = paragraphs(
        markdown.plan(plan_view(small_plan()), marker="reconciler plan", elsewhere="the artifact")
    )
    assert parts[0] == "<!-- reconciler plan -->"
    assert parts[1] == "**3 guests to change, 2 of them cannot sign in until they redeem, 1 blocked.**"
    assert parts[-1].startswith("Plan `sha256:")


def test_a_row_says_who_from_and_to_and_who_can_sign_in() -> None:
    """A change is one row that a reviewer can judge without opening anything; another has its effects."""
    shown = markdown.plan(plan_view(small_plan()), marker="m", elsewhere="the artifact")
    who = "`Ana Souza`<br>`1b6a4f0c-8a0c-4d6e-9a51-000000000001`"
    assert (
        f"| {who} | `ana@old.example` → `ana@newco.example`<br>+ `ana@newco.example`<br>- `ana@old.example`"
        " | new address<br>**Warning** `domain-look-alike` |\n"
    ) in shown
    assert (
        f"| {who} | Cannot sign in until they redeem.<br>Microsoft sends the invitation in en-US.<br>"
        "The old address can still redeem while it stays in proxyAddresses.<br>"
        "Can sign in with these too: `ana.k@private.example`.<br>"
        "**Warning** `domain-look-alike`: `newc0.example` looks like `newco.example`, which 40 guests use |\n"
    ) in shown


def test_rows_are_ordered_by_risk() -> None:
    """New addresses come first, odd ones before others; then resets, then those that reset nobody."""
    odd = change_of(4, name="Odd", warnings=[Note(rule=Rule.GUEST_DISABLED, message="disabled")])
    shown = markdown.plan(
        plan_view(plan_of(others_of(1), change_of(2), again_of(3), odd)), marker="m", elsewhere="x"
    )
    rows = [shown.index(f"| `{name}`") for name in ("Odd", "Ana Souza", "Bo Hansen", "Eve Moneypenny")]
    assert rows == sorted(rows)


def test_blocked_guests_come_with_the_rule_and_the_fix() -> None:
    """A blocked guest is named with the rule, its line in the tree and what to do."""
    shown = markdown.plan(plan_view(plan_of(blocked=[blocked_of(name=None)])), marker="m", elsewhere="x")
    who = "(no name)<br>`1b6a4f0c-8a0c-4d6e-9a51-000000000009`"
    assert f"| {who} | `guests/fabrikam.yaml:9` | `holds-role`: holds the role User" in shown


def test_a_plan_that_changes_nothing_is_quiet() -> None:
    """A converged tenant is one sentence and the digests; its warnings are folded."""
    note = Note(rule=Rule.IDENTITY_DIFFERS, message="who redeemed is not known")
    shown = markdown.plan(plan_view(plan_of(warnings=[note])), marker="m", elsewhere="x")
    assert paragraphs(shown)[1] == "**Nothing to change: 97 declared guests and the tenant agree.**"
    assert "<details><summary>Warnings</summary>" in shown
    assert len(paragraphs(markdown.plan(plan_view(plan_of()), marker="m", elsewhere="x"))) == 4


def test_output_about_the_emulator_says_so_first() -> None:
    """What a reader sees first is EMULATOR when no real tenant is meant."""
    shown = (
        markdown.plan(plan_view(small_plan(cloud=Cloud.EMULATOR)), marker="m", elsewhere="x"),
        markdown.drift(plan_view(small_plan(cloud=Cloud.EMULATOR)), marker="m", elsewhere="x"),
        markdown.report(report_view(mixed_report(cloud=Cloud.EMULATOR)), marker="m", elsewhere="x"),
    )
    assert all(paragraphs(one)[1].startswith("**EMULATOR") for one in shown)


def test_the_usual_is_said_once_where_there_are_many() -> None:
    """Rows of a long plan say only what is odd about them, so that more of them fit."""
    shown = markdown.plan(plan_view(large_plan(300)), marker="m", elsewhere="x")
    assert shown.count("Unless a guest below says otherwise") == 1
    assert "Cannot sign in until they redeem." not in shown


def test_refusals_and_incompleteness_are_said() -> None:
    """A reviewer learns on the pull request that apply would refuse, or that a check is missing."""
    shown = markdown.plan(
        plan_view(
            plan_of(
                change_of(), refusals=[Refusal(rule=Rule.MAX_CHANGES, message="too many")], complete=False
            )
        ),
        marker="m",
        elsewhere="x",
    )
    assert "**Apply would refuse this plan**" in shown
    assert "INCOMPLETE" in shown


def test_a_drift_issue_says_what_to_do() -> None:
    """An issue about drift says why it exists and how to end it; without drift it says that all agree."""
    assert "Apply by hand" in markdown.drift(plan_view(small_plan()), marker="m", elsewhere="x")
    assert "Apply by hand" not in markdown.drift(plan_view(plan_of()), marker="m", elsewhere="x")


def test_a_report_leads_with_those_who_need_somebody_and_folds_the_rest() -> None:
    """Failures come first with what to do; guests who need nothing are folded."""
    shown = markdown.report(report_view(mixed_report()), marker="m", elsewhere="x")
    heads = [shown.index(f"{outcome}: 1 guest.") for outcome in ("failed", "stale", "blocked", "applied")]
    assert heads == sorted(heads)
    assert (
        "`holds-role`: Graph refused the reset; see who holds a role<br>SetMail: done, request `req-1`"
        in shown
    )
    assert "<details><summary>applied: 1 guest." in shown


def test_a_refused_run_without_a_plan_still_reports() -> None:
    """A run that ended before there was a plan shows the refusal and no digest."""
    refusals = [Note(rule=Rule.WRONG_TENANT, message="the tenant is another")]
    shown = markdown.report(
        report_view(report_of(refusals=refusals, exit_code=5, digest=None)), marker="m", elsewhere="x"
    )
    assert "| `wrong-tenant` | the tenant is another |" in shown
    assert "sha256" not in shown


def test_a_report_of_any_size_fits() -> None:
    """A report about thousands of guests stays within GitHub's limit and shows some of every outcome."""
    many = [outcome_of(number, outcome, message="x") for outcome in Outcome for number in range(2_000)]
    shown = markdown.report(report_view(report_of(*many, exit_code=7)), marker="m", elsewhere="the artifact")
    assert len(shown) <= LIMIT
    assert shown.count("more: see the artifact.") == len(Outcome)


def test_a_report_says_what_its_run_could_not_see() -> None:
    """A missing check leads, warnings of the run have a table, and the commit stands with the plan."""
    found = replace(
        report_of(),
        complete=False,
        warnings=(Note(rule=Rule.NOT_CHECKED, message="roles not checked"),),
        commit="c0ffee",
    )
    parts = paragraphs(markdown.report(report_view(found), marker="m", elsewhere="the artifact"))
    assert parts[2].startswith("INCOMPLETE")
    assert any("| `not-checked` | roles not checked |" in part for part in parts)
    assert parts[-2:] == ["Commit `c0ffee`", "Plan `sha256:aa`"]


def test_mail_put_back_and_the_rest_of_a_change_are_said() -> None:
    """A reviewer sees that nobody is reset, or which change is finished."""
    shown = markdown.plan(plan_view(plan_of(restored_of(), rest_of())), marker="m", elsewhere="the artifact")
    assert "They keep their way to sign in; reset only if" in shown
    assert "Finishes change `0123456789abcdef`, which an earlier run began." in shown
    assert "ClearMarker" in shown
    assert "pending-" not in shown
