"""The words all renderings share: effects of a change, next steps after an outcome, counts.

Sentences hold values raw; each renderer escapes whole sentences for its medium.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

from reconciler.model import (
    Action,
    ActionRecord,
    ActionResult,
    AddOtherMail,
    Change,
    ChangeKind,
    ClearMarker,
    Cloud,
    GuestOutcome,
    Invitation,
    Note,
    Outcome,
    Plan,
    RedemptionState,
    Report,
    ResetRedemption,
    SetMail,
    SetOtherMails,
    format_instant,
)
from reconciler.rules import Rule

EMULATOR: Final = "EMULATOR: nothing here is about a Microsoft tenant."

NO_NAME: Final = "(no name)"

SAME: Final = "(the same)"
"""The new value of a guest who keeps the address in `mail`."""

MANY: Final = 20
"""From this many changes on, `USUAL` is shown once instead of for each."""

USUAL: Final = (
    "Unless a guest below says otherwise: they cannot sign in until they redeem, Microsoft sends the"
    " invitation, and the old address can still redeem while it stays in proxyAddresses."
)
"""The effects of most changes, shown once where there are many; see `Effect.usual`."""

KINDS: Final = {
    ChangeKind.CHANGE_EMAIL: "new address",
    ChangeKind.RESET: "redeem again",
    ChangeKind.OTHER_MAILS: "other addresses",
    ChangeKind.RESTORE_MAIL: "mail put back",
}

OUTCOMES: Final = {
    Outcome.FAILED: "Put right what each message names, then apply again: what was begun is finished then.",
    Outcome.UNVERIFIED: "Plan again in a few minutes: an empty plan means that it arrived.",
    Outcome.STALE: "The guest, or what is declared, is not as approved: have a new plan reviewed.",
    Outcome.NOT_ATTEMPTED: (
        "Nobody was reset: run apply again, once what stood in the way is put right; where mail was written"
        " already, a marker keeps the change in the next plan."
    ),
    Outcome.NOT_APPROVED: "Nothing was written: have this change reviewed in a plan of its own.",
    Outcome.BLOCKED: "Nothing was written: remove what blocks it, or the entry.",
    Outcome.ALREADY_APPLIED: "Nothing to do: an earlier run had done it.",
    Outcome.APPLIED: "Nothing to do: it was done, and seen in the directory.",
}
"""The next steps after each outcome, in the order of display."""

NEEDS_NO_ACTION: Final = frozenset({Outcome.APPLIED, Outcome.ALREADY_APPLIED})
"""Outcomes that need no action."""

ROUTINE: Final = frozenset({Rule.UNSEEN_DOMAIN})
"""Warnings that many changes share word by word, for example when a company changes its name."""

_SAID_BY_EFFECTS: Final = frozenset({Rule.OLD_ADDRESS_REMAINS, Rule.NOBODY_TOLD, Rule.KEPT_ADDRESS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """An effect of a change on its guest, as a sentence."""

    text: str

    usual: bool = False
    """Covered by `USUAL`, so that a long plan need not repeat it in every row."""


def effects(change: Change) -> tuple[Effect, ...]:
    """Return the effects of a change on its guest, the most drastic first."""
    said = {note.rule for note in change.warnings}
    found: list[Effect] = []
    if change.resumes is not None:
        found.append(Effect(text=f"Finishes change {change.resumes}, which an earlier run began."))
    if change.reset is not None:
        found += _locked_out(change), _message(change.reset.invitation)
    elif change.fallback is not None:
        found.append(
            Effect(text="They keep their way to sign in; reset only if it is not seen once mail is written.")
        )
    else:
        found.append(Effect(text="They keep their way to sign in."))
    if Rule.OLD_ADDRESS_REMAINS in said:
        found.append(_old_address(change))
    kept = _kept(change)
    if kept and change.kind is not ChangeKind.OTHER_MAILS:
        found.append(Effect(text=f"Can sign in with these too: {', '.join(kept)}."))
    if change.waits_for is not None:
        found.append(
            Effect(text=f"Waits until guest {change.waits_for} has left an address that this guest gets.")
        )
    return tuple(found)


def special_warnings(change: Change, *, unusual_only: bool = False) -> tuple[Note, ...]:
    """Return the warnings of a change that `effects` does not cover, on request without `ROUTINE`."""
    said = _SAID_BY_EFFECTS | ROUTINE if unusual_only else _SAID_BY_EFFECTS
    return tuple(note for note in change.warnings if note.rule not in said)


def from_to(change: Change) -> tuple[str, str]:
    """Return the old and the new value: addresses to sign in with, or lists of other addresses."""
    wanted = "otherMails" if change.kind is ChangeKind.OTHER_MAILS else "mail"
    field = next((one for one in change.fields if one.field == wanted), None)
    if field is not None:
        return _listed(field.before), _listed(field.after)
    return _listed(None if change.precondition.mail is None else change.precondition.mail.text), SAME


def action(one: Action) -> str:
    """Return a sentence on the write of an action."""
    match one:
        case AddOtherMail(email=email):
            return f"{one.name} {email}"
        case ResetRedemption(email=email, invitation=invitation):
            return f"{one.name} {email}; after redeeming they land on {invitation.redirect_url}"
        case SetMail(email=email, other_mails=final):
            return f"{one.name} {email}; otherMails become {_listed(tuple(map(str, final)))}, and a marker"
        case ClearMarker(email=email, other_mails=final):
            return f"{one.name} {email}; otherMails become {_listed(tuple(map(str, final)))}, without it"
        case SetOtherMails(other_mails=final):
            return f"{one.name} {_listed(tuple(map(str, final)))}"
        case _ as unknown:
            assert_never(unknown)


def records(outcome: GuestOutcome) -> tuple[str, ...]:
    """Return the results of a guest's actions; of a guest who needs no action, only those sent twice."""
    return tuple(
        record(one)
        for one in outcome.actions
        if outcome.outcome not in NEEDS_NO_ACTION or one.result is ActionResult.REPEATED
    )


def record(one: ActionRecord) -> str:
    """Return the result of an action, with the request id that Microsoft's support asks for."""
    request = f", request {one.request_id}" if one.request_id else ""
    twice = one.result is ActionResult.REPEATED and one.action == ResetRedemption.name
    ended = "repeated, so only the last link works" if twice else one.result.value
    return f"{one.action}: {ended}{request}"


def risk(change: Change) -> int:
    """Return the rank of a change for a reviewer: unusual ones first, then resets without notice, others."""
    if special_warnings(change, unusual_only=True):
        return 0
    if special_warnings(change):
        return 1
    if any(note.rule == Rule.NOBODY_TOLD for note in change.warnings):
        return 2
    return 3 if change.resets else 4


def counts(plan: Plan) -> str:
    """Return all counts of a plan in one sentence."""
    have = plan.summary
    least = "" if plan.listed_all else "at least "
    return (
        f"Declared {have.declared}: {have.changes} to change, {have.blocked} blocked,"
        f" {have.unchanged} unchanged. Not declared: {least}{have.unmanaged}."
    )


def tally(report: Report) -> str:
    """Count the guests by outcome, with the exit code."""
    ended = Counter(one.outcome for one in report.outcomes)
    found = [f"{ended[outcome]} {outcome.value}" for outcome in reversed(OUTCOMES) if ended[outcome]]
    return f"{', '.join(found) or 'No guest was touched'}; exit code {report.exit_code}."


def incomplete(shown: Plan | Report) -> str | None:
    """Return the note that a plan, or the plan of a run, lacks a check; `None` when complete."""
    return None if shown.complete else "INCOMPLETE: a check could not be made; see the warnings."


def made_of(report: Report) -> tuple[tuple[str, str], ...]:
    """Return the commit and the plan that a run applied, as far as it had them, the plan last."""
    known = (("Commit", report.commit), ("Plan", report.digest))
    return tuple((what, value) for what, value in known if value is not None)


def emulated(cloud: Cloud | None) -> bool:
    """Return whether the output must begin with `EMULATOR`."""
    return cloud is Cloud.EMULATOR


def moment(instant: datetime) -> str:
    """Format an instant for people: to the second, in UTC."""
    return format_instant(instant.replace(microsecond=0))


def count_of(count: int, noun: str, nouns: str | None = None) -> str:
    """Count things in English: `1 guest`, `2 guests`; `nouns` where the plural needs more than an s."""
    return f"{count} {noun}" if count == 1 else f"{count} {nouns or noun + 's'}"


def locks_out(change: Change) -> bool:
    """Return whether a change removes a sign-in that works until then."""
    return change.resets and change.precondition.state is not RedemptionState.PENDING


def _locked_out(change: Change) -> Effect:
    if locks_out(change):
        return Effect(text="Cannot sign in until they redeem.", usual=True)
    return Effect(text="Has not redeemed yet; the link sent before stops working.")


def _old_address(change: Change) -> Effect:
    if change.resets:
        return Effect(text="The old address can still redeem while it stays in proxyAddresses.", usual=True)
    return Effect(text="The address that goes usually stays in proxyAddresses: after a reset it can redeem.")


def _message(invitation: Invitation) -> Effect:
    if not invitation.send_message:
        return Effect(text="No message is sent: hand over the redeem link (apply --redeem-links FILE).")
    copy = "" if invitation.cc is None else f", with a copy to {invitation.cc}"
    if invitation.message is not None:
        return Effect(text=f"Microsoft sends the invitation with a message of yours{copy}.")
    return Effect(
        text=f"Microsoft sends the invitation in {invitation.language}{copy}.", usual=invitation.cc is None
    )


def _kept(change: Change) -> Sequence[str]:
    """List the addresses the object holds after the change, besides the one declared as `email`."""
    for action in reversed(change.actions):
        match action:
            case SetMail(email=email, other_mails=final) | ClearMarker(email=email, other_mails=final):
                return [str(address) for address in final if address != email]
            case SetOtherMails(other_mails=final):
                return [str(address) for address in final if address != change.precondition.mail]
            case _:
                continue
    return [
        str(address) for address in change.precondition.other_mails if address != change.precondition.mail
    ]


def _listed(value: str | tuple[str, ...] | None) -> str:
    if value is None or value == ():
        return "(none)"
    return value if isinstance(value, str) else ", ".join(value)
