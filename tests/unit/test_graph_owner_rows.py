"""The owners of an address are asked for with plain filters, and told by what really holds it."""

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.errors import UnexpectedAnswer
from reconciler.model import AddressUse, EmailAddress, ObjectId, OwnerKind
from tests.support.plans import guest_id
from tests.support.scripted_graph import Reply, Request
from tests.support.scripted_graph.tenant import (
    FORBIDDEN,
    GROUP,
    PERSON,
    Graph,
    addressed,
    owners_in,
    quiet,
    rows,
    user,
)


async def owners_of(graph: Graph, address: str) -> set[tuple[ObjectId, OwnerKind, AddressUse, bool]]:
    found = await owners_in(graph, address, address)
    (owners,) = found.owners.values()
    return {(owner.id, owner.kind, owner.use, owner.primary) for owner in owners}


async def test_owners_are_told_by_what_really_holds_the_address() -> None:
    """Rows are compared without regard to case; a row that does not hold the address is left out."""
    graph = quiet(
        _users=rows(
            user(1, mail="ANA@new.example", proxyAddresses=["smtp:ana@new.example"]),
            user(2, otherMails=["Ana@New.example"], creationType=None, externalUserState=None),
            user(3),
            user(4, userPrincipalName="ana@NEW.example", mail=None, creationType="LocalAccount"),
        ),
        _groups=rows(addressed(GROUP, proxyAddresses=["SMTP:ana@new.example"])),
    )
    assert await owners_of(graph, "Ana@new.example") == {
        (guest_id(1), OwnerKind.GUEST, AddressUse.MAIL, False),
        (guest_id(1), OwnerKind.GUEST, AddressUse.PROXY_ADDRESSES, False),
        (guest_id(2), OwnerKind.MEMBER, AddressUse.OTHER_MAILS, False),
        (guest_id(4), OwnerKind.GUEST, AddressUse.USER_PRINCIPAL_NAME, False),
        (GROUP, OwnerKind.GROUP, AddressUse.PROXY_ADDRESSES, True),
    }


async def test_owners_are_asked_for_with_plain_filters() -> None:
    """A question joins documented plain filters by `or`, with quotes doubled and both proxy spellings."""
    asked: list[tuple[str, str]] = []

    def answer(request: Request) -> Reply:
        asked.append((request.path, request.query["$filter"]))
        return rows()

    await owners_of(quiet(_users=answer, _groups=answer, _contacts=answer), "o'hara@new.example")
    proxies = {f"proxyAddresses/any(p:p eq '{kind}:o''hara@new.example')" for kind in ("smtp", "SMTP")}
    assert len(asked) == 3
    questions = {path: set(text.split(" or ")) for path, text in asked}
    assert questions["/users"] == proxies | {
        "mail eq 'o''hara@new.example'",
        "userPrincipalName eq 'o''hara@new.example'",
        "otherMails/any(o:o eq 'o''hara@new.example')",
    }
    for path in ("/groups", "/contacts"):
        assert questions[path] == proxies | {"mail eq 'o''hara@new.example'"}


async def test_owners_are_read_to_the_last_page() -> None:
    """A holder on a second page is found."""
    graph = quiet()
    graph.answers["/contacts"] = lambda _: graph.page("/next")
    graph.answers["/next"] = rows(addressed(PERSON, mail="ana@new.example"))
    assert await owners_of(graph, "ana@new.example") == {(PERSON, OwnerKind.CONTACT, AddressUse.MAIL, False)}


async def test_closed_groups_and_contacts_are_remarked_and_users_decide() -> None:
    """Unreadable groups and contacts are a remark; unreadable users leave the question open."""
    graph = quiet(_groups=FORBIDDEN, _contacts=FORBIDDEN)
    found = await owners_in(graph, "a@b.example")
    assert {unavailable.permission for unavailable in found.not_checked} == {
        "GroupMember.Read.All",
        "OrgContact.Read.All",
    }
    assert not any(unavailable.essential for unavailable in found.not_checked)
    assert found.owners == {EmailAddress("a@b.example"): ()}
    graph.answers["/users"] = FORBIDDEN
    found = await owners_in(graph, "a@b.example")
    assert [unavailable.permission for unavailable in found.not_checked if unavailable.essential] == [
        "User.Read.All"
    ]


@pytest.mark.parametrize(
    ("fields", "flaw"),
    [
        ({"mail": 7}, "mail"),
        ({"mail": None, "proxyAddresses": "smtp:a@b.example"}, "proxyAddresses"),
        ({"id": None}, "without an id"),
    ],
)
async def test_owner_of_an_unknown_shape_is_an_error(fields: Mapping[str, Any], flaw: str) -> None:
    """An owner without id, or whose address cannot be read, is an error."""
    row = addressed(PERSON, **{"mail": "a@b.example", **fields})
    with pytest.raises(UnexpectedAnswer, match=f"who holds an address .*{flaw}"):
        await owners_of(quiet(_groups=rows(row)), "a@b.example")


@pytest.mark.parametrize("fields", [{"displayName": 7}, {"proxyAddresses": "none"}])
async def test_owner_is_found_whatever_else_is_odd(fields: Mapping[str, Any]) -> None:
    """An object that shows the address holds it: an odd value beside it is no reason to read nobody."""
    row = addressed(PERSON, **{"mail": "a@b.example", **fields})
    found = await owners_of(quiet(_groups=rows(row)), "a@b.example")
    assert [key for key, *_ in found] == [PERSON]


@pytest.mark.parametrize("missing", ["id", "displayName", "mail", "proxyAddresses"])
async def test_owner_that_lacks_what_was_asked_for_is_an_error(missing: str) -> None:
    """Graph shows what has no value as null: a property that is missing was not read."""
    row = {name: value for name, value in addressed(PERSON).items() if name != missing}
    with pytest.raises(UnexpectedAnswer, match=f"leaves out {missing}"):
        await owners_of(quiet(_contacts=rows(row)), "a@b.example")
