"""What is sent for each write, when it is sent, and what is made of the answer."""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.errors import AccessDenied
from reconciler.graph.rate_limits import RateLimiter
from reconciler.graph.sessions import SessionOptions
from reconciler.graph.writer import GraphWriter, open_directory
from reconciler.model import (
    Done,
    EmailAddress,
    Failed,
    FailureKind,
    Invitation,
    Marker,
    NotSent,
    ObjectId,
    Permit,
    ResetRedemption,
    UserUpdate,
    Write,
    WriteAnswer,
)
from reconciler.rules import OtherRule
from tests.support.scripted_graph import Reply, Request, ScriptedGraph, Tokens, granted, scripted_graph
from tests.support.scripted_graph.clock import Clock

GUEST = ObjectId("11111111-2222-4333-8444-555555555555")
NEW = EmailAddress("Ana@Newco.example")
LINK = "https://login.microsoftonline.com/redeem?rd=ticket"
INVITED = {
    "id": "x",
    "status": "PendingAcceptance",
    "inviteRedeemUrl": LINK,
    "invitedUser": {"id": GUEST.upper()},
    "resetRedemption": True,
}
OTHER = "99999999-2222-4333-8444-555555555555"
MARKER = Marker(
    seconds=1_780_000_000, nonce="0a1b2c3d", digits="0123456789abcdef", domain="reconciler.invalid"
)
EMPTY = UserUpdate(mail=None, other_mails=())


def permits(answers: Sequence[bool]) -> tuple[Permit, list[bool]]:
    """Make a permit that gives these answers in turn, and the list of those it has given."""
    given: list[bool] = []

    async def permit() -> bool:
        given.append(answers[len(given)])
        return given[-1]

    return permit, given


def reset(
    *, send: bool = False, message: str | None = None, cc: EmailAddress | None = None
) -> ResetRedemption:
    return ResetRedemption(
        email=NEW,
        invitation=Invitation(
            send_message=send, language="de-DE", redirect_url="https://x.example", cc=cc, message=message
        ),
    )


@contextlib.asynccontextmanager
async def writing(
    answer: Callable[[Request], Reply],
) -> AsyncIterator[tuple[ScriptedGraph, GraphWriter]]:
    async with (
        scripted_graph(answer) as directory,
        open_directory(directory.root, Tokens(), options=SessionOptions(call_seconds=0.5)) as (_, writer),
    ):
        yield directory, writer


async def perform(writer: GraphWriter, write: Write) -> WriteAnswer:
    answer = await writer.perform(GUEST, write, client_request_id="mine", permit=granted)
    assert not isinstance(answer, NotSent)
    return answer


async def update(reply: Reply, write: UserUpdate = EMPTY) -> tuple[WriteAnswer, list[Request]]:
    async with writing(lambda _: reply) as (directory, writer):
        answer = await perform(writer, write)
    return answer, directory.requests


async def invite(reply: Reply, action: ResetRedemption | None = None) -> tuple[WriteAnswer, list[Request]]:
    async with writing(lambda _: reply) as (directory, writer):
        answer = await perform(writer, action or reset())
    return answer, directory.requests


async def body_of(action: ResetRedemption) -> Any:
    _, (request,) = await invite(Reply(status=201, body=INVITED), action)
    assert (request.method, request.path) == ("POST", "/invitations")
    return request.json


async def test_other_mails_are_replaced_as_a_whole() -> None:
    """An update without `mail` sends the whole list, in the spelling it was given, and nothing else."""
    answer, (request,) = await update(
        Reply(status=204, headers={"request-id": "r"}), UserUpdate(mail=None, other_mails=(NEW,))
    )
    assert answer == Done(status=204, request_id="r")
    assert (request.method, request.path) == ("PATCH", f"/users/{GUEST}")
    assert request.headers["client-request-id"] == "mine"
    assert request.json == {"otherMails": ["Ana@Newco.example"]}


async def test_mail_is_written_with_the_final_list() -> None:
    """An update with `mail` sends it and `otherMails` in one request."""
    _, (request,) = await update(Reply(status=204), UserUpdate(mail=NEW, other_mails=()))
    assert request.json == {"mail": "Ana@Newco.example", "otherMails": []}


async def test_marker_goes_last() -> None:
    """A marker stands behind every address: the first value may feed a claim."""
    write = UserUpdate(mail=NEW, other_mails=(NEW, EmailAddress("zoe@x.example")), marker=MARKER)
    _, (request,) = await update(Reply(status=204), write)
    assert request.json["otherMails"] == ["Ana@Newco.example", "zoe@x.example", str(MARKER)]


@pytest.mark.parametrize(
    ("date", "at"),
    [
        ("Mon, 30 Nov 2026 09:00:07 GMT", datetime(2026, 11, 30, 9, 0, 7, tzinfo=UTC)),
        ("Mon, 30 Nov 2026 10:00:07 +0100", datetime(2026, 11, 30, 9, 0, 7, tzinfo=UTC)),
        ("Mon Nov 30 09:00:07 2026", datetime(2026, 11, 30, 9, 0, 7, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        ("Mon, 30 Nov 99999 09:00:07 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2300", None),
    ],
)
async def test_done_carries_the_directorys_own_time(date: str, at: datetime | None) -> None:
    """Both writes carry the answer's `Date` as an instant, and none where it cannot be read."""
    headers = {"date": date}
    updated, _ = await update(Reply(status=204, headers=headers))
    invited, _ = await invite(Reply(status=201, body=INVITED, headers=headers))
    assert isinstance(updated, Done)
    assert isinstance(invited, Done)
    assert (updated.at, invited.at) == (at, at)


@pytest.mark.parametrize("write", [EMPTY, reset()], ids=["update", "reset"])
async def test_what_is_not_permitted_is_not_sent(write: Write) -> None:
    """A withheld permit leaves no request behind, and the answer says that nothing went out."""
    permit, given = permits([False])
    async with writing(lambda _: Reply(status=204)) as (directory, writer):
        answer = await writer.perform(GUEST, write, client_request_id="mine", permit=permit)
    assert answer == NotSent()
    assert given == [False]
    assert directory.requests == []


async def test_permit_is_asked_again_after_the_token_was_renewed() -> None:
    """Renewing takes time, in which the run may have ended: withheld then, the write was not carried out."""
    permit, given = permits([True, False])
    async with writing(lambda _: Reply(status=401)) as (directory, writer):
        answer = await writer.perform(GUEST, reset(), client_request_id="mine", permit=permit)
    assert answer == NotSent()
    assert given == [True, False]
    assert len(directory.requests) == 1


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
    body = {"status": status, "invitedUser": {"id": GUEST}}
    answer, _ = await invite(Reply(status=201, body=body))
    assert answer == Done(status=201, request_id=None)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"invitedUser": {"id": OTHER}}, f"about another user (object {OTHER})"),
        ({"invitedUser": {"id": "ana"}}, "about another user;"),
        ({"invitedUser": {"id": OTHER}, "status": "Error"}, "about another user"),
        ({"resetRedemption": False}, "says that nobody was reset"),
        ({"resetRedemption": False, "invitedUser": None}, "says that nobody was reset"),
    ],
)
async def test_reset_of_somebody_else_stops_the_run(change: dict[str, Any], told: str) -> None:
    """A success that names another user, or says that nobody was reset, is no reset, and the run stops."""
    answer, _ = await invite(Reply(status=201, body={**INVITED, **change}))
    assert isinstance(answer, Failed)
    assert (answer.kind, answer.rule) == (FailureKind.RUN_REFUSED, "not-a-reset")
    assert told in answer.message
    assert "the run stops" in answer.message
    assert "ticket" not in answer.message


@pytest.mark.parametrize(
    "body",
    [
        {"status": "Completed"},
        {"status": "Completed", "invitedUser": None},
        {"status": "Completed", "invitedUser": {}},
        {"status": "Completed", "invitedUser": {"id": ""}},
        {"status": "Completed", "invitedUser": {"id": 7}},
        {"invitedUser": {"id": GUEST}, "resetRedemption": True},
    ],
)
async def test_half_an_answer_is_a_lost_one(body: dict[str, Any]) -> None:
    """An invitation that names nobody, or has no status, leaves open whether the guest was reset."""
    answer, _ = await invite(Reply(status=201, body=body))
    assert isinstance(answer, Failed)
    assert (answer.kind, answer.rule) == (FailureKind.UNKNOWN, "unexpected-answer")


async def test_invitation_in_progress_is_unknown() -> None:
    """What the service has not finished may still happen: only the guest can tell."""
    answer, _ = await invite(Reply(status=201, body={**INVITED, "status": "InProgress"}))
    assert isinstance(answer, Failed)
    assert (answer.kind, answer.rule) == (FailureKind.UNKNOWN, "invitation-in-progress")


async def test_created_invitation_with_an_error_is_a_failure() -> None:
    """A 201 whose invitation says Error is no success."""
    answer, _ = await invite(Reply(status=201, body={**INVITED, "status": "Error"}))
    assert isinstance(answer, Failed)
    assert (answer.kind, answer.rule) == (FailureKind.GUEST_REFUSED, "invitation-error")


@pytest.mark.parametrize(
    "body",
    [
        None,
        b"<html>",
        b"\xff\xfe",
        b'{"status": "Pending',
        b"[" * 100_000,
        {**INVITED, "status": "Other"},
        [],
    ],
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
    async with scripted_graph(lambda _: Reply()) as directory:
        root = directory.root
    async with open_directory(root, Tokens()) as (_, writer):
        answer = await perform(writer, EMPTY)
    assert isinstance(answer, Failed)
    assert answer.kind is FailureKind.NOT_EXECUTED


async def test_refused_update_is_explained() -> None:
    """A refused PATCH is a failure with a rule."""
    body = {"error": {"code": "Authorization_RequestDenied", "message": ""}}
    refused, _ = await update(Reply(status=403, body=body))
    assert isinstance(refused, Failed)
    assert (refused.kind, refused.rule) == (FailureKind.GUEST_REFUSED, "not-permitted")


@pytest.mark.parametrize("status", [200, 201, 202, 206])
async def test_update_with_an_undocumented_success_is_unknown_and_sent_once(status: int) -> None:
    """A PATCH answered with another success than 204 may have been carried out: it is not repeated here."""
    strange, sent = await update(Reply(status=status, body={"id": GUEST}))
    assert isinstance(strange, Failed)
    assert (strange.kind, strange.rule) == (FailureKind.UNKNOWN, "unexpected-answer")
    assert len(sent) == 1


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
            raise AccessDenied("there is no token", rule=OtherRule("no-token"))

    async with (
        scripted_graph(lambda _: Reply()) as directory,
        open_directory(directory.root, NoTokens()) as (_, writer),
    ):
        answer = await perform(writer, reset())
    assert isinstance(answer, Failed)
    assert (answer.kind, answer.rule) == (FailureKind.RUN_REFUSED, "no-token")
    assert directory.requests == []


async def test_hurrying_waits_for_no_pause_that_graph_asks_for() -> None:
    """Once the end is near, a write goes out a second after a 429 at most, whatever that said."""
    clock = Clock()
    async with (
        scripted_graph(lambda _: Reply(status=429, headers={"retry-after": "300"})) as directory,
        open_directory(
            directory.root, Tokens(), options=SessionOptions(limiter=RateLimiter(clock=clock))
        ) as (
            _,
            writer,
        ),
    ):
        await perform(writer, EMPTY)
        writer.hurry()
        await perform(writer, EMPTY)
    assert len(directory.requests) == 2
    assert sum(clock.waits) < 2
