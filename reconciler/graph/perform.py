"""The three writes, each sent once and each answered by what it means; nothing is decided here."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from reconciler.errors import DirectoryError
from reconciler.graph.answers import Answer
from reconciler.graph.client import Terms, TokenSource, WriteSession, connect_for_writing
from reconciler.graph.errors import Write, explain, explain_no_token, explain_silence, unreadable
from reconciler.graph.observe import GraphReader
from reconciler.model import (
    Done,
    EmailAddress,
    Failed,
    FailureKind,
    ObjectId,
    RedeemUrl,
    ResetRedemption,
    WriteAnswer,
)


class GraphWriter:
    """A `DirectoryWriter` over Microsoft Graph."""

    def __init__(self, session: WriteSession) -> None:
        self._session = session

    def hurry(self) -> None:
        """Wait for quotas only from now on, and no longer because Graph asks to."""
        self._session.hurry()

    async def set_other_mails(
        self,
        guest: ObjectId,
        other_mails: Sequence[EmailAddress],
        *,
        client_request_id: str,
        before_sending: Callable[[], None] | None = None,
    ) -> WriteAnswer:
        """Replace the whole of `otherMails`."""
        body = {"otherMails": [address.text for address in other_mails]}
        return await self._update(guest, body, client_request_id, before_sending)

    async def set_mail(
        self,
        guest: ObjectId,
        email: EmailAddress,
        other_mails: Sequence[EmailAddress],
        *,
        client_request_id: str,
        before_sending: Callable[[], None] | None = None,
    ) -> WriteAnswer:
        """Replace `mail` and the whole of `otherMails` in one request."""
        body = {"mail": email.text, "otherMails": [address.text for address in other_mails]}
        return await self._update(guest, body, client_request_id, before_sending)

    async def reset_redemption(
        self,
        guest: ObjectId,
        reset: ResetRedemption,
        *,
        client_request_id: str,
        before_sending: Callable[[], None] | None = None,
    ) -> WriteAnswer:
        """Invite the guest anew. Not idempotent: each success kills the link sent before."""
        answer = await _answered(
            self._session.invite(
                _invitation(guest, reset),
                client_request_id=client_request_id,
                before_sending=before_sending,
            )
        )
        if isinstance(answer, Failed):
            return answer
        return _reset_done(answer) if 200 <= answer.status < 300 else explain(answer, Write.INVITATION)

    async def _update(
        self,
        guest: ObjectId,
        body: dict[str, Any],
        client_request_id: str,
        before_sending: Callable[[], None] | None,
    ) -> WriteAnswer:
        answer = await _answered(
            self._session.update_user(
                guest, body, client_request_id=client_request_id, before_sending=before_sending
            )
        )
        if isinstance(answer, Failed):
            return answer
        if answer.status == 204:
            return Done(status=answer.status, request_id=answer.request_id)
        return unreadable(answer) if answer.status < 300 else explain(answer, Write.UPDATE)


@asynccontextmanager
async def open_directory(
    root: str, tokens: TokenSource, *, terms: Terms | None = None
) -> AsyncIterator[tuple[GraphReader, GraphWriter]]:
    """Connect to a Graph root, such as `https://graph.microsoft.com`, for reading and writing."""
    async with connect_for_writing(root, tokens, terms=terms) as (reading, writing):
        yield GraphReader(reading), GraphWriter(writing)


async def _answered(call: Awaitable[Answer]) -> Answer | Failed:
    """Wait for an answer; what kept it from coming is an answer too."""
    try:
        return await call
    except DirectoryError as error:
        return explain_no_token(error)
    except (httpx.RequestError, TimeoutError) as error:
        return explain_silence(error)


def _invitation(guest: ObjectId, reset: ResetRedemption) -> dict[str, Any]:
    """Write a reset. Source: https://learn.microsoft.com/graph/api/invitation-post ."""
    body: dict[str, Any] = {
        "invitedUserEmailAddress": reset.email.text,
        "inviteRedirectUrl": reset.redirect_url,
        "invitedUser": {"id": guest},
        "resetRedemption": True,
        "sendInvitationMessage": reset.send_message,
    }
    if reset.send_message:
        body["invitedUserMessageInfo"] = _message(reset)
    return body


def _message(reset: ResetRedemption) -> dict[str, Any]:
    """Write what Microsoft's message says, in what language, and who gets a copy.

    Source: https://learn.microsoft.com/graph/api/resources/invitedusermessageinfo
    """
    info: dict[str, Any] = {"messageLanguage": reset.language}
    if reset.message is not None:
        info["customizedMessageBody"] = reset.message
    if reset.cc is not None:
        info["ccRecipients"] = [{"emailAddress": {"address": reset.cc.text}}]
    return info


def _reset_done(answer: Answer) -> WriteAnswer:
    """Read the invitation that came back.

    Source: https://learn.microsoft.com/graph/api/resources/invitation
    """
    match answer.body:
        case {"status": "PendingAcceptance" | "Completed", "inviteRedeemUrl": str(url)}:
            return Done(status=answer.status, request_id=answer.request_id, redeem_url=RedeemUrl(url))
        case {"status": "PendingAcceptance" | "Completed"}:
            return Done(status=answer.status, request_id=answer.request_id)
        case {"status": "InProgress"}:
            # Not done yet, and maybe never: only the guest can tell.
            return Failed(
                kind=FailureKind.UNKNOWN,
                rule="invitation-in-progress",
                message="the invitation service took the invitation and has not finished it; run apply again",
                status=answer.status,
                request_id=answer.request_id,
            )
        case {"status": "Error"}:
            return Failed(
                kind=FailureKind.GUEST_REFUSED,
                rule="invitation-error",
                message="the invitation service took the invitation and reported an error; run apply again",
                status=answer.status,
                request_id=answer.request_id,
            )
        case _:
            return unreadable(answer)
