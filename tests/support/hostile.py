"""Text as a stranger might choose it for a display name or an address."""

from dataclasses import replace

from hypothesis import strategies as st

from reconciler.model import (
    Blocked,
    GuardRail,
    GuestOutcome,
    Note,
    Origin,
    Outcome,
    Plan,
    Refusal,
    Report,
    Source,
)
from reconciler.rules import OtherRule
from tests.support.guard_rails import refusal_of
from tests.support.plans import (
    LINGERS,
    change_of,
    gone_of,
    guest_id,
    others_of,
    outcome_of,
    plan_of,
    report_of,
    reset_of,
    rest_of,
    restored_of,
)

FRAGMENTS = (
    "|",
    "\\",
    "\\|",
    "`",
    "``",
    "```",
    "\n",
    "\r\n",
    "\u2028",
    "\x1b[31m",
    "\x9b2J",
    "\x07",
    "\x00",
    "\u202e",
    "\u2066",
    "\u200b",
    "\ufeff",
    "\ud800",
    "\u3164",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</details>",
    "<!-- m -->",
    "-->",
    "<br>",
    "&lt;b&gt;",
    "&#64;team",
    "@team",
    "@org/team",
    "#12",
    "GH-1",
    "owner/repo#1",
    "0123456789abcdef0123456789abcdef01234567",
    "deadbeef",
    ":tada:",
    "https://evil.example/",
    "www.evil.example",
    "[a](https://evil.example)",
    "![a](x)",
    "<https://evil.example>",
    "**b**",
    "_i_",
    "~~s~~",
    "$x$",
    "$`x`$",
    "---",
    "# h",
    "> q",
    "- l",
    "1. l",
    "\t",
    "::error::x",
    "::add-mask::x",
    "##[error]x",
    "%0A::error::x",
    "%",
    ",",
    ":",
    "::",
    "{{ 7 * 7 }}",
    "{% raw %}",
    '"',
    "'",
    "\\u003c",
    "$(id)",
    "\U0001f389",
    "\u05d0\u05d1",
    "\u0301",
    " ",
    "ana",
    "Ana | Contoso",
)

text = st.one_of(
    st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=8).map("".join),
    st.text(st.characters(), min_size=1, max_size=40),
    st.lists(
        st.one_of(st.sampled_from(FRAGMENTS), st.text(min_size=1, max_size=5)), min_size=1, max_size=6
    ).map("".join),
)


def refused(note: Note) -> Refusal:
    """Make a refusal with the text of a note."""
    return replace(refusal_of(), rule=note.rule, message=note.message)


def rails_of(*texts: str) -> tuple[GuardRail, ...]:
    """Make guard rails of six texts: one that holds a text, and one that holds a list."""
    field, before, after, listed, removed, added = texts
    return (
        GuardRail(field=field, before=before, after=after),
        GuardRail(field=listed, before=("same", f"removed-{removed}"), after=("same", f"added-{added}")),
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Make a plan in which every text that can come from outside does."""
    odd = Note(rule=OtherRule(draw(text)), message=draw(text))
    address = "after-" + draw(text)
    sent = reset_of(
        address, cc=draw(text), message=draw(text), redirect_url=f"https://elsewhere.example/{draw(text)}"
    )
    changes = [
        change_of(
            1,
            name=draw(text),
            before="before-" + draw(text),
            after=address,
            reset=sent,
            others=["other-" + draw(text)],
            warnings=[LINGERS, odd],
            file=draw(text),
        ),
        others_of(2, before=["had-" + draw(text)], after=["new-" + draw(text), "newer-" + draw(text)]),
        restored_of(3, before="restored-" + draw(text), after="seen-" + draw(text)),
        rest_of(4, email="begun-" + draw(text)),
    ]
    blocked = Blocked(
        id=guest_id(9),
        display_name=draw(text),
        rule=OtherRule(draw(text)),
        message=draw(text),
        source=Source(file=draw(text), line=1),
    )
    plan = plan_of(*changes, blocked=[blocked], warnings=[odd], refusals=[refused(odd)])
    return replace(plan, guard_rails=rails_of(*(draw(text) for _ in range(6))))


@st.composite
def compared_plans(draw: st.DrawFn) -> Plan:
    """Make a partial plan with drift and a guest who was let go, from such texts."""
    plan = draw(plans())
    ours, drift, *_ = plan.changes
    return replace(
        plan,
        since=draw(text),
        changes=(replace(ours, origin=Origin.THIS_CHANGE), replace(drift, origin=Origin.ELSEWHERE)),
        blocked=tuple(replace(row, origin=Origin.ELSEWHERE) for row in plan.blocked),
        no_longer_declared=(gone_of(name=draw(text), email=draw(text), mail=draw(text)),),
    )


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Make a report in which every text that can come from outside does."""
    outcomes: list[GuestOutcome] = [
        outcome_of(number, outcome, name=draw(text), rule=OtherRule(draw(text)), message=draw(text))
        for number, outcome in enumerate([Outcome.FAILED, Outcome.APPLIED])
    ]
    odd = Note(rule=OtherRule(draw(text)), message=draw(text))
    return replace(report_of(*outcomes, refusals=[odd], exit_code=7), warnings=(odd,), commit=draw(text))
