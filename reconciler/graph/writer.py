"""Sends single writes and returns the meaning of each answer; decides nothing, and repeats nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, assert_never

import httpx

from reconciler.errors import DirectoryError
from reconciler.graph import requests
from reconciler.graph.rate_limits import INVITATION, UPDATE
from reconciler.graph.reader import GraphReader
from reconciler.graph.refusals import NO_RIGHTS_OVER_GUEST
from reconciler.graph.responses import Answer
from reconciler.graph.sessions import ReadSession, SessionOptions
from reconciler.graph.transport import TokenSource, Transport, open_transport
from reconciler.graph.write_results import explain, explain_no_token, explain_silence, not_a_reset, unreadable
from reconciler.model import (
    Done,
    Failed,
    FailureKind,
    Invitation,
    NotSent,
    ObjectId,
    Permit,
    RedeemUrl,
    ResetRedemption,
    UserUpdate,
    Write,
    WriteAnswer,
)
from reconciler.rules import Rule

_FOR_RIGHTS = frozenset({Rule.PERMISSION_MISSING, Rule.NOT_PERMITTED})

_WRITING_ROLES = frozenset({"User.ReadWrite.All", "Directory.ReadWrite.All"})
"""Application permissions each of which lets its holder update users.

Source: https://learn.microsoft.com/graph/api/user-update
"""


class GraphWriter:
    """A `DirectoryWriter` over Microsoft Graph."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def perform(
        self, guest: ObjectId, write: Write, *, client_request_id: str, permit: Permit
    ) -> WriteAnswer | NotSent:
        """Send one write when quota and permit allow it; see `DirectoryWriter.perform`."""
        match write:
            case UserUpdate():
                change = _update(write)
                cost, build = UPDATE, lambda: requests.user_update(guest, change)
            case ResetRedemption():
                reset = _invitation(guest, write)
                cost, build = INVITATION, lambda: requests.invitation(reset)
            case _ as unknown:
                assert_never(unknown)
        try:
            answer = await self._transport.send(
                build, cost=cost, client_request_id=client_request_id, permit=permit
            )
        except DirectoryError as error:
            return explain_no_token(error)
        except (httpx.RequestError, TimeoutError) as error:
            return explain_silence(error)
        return answer if isinstance(answer, NotSent) else self._permitted(_meaning(answer, guest, write))

    def _permitted(self, meaning: WriteAnswer) -> WriteAnswer:
        """Judge a 403 as the guest's own when the token holds the permission to write users.

        A guest in a restricted administrative unit is refused so too.
        Source: https://learn.microsoft.com/entra/identity/role-based-access-control/admin-units-restricted-management
        """
        if isinstance(meaning, Done) or meaning.rule not in _FOR_RIGHTS or not self.may_write():
            return meaning
        return replace(
            meaning, kind=FailureKind.GUEST_REFUSED, rule=Rule.NOT_PERMITTED, message=NO_RIGHTS_OVER_GUEST
        )

    def hurry(self) -> None:
        """Stop waiting for the pauses that Graph asks for, and keep to the quotas only."""
        self._transport.limiter.hurry()

    def may_write(self) -> bool | None:
        """Return whether the token's application permissions allow to update users; `None` when unreadable.

        A user's token does not show that: its rights depend on the user's directory roles too.
        Source: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
        """
        claims = self._transport.claims()
        roles = claims.get("roles")
        if "scp" in claims or not isinstance(roles, list):
            return None
        return any(role in _WRITING_ROLES for role in roles if isinstance(role, str))


@asynccontextmanager
async def open_directory(
    root: str, tokens: TokenSource, *, options: SessionOptions | None = None
) -> AsyncIterator[tuple[GraphReader, GraphWriter]]:
    """Connect to a Graph root, such as `https://graph.microsoft.com`, for reading and writing."""
    options = options or SessionOptions()
    async with (
        open_transport(root, tokens, limiter=options.limiter, call_seconds=options.call_seconds) as transport,
        ReadSession(transport, root, options.retry_policy) as session,
    ):
        yield GraphReader(session), GraphWriter(transport)


def _update(update: UserUpdate) -> dict[str, Any]:
    """Build the body of a PATCH. Source: https://learn.microsoft.com/graph/api/user-update ."""
    other_mails = [address.text for address in update.other_mails]
    if update.marker is not None:
        other_mails.append(str(update.marker))
    mail = {} if update.mail is None else {"mail": update.mail.text}
    return {**mail, "otherMails": other_mails}


def _invitation(guest: ObjectId, reset: ResetRedemption) -> dict[str, Any]:
    """Build the body of a reset. Source: https://learn.microsoft.com/graph/api/invitation-post ."""
    body: dict[str, Any] = {
        "invitedUserEmailAddress": reset.email.text,
        "inviteRedirectUrl": reset.invitation.redirect_url,
        "invitedUser": {"id": guest},
        "resetRedemption": True,
        "sendInvitationMessage": reset.invitation.send_message,
    }
    if reset.invitation.send_message:
        body["invitedUserMessageInfo"] = _message(reset.invitation)
    return body


def _message(invitation: Invitation) -> dict[str, Any]:
    """Build the properties of Microsoft's message: its text, its language, and the recipient of a copy.

    Source: https://learn.microsoft.com/graph/api/resources/invitedusermessageinfo
    """
    info: dict[str, Any] = {"messageLanguage": invitation.language}
    if invitation.message is not None:
        info["customizedMessageBody"] = invitation.message
    if invitation.cc is not None:
        info["ccRecipients"] = [{"emailAddress": {"address": invitation.cc.text}}]
    return info


def _meaning(answer: Answer, guest: ObjectId, write: Write) -> WriteAnswer:
    if not 200 <= answer.status < 300:
        return explain(answer, guest, write)
    match write:
        case UserUpdate():
            # Documented is 204 alone: https://learn.microsoft.com/graph/api/user-update
            return _done(answer) if answer.status == 204 else unreadable(answer)
        case ResetRedemption():
            return _reset_meaning(answer, guest)
        case _ as unknown:
            assert_never(unknown)


def _reset_meaning(answer: Answer, guest: ObjectId) -> WriteAnswer:
    """Return the meaning of the returned invitation: it must be this guest's, or it is no reset.

    Source: https://learn.microsoft.com/graph/api/resources/invitation
    """
    match answer.body:
        case {"resetRedemption": False}:
            return not_a_reset(answer, other=None)
        case {"invitedUser": {"id": str(invited)}} if invited and invited.lower() != guest:
            return not_a_reset(answer, other=invited)
        case {"status": "InProgress"}:
            # Not executed yet, and maybe never: only a read of the guest shows it.
            return Failed(
                kind=FailureKind.UNKNOWN,
                rule=Rule.INVITATION_IN_PROGRESS,
                message="the invitation service took the invitation and has not finished it; run apply again",
                status=answer.status,
                request_id=answer.request_id,
            )
        case {"status": "Error"}:
            return Failed(
                kind=FailureKind.GUEST_REFUSED,
                rule=Rule.INVITATION_ERROR,
                message="the invitation service took the invitation and reported an error; run apply again",
                status=answer.status,
                request_id=answer.request_id,
            )
        case {"status": "PendingAcceptance" | "Completed", "invitedUser": {"id": str(invited)}} if invited:
            link = answer.body.get("inviteRedeemUrl")
            return _done(answer, redeem_url=RedeemUrl(link) if isinstance(link, str) else None)
        case _:
            return unreadable(answer)


def _done(answer: Answer, *, redeem_url: RedeemUrl | None = None) -> Done:
    return Done(status=answer.status, request_id=answer.request_id, redeem_url=redeem_url, at=answer.date)
