"""Who can sign in: the truth that Graph does not show."""

import pytest

from tests.contract.emulator.conftest import Plant
from tests.contract.emulator.tenant import ANA, BO, SEED, Tenant

OLD, NEW = "ana@fabrikam.example", "ana@newco.example"


def _moved(tenant: Tenant) -> str:
    """Give Ana the new address and reset her; gives the link."""
    tenant.patch(ANA, otherMails=[NEW])
    link = tenant.reset(ANA, NEW).body["inviteRedeemUrl"]
    tenant.patch(ANA, mail=NEW)
    return str(link)


def test_an_accepted_guest_signs_in(tenant: Tenant) -> None:
    """The bound account signs in, whatever case it is typed in; nobody else does."""
    assert tenant.sign_in(OLD.upper()).id == ANA
    assert tenant.sign_in("stranger@x.example").result == "refused"


def test_nobody_signs_in_after_a_reset_until_somebody_redeems(plant: Plant) -> None:
    """A reset shuts the old account out; the new one gets in by the link and stays in."""
    tenant = plant(directRedemption=False)
    link = _moved(tenant)
    assert tenant.sign_in(OLD).result == "refused"
    assert tenant.sign_in(NEW).result == "refused"
    assert tenant.redeem(link, NEW).result == "redeemed"
    assert tenant.sign_in(NEW).result == "signed-in"
    user = tenant.user(ANA)
    assert user["externalUserState"] == "Accepted"
    assert user["identities"][0] == {
        "signInType": "federated",
        "issuer": "ExternalAzureAD",
        "issuerAssignedId": None,
    }


def test_a_link_is_a_bearer_secret(tenant: Tenant) -> None:
    """Whoever holds the link redeems, with any account; it works once."""
    link = _moved(tenant)
    assert tenant.redeem(link, "thief@x.example").result == "redeemed"
    assert tenant.truth(ANA)["account"] == "thief@x.example"
    assert tenant.redeem(link, NEW).result == "refused"


@pytest.mark.parametrize(
    "link", ["", "https://x.example", "https://x.example?rd=https%3A%2F%2Fy%3Fticket%3Dz"]
)
def test_a_wrong_link_is_refused(tenant: Tenant, link: str) -> None:
    """A link that is none, or not any more, redeems nothing."""
    assert tenant.redeem(link, NEW).result == "refused"


def test_opening_an_app_redeems_for_the_old_address_too(tenant: Tenant) -> None:
    """While the old address lingers in `proxyAddresses`, its owner can redeem without any link."""
    _moved(tenant)
    assert tenant.truth(ANA)["couldRedeem"] == sorted([OLD, NEW])
    assert tenant.sign_in(OLD).result == "redeemed"
    assert tenant.truth(ANA)["couldRedeem"] == []


def test_other_mails_alone_do_not_redeem(tenant: Tenant) -> None:
    """An address that is only in `otherMails` opens nothing by itself."""
    tenant.patch(BO, otherMails=["third@x.example"])
    assert tenant.sign_in("third@x.example").result == "refused"


def test_direct_redemption_is_a_switch(plant: Plant) -> None:
    """With the switch turned, only links redeem."""
    tenant = plant(directRedemption=False)
    assert tenant.sign_in("bo@fabrikam.example").result == "refused"


@pytest.mark.parametrize("switch", ["deniedDomains", "crossTenantBlockedDomains"])
def test_denied_domains_cannot_redeem(plant: Plant, switch: str) -> None:
    """A pending guest of a domain that is closed cannot redeem; one who redeemed stays in."""
    tenant = plant(**{switch: ["fabrikam.example"]})
    assert tenant.sign_in("bo@fabrikam.example").result == "refused"
    assert tenant.sign_in(OLD).result == "signed-in"


def test_disabled_guests_stay_out(plant: Plant) -> None:
    """A disabled guest neither signs in nor redeems."""
    guests = [{**entry, "enabled": False} for entry in SEED["guests"]]
    tenant = plant({"guests": guests})
    assert tenant.sign_in(OLD).result == "refused"
    assert tenant.sign_in("bo@fabrikam.example").result == "refused"


def test_an_account_is_one_guest_only(tenant: Tenant) -> None:
    """An account that is bound to a guest cannot redeem for another."""
    link = tenant.reset(BO, "bo@fabrikam.example").body["inviteRedeemUrl"]
    assert tenant.redeem(link, OLD).result == "refused"
    assert tenant.truth(BO)["account"] is None


@pytest.mark.parametrize(
    ("account", "issuer", "assigned"),
    [
        ("ana@gmail.com", "google.com", str),
        ("ana@outlook.com", "MicrosoftAccount", None),
        ("ana@passcode.example", "mail", "ana@passcode.example"),
        ("ana@elsewhere.example", "ExternalAzureAD", None),
    ],
)
def test_the_provider_follows_the_domain(
    plant: Plant, account: str, issuer: str, assigned: str | type | None
) -> None:
    """The outside identity shows the provider of the account's domain, the address only for passcodes."""
    tenant = plant({**SEED, "providers": {"passcode.example": "mail"}})
    tenant.redeem(_moved(tenant), account)
    identity = tenant.user(ANA)["identities"][0]
    assert identity["issuer"] == issuer
    if assigned is str:
        assert identity["issuerAssignedId"]
    else:
        assert identity["issuerAssignedId"] == assigned
