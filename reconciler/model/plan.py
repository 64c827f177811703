"""The plan: what would change, what is blocked, and why.

Data only: it can be printed, hashed and compared.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, assert_never

from reconciler.model.desired import Cloud, Invitation, Source
from reconciler.model.identity import EmailAddress, ObjectId, TenantId
from reconciler.model.live import RedemptionState
from reconciler.model.marker import Marker, digits_of
from reconciler.rules import RuleId


class ChangeKind(StrEnum):
    """What a guest needs."""

    CHANGE_EMAIL = "change-email"
    """A new address to sign in with: `mail` with a marker, a reset, and the marker away."""

    RESET = "reset"
    """The same address, redeemed once more."""

    OTHER_MAILS = "other-mails"
    """Only the declared rest of `otherMails` differs."""

    RESTORE_MAIL = "restore-mail"
    """`mail` alone is wrong: the guest is seen to sign in with the declared address already."""


class Origin(StrEnum):
    """Whose change a row of a plan is, judged against the desired tree of a base revision."""

    THIS_CHANGE = "this-change"
    """Its entry is new, or declares something else than at the base."""

    ELSEWHERE = "elsewhere"
    """Its entry declares what it did: somebody changed the guest in the directory, or an apply is due."""


class Whereabouts(StrEnum):
    """Where an object id was found."""

    LIVE = "live"
    DELETED = "deleted"
    NOT_FOUND = "not-found"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOtherMail:
    """PATCH `otherMails` to what stands there plus one address, so that the reset accepts it."""

    name: ClassVar[str] = "AddOtherMail"

    email: EmailAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetRedemption:
    """POST an invitation with `resetRedemption`: locks the guest out until somebody redeems."""

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
    """PATCH `mail` and `otherMails` as they stand, without the marker: the change is finished."""

    name: ClassVar[str] = "ClearMarker"

    email: EmailAddress

    other_mails: tuple[EmailAddress, ...]
    """Sorted; the whole list as planned. What else stands there by then is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOtherMails:
    """PATCH `otherMails` to exactly this list."""

    name: ClassVar[str] = "SetOtherMails"

    other_mails: tuple[EmailAddress, ...]
    """Sorted; the whole list."""


Action = AddOtherMail | ResetRedemption | SetMail | ClearMarker | SetOtherMails
"""`name` of each is how plan documents, journals and reports call it; renaming a class changes none."""


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
class Precondition:
    """The live state a change was planned from; apply compares it with what it finds."""

    mail: EmailAddress | None
    other_mails: tuple[EmailAddress, ...]
    state: RedemptionState | None
    state_changed_at: datetime | None

    markers: tuple[Marker, ...] = ()
    """The markers of unfinished changes that stood there: one at most, unless somebody wrote another."""

    @property
    def marker(self) -> Marker | None:
        """The marker that stood there; `None` without one, and where several leave it open."""
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
    """The guest whose own change must be seen carried out first, because it frees an address of `gains`."""

    origin: Origin | None = None
    """Whose change this is; `None` when no base was given. No digest covers it."""

    resumes: str | None = None
    """The sixteen digits of the change that was begun and that this one finishes; `None` for a new one."""

    fallback: ResetRedemption | None = None
    """For restore-mail: sent if the guest is not seen to sign in with the address once `mail` is set."""

    @property
    def marker_digits(self) -> str:
        """The digits that the markers of this change carry."""
        return self.resumes or digits_of(self.digest)

    @property
    def reset(self) -> ResetRedemption | None:
        """The reset among the actions; no change holds two."""
        return next((action for action in self.actions if isinstance(action, ResetRedemption)), None)

    @property
    def resets(self) -> bool:
        """Whether an invitation is sent, whatever the kind."""
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
        """The addresses that nobody else may hold, sorted: those the guest lacks, and a new `mail` always.

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
    """Whose change this would be; `None` when no base was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoLongerDeclared:
    """A guest whose entry was there at the base and is gone: nothing is done, and nobody looks again."""

    id: ObjectId

    name: str | None
    """As the entry had it."""

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
    """Live B2B guests nobody declared, as far as the listing showed them."""


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
    """Whether `summary.unmanaged` counts the whole tenant; else it is a lower bound."""

    refusals: tuple[Note, ...]
    """What would make apply refuse this plan as a whole."""

    summary: Summary

    changes: tuple[Change, ...]
    """In the order in which apply starts them: chains first things first, else by id."""

    blocked: tuple[Blocked, ...]
    """Sorted by id."""

    warnings: tuple[Note, ...]
    """Warnings that belong to no change, sorted."""

    no_longer_declared: tuple[NoLongerDeclared, ...] = ()
    """Sorted by id; empty when no base was given."""

    since: str | None = None
    """For a partial plan, the revision since which entries had to change to be looked at.

    Such a plan counts and shows those entries alone, and never approves anything. `None`: a whole plan.
    """
