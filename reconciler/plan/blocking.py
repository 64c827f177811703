"""The rules that block a declared guest, as far as its own entry and object decide them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from reconciler.model import DesiredGuest, EmailAddress, InvitesFrom, Live, Note, Policy
from reconciler.plan.compare import Written, carried_out
from reconciler.plan.difference import Difference
from reconciler.rules import Rule, RuleId

GRAVEST_FIRST: Final = (
    Rule.NOT_FOUND,
    Rule.DELETED,
    Rule.ODD_GUEST,
    Rule.NOT_B2B,
    Rule.ON_PREMISES_SYNCED,
    Rule.NO_STATE_TIME,
    Rule.HOLDS_ROLE,
    Rule.ADDRESS_IN_USE,
    Rule.VERIFIED_DOMAIN,
    Rule.DOMAIN_NOT_ALLOWED,
    Rule.DOMAIN_DENIED,
    Rule.PROTECTED,
    Rule.ON_HOLD,
    Rule.ADDRESS_CYCLE,
    Rule.INVITATIONS_DISABLED,
    Rule.OTHER_MAILS_FULL,
)
"""Every rule that blocks a guest; a guest who breaks several is reported with the first."""

ABOUT_THE_ADDRESS = frozenset(
    {
        Rule.ADDRESS_IN_USE,
        Rule.VERIFIED_DOMAIN,
        Rule.DOMAIN_NOT_ALLOWED,
        Rule.DOMAIN_DENIED,
        Rule.ADDRESS_CYCLE,
    }
)
"""The rules that no longer block a guest once another address is declared; the others do all the same."""

MOST_OTHER_MAILS = 250
"""Values that `otherMails` holds at most.

Source: https://learn.microsoft.com/graph/api/resources/user#properties
"""

_RANK: Final[Mapping[RuleId, int]] = {rule: rank for rank, rule in enumerate(GRAVEST_FIRST)}


def gravest_first(obstacles: Iterable[Note]) -> tuple[Note, ...]:
    """Sort obstacles in the order of `GRAVEST_FIRST`, each once."""
    return tuple(sorted(set(obstacles), key=lambda note: (_RANK[note.rule], note.message)))


def absence(entry: DesiredGuest, live: Live) -> Note:
    """Return why a declared id is not among the users that were read."""
    if entry.id in live.odd:
        return Note(
            rule=Rule.ODD_GUEST,
            message=f"the directory gives {live.odd[entry.id]} of this user in a shape that is not "
            "documented, so nothing is known for sure: put the user right in the Entra admin center, or use "
            "a version of reconciler that knows this shape",
        )
    if entry.id in live.deleted:
        return Note(
            rule=Rule.DELETED,
            message="the user is deleted: restore it within 30 days of its deletion, or remove the entry:"
            " reconciler prune",
        )
    return Note(
        rule=Rule.NOT_FOUND,
        message="no user has this object id: correct the id, or remove the entry: reconciler prune",
    )


def obstacles(difference: Difference, *, policy: Policy, live: Live, now: datetime) -> tuple[Note, ...]:
    """Collect the rules that one guest breaks, in no particular order; other owners are not considered."""
    return (
        *_about_the_object(difference, live),
        *_about_domains(difference, policy, live),
        *_about_consent(difference, policy, now),
        *_about_invitations(difference, live),
        *_about_room(difference),
    )


def by_guard_rails(difference: Difference, policy: Policy, live: Live, now: datetime) -> Iterable[Note]:
    """Return the obstacles that a tree puts up by its policy and its holds, not the directory."""
    own = {Rule.DOMAIN_DENIED, Rule.DOMAIN_NOT_ALLOWED, Rule.PROTECTED, Rule.ON_HOLD}
    found = (*_about_domains(difference, policy, live), *_about_consent(difference, policy, now))
    return (note for note in found if note.rule in own)


def _about_the_object(difference: Difference, live: Live) -> Iterable[Note]:
    guest = difference.guest
    if not guest.is_b2b:
        yield Note(
            rule=Rule.NOT_B2B,
            message="this user was not invited (creationType is not Invitation, and there is no "
            "externalUserState): remove the entry, or correct the id",
        )
    if guest.on_premises_synced:
        yield Note(
            rule=Rule.ON_PREMISES_SYNCED,
            message="this user is synchronised from an on-premises directory: change the address there",
        )
    if difference.lacks_time:
        yield Note(
            rule=Rule.NO_STATE_TIME,
            message="the directory does not say when this guest redeemed, so every run would reset again: "
            "remove resetAfter, and reset the guest by hand once if that is needed",
        )
    if guest.id in live.role_holders:
        yield Note(
            rule=Rule.HOLDS_ROLE,
            message=f"the guest holds a directory role ({live.role_holders[guest.id]}), and Microsoft lets "
            "no application reset role holders: take the role away for the time of the change, or have an "
            "administrator who may do it change the address and reset the guest in the Entra admin center",
        )


def _about_domains(difference: Difference, policy: Policy, live: Live) -> Iterable[Note]:
    verified = live.verified_domains or frozenset()
    for address in difference.contested_addresses:
        if address.domain in verified:
            yield Note(
                rule=Rule.VERIFIED_DOMAIN,
                message=f"{address.domain} is a verified domain of this tenant, and nobody is invited to an "
                f"address of the tenant itself: declare another address than {address}",
            )
        if address.domain in policy.denied_domains:
            yield Note(
                rule=Rule.DOMAIN_DENIED,
                message=f"{address.domain} is in policy.deniedDomains: declare another address than "
                f"{address}, or have the policy changed",
            )
    if policy.allowed_domains:
        for address in _newly_signing_in(difference):
            if address.domain not in policy.allowed_domains:
                yield Note(
                    rule=Rule.DOMAIN_NOT_ALLOWED,
                    message=f"{address.domain} is not in policy.allowedDomains, where subdomains are listed "
                    f"one by one: declare another address than {address}, or have the domain added",
                )


def _about_consent(difference: Difference, policy: Policy, now: datetime) -> Iterable[Note]:
    hold = difference.entry.hold
    if difference.entry.id in policy.protected:
        yield Note(
            rule=Rule.PROTECTED,
            message="the id is in policy.protected: have it taken out, or declare what the directory has",
        )
    if hold and hold.in_force(now):
        yield Note(
            rule=Rule.ON_HOLD,
            message=f"on hold through {hold.until} ({hold.reason}): wait, or remove the hold",
        )


def _about_invitations(difference: Difference, live: Live) -> Iterable[Note]:
    if difference.resets and live.invites_from is InvitesFrom.NONE:
        yield Note(
            rule=Rule.INVITATIONS_DISABLED,
            message="the tenant lets nobody invite (allowInvitesFrom is none), and a reset is an invitation: "
            "have the external collaboration settings opened",
        )


def _newly_signing_in(difference: Difference) -> Iterable[EmailAddress]:
    """Return the addresses gained, except one that the guest is known to sign in with already."""
    return (
        address for address in difference.added if difference.fallback is None or address != difference.email
    )


def _about_room(difference: Difference) -> Iterable[Note]:
    live = Written(mail=difference.guest.mail, other_mails=difference.guest.other_mails)
    longest = max(
        len(carried_out(difference.actions[:done], live).other_mails)
        for done in range(1, len(difference.actions) + 1)
    )
    beside = " and the marker of the change" if difference.carries_marker else ""
    if longest + difference.carries_marker > MOST_OTHER_MAILS:
        yield Note(
            rule=Rule.OTHER_MAILS_FULL,
            message=f"otherMails would hold {longest} addresses{beside}, and Microsoft Graph takes "
            f"{MOST_OTHER_MAILS} values: declare alternateEmails with only those that should stay",
        )
