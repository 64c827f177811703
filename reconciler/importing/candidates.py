"""One user as a candidate for an entry: what the user alone decides about it.

A tenant has many users, so a candidate keeps no more of one than the entry and the report need.
"""

from dataclasses import dataclass

from reconciler.model import (
    EmailAddress,
    Guest,
    Note,
    ObjectId,
    OddUser,
    RedemptionState,
    address_flaw,
    parse_marker,
)
from reconciler.plan.sign_in_hints import SignInHint, may_sign_in_as
from reconciler.rules import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A user of the tenant who may get an entry."""

    id: ObjectId

    name: str | None
    """The display name. Comes from strangers."""

    mail: EmailAddress | None
    state: RedemptionState | None
    is_b2b: bool

    rest: tuple[EmailAddress, ...]
    """The other values of `otherMails`, sorted, each once; no marker among them."""

    lists_mail: bool
    """Whether `mail` is in `otherMails`, so that `alternateEmails` could name the rest and change nothing."""

    fault: Note | None
    """The gravest rule that leaves the user out; `None` if no property does, or only a missing `mail`."""

    limits: tuple[Note, ...]
    """The rules that keep the guest from being changed now, except a role."""

    hint: SignInHint | None


def candidate(user: Guest | OddUser) -> Candidate:
    """Build the candidate that a user is reduced to."""
    if isinstance(user, OddUser):
        return _odd(user)
    fault = _fault(user)
    return Candidate(
        id=user.id,
        name=user.display_name,
        mail=user.mail,
        state=user.state,
        is_b2b=user.is_b2b,
        rest=_rest(user),
        lists_mail=user.mail in user.other_mails,
        fault=fault,
        limits=_limits(user),
        hint=may_sign_in_as(user) if fault is None else None,
    )


def unusable(address: EmailAddress) -> str | None:
    """Return why an address cannot be declared; `None` when it can."""
    flaw = address_flaw(address.text)
    if flaw is None and parse_marker(address) is not None:
        return "it reads as the marker of an unfinished change"
    return flaw


def _odd(user: OddUser) -> Candidate:
    return Candidate(
        id=user.id,
        name=user.display_name,
        mail=None if user.mail is None else EmailAddress(user.mail),
        state=None,
        is_b2b=user.is_b2b,
        rest=(),
        lists_mail=False,
        fault=Note(
            rule=Rule.ODD_GUEST,
            message=f"the directory gives {user.property} in a shape that is not documented",
        ),
        limits=(),
        hint=None,
    )


def _fault(user: Guest) -> Note | None:
    """Return the gravest rule, in the order in which a plan ranks them."""
    if not user.is_b2b:
        return Note(
            rule=Rule.NOT_B2B, message="not invited: creationType is not Invitation, and there is no state"
        )
    if user.on_premises_synced:
        return Note(rule=Rule.ON_PREMISES_SYNCED, message="synchronised from an on-premises directory")
    if user.markers:
        return Note(
            rule=Rule.HALF_DONE,
            message="a change of address was begun and not finished: otherMails holds its marker",
        )
    flaw = None if user.mail is None else unusable(user.mail)
    return None if flaw is None else Note(rule=Rule.ADDRESS, message=f"mail cannot be declared: {flaw}")


def _rest(user: Guest) -> tuple[EmailAddress, ...]:
    if len(user.other_mails) == 1 and user.mail == user.other_mails[0]:
        return ()
    # Of two spellings of one address the first by spelling is kept, whatever the order on the page.
    spellings = {
        address.key: address for address in sorted(user.other_mails, key=lambda one: one.text, reverse=True)
    }
    return tuple(sorted(address for address in spellings.values() if address != user.mail))


def _limits(user: Guest) -> tuple[Note, ...]:
    limits = []
    if user.management_restricted:
        limits.append(
            Note(
                rule=Rule.MANAGEMENT_RESTRICTED,
                message="in a restricted administrative unit, whose users only its own administrators change",
            )
        )
    if not user.account_enabled:
        limits.append(
            Note(rule=Rule.GUEST_DISABLED, message="the account is disabled, and nobody can redeem with it")
        )
    return tuple(limits)
