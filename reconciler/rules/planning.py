"""The rules of a plan: blocked guests and the reasons, refusals, and warnings."""

from types import MappingProxyType
from typing import Final

from reconciler.rules.description import Severity, Table, Text, Where, described
from reconciler.rules.ids import Rule

_PLANNING = (Where.PLAN, Where.APPLY)

_BLOCKS = described(
    Severity.BLOCK,
    _PLANNING,
    {
        Rule.DELETED: Text(
            meaning="The user with the declared object id is deleted.",
            remedy="restore the user within 30 days of its deletion, or remove the entry",
        ),
        Rule.ODD_GUEST: Text(
            meaning="A property of the user, which the message names, has a shape that is not documented, so "
            "nothing is planned for this guest; the others are planned as ever.",
            remedy="put the user right in the Entra admin center, or use a version of reconciler that knows "
            "this shape",
        ),
        Rule.NOT_B2B: Text(
            meaning="The user was not invited, so there is no redemption to reset.",
            remedy="remove the entry, or correct the id",
        ),
        Rule.ON_PREMISES_SYNCED: Text(
            meaning="The user is synchronised from an on-premises directory, which owns the address.",
            remedy="change the address there",
        ),
        Rule.NO_STATE_TIME: Text(
            meaning="`resetAfter` is declared, and the directory does not say when the guest redeemed, so "
            "every run would reset again.",
            remedy="remove resetAfter, and reset the guest by hand once if that is needed",
        ),
        Rule.HOLDS_ROLE: Text(
            meaning="The guest holds a directory role, or can activate one, and Microsoft lets no "
            "application reset such users.",
            remedy="take the role away for the time of the change, or have an administrator who may do it "
            "change the address and reset the guest in the Entra admin center",
        ),
        Rule.DOMAIN_NOT_ALLOWED: Text(
            meaning="The domain of an address that the guest gets is not in `policy.allowedDomains`.",
            remedy="declare an address of another domain, or have the domain added: subdomains are listed "
            "one by one",
        ),
        Rule.PROTECTED: Text(
            meaning="The object id is in `policy.protected`.",
            remedy="have it taken out, or declare what the directory has",
        ),
        Rule.ON_HOLD: Text(
            meaning="The entry is on hold through the day it names.",
            remedy="wait, or remove the hold",
        ),
        Rule.ADDRESS_CYCLE: Text(
            meaning="Guests want each other's addresses, so nobody of them can come first.",
            remedy="give one of them another address first; where its old one stays in proxyAddresses, ask "
            "an Exchange administrator whether they can remove it: Graph cannot",
        ),
        Rule.OTHER_MAILS_FULL: Text(
            meaning="`otherMails` would hold more values than Microsoft Graph takes, the marker of the "
            "change included.",
            remedy="declare alternateEmails with only those that should stay",
        ),
    },
)

_BLOCKS_AND_OUTCOMES = described(
    (Severity.BLOCK, Severity.OUTCOME),
    _PLANNING,
    {
        Rule.NOT_FOUND: Text(
            meaning="No user has the declared object id. Beside an outcome: the part of the directory that "
            "answered does not know the guest, which passes as a rule.",
            remedy="correct the id, or remove the entry; beside an outcome, apply again: only when a plan "
            "says it too is the guest gone",
        ),
        Rule.VERIFIED_DOMAIN: Text(
            meaning="The domain of the address is one of the tenant's own, to which nobody is invited.",
            remedy="declare an address of another domain",
        ),
        Rule.DOMAIN_DENIED: Text(
            meaning="The domain of the address is in `policy.deniedDomains`. Beside an outcome: the "
            "tenant's own list of allowed and blocked domains forbids it.",
            remedy="declare an address of another domain, or have the list changed",
        ),
    },
)

_BLOCKS_AND_STOPS = described(
    (Severity.BLOCK, Severity.STOP, Severity.OUTCOME),
    _PLANNING,
    {
        Rule.INVITATIONS_DISABLED: Text(
            meaning="The tenant lets nobody, or not this application, invite, and a reset is an invitation.",
            remedy="have the external collaboration settings opened (allowInvitesFrom), and grant "
            "User.Invite.All beside User.ReadWrite.All",
        ),
    },
)

_ADDRESS_IN_USE = described(
    (Severity.BLOCK, Severity.OUTCOME, Severity.WARNING),
    (Where.PLAN, Where.COMPARE, Where.APPLY),
    {
        Rule.ADDRESS_IN_USE: Text(
            meaning="Another object of the tenant holds an address that the guest is to get, or is only to "
            "be reset with; or the guest who frees it has not been changed.",
            remedy="declare another address, or free this one there first; from proxyAddresses Graph can "
            "remove none, so ask an Exchange administrator whether they can",
        ),
    },
)

_REFUSALS = described(
    Severity.REFUSAL,
    _PLANNING,
    {
        Rule.MAX_CHANGES: Text(
            meaning="More guests would be reset, or could sign in with another address, than "
            "`policy.maxChanges` allows.",
            remedy="split the change, or have the raise reviewed that the message holds",
        ),
        Rule.MAX_CHANGE_PERCENT: Text(
            meaning="A larger share of the declared guests would be reset, or could sign in with another "
            "address, than `policy.maxChangePercent` allows.",
            remedy="split the change, or have the raise reviewed that the message holds",
        ),
        Rule.MARKER_DOMAIN: Text(
            meaning="`markerDomain` may belong to somebody else, who could redeem with a marker.",
            remedy="remove markerDomain from tenant.yaml, or set a verified domain of the tenant",
        ),
    },
)

_WARNINGS = described(
    Severity.WARNING,
    _PLANNING,
    {
        Rule.NOT_CHECKED: Text(
            meaning="A check could not be made, so the plan does not show what it would have found.",
            remedy="grant the permission that the message names, or approve knowing that it was not checked",
        ),
        Rule.RESET_NOT_NEEDED: Text(
            meaning="The guest has not redeemed yet as far as the directory says, so `resetAfter` sends "
            "nothing.",
            remedy="remove resetAfter, or leave it: redeeming meets it; to send the invitation again, use "
            "the Entra admin center",
        ),
        Rule.HOLD_EXPIRED: Text(
            meaning="The day has passed through which the entry was on hold, so it holds nothing any more.",
            remedy="remove the hold, or set a later day",
        ),
        Rule.IDENTITY_DIFFERS: Text(
            meaning="The guest has redeemed with another address than the declared one.",
            remedy="if that is another person, set resetAfter to have the guest redeem anew",
        ),
        Rule.MAY_HAVE_REDEEMED: Text(
            meaning="An address goes, or was declared before, and whether somebody has redeemed with it "
            "cannot be seen.",
            remedy="if that may be another person, set resetAfter to have the guest redeem anew",
        ),
        Rule.KEPT_ADDRESS: Text(
            meaning="An address that nobody declared stays in `otherMails`, so that it can sign in, or a "
            "link sent there may still work.",
            remedy="to remove it, declare alternateEmails",
        ),
        Rule.NO_MAIL: Text(
            meaning="`mail` is empty now, and Graph cannot empty it again.",
            remedy="make sure of the address: the change cannot be undone as a whole",
        ),
        Rule.OLD_ADDRESS_REMAINS: Text(
            meaning="The replaced address stays in `proxyAddresses`, which Graph lets nobody write, so "
            "whoever reads that mailbox may be able to redeem again.",
            remedy="let the right person redeem soon; where it matters, ask an Exchange administrator "
            "whether they can remove the address",
        ),
        Rule.NOBODY_TOLD: Text(
            meaning="The guest is reset, Microsoft sends no message, and no redeem link is kept.",
            remedy="set sendMessage, apply with --redeem-links, or tell the person to sign in anew",
        ),
        Rule.MESSAGE_DROPPED: Text(
            meaning="Microsoft drops the custom message when an application sends the invitation.",
            remedy="remove invitation.message, or apply as a person",
        ),
        Rule.HALF_DONE: Text(
            meaning="A change of the guest's address was begun and not finished.",
            remedy="apply: that finishes it, once nothing blocks the guest; never delete a marker by hand",
        ),
        Rule.MARKER_LEFT: Text(
            meaning="A change of address was begun and not finished, and no entry declares the guest any "
            "more.",
            remedy="declare the guest again and apply, which finishes the change; never delete a marker by "
            "hand",
        ),
        Rule.LOOKS_RESTORED: Text(
            meaning="The guest is seen to sign in with the declared address already, so `mail` alone is put "
            "right, without a reset.",
            remedy="nothing, if a backup was restored or mail was edited",
        ),
        Rule.WAS_BLOCKED: Text(
            meaning="A guard rail of the base revision would have blocked this change, and the tree loosens "
            "it: the policy, or a hold.",
            remedy="approve it only if both were meant: the change, and the looser guard rail",
        ),
        Rule.CC_ELSEWHERE: Text(
            meaning="A copy of the invitation goes to an address that is neither in a verified domain of the "
            "tenant nor in `allowedDomains`. Whoever holds a redeem link can bind an account of their own.",
            remedy="make sure whose address it is, or remove cc",
        ),
        Rule.REDIRECT_ELSEWHERE: Text(
            meaning="After redeeming, the person is sent to a host that is neither one of Microsoft's own "
            "pages nor in a verified domain of the tenant.",
            remedy="make sure whose page it is: the person has just signed in, and expects no other page",
        ),
        Rule.CHAIN_MAY_WAIT: Text(
            meaning="The guest takes over an address that another one is leaving, and starts after that "
            "guest.",
            remedy="nothing; if the change was left for a later run, apply again",
        ),
        Rule.UNDO_BLOCKED: Text(
            meaning="Another object of the tenant holds the address that the guest gives up, so that an undo "
            "would be blocked (`address-in-use`). Of guests whom nobody declares, and of members, groups and "
            "contacts, it is seen only where the address was looked up for another reason.",
            remedy="if an undo must stay possible, free the address there first; else approve knowing that "
            "there is none",
        ),
        Rule.LOOK_ALIKE_DOMAIN: Text(
            meaning="The domain of a new address holds letters outside of ASCII, or looks like another "
            "known domain.",
            remedy="compare it letter by letter with what the person gave",
        ),
        Rule.CONSUMER_DOMAIN: Text(
            meaning="The domain of a new address belongs to a provider that gives an address to anybody.",
            remedy="make sure that it is this person's, and that a private address will do",
        ),
        Rule.UNSEEN_DOMAIN: Text(
            meaning="No guest of the tenant has an address in the domain of a new address yet.",
            remedy="make sure that it is spelled right, and whose it is",
        ),
        Rule.NO_LONGER_DECLARED: Text(
            meaning="The entry is gone since the base revision; nothing is done to the guest, and nobody "
            "looks after them any more.",
            remedy="to take the access away, delete or disable the guest",
        ),
    },
)

_BASE_INVALID = described(
    (Severity.ERROR, Severity.WARNING),
    (Where.PLAN, Where.APPLY),
    {
        Rule.BASE_INVALID: Text(
            meaning="The desired tree is not valid at the revision of `--base`, where it is a warning and "
            "every row counts as drift, or of `--since`, where the plan ends with exit code 2.",
            remedy="name a revision at which reconciler validate finds nothing, or apply by hand once this "
            "is merged",
        ),
    },
)

_DISABLED = described(
    (Severity.OUTCOME, Severity.WARNING),
    _PLANNING,
    {
        Rule.GUEST_DISABLED: Text(
            meaning="The guest's account is disabled, so nobody can sign in, and Microsoft refuses the "
            "reset.",
            remedy="enable the account, or put the guest on hold",
        ),
    },
)

PLANNING: Final[Table] = MappingProxyType(
    {
        **_BLOCKS,
        **_BLOCKS_AND_OUTCOMES,
        **_BLOCKS_AND_STOPS,
        **_ADDRESS_IN_USE,
        **_REFUSALS,
        **_WARNINGS,
        **_BASE_INVALID,
        **_DISABLED,
    }
)
