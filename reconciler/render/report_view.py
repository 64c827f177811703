"""A report as every renderer shows it, computed once: guests by outcome, those who need attention first.

Nothing here is escaped; each renderer escapes whole sentences for its medium.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from reconciler.model import (
    ActionRecord,
    ActionResult,
    GuestOutcome,
    Note,
    ObjectId,
    Outcome,
    Report,
    ResetRedemption,
    TenantId,
)
from reconciler.render.wording import count_of, emulator_notice, incomplete, moment
from reconciler.rules import RuleId

OUTCOMES: Final = {
    Outcome.FAILED: "Put right what each message names, then apply again: what was begun is finished then.",
    Outcome.UNVERIFIED: "Plan again in a few minutes: an empty plan means that it arrived.",
    Outcome.STALE: "The guest, or what is declared, is not as approved: have a new plan reviewed.",
    Outcome.NOT_ATTEMPTED: (
        "Nobody was reset: run apply again, once what stood in the way is put right; where mail was written"
        " already, a marker keeps the change in the next plan."
    ),
    Outcome.NOT_APPROVED: "Nothing was written: no approved plan holds these changes.",
    Outcome.BLOCKED: "Nothing was written: remove what blocks it, or the entry.",
    Outcome.ALREADY_APPLIED: "Nothing to do: an earlier run had done it.",
    Outcome.APPLIED: "Written, and seen in the directory.",
}
"""The next steps after each outcome, in the order of display."""

_NEEDS_NO_ACTION: Final = frozenset({Outcome.APPLIED, Outcome.ALREADY_APPLIED})


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestOutcomeView:
    """The result of one guest."""

    id: ObjectId

    display_name: str | None
    """Comes from strangers: escape it for the medium it is shown in."""

    rule: RuleId | None
    message: str

    records: tuple[str, ...]
    """A sentence on the result of each action."""

    notable_records: tuple[str, ...]
    """Those that a reader needs: of a guest who needs no action, only of an action that was sent twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeGroup:
    """The guests with the same outcome, at least one."""

    outcome: Outcome

    advice: str
    """The next steps after this outcome."""

    needs_action: bool
    guests: tuple[GuestOutcomeView, ...]

    @property
    def title(self) -> str:
        """The outcome with the number of its guests."""
        return f"{self.outcome.value}: {count_of(len(self.guests), 'guest')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """A whole report, in words and in order; `None` stands for a sentence that does not apply."""

    run: str

    tenant_id: TenantId | None
    """`None` when the desired tree that would have named it is invalid."""

    started: str
    ended: str

    emulator: str | None
    """The note that this is not about a real tenant, which must come first."""

    incomplete: str | None
    """The note that the run's own plan lacks a check."""

    headline: str
    """The guests counted by outcome, with the exit code."""

    exit_code: int

    refusals: tuple[Note, ...]
    """Why the run was refused as a whole or stopped early."""

    groups: tuple[OutcomeGroup, ...]
    """Those that need attention first."""

    warnings: tuple[Note, ...]
    """The warnings that belong to no guest."""

    made_of: tuple[tuple[str, str], ...]
    """The commit and the plan that the run applied, each with its label, as far as it had them."""


def report_view(report: Report) -> ReportView:
    """Build the view of a report."""
    return ReportView(
        run=report.run,
        tenant_id=report.tenant_id,
        started=moment(report.started_at),
        ended=moment(report.ended_at),
        emulator=emulator_notice(report.cloud),
        incomplete=incomplete(complete=report.complete),
        headline=_headline(report),
        exit_code=report.exit_code,
        refusals=report.refusals,
        groups=tuple(_groups(report)),
        warnings=report.warnings,
        made_of=tuple(
            (label, value)
            for label, value in (("Commit", report.commit), ("Plan", report.digest))
            if value is not None
        ),
    )


def _groups(report: Report) -> Iterator[OutcomeGroup]:
    for outcome, advice in OUTCOMES.items():
        ended = [one for one in report.outcomes if one.outcome is outcome]
        if ended:
            yield OutcomeGroup(
                outcome=outcome,
                advice=f"{advice}{_still_to_redeem(ended)}" if outcome is Outcome.APPLIED else advice,
                needs_action=outcome not in _NEEDS_NO_ACTION,
                guests=tuple(map(_guest, ended)),
            )


def _still_to_redeem(ended: Iterable[GuestOutcome]) -> str:
    """Return how many of the guests are not finished yet, whatever was written; empty for none."""
    count = sum(any(_was_reset(record) for record in one.actions) for one in ended)
    if count == 0:
        return ""
    who = "1 guest was reset, and cannot" if count == 1 else f"{count} guests were reset, and cannot"
    return f" {who} sign in until they redeem."


def _was_reset(record: ActionRecord) -> bool:
    return record.action == ResetRedemption.name and record.result in {
        ActionResult.DONE,
        ActionResult.REPEATED,
    }


def _guest(one: GuestOutcome) -> GuestOutcomeView:
    brief = one.outcome in _NEEDS_NO_ACTION
    return GuestOutcomeView(
        id=one.id,
        display_name=one.display_name,
        rule=one.rule,
        message=one.message,
        records=tuple(_record(record) for record in one.actions),
        notable_records=tuple(
            _record(record) for record in one.actions if not brief or record.result is ActionResult.REPEATED
        ),
    )


def _record(one: ActionRecord) -> str:
    """Return the result of an action, with the request id that Microsoft's support asks for."""
    request = f", request {one.request_id}" if one.request_id else ""
    twice = one.result is ActionResult.REPEATED and one.action == ResetRedemption.name
    ended = "repeated, so only the last link works" if twice else one.result.value
    return f"{one.action}: {ended}{request}"


def _headline(report: Report) -> str:
    ended = Counter(one.outcome for one in report.outcomes)
    found = [f"{ended[outcome]} {outcome.value}" for outcome in reversed(OUTCOMES) if ended[outcome]]
    return f"{', '.join(found) or 'No guest was touched'}; exit code {report.exit_code}."
