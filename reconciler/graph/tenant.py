"""Reads the properties of the tenant as a whole: its id, its domains, and who may invite."""

from collections.abc import Iterable

from reconciler.errors import AccessDenied, WrongTenant
from reconciler.graph import requests
from reconciler.graph.responses import Row, unexpected
from reconciler.graph.rows import rows
from reconciler.graph.sessions import ReadSession
from reconciler.graph.unavailable import Check, Unavailable
from reconciler.model import CallerKind, InvitationPolicy, InvitesFrom, NotChecked, TenantFacts, TenantId
from reconciler.rules import Rule

_WHAT = "the tenant"
_POLICY = "the invitation policy"

_INVITES = Check(
    name="invitation policy",
    permission="Policy.Read.All",
    essential=False,
    unmade="if invitations are closed, apply finds out",
)


async def read_tenant(session: ReadSession, declared: TenantId) -> TenantFacts:
    """Read the tenant; raise `WrongTenant` when it is not the declared one.

    Without the permission to read it, the tenant id in the token's claims is used.
    Source: https://learn.microsoft.com/graph/api/organization-list
    """
    answer = await session.get(requests.organization, what=_WHAT)
    if answer.status == 403:
        return _tenant_of_token(session, declared)
    if answer.status != 200:
        raise unexpected(_WHAT, f"came with status {answer.status}")
    page = answer.document(_WHAT)
    session.next_link(page, what=_WHAT)  # there is one tenant: only to refuse a page with a foreign link
    match rows(page, what=_WHAT):
        case [{"id": str(key), "verifiedDomains": [*domains]} as row]:
            name = row.get("displayName")
        case _:
            raise unexpected(_WHAT, "is not one organization with its domains")
    if not all(isinstance(domain, dict) and isinstance(domain.get("name"), str) for domain in domains):
        raise unexpected(_WHAT, "holds a domain without a name")
    live = _same_tenant(key, declared, name if isinstance(name, str) else None)
    return TenantFacts(
        id=live,
        verified_domains=frozenset(domain["name"].lower() for domain in domains),
        initial_domain=_initial(domains),
    )


async def read_invitation_policy(session: ReadSession) -> InvitationPolicy:
    """Read who may invite; best effort.

    Source: https://learn.microsoft.com/graph/api/authorizationpolicy-get
    """
    answer = await session.try_get(requests.authorization_policy, what=_POLICY)
    if isinstance(answer, Unavailable):
        return _unknown_policy(answer)
    said = answer.document(_POLICY).get("allowInvitesFrom")
    try:
        return InvitationPolicy(invites_from=InvitesFrom(str(said)))
    except ValueError:
        # Graph may add values to its enumerations without notice.
        return _unknown_policy(Unavailable(reason="the directory names nobody known who may invite"))


def caller_of(session: ReadSession) -> CallerKind:
    """Return the kind of principal of the token: only a user's token has delegated scopes.

    Source: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
    """
    return CallerKind.PERSON if "scp" in session.claims() else CallerKind.APPLICATION


def _initial(domains: Iterable[Row]) -> str | None:
    """Return the domain that is marked as the initial one; `None` unless exactly one is.

    Source: https://learn.microsoft.com/graph/api/resources/verifieddomain
    """
    initial = [domain["name"].lower() for domain in domains if domain.get("isInitial") is True]
    return initial[0] if len(initial) == 1 else None


def _unknown_policy(unavailable: Unavailable) -> InvitationPolicy:
    return InvitationPolicy(invites_from=None, not_checked=(_INVITES.not_made(unavailable),))


def _tenant_of_token(session: ReadSession, declared: TenantId) -> TenantFacts:
    tenant = session.claims().get("tid")
    if not isinstance(tenant, str):
        raise AccessDenied(
            "the application may not read which tenant it is in",
            rule=Rule.TENANT_NOT_READABLE,
            hint="grant it the application permission Organization.Read.All, with admin consent",
        )
    return TenantFacts(
        id=_same_tenant(tenant, declared, None),
        verified_domains=None,
        not_checked=(
            NotChecked(
                check="verified domains",
                permission="Organization.Read.All",
                essential=True,
                reason="the application may not read them; an address in one of them cannot be invited",
            ),
        ),
    )


def _same_tenant(live: str, declared: TenantId, name: str | None) -> TenantId:
    if live.lower() != declared:
        raise WrongTenant(
            f"tenant.yaml declares tenant {declared}, but the directory is {live}"
            + (f" ({name})" if name else ""),
            rule=Rule.WRONG_TENANT,
            hint="correct tenantId in tenant.yaml, or sign in to the declared tenant",
        )
    return declared
