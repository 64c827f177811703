"""`POST /invitations`: invites a new guest, and resets a guest's redemption.

Sources: https://learn.microsoft.com/graph/api/invitation-post and
https://learn.microsoft.com/entra/external-id/reset-redemption-status
"""

import re
import uuid
from collections.abc import Iterator
from typing import Any

from reconciler.emulator.identity.permissions import may_invite_when_restricted, may_reset
from reconciler.emulator.protocol import error_responses
from reconciler.emulator.protocol.error_responses import (
    bad_request,
    insufficient_privileges,
    invitation_forbidden,
    invitation_refused,
    not_found,
)
from reconciler.emulator.protocol.wire import GraphResponse, JsonObject, dump
from reconciler.emulator.resources.organization import organization_of
from reconciler.emulator.resources.request_context import Call
from reconciler.emulator.resources.roles import blocks_reset
from reconciler.emulator.tenant.history import WriteOrigin, create, stamp
from reconciler.emulator.tenant.resets import PENDING, new_ticket, redeem_link, reset_redemption
from reconciler.emulator.tenant.store import StoredObject, fold
from reconciler.model import InvitesFrom

_REFUSED = re.compile(r'[~!#$%^&*()+=\[\]{}\\/|;:"<>?,\s]')
_KNOWN = frozenset({
    "invitedUserEmailAddress", "inviteRedirectUrl", "invitedUserDisplayName", "invitedUserType",
    "sendInvitationMessage", "invitedUserMessageInfo", "resetRedemption", "invitedUser",
    "invitedUserSponsors",
})  # fmt: skip


def invite(call: Call) -> GraphResponse:
    """Answer `POST /invitations`."""
    body = call.request.json_object()
    address = _check_body(body)
    if _closed_to(call):
        raise invitation_forbidden(error_responses.INVITATIONS_CLOSED)
    _check_address(call, address)
    if body.get("resetRedemption"):
        if not may_reset(call.caller.permissions):
            raise insufficient_privileges()
        guest = _reset(call, body, address)
    else:
        guest = _invite_new(call, body, address)
    link = redeem_link(organization_of(call.store)["id"], guest)
    if body.get("sendInvitationMessage"):
        _send(call, body, guest, link)
    return GraphResponse.of(_answer(call, body, guest, link), status=201)


def domain_denied(denied: tuple[str, ...], address: str) -> bool:
    """Return whether the tenant's deny list has the address's domain."""
    return address.rpartition("@")[2].lower() in denied


def _check_body(body: JsonObject) -> str:
    for name in body:
        if name not in _KNOWN and not name.startswith("@odata."):
            raise bad_request(
                f"The property '{name}' does not exist on type 'microsoft.graph.invitation'. "
                "Make sure to only use property names that are defined by the type."
            )
    for name in ("invitedUserEmailAddress", "inviteRedirectUrl"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise bad_request(f"Invalid value specified for property '{name}' of resource 'Invitation'.")
    for name in ("sendInvitationMessage", "resetRedemption"):
        if not isinstance(body.get(name, False), bool | None):
            raise bad_request(f"Invalid value specified for property '{name}' of resource 'Invitation'.")
    _check_message(body.get("invitedUserMessageInfo"))
    address: str = body["invitedUserEmailAddress"]
    return address


def _check_message(info: Any) -> None:
    if info is None:
        return
    wrong = bad_request(
        "Invalid value specified for property 'invitedUserMessageInfo' of resource 'Invitation'."
    )
    if not isinstance(info, dict):
        raise wrong
    copies = info.get("ccRecipients") or []
    # One at most. Source: https://learn.microsoft.com/graph/api/resources/invitedusermessageinfo
    if not isinstance(copies, list) or len(copies) > 1:
        raise wrong
    for copy in copies:
        if not isinstance(copy, dict) or not isinstance(copy.get("emailAddress"), dict):
            raise wrong


def _closed_to(call: Call) -> bool:
    """Return whether the tenant forbids the caller every invitation.

    Sources: https://learn.microsoft.com/graph/api/resources/authorizationpolicy; that a restricted tenant
    requires User.Invite.All of an application, with any other permissions, is reported.
    """
    allowed = call.switches.allow_invites_from
    if allowed == InvitesFrom.NONE:
        return True
    return allowed != InvitesFrom.EVERYONE and not may_invite_when_restricted(call.caller.permissions)


def _check_address(call: Call, address: str) -> None:
    local, _, domain = address.rpartition("@")
    labels = domain.split(".")
    if (
        not local or "@" in local or _REFUSED.search(address) or not address.isascii()
        or local[0] in ".-" or local[-1] in ".-" or len(labels) < 2 or not all(labels)
    ):  # fmt: skip
        raise invitation_refused(error_responses.MALFORMED_ADDRESS)
    verified = {entry["name"].lower() for entry in organization_of(call.store)["verifiedDomains"]}
    if domain.lower() in verified:
        raise invitation_refused(error_responses.VERIFIED_DOMAIN)
    if domain_denied(call.switches.denied_domains, address):
        raise invitation_refused(error_responses.DOMAIN_DENIED)
    if domain.lower() in call.switches.cross_tenant_blocked_domains:
        raise invitation_forbidden(error_responses.CROSS_TENANT_BLOCKED)
    if next(_holders(call, address, kind="group"), None) is not None:
        raise invitation_refused(error_responses.GROUP_ADDRESS)


def _holders(call: Call, address: str, *, kind: str, besides: int = 0) -> Iterator[StoredObject]:
    found = call.store.find(
        "deleted IS NULL AND kind = ? AND n <> ? AND n IN (SELECT n FROM objects WHERE mail = ?"
        " UNION SELECT n FROM objects WHERE upn = ?"
        " UNION SELECT n FROM addresses WHERE key = ? AND use = 'proxyAddresses'"
        " UNION SELECT n FROM addresses WHERE key = ? AND use = 'otherMails')",
        kind,
        besides,
        address,
        address,
        f"smtp:{fold(address)}",
        fold(address),
    )
    # An address in the other mails of a user who is no guest has no owner.
    return (item for item in found if item.is_b2b or _holds_firmly(item, address))


def _holds_firmly(item: StoredObject, address: str) -> bool:
    held = [item.body.get("mail"), item.body.get("userPrincipalName")]
    proxies = (proxy.partition(":")[2] for proxy in item.body.get("proxyAddresses", ()))
    return fold(address) in {fold(text) for text in (*held, *proxies) if text}


def _check_owners(call: Call, address: str, *, besides: int) -> None:
    """Refuse an address of another user."""
    if next(_holders(call, address, kind="contact"), None) is not None:
        raise invitation_refused(error_responses.AMBIGUOUS)
    for owner in _holders(call, address, kind="user", besides=besides):
        by_proxy_only = fold(address) not in {
            fold(owner.body.get("mail") or ""),
            fold(owner.body["userPrincipalName"]),
        }
        if by_proxy_only and not owner.is_b2b:
            raise invitation_refused(error_responses.AMBIGUOUS)
        raise invitation_refused(error_responses.ALREADY_EXISTS.format(id=owner.id))


def _reset(call: Call, body: JsonObject, address: str) -> StoredObject:
    invited = body.get("invitedUser")
    target = invited.get("id") if isinstance(invited, dict) else None
    if not isinstance(target, str):
        raise invitation_refused(error_responses.ID_MISSING)
    guest = call.store.by_id(target)
    if guest is None:
        raise not_found(target)
    if not guest.is_b2b:
        raise invitation_refused(error_responses.NOT_A_GUEST)
    if guest.body.get("isManagementRestricted"):
        raise insufficient_privileges()
    if call.caller.application and blocks_reset(call, guest.id):
        raise invitation_forbidden(error_responses.NO_RIGHTS_OVER_TARGET)
    _check_address_on(call, guest, address)
    _check_owners(call, address, besides=guest.n)
    pending = guest.body.get("externalUserState") == PENDING
    if pending and not guest.body.get("accountEnabled", True) and call.switches.disabled_pending_refused:
        raise invitation_refused(error_responses.ACCOUNT_DISABLED)
    origin = WriteOrigin(time=call.now, operation="reset", request=call.number)
    return reset_redemption(call.store, call.switches, guest, address=address, origin=origin)


def _check_address_on(call: Call, guest: StoredObject, address: str) -> None:
    fold_case = fold if call.switches.invitation_match_ignores_case else str
    # The invitation service has a replica of its own, which may not know the address yet.
    known = call.replica.body(guest)
    if known is None:
        raise not_found(guest.id)
    on_object = [known.get("mail") or "", *known.get("otherMails", [])]
    if fold_case(address) not in {fold_case(text) for text in on_object}:
        raise invitation_refused(error_responses.ADDRESS_NOT_ON_USER)


def _invite_new(call: Call, body: JsonObject, address: str) -> StoredObject:
    _check_owners(call, address, besides=0)
    organization = organization_of(call.store)
    initial = next(entry["name"] for entry in organization["verifiedDomains"] if entry["isInitial"])
    moment = stamp(call.now)
    guest_id = str(uuid.uuid4())
    principal_name = f"{address.replace('@', '_')}#EXT#@{initial}"
    guest = StoredObject(
        n=0,
        id=guest_id,
        kind="user",
        body={
            "id": guest_id,
            "userPrincipalName": principal_name,
            "displayName": body.get("invitedUserDisplayName") or address,
            "userType": body.get("invitedUserType") or "Guest",
            "accountEnabled": True,
            "creationType": "Invitation",
            "createdDateTime": moment,
            "externalUserState": PENDING,
            "externalUserStateChangeDateTime": moment,
            "mail": address,
            "otherMails": [address],
            "proxyAddresses": [f"SMTP:{address}"],
            "identities": [
                {"signInType": "userPrincipalName", "issuer": initial, "issuerAssignedId": principal_name}
            ],
        },
        invited=address,
        ticket=new_ticket(),
    )
    return create(call.store, guest, WriteOrigin(time=call.now, operation="invite", request=call.number))


def _send(call: Call, body: JsonObject, guest: StoredObject, link: str) -> None:
    """Record the message Microsoft would send."""
    info = body.get("invitedUserMessageInfo") or {}
    # Dropped for applications. Source: https://learn.microsoft.com/entra/external-id/troubleshoot
    text = None if call.caller.application else info.get("customizedMessageBody")
    message = {
        "time": stamp(call.now, fractions=True),
        "guest": guest.id,
        "to": body["invitedUserEmailAddress"],
        "cc": [copy["emailAddress"].get("address") for copy in info.get("ccRecipients") or []],
        "language": None
        if text
        else info.get("messageLanguage") or guest.body.get("preferredLanguage") or "en-US",
        "text": text,
        "redeemUrl": link,
    }
    call.store.execute("INSERT INTO messages (body) VALUES (?)", dump(message))


def _answer(call: Call, body: JsonObject, guest: StoredObject, link: str) -> JsonObject:
    info = body.get("invitedUserMessageInfo") or {}
    copies = info.get("ccRecipients") or [{"emailAddress": {"name": None, "address": None}}]
    return {
        "@odata.context": f"{call.request.root}/$metadata#invitations/$entity",
        "id": str(uuid.uuid4()),
        "inviteRedeemUrl": link,
        "invitedUserDisplayName": body.get("invitedUserDisplayName"),
        "invitedUserType": body.get("invitedUserType") or "Guest",
        "invitedUserEmailAddress": body["invitedUserEmailAddress"],
        "sendInvitationMessage": bool(body.get("sendInvitationMessage")),
        "resetRedemption": bool(body.get("resetRedemption")),
        "inviteRedirectUrl": body["inviteRedirectUrl"],
        "status": PENDING,
        "invitedUserMessageInfo": {
            "messageLanguage": info.get("messageLanguage"),
            "customizedMessageBody": info.get("customizedMessageBody"),
            "ccRecipients": [
                {
                    "emailAddress": {
                        "name": copy["emailAddress"].get("name"),
                        "address": copy["emailAddress"].get("address"),
                    }
                }
                for copy in copies
            ],
        },
        "invitedUser": {"id": guest.id, "userPrincipalName": guest.body["userPrincipalName"]},
    }
