"""A change in words: old and new value, effects on the guest, warnings, actions.

Nothing here is escaped; each renderer escapes whole sentences for its medium.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from reconciler.model import (
    Action,
    AddOtherMail,
    Change,
    ChangeKind,
    ClearMarker,
    Invitation,
    Note,
    ObjectId,
    RedemptionState,
    ResetRedemption,
    SetMail,
    SetOtherMails,
    Source,
)
from reconciler.rules import Rule

SAME: Final = "(the same)"
"""The new value of a guest who keeps the address in `mail`."""

USUAL: Final = (
    "Unless a guest below says otherwise: they cannot sign in until they redeem, Microsoft sends the"
    " invitation, and the old address can still redeem while it stays in proxyAddresses."
)
"""The effects of most changes, shown once where there are many; see `_Effect.usual`."""

KINDS: Final = {
    ChangeKind.CHANGE_EMAIL: "new address",
    ChangeKind.RESET: "redeem again",
    ChangeKind.OTHER_MAILS: "other addresses",
    ChangeKind.RESTORE_MAIL: "mail put back",
}

ROUTINE: Final = frozenset({Rule.UNSEEN_DOMAIN})
"""Warnings that many changes share word by word, for example when a company changes its name."""

_SAID_BY_EFFECTS: Final = frozenset({Rule.OLD_ADDRESS_REMAINS, Rule.NOBODY_TOLD, Rule.KEPT_ADDRESS})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeView:
    """A change as the renderers show it."""

    id: ObjectId

    display_name: str | None
    """Comes from strangers, as the addresses do: escape it for the medium it is shown in."""

    kind: ChangeKind

    label: str
    """The kind in words."""

    source: Source

    before: str
    """The old value: an address to sign in with, or a list of other addresses."""

    after: str
    """The new value, or `SAME`."""

    effects: tuple[str, ...]
    """Sentences, the most drastic first; in a long plan without those that `USUAL` covers."""

    warnings: tuple[Note, ...]
    """The warnings that `effects` does not cover; in a long plan without those that many rows share."""

    reason: str

    actions: tuple[str, ...]
    """A sentence on each write, in the order in which they run."""

    locks_out: bool
    """Whether the change removes a sign-in that works until then."""

    risk: int
    """The rank for a reviewer, the riskiest first: unusual ones, then resets without notice, then others."""

    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Effect:
    """An effect of a change on its guest, as a sentence."""

    text: str

    usual: bool = False
    """Covered by `USUAL`, so that a long plan need not repeat it in every row."""


def change_view(change: Change, *, unusual_only: bool = False) -> ChangeView:
    """Build the view of a change; `unusual_only` omits what the rows of a long plan share."""
    before, after = _from_to(change)
    return ChangeView(
        id=change.id,
        display_name=change.display_name,
        kind=change.kind,
        label=KINDS[change.kind],
        source=change.source,
        before=before,
        after=after,
        effects=tuple(one.text for one in _effects(change) if not (unusual_only and one.usual)),
        warnings=_own_warnings(change, unusual_only=unusual_only),
        reason=change.reason,
        actions=tuple(_action(one) for one in change.actions),
        locks_out=_locks_out(change),
        risk=_risk(change),
        digest=change.digest,
    )


def _effects(change: Change) -> Iterator[_Effect]:
    """Yield the effects of a change on its guest, the most drastic first."""
    if change.resumes is not None:
        yield _Effect(text=f"Finishes change {change.resumes}, which an earlier run began.")
    if change.reset is not None:
        yield _locked_out(change)
        yield _message(change.reset.invitation)
    elif change.fallback is not None:
        yield _Effect(
            text="They keep their way to sign in; reset only if it is not seen once mail is written."
        )
    else:
        yield _Effect(text="They keep their way to sign in.")
    if any(note.rule == Rule.OLD_ADDRESS_REMAINS for note in change.warnings):
        yield _old_address(change)
    kept = _kept(change)
    if kept and change.kind is not ChangeKind.OTHER_MAILS:
        yield _Effect(text=f"Can sign in with these too: {', '.join(kept)}.")
    if change.waits_for is not None:
        yield _Effect(text=f"Waits until guest {change.waits_for} has left an address that this guest gets.")


def _own_warnings(change: Change, *, unusual_only: bool) -> tuple[Note, ...]:
    """Return the warnings of a change that its effects do not cover, on request without `ROUTINE`."""
    said = _SAID_BY_EFFECTS | ROUTINE if unusual_only else _SAID_BY_EFFECTS
    return tuple(note for note in change.warnings if note.rule not in said)


def _from_to(change: Change) -> tuple[str, str]:
    """Return the old and the new value: addresses to sign in with, or lists of other addresses."""
    wanted = "otherMails" if change.kind is ChangeKind.OTHER_MAILS else "mail"
    field = next((one for one in change.fields if one.field == wanted), None)
    if field is not None:
        return _listed(field.before), _listed(field.after)
    return _listed(None if change.precondition.mail is None else change.precondition.mail.text), SAME


def _action(one: Action) -> str:
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


def _risk(change: Change) -> int:
    if _own_warnings(change, unusual_only=True):
        return 0
    if _own_warnings(change, unusual_only=False):
        return 1
    if any(note.rule == Rule.NOBODY_TOLD for note in change.warnings):
        return 2
    return 3 if change.resets else 4


def _locks_out(change: Change) -> bool:
    return change.resets and change.precondition.state is not RedemptionState.PENDING


def _locked_out(change: Change) -> _Effect:
    if _locks_out(change):
        return _Effect(text="Cannot sign in until they redeem.", usual=True)
    return _Effect(text="Has not redeemed yet; the link sent before stops working.")


def _old_address(change: Change) -> _Effect:
    if change.resets:
        return _Effect(text="The old address can still redeem while it stays in proxyAddresses.", usual=True)
    return _Effect(text="The address that goes usually stays in proxyAddresses: after a reset it can redeem.")


def _message(invitation: Invitation) -> _Effect:
    if not invitation.send_message:
        return _Effect(text="No message is sent: hand over the redeem link (apply --redeem-links FILE).")
    copy = "" if invitation.cc is None else f", with a copy to {invitation.cc}"
    if invitation.message is not None:
        return _Effect(text=f"Microsoft sends the invitation with a message of yours{copy}.")
    return _Effect(
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
