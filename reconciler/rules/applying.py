"""The rules of apply: the outcomes of one guest's change, and the causes that stop a run."""

from types import MappingProxyType
from typing import Final

from reconciler.rules.description import Severity, Table, Text, Where, described
from reconciler.rules.ids import Rule

_OUTCOMES = described(
    Severity.OUTCOME,
    (Where.APPLY,),
    {
        Rule.LINK_LOST: Text(
            meaning="The guest was reset, no message is sent, and the redeem link asked for is not in the "
            "file, so the person cannot know.",
            remedy="send the invitation again in the Entra admin center, which changes no address; applying "
            "again does not help",
        ),
        Rule.READS_BEHIND: Text(
            meaning="The directory keeps showing an older state of the guest than the plan, or an earlier "
            "run, has seen.",
            remedy="apply again in a few minutes",
        ),
        Rule.NO_TURN: Text(
            meaning="The write waited for its turn for ten minutes.",
            remedy="apply again later, with a larger --quota-share or a smaller --max-in-flight",
        ),
        Rule.NOT_REPLICATED: Text(
            meaning="The directory does not show what this run wrote, so the run went no further with the "
            "guest.",
            remedy="apply again in a few minutes",
        ),
        Rule.NOT_SEEN: Text(
            meaning="Everything was written, and the directory did not show it in time.",
            remedy="plan again in a few minutes: an empty plan means that it arrived",
        ),
        Rule.CHANGED_MEANWHILE: Text(
            meaning="Somebody else, or another run, has written to the guest while the change was on its "
            "way.",
            remedy="plan again, and have the new plan reviewed",
        ),
        Rule.RESET_MEANWHILE: Text(
            meaning="Somebody else has reset the guest after this run did, so the link that this run sent "
            "is dead.",
            remedy="as the message says: apply again where a marker stayed, else send the invitation again "
            "in the Entra admin center",
        ),
        Rule.MARKER_REFUSED: Text(
            meaning="The tenant takes no marker in `otherMails`, in none of the domains that were tried: the "
            "first write was refused.",
            remedy="set markerDomain in tenant.yaml to a domain whose addresses this tenant takes",
        ),
        Rule.ADDRESS_NOT_REPLICATED: Text(
            meaning="The invitation service does not see the new address on the guest yet.",
            remedy="apply again in a few minutes",
        ),
        Rule.GUEST_IN_CONFLICT: Text(
            meaning="The guest and another object hold one address already, so that no write gets through, "
            "whatever it says.",
            remedy="look for the other object, deleted users and mail contacts among them, and remove the "
            "address there, then apply again",
        ),
        Rule.VALUE_REFUSED: Text(
            meaning="The directory takes one of the values for invalid.",
            remedy="check what the message names; with a marker among the values, markerDomain in "
            "tenant.yaml",
        ),
        Rule.GROUP_ADDRESS: Text(
            meaning="The address is that of a group or distribution list.",
            remedy="declare a person's address",
        ),
        Rule.INVALID_ADDRESS: Text(
            meaning="The invitation service does not take the address.",
            remedy="declare another address",
        ),
        Rule.CROSS_TENANT_ACCESS: Text(
            meaning="The cross-tenant access settings of one of the two organizations forbid the invitation.",
            remedy="have the administrators of both organizations allow it",
        ),
        Rule.NOT_INVITABLE: Text(
            meaning="The directory does not let this user be invited.",
            remedy="look at the external collaboration restrictions",
        ),
        Rule.NOT_PERMITTED: Text(
            meaning="The application has no rights over this guest, who may hold a directory role or be in "
            "a restricted administrative unit.",
            remedy="grant User.ReadWrite.All if it is missing; else take the role or the unit away, or let "
            "an administrator do it by hand",
        ),
        Rule.OWNED_ELSEWHERE: Text(
            meaning="Another service, such as Exchange, owns the address of this user.",
            remedy="change the address there",
        ),
        Rule.REFUSED: Text(
            meaning="The directory refused the write for a reason that is not in the list of known ones.",
            remedy="look at the code in the message, and give its request id to Microsoft's support",
        ),
        Rule.INVITATION_IN_PROGRESS: Text(
            meaning="The invitation service took the reset and had not finished it when it answered.",
            remedy="apply again: the next run finds out what happened",
        ),
        Rule.INVITATION_ERROR: Text(
            meaning="The invitation service took the reset and reported an error.",
            remedy="apply again",
        ),
        Rule.THROTTLED: Text(
            meaning="The directory kept throttling the write.",
            remedy="apply again later",
        ),
        Rule.SERVER_ERROR: Text(
            meaning="The directory failed, so whether it did the write is not known.",
            remedy="apply again later: the next run finds out what happened",
        ),
        Rule.NO_ANSWER: Text(
            meaning="The directory did not answer, so whether it did the write is not known.",
            remedy="apply again: the next run finds out what happened",
        ),
        Rule.FOREIGN_ANSWER: Text(
            meaning="A proxy or a gateway answered instead of the directory, so whether the write was done "
            "is not known.",
            remedy="check what is on the way, then apply again: the next run finds out what happened",
        ),
        Rule.PROXY_REFUSED: Text(
            meaning="A proxy wants credentials before it passes the write on.",
            remedy="check the settings of the proxy, then apply again",
        ),
    },
)

_OF_APPROVAL = described(
    Severity.OUTCOME,
    (Where.COMPARE, Where.APPLY),
    {
        Rule.STALE: Text(
            meaning="The guest, or what is declared, is not as approved, so nothing was written.",
            remedy="plan again, and have the new plan reviewed",
        ),
        Rule.NOT_APPROVED: Text(
            meaning="No approved plan names this change, so nothing was written.",
            remedy="have the change reviewed in a plan, or apply drift by hand",
        ),
    },
)

_STOPS = described(
    (Severity.STOP, Severity.OUTCOME),
    (Where.APPLY,),
    {
        Rule.ALL_REFUSED: Text(
            meaning="The first guests were all refused, and the token does not show that the application "
            "may write users.",
            remedy="grant the application User.ReadWrite.All with admin consent, then apply again",
        ),
        Rule.FAILURE_BUDGET: Text(
            meaning="Too many of the last guests failed for a reason that is not their own.",
            remedy="apply again when the directory answers",
        ),
        Rule.STALLED: Text(
            meaning="No write of anybody has got through for minutes.",
            remedy="apply again when the directory takes writes, with the same journal",
        ),
        Rule.PERMISSION_MISSING: Text(
            meaning="The application lacks a permission to invite.",
            remedy="grant it User.ReadWrite.All and User.Invite.All, with admin consent",
        ),
        Rule.NOT_A_RESET: Text(
            meaning="The invitation service says that it reset nobody, or somebody else.",
            remedy="find out what answers in the directory's place, look at the invitation in the guest's "
            "audit log, then apply again",
        ),
        Rule.JOURNAL_UNWRITABLE: Text(
            meaning="The journal cannot be written any more.",
            remedy="make room or name another file, then apply again",
        ),
        Rule.REDEEM_LINKS_UNWRITABLE: Text(
            meaning="The redeem links cannot be written any more.",
            remedy="make room or name another file, then apply again",
        ),
        Rule.INTERRUPTED: Text(
            meaning="A person or the system has ended the run by a signal: exit code 130.",
            remedy="apply again, with the same plan and journal",
        ),
        Rule.INTERNAL_ERROR: Text(
            meaning="The program has a bug: exit code 1, with a traceback.",
            remedy="report it, and plan again before anything else",
        ),
    },
)

APPLYING: Final[Table] = MappingProxyType({**_OUTCOMES, **_OF_APPROVAL, **_STOPS})
