"""Where an invitation leads: the warnings about who gets a copy, and where the person is sent afterwards.

Whoever holds a redeem link can bind an account of their own to the guest, and a person who has just signed in
takes the next page for a part of it.
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from reconciler.model import Live, Note, Policy
from reconciler.plan.difference import Difference
from reconciler.rules import Rule

MICROSOFT_HOSTS: Final = frozenset(
    {
        *("myapps.microsoft.com", "myapplications.microsoft.com", "myaccount.microsoft.com"),
        *("teams.microsoft.com", "teams.cloud.microsoft", "m365.cloud.microsoft"),
        *("www.office.com", "office.com", "portal.office.com", "portal.azure.com"),
        *("myapps.microsoft.us", "myapplications.microsoft.us", "portal.azure.us", "portal.office365.us"),
        *("myapps.azure.cn", "myapplications.azure.cn", "portal.azure.cn"),
    }
)
"""Hosts on which Microsoft alone publishes.

Hosts that show pages of customers are left out on purpose, such as forms.office.com and sharepoint.com.
Source: https://learn.microsoft.com/microsoft-365/enterprise/urls-and-ip-address-ranges
"""

_INITIAL = ".onmicrosoft.com"
_SHAREPOINT = ".sharepoint.com"


def about_invitation(difference: Difference, *, policy: Policy, live: Live) -> Iterator[Note]:
    """Warn where the invitation of a reset sends a copy, or the person, out of the tenant."""
    if not difference.resets and difference.fallback is None:
        return
    invitation, verified = difference.entry.invitation, live.verified_domains or frozenset()
    cc = invitation.cc
    if cc is not None and cc.domain not in verified | frozenset(policy.allowed_domains):
        yield Note(
            rule=Rule.CC_ELSEWHERE,
            message=f"{cc} gets a copy of the invitation and is in no verified domain of this tenant: make "
            "sure whose address it is, for whoever holds the link can redeem it",
        )
    host = (urlsplit(invitation.redirect_url).hostname or "").removesuffix(".")
    if host not in MICROSOFT_HOSTS and not _is_of_tenant(host, verified):
        yield Note(
            rule=Rule.REDIRECT_ELSEWHERE,
            message=f"after redeeming, the person is sent to {host or 'an address without a host'}, which is "
            "neither Microsoft's nor in a verified domain of this tenant: make sure whose page it is",
        )


def _is_of_tenant(host: str, verified: frozenset[str]) -> bool:
    initial = (domain for domain in verified if domain.endswith(_INITIAL))
    own = {f"{domain.removesuffix(_INITIAL)}{_SHAREPOINT}" for domain in initial}
    return host in own or any(host == domain or host.endswith(f".{domain}") for domain in verified)
