"""The three writes: what they send, and what they make of what comes back."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from reconciler.errors import AccessDenied
from reconciler.graph.client import Terms
from reconciler.graph.perform import GraphWriter, open_directory
from reconciler.model import (
    Done,
    EmailAddress,
    Failed,
    FailureKind,
    ObjectId,
    ResetRedemption,
    WriteAnswer,
)
from tests.stand_in import Reply, Request, StandIn, Tokens, stand_in

GUEST = ObjectId("11111111-2222-4333-8444-555555555555")
NEW = EmailAddress("Ana@Newco.example")
LINK = "https://login.microsoftonline.com/redeem?rd=ticket"
INVITED = {"id": "x", "status": "PendingAcceptance", "inviteRedeemUrl": LINK}


def reset(
    *, send: bool = False, message: str | None = None, cc: EmailAddress | None = None
) -> ResetRedemption:
    return ResetRedemption(
        email=NEW,
        send_message=send,
        language="de-DE",
        redirect_url="https://x.example",
        cc=cc,
        message=message,
    )


@contextlib.asynccontextmanager
async def writing(
    answer: Callable[[Request], Reply],
) -> AsyncIterator[tuple[StandIn, GraphWriter]]:
    async with (
        stand_in(answer) as directory,
        open_directory(directory.root, Tokens(), terms=Terms(call_seconds=0.5)) as (_, writer),
    ):
        yield directory, writer


async def invite(reply: Reply, action: ResetRedemption | None = None) -> tuple[WriteAnswer, list[Request]]:
    async with writing(lambda _: reply) as (directory, writer):
        answer = await writer.reset_redemption(GUEST, action or reset(), client_request_id="mine")
    return answer, directory.requests


async def body_of(action: ResetRedemption) -> Any:
    _, (request,) = await invite(Reply(status=201, body=INVITED), action)
    assert (request.method, request.path) == ("POST", "/invitations")
    return request.json


async def test_other_mails_are_replaced_as_a_whole() -> None:
    """`set_other_mails` sends the whole list, in the spelling it was given, and nothing else."""
    async with writing(lambda _: Reply(status=204, headers={"request-id": "r"})) as (directory, writer):
        answer = await writer.set_other_mails(GUEST, [NEW], client_request_id="mine")
    assert answer == Done(status=204, request_id="r")
    (request,) = directory.requests
    assert (request.method, request.path) == ("PATCH", f"/users/{GUEST}")
    assert request.json == {"otherMails": ["Ana@Newco.example"]}


async def test_mail_is_written_with_the_final_list() -> None:
    """`set_mail` sends `mail` and `otherMails` in one request."""
    async with writing(lambda _: Reply(status=204)) as (directory, writer):
        await writer.set_mail(GUEST, NEW, [], client_request_id="mine")
    assert directory.requests[0].json == {"mail": "Ana@Newco.example", "otherMails": []}


async def test_silent_reset_sends_the_least() -> None:
    """A reset without a message says nothing about messages."""
    assert await body_of(reset()) == {
        "invitedUserEmailAddress": "Ana@Newco.example",
        "inviteRedirectUrl": "https://x.example",
        "invitedUser": {"id": GUEST},
        "resetRedemption": True,
        "sendInvitationMessage": False,
    }


async def test_reset_with_a_message_says_its_language_text_and_copy() -> None:
    """A reset with a message says how Microsoft is to write it."""
    cc = EmailAddress("sponsor@contoso.example")
    assert (await body_of(reset(send=True)))["invitedUserMessageInfo"] == {"messageLanguage": "de-DE"}
    assert (await body_of(reset(send=True, message="Hallo", cc=cc)))["invitedUserMessageInfo"] == {
        "messageLanguage": "de-DE",
        "customizedMessageBody": "Hallo",
        "ccRecipients": [{"emailAddress": {"address": "sponsor@contoso.example"}}],
    }


async def test_redeem_link_stands_only_where_it_is_asked_for() -> None:
    """The link of a reset is inside the answer and shows in no printed form of it."""
    answer, _ = await invite(Reply(status=201, body=INVITED))
    assert isinstance(answer, Done)
    assert answer.redeem_url is not None
    assert answer.redeem_url.reveal() == LINK
    assert "ticket" not in f"{answer!r} {answer}"


@pytest.mark.parametrize("status", ["PendingAcceptance", "Completed"])
async def test_reset_without_a_link_is_done_all_the_same(status: str) -> None:
    """An invitation that was taken is done, with a link or without."""
    answer, _ = await invite(Reply(status=201, body={"status": status}))
    assert answer == Done(status=201, request_id=None)


async def test_created_invitation_with_an_error_is_a_failure() -> None:
    """A 201 whose invitation says Error is no success."""
    answer, _ = await invite(Reply(status=201, body={**INVITED, "status": "Error"}))
    assert isinstance(answer, Failed)
    assert (answer.kind, answer.rule) == (FailureKind.GUEST_REFUSED, "invitation-error")


@pytest.mark.parametrize(
    "body",
    [None, b"<html>", b"\xff\xfe", b'{"status": "Pending', b"[" * 100_000, {"status": "Other"}, []],
    ids=["none", "html", "no text", "cut", "nested", "other", "list"],
)
async def test_created_with_an_unknown_body_is_looked_into(body: object) -> None:
    """A success nobody can read may be one: whether it happened is unknown."""
    answer, _ = await invite(Reply(status=201, body=body))
    assert isinstance(answer, Failed)
    assert answer.kind is FailureKind.UNKNOWN


@pytest.mark.parametrize("broken", ["dropped", "cut", "silent"])
async def test_lost_answer_is_unknown_and_nothing_is_sent_again(broken: str) -> None:
    """When the answer to an invitation is lost, it is not known and not repeated."""
    answer, requests = await invite(Reply(status=201, body=INVITED, broken=broken))
    assert isinstance(answer, Failed)
    assert answer.kind is FailureKind.UNKNOWN
    assert len(requests) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_throttled_and_failed_invitations_are_not_sent_again(status: int) -> None:
    """Whoever asked for the write decides whether it is repeated."""
    answer, requests = await invite(Reply(status=status, headers={"retry-after": "3"}))
    assert isinstance(answer, Failed)
    assert answer.retry_after == 3
    assert len(requests) == 1


async def test_refused_connection_was_not_executed() -> None:
    """Where nobody listens nothing happened."""
    async with stand_in(lambda _: Reply()) as directory:
        root = directory.root
    async with open_directory(root, Tokens()) as (_, writer):
        answer = await writer.set_other_mails(GUEST, [], client_request_id="mine")
    assert isinstance(answer, Failed)
    assert answer.kind is FailureKind.NOT_EXECUTED


async def test_refused_update_is_explained() -> None:
    """A refused PATCH is a failure with a rule, a PATCH with an undocumented success is unknown."""
    async with writing(lambda _: Reply(status=403)) as (_, writer):
        refused = await writer.set_mail(GUEST, NEW, [], client_request_id="mine")
    async with writing(lambda _: Reply(status=200)) as (_, writer):
        strange = await writer.set_mail(GUEST, NEW, [], client_request_id="mine")
    assert isinstance(refused, Failed)
    assert isinstance(strange, Failed)
    assert (refused.rule, strange.kind) == ("not-permitted", FailureKind.UNKNOWN)


async def test_twice_refused_token_stops_the_run() -> None:
    """A token that is refused and whose successor is refused too stops the run."""
    answer, requests = await invite(Reply(status=401))
    assert isinstance(answer, Failed)
    assert answer.kind is FailureKind.RUN_REFUSED
    assert len(requests) == 2


async def test_missing_token_stops_the_run_before_anything_is_sent() -> None:
    """Without a token nothing is sent."""

    class NoTokens:
        async def token(self, *, claims: str | None = None) -> str:
            raise AccessDenied("there is no token", rule="no-token")

    async with (
        stand_in(lambda _: Reply()) as directory,
        open_directory(directory.root, NoTokens()) as (_, writer),
    ):
        answer = await writer.reset_redemption(GUEST, reset(), client_request_id="mine")
    assert isinstance(answer, Failed)
    assert (answer.kind, answer.rule) == (FailureKind.RUN_REFUSED, "no-token")
    assert directory.requests == []
