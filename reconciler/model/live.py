"""The state that the directory reports now, reduced to the properties planning needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from reconciler.model.identity import EmailAddress, ObjectId, TenantId
from reconciler.model.marker import Marker


class RedemptionState(StrEnum):
    """`externalUserState` of a B2B guest.

    Source: https://learn.microsoft.com/graph/api/resources/user
    """

    PENDING = "PendingAcceptance"
    ACCEPTED = "Accepted"


class InvitesFrom(StrEnum):
    """The users who may invite.

    Source: https://learn.microsoft.com/graph/api/resources/authorizationpolicy
    """

    NONE = "none"
    ADMINS = "adminsAndGuestInviters"
    MEMBERS = "adminsGuestInvitersAndAllMembers"
    EVERYONE = "everyone"


class CallerKind(StrEnum):
    """The kind of principal a token was issued for; Microsoft drops a custom message of an application."""

    APPLICATION = "application"
    PERSON = "person"


class OwnerKind(StrEnum):
    """The kind of object that holds an address."""

    GUEST = "guest"
    """A B2B user, whatever its `userType`."""

    MEMBER = "member"
    """A user who is not B2B."""

    GROUP = "group"
    CONTACT = "contact"


class AddressUse(StrEnum):
    """The property in which an object holds an address."""

    MAIL = "mail"
    USER_PRINCIPAL_NAME = "userPrincipalName"
    PROXY_ADDRESSES = "proxyAddresses"
    OTHER_MAILS = "otherMails"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyAddress:
    """An SMTP entry of `proxyAddresses`, a list that Graph makes read-only.

    Source: https://learn.microsoft.com/graph/api/resources/user
    """

    address: EmailAddress

    primary: bool
    """Written `SMTP:` rather than `smtp:`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """An entry of `identities`.

    Source: https://learn.microsoft.com/graph/api/resources/objectidentity
    """

    sign_in_type: str | None
    issuer: str | None

    issuer_assigned_id: str | None
    """Null for accounts of other Entra tenants: which one is bound cannot be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A user object as the directory reported it. `is_b2b` is false when it is no guest at all."""

    id: ObjectId

    user_principal_name: str | None
    """`None` where the directory omits it."""

    display_name: str | None
    """Comes from strangers: escape it for the medium it is shown in."""

    user_type: str | None
    """A relationship, not a way to sign in: external members are B2B too. No rule reads it."""

    account_enabled: bool
    creation_type: str | None

    state: RedemptionState | None
    """`externalUserState`; `None` for users of the tenant itself."""

    state_changed_at: datetime | None
    """`externalUserStateChangeDateTime`, UTC: the time of the last reset or redemption."""

    mail: EmailAddress | None

    other_mails: tuple[EmailAddress, ...]
    """Sorted, without the markers in the same list. Graph replaces the list as a whole."""

    proxy_addresses: tuple[ProxyAddress, ...]
    """SMTP entries only, sorted by address."""

    identities: tuple[Identity, ...]
    on_premises_synced: bool

    markers: tuple[Marker, ...] = ()
    """Sorted; one at most, unless another was written by hand. Never an address of the guest."""

    created_at: datetime | None = None
    """`createdDateTime`, UTC; `None` where it was not asked for."""

    management_restricted: bool | None = None
    """Whether the user is in a restricted administrative unit; `None` where it was not asked for."""

    @property
    def marker(self) -> Marker | None:
        """The marker that stands on the guest; `None` without one, and where several leave it open."""
        return self.markers[0] if len(self.markers) == 1 else None

    @property
    def is_b2b(self) -> bool:
        """Whether the user was invited from outside, by state or creation type, whatever `userType` is."""
        return self.creation_type == "Invitation" or self.state is not None

    @property
    def passcode_addresses(self) -> tuple[EmailAddress, ...]:
        """The addresses that `identities` show, sorted: those of one-time passcodes, and no others.

        Source: https://learn.microsoft.com/graph/api/resources/objectidentity
        """
        seen = {identity.issuer_assigned_id for identity in self.identities if identity.issuer == "mail"}
        return tuple(sorted(EmailAddress(address) for address in seen if address))

    def signs_in_with(self, address: EmailAddress) -> bool:
        """Return whether the directory shows that the guest has redeemed with this address.

        False is no evidence of the contrary: most identity providers show no address.
        """
        return self.state is RedemptionState.ACCEPTED and address in self.passcode_addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressOwner:
    """An object of the tenant that holds an address, and in which property."""

    id: ObjectId
    kind: OwnerKind
    display_name: str | None
    use: AddressUse

    primary: bool = False
    """For `proxyAddresses`: whether it is the primary one."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class NotChecked:
    """A check that could not be made."""

    check: str
    """Name of the check, such as `role assignments`."""

    permission: str | None
    """The least application permission that would allow it; `None` when it is not about permissions."""

    essential: bool
    """Whether the plan is incomplete without it."""

    reason: str
    """The cause, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The directory as far as a plan needs it."""

    tenant_id: TenantId

    verified_domains: frozenset[str] | None
    """Lower case; `None` when they could not be read (then `not_checked` says so)."""

    invites_from: InvitesFrom | None
    """`None` when the policy could not be read."""

    caller: CallerKind

    guests: Mapping[ObjectId, Guest]
    """The requested ids that exist as users, B2B or not, except those in `odd`."""

    deleted: frozenset[ObjectId]
    """The requested ids that were found among the soft-deleted users."""

    role_holders: Mapping[ObjectId, str]
    """Ids in `guests` that hold a directory role, with how: direct, through which group, or eligible."""

    owners: Mapping[EmailAddress, tuple[AddressOwner, ...]]
    """For each address that was looked up, every object that holds it, the declared guest among them."""

    unmanaged: int
    """B2B guests that the listing showed and no entry declares."""

    listed_all: bool
    """Whether the listing ran to its end; else `unmanaged` is a lower bound."""

    not_checked: tuple[NotChecked, ...]
    """Sorted."""

    initial_domain: str | None = None
    """The tenant's initial domain (`….onmicrosoft.com`) in lower case; `None` if not readable."""

    deleted_at: Mapping[ObjectId, datetime] = field(default_factory=dict)
    """When each of `deleted` was deleted, UTC, as far as the directory says."""

    markers_left: tuple[ObjectId, ...] = ()
    """Listed guests who carry a marker and are not declared, sorted."""

    odd: Mapping[ObjectId, str] = field(default_factory=dict)
    """Requested ids that exist as users, with the property for whose undocumented shape each is not read."""

    domains: Mapping[str, int] = field(default_factory=dict)
    """Domain in lower case to the number of B2B users with a `mail` in it, as far as the listing showed."""
