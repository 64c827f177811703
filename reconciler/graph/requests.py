"""Builds requests with the SDK's request builders, which know Graph's URLs and their encoding.

The builders here have an adapter without a connection: they build requests and cannot send any.
"""

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import httpx
from kiota_abstractions.authentication import AnonymousAuthenticationProvider
from kiota_abstractions.base_request_builder import BaseRequestBuilder
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from msgraph.graph_request_adapter import GraphRequestAdapter

from reconciler.model import ObjectId

with warnings.catch_warnings():
    # These modules warn about their own classes while they define them; users cannot fix that.
    warnings.simplefilter("ignore", DeprecationWarning)
    from msgraph.generated.invitations.invitations_request_builder import InvitationsRequestBuilder
    from msgraph.generated.organization.organization_request_builder import OrganizationRequestBuilder
    from msgraph.generated.policies.authorization_policy import authorization_policy_request_builder
    from msgraph.generated.role_management.directory.role_assignments import role_assignments_request_builder
    from msgraph.generated.role_management.directory.role_eligibility_schedule_instances import (
        role_eligibility_schedule_instances_request_builder,
    )
    from msgraph.generated.users.item.user_item_request_builder import UserItemRequestBuilder
    from msgraph.generated.users.users_request_builder import UsersRequestBuilder

_Policy = authorization_policy_request_builder.AuthorizationPolicyRequestBuilder
_Assignments = role_assignments_request_builder.RoleAssignmentsRequestBuilder
_Eligibilities = (
    role_eligibility_schedule_instances_request_builder.RoleEligibilityScheduleInstancesRequestBuilder
)

USER_FIELDS = [
    "id",
    "userPrincipalName",
    "displayName",
    "userType",
    "accountEnabled",
    "creationType",
    "externalUserState",
    "externalUserStateChangeDateTime",
    "mail",
    "otherMails",
    "proxyAddresses",
    "identities",
    "onPremisesSyncEnabled",
]
"""The properties of a `Guest`. Graph omits most of them unless they are selected by name.

Source: https://learn.microsoft.com/graph/api/resources/user
"""

LISTED_FIELDS = [*USER_FIELDS, "createdDateTime"]
"""The properties of every user whom a whole tenant's listing shows."""

LARGEST_PAGE = 999
"""Most rows on a page of users, groups or contacts."""


class _Nowhere(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> NoReturn:
        raise httpx.UnsupportedProtocol(f"this adapter only makes requests, it sends no {request.method}")


_PAPER = GraphRequestAdapter(AnonymousAuthenticationProvider(), httpx.AsyncClient(transport=_Nowhere()))


def guest_listing() -> RequestInformation:
    """Build the GET of the first page of guests, as large as Graph allows.

    The plain filter, because advanced queries are answered from an index that lags.
    Sources: https://learn.microsoft.com/graph/api/user-list,
    https://learn.microsoft.com/graph/aad-advanced-queries
    """
    return user_listing("userType eq 'Guest'", USER_FIELDS)


def user_listing(condition: str, fields: Sequence[str]) -> RequestInformation:
    """Build the GET of the first page of the users who meet a condition, as large as Graph allows.

    Source: https://learn.microsoft.com/graph/api/user-list
    """
    query = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
        filter=condition, select=list(fields), top=LARGEST_PAGE
    )
    return UsersRequestBuilder(_PAPER, {}).to_get_request_information(
        RequestConfiguration(query_parameters=query)
    )


def listing(path: str, fields: Sequence[str]) -> RequestInformation:
    """Build the GET of the first page of all objects of a collection, as large as Graph allows.

    Without the SDK's builders: importing those of groups takes longer than the listing.
    Source: https://learn.microsoft.com/graph/paging
    """
    template = "{+baseurl}/{path}{?%24select,%24top}"
    info = RequestInformation(Method.GET, template, {"path": path})
    info.query_parameters = {"%24select": list(fields), "%24top": LARGEST_PAGE}
    info.headers.try_add("Accept", "application/json")
    return info


def user(guest: ObjectId) -> RequestInformation:
    """Build the GET of one user. Source: https://learn.microsoft.com/graph/api/user-get ."""
    query = UserItemRequestBuilder.UserItemRequestBuilderGetQueryParameters(select=USER_FIELDS)
    return _user(guest).to_get_request_information(RequestConfiguration(query_parameters=query))


def organization() -> RequestInformation:
    """Build the GET of the tenant. Source: https://learn.microsoft.com/graph/api/organization-list ."""
    query = OrganizationRequestBuilder.OrganizationRequestBuilderGetQueryParameters(
        select=["id", "displayName", "verifiedDomains"]
    )
    return OrganizationRequestBuilder(_PAPER, {}).to_get_request_information(
        RequestConfiguration(query_parameters=query)
    )


def authorization_policy() -> RequestInformation:
    """Build the GET of the policy on who may invite.

    Source: https://learn.microsoft.com/graph/api/authorizationpolicy-get
    """
    query = _Policy.AuthorizationPolicyRequestBuilderGetQueryParameters(select=["allowInvitesFrom"])
    return _Policy(_PAPER, {}).to_get_request_information(RequestConfiguration(query_parameters=query))


def role_assignments(*, expand: str = "principal") -> RequestInformation:
    """Build the GET of all active role assignments with their principals, or with `roleDefinition`.

    Source: https://learn.microsoft.com/graph/api/rbacapplication-list-roleassignments
    """
    query = _Assignments.RoleAssignmentsRequestBuilderGetQueryParameters(expand=[expand])
    return _Assignments(_PAPER, {}).to_get_request_information(RequestConfiguration(query_parameters=query))


def role_eligibilities(*, expand: str = "principal") -> RequestInformation:
    """Build the GET of all eligible role assignments, with their principals, or with `roleDefinition`.

    Source: https://learn.microsoft.com/graph/api/rbacapplication-list-roleeligibilityscheduleinstances
    """
    query = _Eligibilities.RoleEligibilityScheduleInstancesRequestBuilderGetQueryParameters(expand=[expand])
    return _Eligibilities(_PAPER, {}).to_get_request_information(RequestConfiguration(query_parameters=query))


def user_update(guest: ObjectId, body: Mapping[str, Any]) -> RequestInformation:
    """Build the PATCH of a user. Source: https://learn.microsoft.com/graph/api/user-update ."""
    return _with_json(Method.PATCH, _user(guest), body)


def invitation(body: Mapping[str, Any]) -> RequestInformation:
    """Build the POST of an invitation. Source: https://learn.microsoft.com/graph/api/invitation-post ."""
    return _with_json(Method.POST, InvitationsRequestBuilder(_PAPER, {}), body)


def _user(guest: ObjectId) -> UserItemRequestBuilder:
    return UsersRequestBuilder(_PAPER, {}).by_user_id(guest)


def _with_json(method: Method, builder: BaseRequestBuilder, body: Mapping[str, Any]) -> RequestInformation:
    # The SDK's typed bodies add `@odata.type` and normalise values; the values sent must be the planned ones.
    info = RequestInformation(method, builder.url_template, dict(builder.path_parameters))
    info.headers.try_add("Accept", "application/json")
    info.set_stream_content(json.dumps(body).encode(), "application/json")
    return info
