"""The results of single reads of the directory, before they are put together to `Live`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from reconciler.model.identity import EmailAddress, ObjectId, TenantId
from reconciler.model.live import AddressOwner, Guest, InvitesFrom, NotChecked

T_co = TypeVar("T_co", covariant=True)
"""What the caller of a listing keeps of each user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantFacts:
    """The properties of the tenant as a whole."""

    id: TenantId

    verified_domains: frozenset[str] | None
    """Lower case; `None` when they could not be read."""

    initial_domain: str | None = None
    """The domain that the tenant was created with (`….onmicrosoft.com`); `None` when it could not be read."""

    not_checked: tuple[NotChecked, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationPolicy:
    """The tenant's policy of invitations."""

    invites_from: InvitesFrom | None
    """`None` when the policy could not be read."""

    not_checked: tuple[NotChecked, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadGuests:
    """The users among ids that were read one by one."""

    guests: Mapping[ObjectId, Guest]
    """The ids that exist as users, sorted by id, except those in `odd`."""

    odd: Mapping[ObjectId, str] = field(default_factory=dict)
    """The ids of users that cannot be parsed, with the name of a property of an undocumented shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundGuests:
    """The users and deleted users found for the wanted ids, and the other users that were shown beside them.

    A directory may list users until reading each wanted one is cheaper: how many others it shows is open.
    """

    guests: Mapping[ObjectId, Guest]
    """The wanted ids that exist as users, sorted by id, except those in `odd`."""

    odd: Mapping[ObjectId, str] = field(default_factory=dict)
    """The wanted ids of users that cannot be parsed, with the name of a property of an undocumented shape."""

    deleted: frozenset[ObjectId] = frozenset()
    """The wanted ids that were found among the soft-deleted users."""

    deleted_at: Mapping[ObjectId, datetime] = field(default_factory=dict)
    """When each of `deleted` was deleted, UTC, as far as the directory says."""

    holders: Mapping[EmailAddress, frozenset[AddressOwner]] = field(default_factory=dict)
    """Users beside `guests` who were shown to hold an address that matters; never all there are."""

    unmanaged: int = 0
    """Shown B2B users who are not declared."""

    listed_all: bool = True
    """Whether all B2B users were shown; else `unmanaged` is a lower bound."""

    markers_left: frozenset[ObjectId] = frozenset()
    """Shown B2B users who carry a marker and are not declared."""

    domains: Mapping[str, int] = field(default_factory=dict)
    """Number of shown B2B users with a `mail` in each domain, in lower case."""

    not_checked: tuple[NotChecked, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundOwners:
    """The holders of each requested address."""

    owners: Mapping[EmailAddress, tuple[AddressOwner, ...]]
    """An entry for each requested address, sorted by address; owners sorted by id and property."""

    not_checked: tuple[NotChecked, ...] = ()
    """The kinds of object that could not be searched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRoles:
    """The role holders among the requested ids."""

    holders: Mapping[ObjectId, str]
    """How each holds a role, in words: direct, through which group, or eligible; sorted by id."""

    not_checked: tuple[NotChecked, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OddUser:
    """A user of whom a property has a shape nobody documented; only what is plain text is given."""

    id: ObjectId

    property: str
    """The name of that property in Graph."""

    is_b2b: bool
    display_name: str | None
    mail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedGuests(Generic[T_co]):
    """Every guest of the tenant, and every other user who was invited, each reduced to what is kept."""

    users: Mapping[ObjectId, T_co]
    """Each user once, in the order of the pages."""

    not_checked: tuple[NotChecked, ...] = ()
    """The properties that the directory gives of no user in a list."""
