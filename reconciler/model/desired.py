"""The values the repository declares, after validation: every value here has passed every rule."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from reconciler.model.identity import EmailAddress, ObjectId, TenantId, day_of
from reconciler.model.marker import DEFAULT_MARKER_DOMAIN
from reconciler.rules import RuleId


class Cloud(StrEnum):
    """The Microsoft cloud a tenant lives in, or the embedded emulator.

    Source: https://learn.microsoft.com/graph/deployments
    """

    GLOBAL = "global"
    USGOV = "usgov"
    USGOV_DOD = "usgov-dod"
    CHINA = "china"
    EMULATOR = "emulator"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Source:
    """The place of a value in the desired tree."""

    file: str
    """Path relative to the desired tree, with forward slashes."""

    line: int
    """Counted from 1."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """Something wrong in the desired tree, with its place and its remedy."""

    file: str
    """Path, relative to the desired tree, with forward slashes."""

    line: int
    """Counted from 1."""

    column: int
    """Counted from 1, in characters."""

    rule: RuleId
    """Stable id of the rule, such as `duplicate-id`; programs may branch on it."""

    message: str
    """The description of what is wrong."""

    hint: str
    """The remedy, as an instruction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """The invitation that a reset sends to the person: the tenant's defaults under the guest's own values."""

    redirect_url: str
    """URL that the person is sent to after redeeming. Required by Graph, on resets too."""

    send_message: bool
    """Whether Microsoft sends a message."""

    language: str
    """Language tag of the message, such as `en-US`; Graph ignores it when `message` is set."""

    cc: EmailAddress | None
    """Recipient of a copy: one address at most, a Graph limit."""

    message: str | None
    """Custom text. Microsoft drops it when an application sends the invitation."""


def built_in_invitation(tenant: TenantId) -> Invitation:
    """Return the invitation of a tree that declares none: Microsoft's message, and the tenant's own apps."""
    return Invitation(
        redirect_url=f"https://myapps.microsoft.com?tenantId={tenant}",
        send_message=True,
        language="en-US",
        cc=None,
        message=None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A guest who must not be changed for now."""

    reason: str

    until: date
    """The last day, in UTC, on which the guest is blocked."""

    def in_force(self, now: datetime) -> bool:
        """Return whether its last day is not over."""
        return day_of(now) <= self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedRaise:
    """A raise of the limits that lacks the reason, which is for a person to write."""

    max_changes: int | None
    """`None`: this limit is not raised."""

    max_change_percent: int | None

    until: date
    """The last day, in UTC, on which the raise applies."""

    @property
    def limits(self) -> dict[str, int]:
        """The limits that it raises, by their keys in `tenant.yaml`."""
        limits = {"maxChanges": self.max_changes, "maxChangePercent": self.max_change_percent}
        return {key: limit for key, limit in limits.items() if limit is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRaise(SuggestedRaise):
    """A reviewed, self-expiring raise of the limits."""

    reason: str

    def in_force(self, now: datetime) -> bool:
        """Return whether its last day is not over."""
        return day_of(now) <= self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The limits and lists of `tenant.yaml`."""

    max_changes: int = 20
    """More changes than this that reset, or let another address sign in, refuse the whole apply."""

    max_change_percent: int = 10
    """The same in percent of the declared guests, applied from 100 declared guests on."""

    limit_raise: LimitRaise | None = None

    allowed_domains: tuple[str, ...] = ()
    """Lower case. When not empty, a new address must be in one of these."""

    denied_domains: tuple[str, ...] = ()
    """Lower case."""

    protected: tuple[ObjectId, ...] = ()
    """Guests who are never changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredGuest:
    """One entry of a guests file."""

    id: ObjectId

    name: str | None
    """For readers only; no rule reads it."""

    email: EmailAddress
    """The address this guest should sign in with."""

    alternate_emails: tuple[EmailAddress, ...] | None
    """Sorted. With `email`, the exact content of `otherMails`; `None`: foreign values there stay."""

    reset_after: datetime | None
    """UTC. The redemption state must have changed at or after this moment."""

    invitation: Invitation

    hold: Hold | None

    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """A whole desired tree."""

    tenant_id: TenantId
    cloud: Cloud
    policy: Policy

    guests: tuple[DesiredGuest, ...]
    """Sorted by id; no id and no address twice."""

    invitation: Invitation
    """The defaults for a guest whose entry declares no others; each guest's own has them already."""

    marker_domain: str = DEFAULT_MARKER_DOMAIN
    """Lower case: where the markers of unfinished changes are addresses."""
