"""What the token of an application says of its right to write users, and what a refusal asks for."""

import jwt
import pytest

from reconciler.graph.writer import GraphWriter, open_directory
from reconciler.model import Failed, FailureKind, NotSent, ObjectId, UserUpdate, WriteAnswer
from tests.support.scripted_graph import Reply, Tokens, granted, scripted_graph

GUEST = ObjectId("11111111-2222-4333-8444-555555555555")
EMPTY = UserUpdate(mail=None, other_mails=())


async def perform(writer: GraphWriter, write: UserUpdate) -> WriteAnswer:
    answer = await writer.perform(GUEST, write, client_request_id="mine", permit=granted)
    assert not isinstance(answer, NotSent)
    return answer


def token(**claims: object) -> str:
    return jwt.encode(claims, "a secret that is long enough for it", algorithm="HS256")


@pytest.mark.parametrize(
    ("bearer", "may"),
    [
        (token(roles=["User.Read.All", "User.ReadWrite.All"]), True),
        (token(roles=["Directory.ReadWrite.All"]), True),
        (token(roles=["User.Invite.All", "User.Read.All", 7]), False),
        (token(roles=[]), False),
        (token(roles="User.ReadWrite.All"), None),
        (token(), None),
        (token(scp="User.ReadWrite.All", roles=["User.ReadWrite.All"]), None),
        ("opaque", None),
    ],
)
async def test_permission_to_write_is_read_from_the_tokens_roles(bearer: str, *, may: bool | None) -> None:
    """An application's roles say whether it may update users; a person's token and an opaque one do not."""
    async with (
        scripted_graph(lambda _: Reply(status=204)) as directory,
        open_directory(directory.root, Tokens(bearer)) as (_, writer),
    ):
        assert writer.may_write() is None
        await perform(writer, EMPTY)
        assert writer.may_write() is may


@pytest.mark.parametrize(("roles", "granted_already"), [(["User.ReadWrite.All"], True), ([], False)])
async def test_a_refused_update_asks_for_no_permission_that_is_held(
    roles: list[str], *, granted_already: bool
) -> None:
    """An application that may write users is told that it is the guest; any other, what to grant."""
    body = {"error": {"code": "Authorization_RequestDenied", "message": ""}}
    async with (
        scripted_graph(lambda _: Reply(status=403, body=body)) as directory,
        open_directory(directory.root, Tokens(token(roles=roles))) as (_, writer),
    ):
        refused = await perform(writer, EMPTY)
    assert isinstance(refused, Failed)
    assert (refused.kind, refused.rule) == (FailureKind.GUEST_REFUSED, "not-permitted")
    assert ("User.ReadWrite.All" in refused.message) is not granted_already
    assert "restricted administrative unit" in refused.message
