"""The plan: the changes, the blocked guests, and the reasons.

Data only: it can be printed, hashed and compared.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, assert_never

from reconciler.model.desired import Cloud, Invitation, Source, SuggestedRaise
from reconciler.model.identity import EmailAddress, ObjectId, TenantId
from reconciler.model.live import RedemptionState
from reconciler.model.marker import Marker, digits_of
from reconciler.rules import RuleId


class ChangeKind(StrEnum):
    """The kind of change a guest needs."""

    CHANGE_EMAIL = "change-email"
    """A new address to sign in with: `mail` with a marker, a reset, and the removal of the marker."""

    RESET = "reset"
    """The same address, to be redeemed once more."""

    OTHER_MAILS = "other-mails"
    """Only the declared rest of `otherMails` differs."""

    RESTORE_MAIL = "restore-mail"
    """`mail` alone is wrong: `identities` show that the guest signs in with the declared address already."""


class Origin(StrEnum):
    """The origin of a row of a plan, judged against the desired tree of a base revision."""

    THIS_CHANGE = "this-change"
    """The entry is new, or declares other values than at the base."""

    ELSEWHERE = "elsewhere"
    """The entry declares what it did at the base: drift in the directory, or an apply is due."""


class Whereabouts(StrEnum):
    """The collection in which an object id was found."""

    LIVE = "live"
    DELETED = "deleted"
    NOT_FOUND = "not-found"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOtherMail:
    """PATCH `otherMails` to its live values plus one address, so that the reset accepts that address."""

    name: ClassVar[str] = "AddOtherMail"

    email: EmailAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetRedemption:
    """POST an invitation with `resetRedemption`: locks the guest out until the invitation is redeemed."""

    name: ClassVar[str] = "ResetRedemption"

    email: EmailAddress
    invitation: Invitation


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMail:
    """PATCH `mail` and `otherMails` in one request, with a marker at the end of the list."""

    name: ClassVar[str] = "SetMail"

    email: EmailAddress

    other_mails: tuple[EmailAddress, ...]
    """Sorted; the whole list, without the marker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearMarker:
    """PATCH `mail` and `otherMails` to their live values without the marker: the change is finished."""

    name: ClassVar[str] = "ClearMarker"

    email: EmailAddress

    other_mails: tuple[EmailAddress, ...]
    """Sorted; the whole list as planned. Values added until then are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOtherMails:
    """PATCH `otherMails` to exactly this list."""

    name: ClassVar[str] = "SetOtherMails"

    other_mails: tuple[EmailAddress, ...]
    """Sorted; the whole list."""


Action = AddOtherMail | ResetRedemption | SetMail | ClearMarker | SetOtherMails
"""The `name` of each stands in plan documents, journals and reports; renaming a class changes none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """A property of the user object before and after."""

    field: str
    """`mail` or `otherMails`."""

    before: str | tuple[str, ...] | None
    after: str | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Note:
    """A warning or a refusal: a rule id and a sentence."""

    rule: RuleId
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal(Note):
    """A reason for which apply refuses a plan as a whole."""

    suggested_raise: SuggestedRaise | None = None
    """The least raise under which the plan would not be refused, for a limit that is exceeded.

    It replaces a raise that stands in the tree.
    """


Setting = bool | int | str | tuple[str, ...] | None
"""A value in `tenant.yaml` or an entry, as a reviewer reads it; `None`: there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardRail:
    """A setting that differs from the base in a way that lets more happen."""

    field: str
    """Dotted path in `tenant.yaml`, such as `policy.maxChanges`, or `ID.hold` for the hold of a guest."""

    before: Setting
    after: Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    """The live state a change was planned from; apply compares it with the state it reads."""

    mail: EmailAddress | None
    other_mails: tuple[EmailAddress, ...]
    state: RedemptionState | None
    state_changed_at: datetime | None

    markers: tuple[Marker, ...] = ()
    """The markers of unfinished changes on the guest: one at most, unless another was written by hand."""

    @property
    def marker(self) -> Marker | None:
        """The marker on the guest; `None` without one, and where several leave it open."""
        return self.markers[0] if len(self.markers) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One guest's part of a plan."""

    id: ObjectId

    display_name: str | None
    """Comes from strangers: escape it for the medium it is shown in."""

    kind: ChangeKind

    digest: str
    """`sha256:…` over tenant, id, kind, fields and actions: the same work has the same digest anywhere."""

    fields: tuple[FieldChange, ...]
    """Sorted by field."""

    actions: tuple[Action, ...]
    """In the order in which they run."""

    reason: str
    warnings: tuple[Note, ...]
    precondition: Precondition
    source: Source

    waits_for: ObjectId | None
    """The guest whose own change must show in a read first, because it frees an address of `gains`."""

    origin: Origin | None = None
    """The origin of this change; `None` when no base was given. No digest covers it."""

    resumes: str | None = None
    """The sixteen digits of the unfinished change that this one completes; `None` for a new change."""

    fallback: ResetRedemption | None = None
    """For restore-mail: sent if `identities` do not show the address once `mail` is set."""

    invitation_changed: tuple[str, ...] | None = None
    """The keys of the guest's `invitation` whose values differ from the base, sorted; all for a new entry.

    `None` when no base was given.
    """

    @property
    def marker_digits(self) -> str:
        """The digits in the markers of this change."""
        return self.resumes or digits_of(self.digest)

    @property
    def reset(self) -> ResetRedemption | None:
        """The reset among the actions; no change holds two."""
        return next((action for action in self.actions if isinstance(action, ResetRedemption)), None)

    @property
    def resets(self) -> bool:
        """Whether the change sends an invitation, whatever its kind."""
        return self.reset is not None

    @property
    def counts_against_limits(self) -> bool:
        """Whether `maxChanges` counts this change: it resets, or lets another address sign in.

        A guest whose `mail` is restored is seen to sign in with that address already.
        """
        restored = self.fallback and self.fallback.email
        return self.resets or any(address != restored for address in self.gains)

    @property
    def gains(self) -> tuple[EmailAddress, ...]:
        """The addresses no other object may hold, sorted: those the guest lacks, and a new `mail` always.

        A new `mail` may stand in `otherMails` already.
        """
        before = {*self.precondition.other_mails, self.precondition.mail}
        gained: set[EmailAddress] = set()
        for action in self.actions:
            match action:
                case AddOtherMail() | ResetRedemption():
                    gained |= {action.email} - before
                case SetMail() | ClearMarker():
                    gained |= {action.email, *action.other_mails} - before
                    gained |= {action.email} - {self.precondition.mail}
                case SetOtherMails():
                    gained |= {*action.other_mails} - before
                case _ as unknown:
                    assert_never(unknown)
        return tuple(sorted(gained))


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """A declared guest who differs and must not or cannot be changed."""

    id: ObjectId
    display_name: str | None
    rule: RuleId
    message: str
    source: Source

    origin: Origin | None = None
    """The origin this change would have; `None` when no base was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoLongerDeclared:
    """A guest whose entry was in the base and is removed: no action now, and no later plan reports it."""

    id: ObjectId

    name: str | None
    """The name in the removed entry."""

    email: EmailAddress
    """The address the entry declared."""

    found: Whereabouts

    mail: EmailAddress | None
    """Live `mail`; `None` also where the user is not live."""

    state: RedemptionState | None
    """Live redemption state; `None` also where the user is not live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The counts of a plan; declared = changes + blocked + unchanged."""

    declared: int
    changes: int
    blocked: int
    unchanged: int

    unmanaged: int
    """Live B2B guests that no entry declares, as far as the listing showed them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All changes that would make the directory agree with the desired tree."""

    tenant_id: TenantId
    cloud: Cloud
    created_at: datetime

    digest: str
    """`sha256:…` over the sorted digests of the changes."""

    complete: bool
    """False when a check that the plan's truth depends on could not be made."""

    listed_all: bool
    """Whether `summary.unmanaged` covers the whole tenant; else it is a lower bound."""

    refusals: tuple[Refusal, ...]
    """The reasons for which apply would refuse this plan as a whole."""

    summary: Summary

    changes: tuple[Change, ...]
    """In the order in which apply starts them: a guest after its predecessor, else by id."""

    blocked: tuple[Blocked, ...]
    """Sorted by id."""

    warnings: tuple[Note, ...]
    """Warnings that belong to no change, sorted."""

    no_longer_declared: tuple[NoLongerDeclared, ...] = ()
    """Sorted by id; empty when no base was given."""

    since: str | None = None
    """For a partial plan, the revision since which an entry had to change to be planned.

    Such a plan counts and shows those entries alone, and never approves anything. `None`: a whole plan.
    """

    guard_rails: tuple[GuardRail, ...] = ()
    """What the tree loosens since the base, in the order of `tenant.yaml`; empty when no base was given."""
