"""A change in words: old and new value, effects on the guest, warnings, actions.

Nothing here is escaped; each renderer escapes whole sentences for its medium.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
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
    TenantId,
    built_in_invitation,
)
from reconciler.render import sign_ins
from reconciler.render.wording import count_of
from reconciler.rules import Rule

_NONE: Final = "(none)"

_ALL_KEYS: Final = ("cc", "language", "message", "redirectUrl", "sendMessage")
"""The `invitation_changed` of a new entry."""

SAME: Final = "(the same)"
"""The new value of a guest who keeps the address in `mail`."""

USUAL: Final = (
    "Unless a guest below says otherwise: they cannot sign in until they redeem, Microsoft sends the"
    " invitation, and the old address can still redeem while it stays in proxyAddresses."
)
"""The effects of most changes, shown once where there are many; see `_Effect.usual`."""

KINDS: Final = {
    ChangeKind.CHANGE_EMAIL: "new address",
    ChangeKind.RESET: "reset, same address",
    ChangeKind.OTHER_MAILS: "other addresses",
    ChangeKind.RESTORE_MAIL: "mail put back",
}

ROUTINE: Final = frozenset({Rule.UNSEEN_DOMAIN})
"""Warnings that many changes share word by word, for example when a company changes its name."""

_SAID_BY_EFFECTS: Final = frozenset({Rule.OLD_ADDRESS_REMAINS, Rule.NOBODY_TOLD, Rule.KEPT_ADDRESS})


class Rank(IntEnum):
    """The order in which a reviewer should read changes; warnings order within a rank only."""

    HANDED_OVER = 0
    """The guest is handed to another address."""

    RESET = 1
    """The guest has to redeem again, with the same address."""

    ADDED_SIGN_INS = 2
    """Nobody is reset, and further addresses will be able to sign in."""

    OTHER = 3


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
    """The old address in `mail`."""

    after: str
    """The new address in `mail`, or `SAME`."""

    added: tuple[str, ...]
    """Every address that could not sign in before and can afterwards, sorted."""

    lost: tuple[str, ...]
    """Every address that could sign in before and cannot afterwards, sorted."""

    invitation: tuple[tuple[str, str], ...]
    """The `message`, `cc` and `redirectUrl` of the invitation, by these keys, whole.

    Of a plan with a base those whose values differ from it; without one, those that are not built in.
    """

    effects: tuple[str, ...]
    """Sentences, the most drastic first; in a long plan without those that `USUAL` covers."""

    warnings: tuple[Note, ...]
    """The warnings that `effects` does not cover; in a long plan without those that many rows share."""

    reason: str

    actions: tuple[str, ...]
    """A sentence on each write, in the order in which they run."""

    action_names: tuple[str, ...]
    """The names of the writes, in the same order: enough for a long plan."""

    locks_out: bool
    """Whether the change removes a sign-in that works until then."""

    risk: tuple[Rank, int]
    """The place for a reviewer, the riskiest first: the rank, and the weight of the warnings within it."""

    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Effect:
    """An effect of a change on its guest, as a sentence."""

    text: str

    usual: bool = False
    """Covered by `USUAL`, so that a long plan need not repeat it in every row."""


def change_view(change: Change, *, tenant: TenantId, unusual_only: bool = False) -> ChangeView:
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
        added=tuple(map(str, sign_ins.admitted(change))),
        lost=tuple(map(str, sign_ins.shut_out(change))),
        invitation=tuple(_invitation(change, built_in_invitation(tenant))),
        effects=tuple(one.text for one in _effects(change) if not (unusual_only and one.usual)),
        warnings=_own_warnings(change, unusual_only=unusual_only),
        reason=change.reason,
        actions=tuple(_action(one) for one in change.actions),
        action_names=tuple(one.name for one in change.actions),
        locks_out=_locks_out(change),
        risk=(_rank(change), _weight(change)),
        digest=change.digest,
    )


def _effects(change: Change) -> Iterator[_Effect]:
    """Yield the effects of a change on its guest, the most drastic first."""
    if change.resumes is not None:
        yield _Effect(text=f"Finishes change {change.resumes}, which an earlier run began.")
    if change.reset is not None:
        yield _locked_out(change)
        yield from _further_sign_ins(change)
        yield _message(change, change.reset.invitation)
    elif change.fallback is not None:
        yield _Effect(
            text="They keep their way to sign in; reset only if it is not seen once mail is written."
        )
        yield from _further_sign_ins(change)
    else:
        yield _kept_way(change)
    if any(note.rule == Rule.OLD_ADDRESS_REMAINS for note in change.warnings):
        yield _old_address(change)
    kept = _kept(change)
    if kept:
        yield _Effect(text=f"Can sign in with these too: {', '.join(kept)}.")
    if change.waits_for is not None:
        yield _Effect(text=f"Waits until guest {change.waits_for} has left an address that this guest gets.")


def _kept_way(change: Change) -> _Effect:
    added, lost = len(sign_ins.admitted(change)), len(sign_ins.shut_out(change))
    sentences = [_admits(added)] if added else []
    if lost:
        sentences.append(f"{count_of(lost, 'address', 'addresses')} will not be able to sign in any more.")
    if not sentences:
        return _Effect(text="They keep their way to sign in.")
    return _Effect(text=" ".join(["Nobody is reset.", *sentences]))


def _admits(count: int) -> str:
    return f"{count_of(count, 'new address', 'new addresses')} will be able to sign in."


def _further_sign_ins(change: Change) -> Iterator[_Effect]:
    """Count the new addresses of a reset, unless the only one is that of the invitation."""
    added = sign_ins.admitted(change)
    if added and not (change.reset and added == (change.reset.email,)):
        yield _Effect(text=_admits(len(added)))


def _own_warnings(change: Change, *, unusual_only: bool) -> tuple[Note, ...]:
    """Return the warnings of a change that its effects do not cover, on request without `ROUTINE`."""
    said = _SAID_BY_EFFECTS | ROUTINE if unusual_only else _SAID_BY_EFFECTS
    return tuple(note for note in change.warnings if note.rule not in said)


def _from_to(change: Change) -> tuple[str, str]:
    """Return the old and the new address in `mail`."""
    field = next((one for one in change.fields if one.field == "mail"), None)
    if field is not None:
        return _listed(field.before), _listed(field.after)
    return _listed(None if change.precondition.mail is None else change.precondition.mail.text), SAME


def _invitation(change: Change, built_in: Invitation) -> Iterator[tuple[str, str]]:
    """Yield the values that decide what the person reads, who gets a copy, and where they are sent."""
    sent = change.reset or change.fallback
    if sent is None:
        return
    changed, is_new = change.invitation_changed, change.invitation_changed == _ALL_KEYS
    for key, value, usual in (
        ("message", sent.invitation.message, built_in.message),
        ("cc", sent.invitation.cc, built_in.cc),
        ("redirectUrl", sent.invitation.redirect_url, built_in.redirect_url),
    ):
        if changed is not None and key not in changed:
            continue
        # An entry that stood there may have lost a value; a new one differs from the base in all of them.
        if value != usual or not (changed is None or is_new):
            yield key, _NONE if value is None else str(value)


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


def _rank(change: Change) -> Rank:
    if any(one.field == "mail" for one in change.fields) and change.kind is not ChangeKind.RESTORE_MAIL:
        return Rank.HANDED_OVER
    if change.resets:
        return Rank.RESET
    return Rank.ADDED_SIGN_INS if sign_ins.admitted(change) else Rank.OTHER


def _weight(change: Change) -> int:
    if _own_warnings(change, unusual_only=True):
        return 0
    if _own_warnings(change, unusual_only=False):
        return 1
    return 2 if any(note.rule == Rule.NOBODY_TOLD for note in change.warnings) else 3


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


def _message(change: Change, invitation: Invitation) -> _Effect:
    if not invitation.send_message:
        return _Effect(text=_unsent(change))
    copy = "" if invitation.cc is None else f", with a copy to {invitation.cc}"
    if invitation.message is not None:
        return _Effect(text=f"Microsoft sends the invitation with a message of yours{copy}.")
    return _Effect(
        text=f"Microsoft sends the invitation in {invitation.language}{copy}.", usual=invitation.cc is None
    )


def _unsent(change: Change) -> str:
    if any(note.rule == Rule.NOBODY_TOLD for note in change.warnings):
        return (
            "No message is sent, and no redeem link is kept, so the person cannot get in: remove sendMessage:"
            " false, or apply with --redeem-links FILE and hand the link over."
        )
    return "No message is sent: hand over the redeem link, which apply keeps."


def _kept(change: Change) -> list[str]:
    """List the addresses that stay on the object besides the one in `mail`."""
    written = next(
        (one.email for one in change.actions if isinstance(one, SetMail)), change.precondition.mail
    )
    remaining = sign_ins.after(change) & sign_ins.before(change)
    return [str(address) for address in sorted(remaining) if address != written]


def _listed(value: str | tuple[str, ...] | None) -> str:
    if value is None or value == ():
        return _NONE
    return value if isinstance(value, str) else ", ".join(value)
