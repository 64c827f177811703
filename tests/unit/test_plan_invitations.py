"""An invitation that leads out of the tenant is told to the reviewer."""

from dataclasses import replace

import pytest

from reconciler.model import DesiredGuest, Policy
from reconciler.plan import make_plan
from tests.support.directory import NOW, declared, desired, guest, live
from tests.support.plans import TENANT

VERIFIED = frozenset({"contoso.example", "contoso.onmicrosoft.com"})


def rules(entry: DesiredGuest, policy: Policy | None = None) -> set[str]:
    plan = make_plan(desired(entry, policy=policy), live(guest(), verified_domains=VERIFIED), NOW)
    return {str(note.rule) for note in plan.changes[0].warnings}


def sent_to(url: str) -> DesiredGuest:
    entry = declared()
    return replace(entry, invitation=replace(entry.invitation, redirect_url=url))


@pytest.mark.parametrize(
    "url",
    [
        f"https://myapps.microsoft.com?tenantId={TENANT}",
        "https://MyApps.Microsoft.com./x",
        "https://portal.contoso.example/welcome",
        "https://contoso.example",
        "https://contoso.sharepoint.com/sites/partners",
    ],
)
def test_pages_of_microsoft_and_of_the_tenant_are_expected(url: str) -> None:
    """The usual pages need no warning."""
    assert "redirect-elsewhere" not in rules(sent_to(url))


@pytest.mark.parametrize(
    "url",
    [
        "https://login.evil.example/owa",
        "https://myapps.microsoft.com.evil.example",
        "https://myapps.microsoft.com@evil.example",
        "https://evilcontoso.example",
        "https://contoso.example.evil.example",
        "https://evil.sharepoint.com",
        "https://forms.office.com/r/x",
        "https://microsoft.com.evil.example/contoso.example",
    ],
)
def test_other_pages_are_told(url: str) -> None:
    """A person who has just signed in takes the next page for a part of it."""
    assert "redirect-elsewhere" in rules(sent_to(url))


def test_a_copy_that_leaves_the_tenant_is_told() -> None:
    """Whoever holds the link can redeem it; colleagues, and domains that the policy allows, are expected."""
    assert "cc-elsewhere" in rules(declared(cc="mallory@evil.example"))
    assert "cc-elsewhere" not in rules(declared(cc="sponsor@contoso.example"))
    allowed = Policy(allowed_domains=("newco.example", "partner.example"))
    assert "cc-elsewhere" not in rules(declared(cc="lead@partner.example"), allowed)


def test_without_an_invitation_nothing_leads_anywhere() -> None:
    """A change that resets nobody sends nobody anything."""
    entry = declared(email="ana@old.example", alternates=["x@old.example"], cc="mallory@evil.example")
    assert not rules(entry) & {"cc-elsewhere", "redirect-elsewhere"}
