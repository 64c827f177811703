"""Reading and updating users, by the rules Microsoft documents."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.emulator.resources.users import recalculated
from tests.contract.emulator.conftest import Plant
from tests.contract.emulator.tenant import ANA, BO, MARA, ROOT, SEED, Tenant

GUESTS = "/users?$filter=userType eq 'Guest'"


def test_without_select_the_default_properties_come(tenant: Tenant) -> None:
    """A user read without `$select` shows the documented eleven properties and no others."""
    body = tenant.get(f"/users/{ANA}").body
    assert body.keys() - {"@odata.context"} == {
        "businessPhones", "displayName", "givenName", "id", "jobTitle", "mail", "mobilePhone",
        "officeLocation", "preferredLanguage", "surname", "userPrincipalName",
    }  # fmt: skip
    assert body["@odata.context"] == f"{ROOT}/$metadata#users/$entity"


def test_select_gives_what_was_asked_for(tenant: Tenant) -> None:
    """`$select` names exactly the properties that come, in Graph's spelling whatever the caller's."""
    body = tenant.get(f"/users/{ANA}?$select=ID,otherMails,onPremisesSyncEnabled").body
    assert body == {
        "@odata.context": f"{ROOT}/$metadata#users(id,otherMails,onPremisesSyncEnabled)/$entity",
        "id": ANA,
        "otherMails": ["ana@fabrikam.example"],
        "onPremisesSyncEnabled": None,
    }


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("nonsense", 400, "BadRequest"),
        ("aboutMe", 501, "NotImplemented"),
        ("signInActivity", 403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant"),
    ],
)
def test_select_of_what_cannot_be_had(tenant: Tenant, name: str, status: int, code: str) -> None:
    """Properties that do not exist, cannot be listed or need a licence are refused as Graph refuses them."""
    answer = tenant.get(f"/users?$select=id,{name}")
    assert (answer.status, answer.code) == (status, code)


def test_a_user_is_found_by_principal_name(tenant: Tenant) -> None:
    """A guest's user principal name works in a path when its `#` is encoded."""
    name = quote("ana_fabrikam.example#EXT#@contoso.onmicrosoft.com", safe="")
    assert tenant.get(f"/users/{name}").body["id"] == ANA


def test_an_unknown_user_is_not_found(tenant: Tenant) -> None:
    """Reading or updating a user there is none of is 404 with the documented code."""
    for answer in (tenant.get("/users/nobody"), tenant.patch("nobody", mail="a@b.example")):
        assert (answer.status, answer.code) == (404, "Request_ResourceNotFound")
        assert "'nobody'" in answer.message


def test_pages_link_to_each_other(plant: Plant) -> None:
    """Following nextLink on the caller's own host shows every guest once, in pages of `$top`."""
    tenant = plant({"generate": {"guests": 7}})
    shown: list[str] = []
    link = f"{ROOT}{GUESTS}&$select=id&$top=3"
    sizes = []
    while link:
        assert link.startswith(f"{ROOT}/users?")
        page = tenant.get(link.removeprefix(ROOT))
        shown += page.ids
        sizes.append(len(page.ids))
        link = page.body.get("@odata.nextLink", "")
    assert sizes == [3, 3, 1]
    assert len(set(shown)) == 7


def test_a_page_has_a_hundred_users_unless_told(plant: Plant) -> None:
    """The default page is 100 users; `$top` reaches 999."""
    tenant = plant({"generate": {"guests": 1005}})
    assert len(tenant.get("/users").ids) == 100
    assert len(tenant.get("/users?$top=999").ids) == 999


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("$top=0", "Request_UnsupportedQuery"),
        ("$top=1000", "Request_UnsupportedQuery"),
        ("$top=many", "BadRequest"),
        ("$skip=10", "Request_UnsupportedQuery"),
        ('$search="displayName:ana"', "Request_UnsupportedQuery"),
        ("$count=true", "BadRequest"),
        ("$orderby=displayName&$filter=userType eq 'Guest'", "Request_UnsupportedQuery"),
        ("$top=1&$top=2", "BadRequest"),
        ("$nonsense=1", "BadRequest"),
        ("$skiptoken=nonsense", "Directory_ExpiredPageToken"),
        ("$skiptoken=eyJhZnRlciI6ICIxIn0", "Directory_ExpiredPageToken"),
        ("$skiptoken=ÿ", "Directory_ExpiredPageToken"),
    ],
)
def test_queries_that_need_more_are_refused(tenant: Tenant, query: str, code: str) -> None:
    """What plain queries cannot do is a 400 with Graph's code, not a wrong answer."""
    answer = tenant.get(f"/users?{query}")
    assert (answer.status, answer.code) == (400, code)


@pytest.mark.parametrize("query", ["$orderby=displayName", "$expand=manager"])
def test_what_is_not_emulated_says_so(tenant: Tenant, query: str) -> None:
    """What Graph could do and the emulator cannot is 501 and never silently ignored."""
    assert tenant.get(f"/users?{query}").status == 501


def test_advanced_queries_are_not_emulated(tenant: Tenant) -> None:
    """A request for eventual consistency is told that the emulator has no such index."""
    assert tenant.get('/users?$search="x:y"&$count=true', consistencylevel="eventual").status == 501


def test_a_new_mail_becomes_the_primary_proxy_address(tenant: Tenant) -> None:
    """Writing `mail` makes it the primary proxy address; the replaced one stays as a secondary."""
    assert tenant.patch(ANA, mail="ana@newco.example").status == 204
    user = tenant.user(ANA)
    assert user["mail"] == "ana@newco.example"
    assert user["proxyAddresses"] == ["SMTP:ana@newco.example", "smtp:ana@fabrikam.example"]
    assert user["otherMails"] == ["ana@fabrikam.example"]


def test_the_stale_proxy_address_can_be_switched_off(plant: Plant) -> None:
    """With the switch turned, the replaced address leaves `proxyAddresses`."""
    tenant = plant(staleProxiesKept=False)
    tenant.patch(ANA, mail="ana@newco.example")
    assert tenant.user(ANA)["proxyAddresses"] == ["SMTP:ana@newco.example"]


def test_a_primary_of_the_external_form_stays(plant: Plant) -> None:
    """A primary proxy address that holds `#EXT#` keeps its place when `mail` changes."""
    proxies = ["SMTP:ana_fabrikam.example#EXT#@contoso.onmicrosoft.com", "smtp:ana@fabrikam.example"]
    tenant = plant({"guests": [{"id": ANA, "email": "ana@fabrikam.example", "proxyAddresses": proxies}]})
    tenant.patch(ANA, mail="ana@newco.example")
    assert tenant.user(ANA)["proxyAddresses"] == [*proxies, "smtp:ana@newco.example"]


@given(
    proxies=st.lists(st.sampled_from(["a", "b", "c", "d"]), unique=True, max_size=4),
    mail=st.sampled_from(["a", "C", "e"]),
    keep_old=st.booleans(),
)
def test_there_is_one_primary_and_nothing_twice(proxies: list[str], mail: str, *, keep_old: bool) -> None:
    """Whatever stood there, a new `mail` is the one primary, no address stands twice and none is invented."""
    before = [f"{'smtp' if n else 'SMTP'}:{name}@x.example" for n, name in enumerate(proxies)]
    after = recalculated(before, f"{mail}@x.example", keep_old=keep_old)
    keys = [proxy.lower() for proxy in after]
    assert [proxy for proxy in after if proxy.startswith("SMTP:")] == [f"SMTP:{mail}@x.example"]
    assert len(set(keys)) == len(keys)
    assert set(keys) <= {proxy.lower() for proxy in before} | {f"smtp:{mail}@x.example".lower()}
    assert not keep_old or set(keys) >= {proxy.lower() for proxy in before}


@pytest.mark.parametrize("address", ["bo@fabrikam.example", "BO@FABRIKAM.EXAMPLE"])
def test_an_address_of_another_object_fails_the_whole_update(tenant: Tenant, address: str) -> None:
    """A `mail` among another object's addresses is refused with the details, and nothing changes."""
    before = tenant.user(ANA)
    answer = tenant.patch(ANA, mail=address, otherMails=["x@newco.example"])
    assert (answer.status, answer.code) == (400, "Request_BadRequest")
    assert answer.message == "Another object with the same value for property proxyAddresses already exists."
    details = [(detail["code"], detail["target"]) for detail in answer.body["error"]["details"]]
    assert details == [("ObjectConflict", "proxyAddresses"), ("ConflictingObjects", f"User_{BO}")]
    assert tenant.user(ANA) == before


def test_an_address_a_guest_used_to_have_is_still_taken(tenant: Tenant) -> None:
    """An address that lingers as another guest's secondary proxy address is in use."""
    tenant.patch(BO, mail="bo@newco.example")
    assert tenant.patch(ANA, mail="bo@fabrikam.example").status == 400


def test_an_address_of_a_group_is_taken(plant: Plant) -> None:
    """Proxy addresses are unique across users, groups and contacts."""
    groups = [{"name": "Sales", "mail": "sales@fabrikam.example"}]
    tenant = plant({**SEED, "groups": groups})
    answer = tenant.patch(ANA, mail="sales@fabrikam.example")
    assert answer.body["error"]["details"][1]["target"].startswith("Group_")


def test_other_mails_are_replaced_as_a_whole(tenant: Tenant) -> None:
    """Writing `otherMails` replaces the list; it needs not be unique in the tenant."""
    assert tenant.patch(ANA, otherMails=["bo@fabrikam.example", "x+y@newco.example"]).status == 204
    assert tenant.user(ANA)["otherMails"] == ["bo@fabrikam.example", "x+y@newco.example"]


@pytest.mark.parametrize(
    "changes",
    [
        {"mail": None},
        {"mail": ""},
        {"mail": "no address"},
        {"mail": "anä@newco.example"},
        {"mail": f"{'a' * 250}@newco.example"},
        {"mail": 3},
        {"otherMails": "ana@newco.example"},
        {"otherMails": ["anä@newco.example"]},
        {"otherMails": [f"a{n}@newco.example" for n in range(251)]},
        {"otherMails": None},
        {"userPrincipalName": "ana@contoso.example"},
        {"mailNickname": "ana"},
        {"accountEnabled": "yes"},
        {"businessPhones": [1]},
        {"passwordProfile": "secret"},
        {"displayName": 3},
    ],
)
def test_values_that_break_a_rule_are_refused(tenant: Tenant, changes: dict[str, object]) -> None:
    """A value Graph does not take is a 400 that names the property, and nothing changes."""
    answer = tenant.patch(ANA, **changes)
    assert (answer.status, answer.code) == (400, "Request_BadRequest")
    assert f"'{next(iter(changes))}'" in answer.message
    assert tenant.history() == []


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("proxyAddresses", 400, "Request_BadRequest"),
        ("externalUserState", 400, "Request_BadRequest"),
        ("identities", 403, "Authorization_RequestDenied"),
        ("nonsense", 400, "BadRequest"),
    ],
)
def test_properties_that_cannot_be_written(tenant: Tenant, name: str, status: int, code: str) -> None:
    """Read-only, unknown and specially protected properties are refused each in its own way."""
    answer = tenant.send("PATCH", f"/users/{ANA}", {name: []})
    assert (answer.status, answer.code) == (status, code)


def test_ordinary_properties_can_be_written(tenant: Tenant) -> None:
    """Other properties are simply set; a password is taken and shown to nobody."""
    changes = {"displayName": "Ana Ruiz", "accountEnabled": False, "businessPhones": ["1"]}
    sent = {**changes, "passwordProfile": {"password": "x"}, "@odata.type": "#microsoft.graph.user"}
    assert tenant.send("PATCH", f"/users/{ANA}", sent).status == 204
    read = tenant.get(f"/users/{ANA}?$select=displayName,accountEnabled,businessPhones,passwordProfile").body
    assert read.items() >= {**changes, "passwordProfile": None}.items()


@pytest.mark.parametrize("through", ["direct", "group"])
def test_a_role_protects_other_mails_but_not_mail(plant: Plant, through: str) -> None:
    """An application cannot write sensitive properties of a role holder; `mail` is none of them."""
    groups = [{"name": "Readers", "members": [ANA]}]
    holder = ANA if through == "direct" else "Readers"
    tenant = plant({**SEED, "groups": groups, "roles": [{"role": "Reports Reader", "holder": holder}]})
    assert tenant.patch(ANA, otherMails=[]).code == "Authorization_RequestDenied"
    assert tenant.patch(ANA, mail="ana@newco.example").status == 204


def test_an_eligible_role_does_not_protect_other_mails(plant: Plant) -> None:
    """A role that is not active leaves the properties open."""
    tenant = plant({**SEED, "roles": [{"role": "Reports Reader", "holder": ANA, "eligible": True}]})
    assert tenant.patch(ANA, otherMails=[]).status == 204


@pytest.mark.parametrize("tie", ["members", "owners"])
def test_a_role_assignable_group_protects_like_a_role(plant: Plant, tie: str) -> None:
    """Over members and owners of a role-assignable group an application has no power, role or not."""
    groups = [{"name": "Admins", "roleAssignable": True, tie: ["ana@fabrikam.example"]}]
    tenant = plant({**SEED, "groups": groups})
    assert tenant.get("/groups?$select=isAssignableToRole").body["value"] == [{"isAssignableToRole": True}]
    assert tenant.patch(ANA, otherMails=[]).code == "Authorization_RequestDenied"
    assert tenant.patch(BO, otherMails=[]).status == 204
    assert tenant.patch(ANA, mail="ana@newco.example").status == 204
    refused = tenant.reset(ANA, "ana@newco.example")
    assert (refused.status, refused.code) == (403, "Forbidden")
    tenant = plant({**SEED, "groups": groups}, roleAssignableGroupsProtect=False)
    assert tenant.reset(ANA, "ana@fabrikam.example").status == 201


def test_an_ordinary_group_protects_nobody(plant: Plant) -> None:
    """Only a group that can be given roles does."""
    tenant = plant({**SEED, "groups": [{"name": "Partners", "members": [ANA], "owners": [ANA]}]})
    assert tenant.patch(ANA, otherMails=[]).status == 204


@pytest.mark.parametrize("changes", [{"mail": "ana@newco.example"}, {"otherMails": []}, {"displayName": "A"}])
def test_restricted_management_units_keep_applications_out(plant: Plant, changes: dict[str, object]) -> None:
    """Whoever has no role in a restricted unit changes nothing about its users."""
    guest = {"id": ANA, "email": "ana@fabrikam.example", "managementRestricted": True}
    tenant = plant({"guests": [guest]})
    answer = tenant.patch(ANA, **changes)
    assert (answer.status, answer.code) == (403, "Authorization_RequestDenied")
    assert tenant.reset(ANA, "ana@fabrikam.example").status == 403
    assert tenant.history() == []


def test_synchronised_users_are_mastered_elsewhere(plant: Plant) -> None:
    """A user synchronised from on-premises cannot be updated here."""
    entry = {"userPrincipalName": "nils@contoso.example", "id": MARA, "onPremisesSynced": True}
    tenant = plant({"members": [entry]})
    answer = tenant.patch(MARA, mail="nils@newco.example")
    assert answer.status == 400
    assert "on-premises mastered" in answer.message


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b'{"displayName": "\\ud800"}', {}, 400),
        (b"[" * 100_000, {}, 400),
        (b"{}", {"content-type": "text/plain"}, 415),
    ],
)
def test_bodies_that_cannot_be_read(
    tenant: Tenant, body: bytes, headers: dict[str, str], status: int
) -> None:
    """A body that is no JSON object is refused before anything else is looked at."""
    assert tenant.send("PATCH", f"/users/{ANA}", body, headers=headers).status == status


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nonsense", 400), ("DELETE", "/users/x", 405)]
)
def test_unknown_paths_and_methods(tenant: Tenant, method: str, path: str, status: int) -> None:
    """A path or method nobody answers is an error of Graph's form."""
    answer = tenant.send(method, path)
    assert answer.status == status
    assert answer.body.keys() == {"error"}


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic emulator", "Bearer nonsense"])
def test_calls_without_the_token_are_refused(tenant: Tenant, header: str) -> None:
    """No token, another scheme or another token is 401 with a challenge."""
    answer = tenant.send("GET", "/users", headers={"authorization": header})
    assert (answer.status, answer.code) == (401, "InvalidAuthenticationToken")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_every_answer_can_be_traced(tenant: Tenant) -> None:
    """Each answer carries a request id of its own, and the caller's id when there is one."""
    answers = [tenant.get("/users", client_request_id="mine") for _ in range(2)]
    answers.append(tenant.get("/users/nobody", client_request_id="mine"))
    assert {answer.headers["client-request-id"] for answer in answers} == {"mine"}
    assert len({answer.headers["request-id"] for answer in answers}) == 3
    inner = answers[-1].body["error"]["innerError"]
    assert inner["request-id"] == answers[-1].headers["request-id"]
    assert inner["client-request-id"] == "mine"


def test_text_of_every_kind_survives(tenant: Tenant) -> None:
    """Names in any script, with quotes and control characters, come back as they were sent."""
    name = 'Zoë "Q" \u202e\u0007 日本'
    tenant.patch(ANA, displayName=name)
    assert tenant.get(f"/users/{ANA}").body["displayName"] == name
    listed = tenant.get(f"{GUESTS}&$select=displayName").body["value"]
    assert name in {entry["displayName"] for entry in listed}
    json.dumps(listed)
