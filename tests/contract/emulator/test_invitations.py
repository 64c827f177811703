"""Inviting and resetting: every precondition and every refusal, in the shapes and words that are known."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from reconciler.emulator.identity.auth import Principal
from reconciler.emulator.protocol.error_responses import ErrorResponse
from tests.contract.emulator.conftest import Plant
from tests.contract.emulator.tenant import ANA, BO, MARA, ROOT, SEED, SINCE, Tenant

NEW = "ana@newco.example"
MISMATCH = (
    "The email you\u2019re using to invite this user doesn\u2019t match any emails on the user object. "
    "Please add this email to the user object and try again."
)


class Application:
    """Speaks for an application with just these permissions."""

    def __init__(self, *permissions: str, application: bool = True) -> None:
        self._caller = Principal(app_id="app", permissions=frozenset(permissions), application=application)

    def authorize(self, bearer: str | None, method: str, path: str) -> Principal | ErrorResponse:
        """Let it through to the rules."""
        return self._caller


def _prepared(tenant: Tenant, address: str = NEW, user: str = ANA) -> Tenant:
    assert tenant.patch(user, otherMails=[address]).status == 204
    return tenant


def test_a_reset_answers_as_documented(tenant: Tenant) -> None:
    """A reset is 201 with the invitation: redeem link, echo of the request, nulls where nothing was given."""
    answer = _prepared(tenant).reset(ANA, NEW, sendInvitationMessage=False)
    assert answer.status == 201
    body = answer.body
    link = body.pop("inviteRedeemUrl")
    assert len(body.pop("id")) == 36
    assert body == {
        "@odata.context": f"{ROOT}/$metadata#invitations/$entity",
        "invitedUserDisplayName": None,
        "invitedUserType": "Guest",
        "invitedUserEmailAddress": NEW,
        "sendInvitationMessage": False,
        "resetRedemption": True,
        "inviteRedirectUrl": "https://myapps.microsoft.com",
        "status": "PendingAcceptance",
        "invitedUserMessageInfo": {
            "messageLanguage": None,
            "customizedMessageBody": None,
            "ccRecipients": [{"emailAddress": {"name": None, "address": None}}],
        },
        "invitedUser": {
            "id": ANA,
            "userPrincipalName": "ana_fabrikam.example#EXT#@contoso.onmicrosoft.com",
        },
    }
    inner = parse_qs(urlsplit(parse_qs(urlsplit(link).query)["rd"][0]).query)
    assert inner["user"] == [ANA]
    assert inner.keys() == {"tenant", "user", "ticket", "ver"}


def test_a_reset_makes_the_guest_pending(tenant: Tenant) -> None:
    """A reset sets state and time, drops the outside identity and binds nobody; all else stays."""
    before = tenant.user(ANA)
    _prepared(tenant).reset(ANA, NEW)
    after, truth = tenant.user(ANA), tenant.truth(ANA)
    assert after["externalUserState"] == "PendingAcceptance"
    assert after["externalUserStateChangeDateTime"] > before["externalUserStateChangeDateTime"]
    assert [identity["signInType"] for identity in after["identities"]] == ["userPrincipalName"]
    assert (after["mail"], after["proxyAddresses"]) == (before["mail"], before["proxyAddresses"])
    assert (truth["account"], truth["invited"], truth["hasLiveLink"]) == (None, NEW, True)


def test_a_reset_may_add_the_invited_address(plant: Plant) -> None:
    """With the switch turned, the invited address joins `proxyAddresses`, once."""
    tenant = _prepared(plant(invitationAddsProxy=True))
    for _ in range(2):
        tenant.reset(ANA, NEW)
        assert tenant.user(ANA)["proxyAddresses"] == ["SMTP:ana@fabrikam.example", f"smtp:{NEW}"]


@pytest.mark.parametrize("moves", [True, False])
def test_resetting_a_pending_guest(plant: Plant, moves: bool) -> None:  # noqa: FBT001  a parameter of the test
    """Whether the time of a guest who was pending moves is a switch; the link is new either way."""
    tenant = plant(pendingResetMovesTime=moves)
    first = tenant.reset(BO, "bo@fabrikam.example").body["inviteRedeemUrl"]
    between = tenant.user(BO)["externalUserStateChangeDateTime"]
    second = tenant.reset(BO, "bo@fabrikam.example").body["inviteRedeemUrl"]
    assert (tenant.user(BO)["externalUserStateChangeDateTime"] > between) is moves
    assert first != second
    assert tenant.redeem(first, "bo@fabrikam.example").result == "refused"


def test_times_can_be_whole_seconds(plant: Plant) -> None:
    """With the switch turned, the state-change time has no fractions of a second."""
    tenant = _prepared(plant(stateTimeFractions=False))
    tenant.reset(ANA, NEW)
    assert "." not in tenant.user(ANA)["externalUserStateChangeDateTime"]


def test_the_address_must_be_on_the_object(tenant: Tenant) -> None:
    """E1: an address that is neither `mail` nor in `otherMails` is refused, in the service's own words."""
    answer = tenant.reset(ANA, NEW)
    assert (answer.status, answer.code, answer.message) == (400, "BadRequest", MISMATCH)
    assert tenant.user(ANA)["externalUserState"] == "Accepted"


def test_mail_alone_is_enough(tenant: Tenant) -> None:
    """The address on the object may be `mail`."""
    tenant.patch(ANA, mail=NEW, otherMails=[])
    assert tenant.reset(ANA, NEW).status == 201


@pytest.mark.parametrize("ignores", [True, False])
def test_case_of_the_match_is_a_switch(plant: Plant, ignores: bool) -> None:  # noqa: FBT001  a parameter of the test
    """Whether the invited address may differ in case from the one on the object can be chosen."""
    tenant = _prepared(plant(invitationMatchIgnoresCase=ignores))
    assert tenant.reset(ANA, NEW.upper()).status == (201 if ignores else 400)


def test_the_target_must_be_named(tenant: Tenant) -> None:
    """A reset without the user's id is refused."""
    for invited in (None, {}, {"id": 3}, "x"):
        answer = tenant.invite("ana@fabrikam.example", resetRedemption=True, invitedUser=invited)
        assert (answer.status, answer.code) == (400, "BadRequest")


def test_the_target_must_exist(tenant: Tenant) -> None:
    """E5: a reset of a user there is none of is 404."""
    assert tenant.reset("4d5e6f70-0000-4000-8000-000000000000", NEW).code == "Request_ResourceNotFound"


def test_members_cannot_be_reset(tenant: Tenant) -> None:
    """E6: a user who was never invited cannot be reset."""
    answer = tenant.reset(MARA, NEW)
    assert (answer.status, answer.code) == (400, "BadRequest")


@pytest.mark.parametrize("how", ["direct", "group", "nested", "eligible"])
def test_an_application_cannot_reset_a_role_holder(plant: Plant, how: str) -> None:
    """E4: any role, direct, through groups or eligible, closes the guest to an application's reset."""
    tenant = plant(_with_role(how))
    answer = tenant.reset(ANA, "ana@fabrikam.example")
    assert (answer.status, answer.code) == (403, "Forbidden")
    assert answer.message == "Generic authorization exception."


@pytest.mark.parametrize(
    ("how", "switch"), [("group", "groupRolesBlockReset"), ("eligible", "eligibleRolesBlockReset")]
)
def test_which_roles_count_is_a_switch(plant: Plant, how: str, switch: str) -> None:
    """Whether roles of groups and eligible roles count is not documented, so it can be chosen."""
    assert plant(_with_role(how), **{switch: False}).reset(ANA, "ana@fabrikam.example").status == 201


def test_a_person_may_reset_a_role_holder(plant: Plant) -> None:
    """The refusal of role holders is about applications only."""
    person = Application("User.ReadWrite.All", application=False)
    assert plant(_with_role("direct"), authorizer=person).reset(ANA, "ana@fabrikam.example").status == 201


def _with_role(how: str) -> dict[str, Any]:
    groups = [{"name": "Inner", "members": [ANA]}, {"name": "Outer", "members": ["Inner"]}]
    holder = {"direct": ANA, "group": "Inner", "nested": "Outer", "eligible": ANA}[how]
    role = {"role": "Reports Reader", "holder": holder, "eligible": how == "eligible"}
    return {**SEED, "groups": groups, "roles": [role]}


def test_restricted_management_closes_a_guest(plant: Plant) -> None:
    """An application has no power over a guest of a restricted management administrative unit."""
    guests = [{"id": ANA, "email": "ana@fabrikam.example", "managementRestricted": True}]
    answer = plant({"guests": guests}).reset(ANA, "ana@fabrikam.example")
    assert (answer.status, answer.code) == (403, "Authorization_RequestDenied")


@pytest.mark.parametrize(
    ("allowed", "permissions", "status"),
    [
        ("none", ("User.ReadWrite.All", "User.Invite.All"), 403),
        ("adminsAndGuestInviters", ("User.ReadWrite.All",), 403),
        ("adminsGuestInvitersAndAllMembers", ("User.ReadWrite.All",), 403),
        ("adminsAndGuestInviters", ("User.ReadWrite.All", "User.Invite.All"), 201),
        ("everyone", ("User.ReadWrite.All",), 201),
    ],
)
def test_invitations_can_be_closed(
    plant: Plant, allowed: str, permissions: tuple[str, ...], status: int
) -> None:
    """E3: who may invite is the tenant's policy; a restricted one wants User.Invite.All of applications."""
    tenant = plant(authorizer=Application(*permissions), allowInvitesFrom=allowed)
    answer = tenant.reset(ANA, "ana@fabrikam.example")
    assert answer.status == status
    if status == 403:
        assert answer.code == "Forbidden"
        assert answer.message.startswith("Guest invitations not allowed for your company.")


def test_inviting_alone_does_not_allow_resets(plant: Plant) -> None:
    """E17: User.Invite.All opens new invitations, not resets."""
    tenant = plant(authorizer=Application("User.Invite.All"))
    assert tenant.reset(ANA, "ana@fabrikam.example").code == "Authorization_RequestDenied"
    assert tenant.invite("new@newco.example").status == 201


def test_updates_need_their_permission(plant: Plant) -> None:
    """A caller who may only write other mails cannot write `mail`."""
    tenant = plant(authorizer=Application("User-Mail.ReadWrite.All"))
    assert tenant.patch(ANA, mail=NEW).code == "Authorization_RequestDenied"
    assert tenant.patch(ANA, otherMails=[NEW]).status == 204


@pytest.mark.parametrize(
    "address",
    [
        "ana+tag@newco.example",
        "ana newco.example",
        ".ana@newco.example",
        "ana-@newco.example",
        "anä@newco.example",
        "ana@newco",
        "ana@@newco.example",
        "ana@newco..example",
        "a,b@newco.example",
    ],
)
def test_malformed_addresses_are_refused(tenant: Tenant, address: str) -> None:
    """E12: an address with a character that invitations do not take is refused, `+` among them."""
    answer = tenant.invite(address)
    assert (answer.status, answer.code) == (400, "BadRequest")
    assert answer.message == "The Primary SMTP Address is an invalid value"


def test_verified_domains_cannot_be_invited(tenant: Tenant) -> None:
    """E7: an address of the tenant's own domain is refused."""
    answer = tenant.invite("somebody@Contoso.example")
    assert answer.message.endswith("is a verified domain of this directory.")


@pytest.mark.parametrize(("switch", "status"), [("deniedDomains", 400), ("crossTenantBlockedDomains", 403)])
def test_domains_can_be_closed(plant: Plant, switch: str, status: int) -> None:
    """E13, E14: a denied domain is refused for resets too, whatever its case."""
    tenant = plant(**{switch: ["Fabrikam.example"]})
    assert tenant.reset(ANA, "ana@fabrikam.example").status == status


@pytest.mark.parametrize("holds", ["mail", "proxyAddresses", "otherMails"])
def test_an_address_of_another_guest_is_refused(plant: Plant, holds: str) -> None:
    """E8: an address that leads to another guest is refused, and the guest is named."""
    value = {"mail": NEW, "proxyAddresses": [f"smtp:{NEW}"], "otherMails": [NEW]}[holds]
    bo = {"id": BO, "email": "bo@fabrikam.example", holds: value}
    tenant = _prepared(plant({"guests": [SEED["guests"][0], bo]}))
    answer = tenant.reset(ANA, NEW)
    assert (answer.status, answer.code) == (400, "BadRequest")
    assert f"already exists in the directory as object ID: {BO}." in answer.message


def test_an_address_of_a_member_is_ambiguous(plant: Plant) -> None:
    """E9: an address among a member's proxy addresses is refused; in a member's other mails it is free."""
    mara = {"id": MARA, "userPrincipalName": "mara@contoso.example"}
    for extra, status in (({"proxyAddresses": [f"smtp:{NEW}"]}, 400), ({"otherMails": [NEW]}, 201)):
        tenant = _prepared(plant({**SEED, "members": [{**mara, **extra}]}))
        answer = tenant.reset(ANA, NEW)
        assert answer.status == status
        assert status == 201 or "AmbiguousUser" in answer.message


def test_an_address_of_a_contact_is_ambiguous(plant: Plant) -> None:
    """E9: a mail contact with the address blocks the invitation."""
    tenant = _prepared(plant({**SEED, "contacts": [{"name": "Ana", "mail": NEW}]}))
    assert "AmbiguousUser" in tenant.reset(ANA, NEW).message


def test_groups_cannot_be_invited(plant: Plant) -> None:
    """E11: the address of a group is refused."""
    tenant = plant({**SEED, "groups": [{"name": "Team", "mail": "team@newco.example"}]})
    assert tenant.invite("team@newco.example").message == "Group email address is not supported"


@pytest.mark.parametrize("refused", [True, False])
def test_disabled_pending_guests(plant: Plant, refused: bool) -> None:  # noqa: FBT001  a parameter of the test
    """E10: whether a disabled guest who is pending can be invited again is a switch."""
    guests = [{"id": BO, "email": "bo@fabrikam.example", "state": "PendingAcceptance", "enabled": False}]
    tenant = plant({"guests": guests}, disabledPendingRefused=refused)
    assert tenant.reset(BO, "bo@fabrikam.example").status == (400 if refused else 201)


@pytest.mark.parametrize(
    "changes",
    [
        {"invitedUserEmailAddress": None},
        {"inviteRedirectUrl": ""},
        {"inviteRedirectUrl": 3},
        {"sendInvitationMessage": "yes"},
        {"nonsense": 1},
        {"invitedUserMessageInfo": "text"},
        {"invitedUserMessageInfo": {"ccRecipients": "x"}},
        {"invitedUserMessageInfo": {"ccRecipients": ["x"]}},
        {"invitedUserMessageInfo": {"ccRecipients": [{"emailAddress": {"address": "a@x.example"}}] * 2}},
    ],
)  # fmt: skip
def test_malformed_invitations_are_refused(tenant: Tenant, changes: dict[str, Any]) -> None:
    """A body that is no invitation is a 400, and nobody is invited."""
    assert tenant.invite("new@newco.example", **changes).status == 400
    assert tenant.history() == []


def test_a_new_invitation_creates_a_guest(tenant: Tenant) -> None:
    """Inviting a new address creates a pending guest with a principal name made of the address."""
    answer = tenant.invite("new@newco.example", invitedUserDisplayName="New")
    guest = answer.body["invitedUser"]
    assert guest["userPrincipalName"] == "new_newco.example#EXT#@contoso.onmicrosoft.com"
    user = tenant.user(guest["id"])
    assert user["externalUserState"] == "PendingAcceptance"
    assert (user["mail"], user["otherMails"]) == ("new@newco.example", ["new@newco.example"])
    assert tenant.invite("new@newco.example").status == 400


def test_messages_are_recorded(tenant: Tenant) -> None:
    """A message goes to the invited address with the answer's link; an application's text is dropped."""
    info = {
        "messageLanguage": "de-DE",
        "customizedMessageBody": "Hello",
        "ccRecipients": [{"emailAddress": {"address": "boss@contoso.example"}}],
    }
    answer = tenant.reset(
        ANA, "ana@fabrikam.example", sendInvitationMessage=True, invitedUserMessageInfo=info
    )
    [message] = tenant.messages()
    assert message["to"] == "ana@fabrikam.example"
    assert message["cc"] == ["boss@contoso.example"]
    assert (message["text"], message["language"]) == (None, "de-DE")
    assert message["redeemUrl"] == answer.body["inviteRedeemUrl"]
    assert answer.body["invitedUserMessageInfo"]["customizedMessageBody"] == "Hello"


def test_a_person_may_write_a_text(plant: Plant) -> None:
    """The custom text of a person is kept, and then the language does not count."""
    person = Application("User.ReadWrite.All", application=False)
    tenant = plant(authorizer=person)
    info = {"messageLanguage": "de-DE", "customizedMessageBody": "Hello"}
    tenant.reset(ANA, "ana@fabrikam.example", sendInvitationMessage=True, invitedUserMessageInfo=info)
    [message] = tenant.messages()
    assert (message["text"], message["language"]) == ("Hello", None)


def test_no_message_unless_asked(tenant: Tenant) -> None:
    """Without `sendInvitationMessage` nothing is sent, and the usual language is English."""
    tenant.reset(ANA, "ana@fabrikam.example")
    assert tenant.messages() == []
    tenant.reset(ANA, "ana@fabrikam.example", sendInvitationMessage=True)
    assert [message["language"] for message in tenant.messages()] == ["en-US"]


def test_history_tells_who_changed_what(tenant: Tenant) -> None:
    """Each accepted write is recorded with its request and every property before and after."""
    tenant.patch(ANA, otherMails=[NEW])
    tenant.reset(ANA, NEW)
    patch, reset = tenant.history()
    assert (patch["operation"], reset["operation"]) == ("patch", "reset")
    assert patch["changes"] == {"otherMails": {"before": ["ana@fabrikam.example"], "after": [NEW]}}
    assert reset["changes"]["account"] == {"before": "ana@fabrikam.example", "after": None}
    assert reset["changes"]["externalUserStateChangeDateTime"]["before"] == SINCE
    assert [entry["n"] for entry in tenant.requests()] == [patch["request"], reset["request"]]


def test_the_record_keeps_no_token(tenant: Tenant) -> None:
    """The record of requests shows bodies and headers, never the bearer token."""
    tenant.patch(ANA, displayName="A")
    [entry] = tenant.requests()
    assert entry["requestBody"] == {"displayName": "A"}
    assert entry["requestHeaders"]["authorization"] == "Bearer …"
    assert (entry["status"], entry["responseBody"]) == (204, None)
