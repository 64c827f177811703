"""Builds every result of one guest's change, with its sentence. Pure: states to results."""

from dataclasses import replace

from reconciler.apply.retry_policy import FaultDomain
from reconciler.apply.state import GuestState, in_doubt, with_record
from reconciler.apply.steps import GuestResult, ReadFailed, Sent
from reconciler.guard.resumption import ResumePoint
from reconciler.model import (
    Action,
    ActionResult,
    Change,
    ChangeKind,
    ClearMarker,
    EmailAddress,
    Failed,
    Guest,
    GuestOutcome,
    Note,
    Outcome,
    RedemptionState,
    ResetRedemption,
    SetMail,
)
from reconciler.rules import Rule, RuleId

MAY_HAVE_HAPPENED = "an answer was lost, so the reset may have happened: the next run finds out"

_ANOTHER_RUN = "somebody else, or another run, has written to the guest"

_SEND_AGAIN = "send the invitation again in the Entra admin center, which changes no address"

_LOST_LINK = (
    "the redeem link was lost with an answer or a killed run, could not be written, or is in another run's "
    f"file; {_SEND_AGAIN}"
)


def guest_outcome(state: GuestState, result: GuestResult) -> GuestOutcome:
    """Return the outcome of a guest for the report; no action that was sent or skipped is left out."""
    for tries in state.tries:
        unfinished = ActionResult.UNKNOWN if tries.in_doubt else ActionResult.FAILED
        state = with_record(state, tries.action, unfinished)
    if result.outcome is Outcome.ALREADY_APPLIED:
        for action in state.recorded.actions:
            state = with_record(state, action.name, ActionResult.SKIPPED)
    return GuestOutcome(
        id=state.id,
        display_name=state.recorded.display_name,
        outcome=result.outcome,
        rule=result.rule,
        message="; ".join((result.message, *state.remarks)),
        actions=state.records,
    )


def informed(state: GuestState, result: GuestResult) -> GuestResult:
    """Downgrade a success to `link-lost` when the person cannot know of the reset; a failure adds it."""
    if not state.link_lost:
        return result
    if result.outcome is Outcome.FAILED:
        return replace(result, message=f"{result.message}; nobody has the redeem link: {_LOST_LINK}")
    return replace(
        result,
        outcome=Outcome.FAILED,
        rule=Rule.LINK_LOST,
        message=f"the guest was reset and nobody was told: no message is sent, and {_LOST_LINK}",
        blames=FaultDomain.GUEST,
    )


def applied(guest: Guest) -> GuestResult:
    """Return that a read showed the guest as the change leaves them."""
    message = f"the guest's address is {guest.mail}"
    if guest.state is RedemptionState.PENDING:
        message = f"signs in with {guest.mail} once the invitation is redeemed"
    return GuestResult(outcome=Outcome.APPLIED, message=message, seen=guest)


def already_applied(point: ResumePoint, guest: Guest | None) -> GuestResult:
    """Return that the change was applied before this run wrote anything."""
    return GuestResult(outcome=Outcome.ALREADY_APPLIED, message=point.message, seen=guest)


def stale(message: str) -> GuestResult:
    """Return that the guest is not as approved, and that nothing was written."""
    return GuestResult(outcome=Outcome.STALE, rule=Rule.STALE, message=message)


def changed_meanwhile(state: GuestState, message: str = _ANOTHER_RUN) -> GuestResult:
    """Return that another client has written since this run read the guest, and that this run stops here."""
    return _failed(Rule.CHANGED_MEANWHILE, f"{_how_far(state)}: {message}; plan again to see what is left")


def marker_gone() -> GuestResult:
    """Return that the marker was taken away before the reset, so that no later plan shows the change."""
    return _failed(
        Rule.CHANGED_MEANWHILE,
        f"{_ANOTHER_RUN} and has taken the marker away: `mail` is written and the reset is not sent, "
        "which no later plan shows, and the former address can still sign in; set resetAfter in the entry to "
        "now, or reset the guest in the Entra admin center",
    )


def reset_meanwhile(state: GuestState) -> GuestResult:
    """Return that another client has reset the guest after this run: which link works is not known."""
    marked = state.marks and not any(record.action == ClearMarker.name for record in state.records)
    then = "the marker stays, and the next run resets again" if marked else _SEND_AGAIN
    return _failed(
        Rule.RESET_MEANWHILE,
        f"somebody else has reset the guest since, so the link sent by this run is dead: {then}",
    )


def not_found(state: GuestState) -> GuestResult:
    """Return that no replica that answered knows the guest any more."""
    return _failed(
        Rule.NOT_FOUND,
        f"the directory does not know the guest any more; {_how_far(state)}; plan again to see "
        "whether the guest is gone",
    )


def reads_behind() -> GuestResult:
    """Return that reads stay older than the known state; nothing was written."""
    return GuestResult(
        outcome=Outcome.STALE,
        rule=Rule.READS_BEHIND,
        message="the directory keeps showing an older state of the guest than an earlier read or run has "
        "seen; apply again in a few minutes",
        blames=FaultDomain.DIRECTORY,
    )


def unreadable(state: GuestState, failed: ReadFailed) -> GuestResult:
    """Return that the guest could not be read, and how far the change has come."""
    message = f"{failed.message}; {_how_far(state)}" if _patched(state) else failed.message
    return _failed(failed.rule, message, blames=FaultDomain.DIRECTORY)


def not_replicated(state: GuestState) -> GuestResult:
    """Return that reads have not shown the writes of this run within their allowance."""
    return _failed(
        Rule.NOT_REPLICATED,
        f"the directory does not show what was written: {_how_far(state)}; apply again in a few minutes",
        blames=FaultDomain.DIRECTORY,
    )


def not_seen(state: GuestState) -> GuestResult:
    """Return that everything was written, and no read showed it in time."""
    return GuestResult(
        outcome=Outcome.UNVERIFIED,
        rule=Rule.NOT_SEEN,
        message="everything was written, but the directory did not show it within "
        f"{state.settings.see_within:.0f} s: run `reconciler plan` later to see what is left",
    )


def not_read_back(reason: Note) -> GuestResult:
    """Return that everything was written and not read back, and why."""
    return GuestResult(
        outcome=Outcome.UNVERIFIED,
        rule=reason.rule,
        message=f"everything was written, and not seen yet: {reason.message}; run `reconciler plan` to see "
        "what is left",
    )


def given_up(state: GuestState, failed: Failed, blames: FaultDomain) -> GuestResult:
    """Return that a write will not be retried."""
    message = failed.message
    if state.sent is Sent.YES:
        message = f"{message}; {_half_done(state)}; apply again to finish it"
    elif state.sent is Sent.IN_DOUBT:
        message = f"{message}; {MAY_HAVE_HAPPENED}"
    elif _patched(state):
        message = f"{message}; {_how_far(state)}"
    return _failed(failed.rule, message, blames=blames)


def marker_refused(domains: tuple[str, ...]) -> GuestResult:
    """Return that the tenant accepts no marker; this was the first write, so nothing is lost."""
    return _failed(
        Rule.MARKER_REFUSED,
        "the directory refused the first write, with a marker in each of "
        f"{' and '.join(domains)}: set markerDomain in tenant.yaml to a domain whose addresses this tenant "
        "takes in otherMails, best one of its own; if it takes any, the declared address itself is refused",
    )


def left(state: GuestState, reason: Note) -> GuestResult:
    """Return that the run ended before this guest's reset was sent."""
    last = state.recorded.actions[-1]
    if not state.recorded.resets and not state.marks and in_doubt(state, last):
        return GuestResult(
            outcome=Outcome.UNVERIFIED,
            rule=reason.rule,
            message=f"`otherMails` may have been written; plan again to see: {reason.message}",
        )
    begun = _how_far(state) if _patched(state) else "not attempted"
    return GuestResult(outcome=Outcome.NOT_ATTEMPTED, rule=reason.rule, message=f"{begun}: {reason.message}")


def cut_off(state: GuestState, reason: Note) -> GuestResult:
    """Return that the run ended while the change was half done."""
    return _failed(reason.rule, f"{_half_done(state)}; apply again to finish it: {reason.message}")


def crashed(state: GuestState, note: Note) -> GuestResult:
    """Return that a bug ended the guest's machine, and how far the change had come."""
    message = f"{note.message}; {_how_far(state)}; plan again to see what is left"
    return _failed(note.rule, message, blames=None)


def keeps_address(predecessor: str, held: tuple[EmailAddress, ...]) -> GuestResult:
    """Return that the address this guest takes over is still held by its old owner."""
    named = ", ".join(address.text for address in held)
    return GuestResult(
        outcome=Outcome.NOT_ATTEMPTED,
        rule=Rule.ADDRESS_IN_USE,
        # Sources: https://learn.microsoft.com/graph/api/resources/user#properties (read-only), and
        # https://github.com/MicrosoftDocs/azure-docs/pull/74404 (a replaced address stays).
        message=f"{named} still stands on {predecessor}: a replaced address usually stays in proxyAddresses, "
        "and Graph can remove none from there; declare another address for this guest, or ask an Exchange "
        "administrator whether they can remove it, and apply again once it is gone",
    )


def predecessor_failed(predecessor: str) -> GuestResult:
    """Return that no read showed the change this one waits for."""
    return GuestResult(
        outcome=Outcome.NOT_ATTEMPTED,
        rule=Rule.ADDRESS_IN_USE,
        message=f"takes over an address of {predecessor}, whose own change has not been seen carried out: "
        "apply again when it has",
    )


def not_asked_for(recorded: Change, remaining: tuple[Action, ...]) -> GuestResult:
    """Return that an approved action is not planned any more, and how far an earlier run has come."""
    done = recorded.actions[: len(recorded.actions) - len(remaining)]
    match remaining:
        case (ResetRedemption(email=email), *_) if done:
            return stale(
                f"an earlier run has written {email} to otherMails, and the new plan does not ask for that "
                "any more; declare alternateEmails to take it away"
            )
        case _:
            return stale("this was approved, but the new plan does not ask for it any more")


def _failed(rule: RuleId, message: str, *, blames: FaultDomain | None = FaultDomain.GUEST) -> GuestResult:
    return GuestResult(outcome=Outcome.FAILED, rule=rule, message=message, blames=blames)


def _how_far(state: GuestState) -> str:
    """Return a sentence on the parts of a change that are on the guest, as far as this run knows."""
    if state.sent is not Sent.NO:
        return _half_done(state)
    first = next(iter(state.recorded.actions))
    if not _patched(state):
        return "nothing was written"
    written = "may be" if in_doubt(state, first) else "is"
    if state.recorded.kind is ChangeKind.CHANGE_EMAIL:
        return f"`mail` {written} written and the reset is not sent, which the next run does"
    if state.recorded.kind is ChangeKind.RESTORE_MAIL:
        return f"`mail` {written} written with a marker, which the next run takes away"
    if state.recorded.resets:
        return f"`otherMails` {written} written and the reset is not sent, which the next run does"
    return f"`otherMails` {written} written"


def _patched(state: GuestState) -> bool:
    """Return whether a PATCH of this run was executed, or may have been."""
    done = any(record.result is ActionResult.DONE for record in state.records)
    return done or bool(state.own) or any(tries.in_doubt for tries in state.tries)


def _half_done(state: GuestState) -> str:
    sent = "was sent" if state.sent is Sent.YES else "may have been sent"
    last = state.recorded.actions[-1]
    match last:
        case ClearMarker() | SetMail():
            written = "may still stand" if in_doubt(state, last) else "still stands"
            return f"half done: the reset {sent}, the marker of the unfinished change {written}"
        case ResetRedemption():
            return f"half done: the reset {sent}"
        case _:
            written = "may not be" if in_doubt(state, last) else "is not"
            return f"half done: the reset {sent}, `otherMails` {written} written"
