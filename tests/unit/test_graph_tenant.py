"""The tenant says who it is and who may invite, or the token does, or it is not known."""

import jwt
import pytest

from reconciler.errors import AccessDenied, UnexpectedAnswer, WrongTenant
from reconciler.model import CallerKind, InvitesFrom
from tests.support.plans import TENANT, guest_id
from tests.support.scripted_graph import Reply, refusal
from tests.support.scripted_graph.tenant import FORBIDDEN, POLICY, observe_guests, quiet, rows


@pytest.mark.parametrize(
    "organization",
    [
        refusal(400),
        rows(),
        rows({"id": TENANT}),
        rows({"id": TENANT, "verifiedDomains": [{}]}),
        rows({"id": TENANT, "verifiedDomains": ["contoso.example"]}),
    ],
)
async def test_organization_of_an_unknown_shape_is_an_error(organization: Reply) -> None:
    """The tenant must say who it is and which domains are its own."""
    with pytest.raises(UnexpectedAnswer, match="the tenant"):
        await observe_guests(quiet(_organization=organization))


async def test_wrong_tenant_is_named_with_its_name_where_there_is_one() -> None:
    """The refusal names both tenants."""
    other = "00000000-0000-4000-8000-0000000000ff"
    with pytest.raises(WrongTenant, match=rf"{TENANT}.*{other} \(Fabrikam\)"):
        await observe_guests(
            quiet(_organization=rows({"id": other, "displayName": "Fabrikam", "verifiedDomains": []}))
        )
    with pytest.raises(WrongTenant, match=f"{other}$"):
        await observe_guests(quiet(_organization=rows({"id": other, "verifiedDomains": []})))


def token(**claims: str) -> str:
    return jwt.encode(claims, "k" * 32, algorithm="HS256")


async def test_token_tells_the_tenant_when_the_organization_is_not_readable() -> None:
    """Without the permission to read it the token's tenant is compared; domains stay unknown."""
    live = await observe_guests(quiet(_organization=FORBIDDEN), token=token(tid=TENANT.upper()))
    assert (live.tenant_id, live.verified_domains) == (TENANT, None)
    (unavailable,) = live.not_checked
    assert (unavailable.permission, unavailable.essential) == ("Organization.Read.All", True)
    with pytest.raises(WrongTenant):
        await observe_guests(quiet(_organization=FORBIDDEN), token=token(tid=guest_id(9)))
    with pytest.raises(AccessDenied, match="which tenant"):
        await observe_guests(quiet(_organization=FORBIDDEN))


async def test_token_with_scopes_speaks_for_a_person() -> None:
    """A delegated token is told from an application's, an opaque one counts as an application's."""
    assert (await observe_guests(quiet(), token=token(scp="User.Read"))).caller is CallerKind.PERSON
    assert (await observe_guests(quiet(), token=token(idtyp="app"))).caller is CallerKind.APPLICATION
    assert (await observe_guests(quiet())).caller is CallerKind.APPLICATION


async def test_invitation_policy_is_read_or_told_to_be_missing() -> None:
    """The policy is known, forbidden, or says what nobody knows; what is no policy at all is an error."""
    closed = quiet()
    closed.answers[POLICY] = Reply(body={"allowInvitesFrom": "none"})
    assert (await observe_guests(closed)).invites_from is InvitesFrom.NONE
    closed.answers[POLICY] = FORBIDDEN
    live = await observe_guests(closed)
    assert live.invites_from is None
    assert [unavailable.permission for unavailable in live.not_checked] == ["Policy.Read.All"]
    for strange in (Reply(body={"allowInvitesFrom": "friends"}), Reply(body={})):
        closed.answers[POLICY] = strange
        (unavailable,) = (await observe_guests(closed)).not_checked
        assert (unavailable.permission, unavailable.essential) == (None, False)
        assert "nobody known" in unavailable.reason
    closed.answers[POLICY] = Reply(body=b"<html>")
    with pytest.raises(UnexpectedAnswer, match="invitation policy"):
        await observe_guests(closed)
