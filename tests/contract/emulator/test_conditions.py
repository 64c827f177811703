"""`$filter`: what the plain queries understand, and that both readings of a condition agree."""

import json
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.emulator.odata.filters import parse_filter
from reconciler.emulator.odata.projection import CONTACT, USER
from reconciler.emulator.protocol.error_responses import ErrorResponse
from reconciler.emulator.tenant.store import StoredObject
from tests.contract.emulator.conftest import Plant
from tests.contract.emulator.tenant import ANA, BO, MARA, Tenant

SEED = {
    "guests": [
        {
            "id": ANA,
            "name": "Ana O'Hara",
            "email": "ana@fabrikam.example",
            "otherMails": ["ana@fabrikam.example", "Old@fabrikam.example"],
            "proxyAddresses": ["SMTP:ana@fabrikam.example", "smtp:old@fabrikam.example"],
            "created": "2024-01-01T00:00:00Z",
        },
        {
            "id": BO, "name": "Bo", "email": "bo@gmail.com", "created": "2025-01-01T00:00:00Z",
            "enabled": False,
        },
    ],
    "members": [{"id": MARA, "userPrincipalName": "mara@contoso.example", "created": "2023-01-01T00:00:00Z"}],
    "providers": {"fabrikam.example": "mail"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("userType eq 'Guest'", [ANA, BO]),
        ("userType eq 'guest'", [ANA, BO]),
        ("creationType eq 'Invitation'", [ANA, BO]),
        ("externalUserState eq 'Accepted'", [ANA, BO]),
        ("accountEnabled eq false", [BO]),
        ("accountEnabled eq true", [ANA, MARA]),
        (f"id eq '{ANA.upper()}'", [ANA]),
        (f"id in ('{ANA}', '{MARA}')", [ANA, MARA]),
        ("mail eq 'ANA@fabrikam.example'", [ANA]),
        ("mail in ('bo@gmail.com','nobody@x.example')", [BO]),
        ("startsWith(mail,'AN')", [ANA]),
        ("startswith(displayName, 'Ana O''Ha')", [ANA]),
        ("displayName eq 'Ana O''Hara'", [ANA]),
        ("userPrincipalName eq 'mara@contoso.example'", [MARA]),
        ("createdDateTime ge 2024-06-01T00:00:00Z", [BO]),
        ("createdDateTime le 2024-06-01T00:00:00Z", [ANA, MARA]),
        ("createdDateTime eq 2023-01-01T00:00:00Z", [MARA]),
        ("otherMails/any(o:o eq 'old@fabrikam.example')", [ANA]),
        ("otherMails/any(o: startsWith(o,'OLD'))", [ANA]),
        ("proxyAddresses/any(p:p eq 'smtp:ana@fabrikam.example')", [ANA]),
        ("proxyAddresses/any(p:startsWith(p,'smtp:'))", [ANA, BO, MARA]),
        ("identities/any(i:i/issuer eq 'google.com')", [BO]),
        ("identities/any(i:i/issuer eq 'mail' and i/issuerAssignedId eq 'ANA@fabrikam.example')", [ANA]),
        ("identities/any(i:i/issuer eq 'mail' and i/issuerAssignedId eq 'x')", []),
        ("userType eq 'Guest' and accountEnabled eq true", [ANA]),
        ("mail eq 'bo@gmail.com' or startsWith(displayName,'Ana')", [ANA, BO]),
        ("(mail eq 'x@y.example' or userType eq 'Guest') and (accountEnabled eq false)", [BO]),
        ("mail eq 'x@y.example' or userType eq 'Member' and accountEnabled eq true", [MARA]),
    ],
)
def test_plain_filters_find_users(plant: Plant, text: str, found: list[str]) -> None:
    """Each documented plain filter finds the users it describes, without regard to case."""
    answer = plant(SEED).get(f"/users?$filter={text.replace('+', '%2B')}")
    assert answer.status == 200
    assert answer.ids == found


def test_the_kind_of_proxy_address_can_count(plant: Plant) -> None:
    """With the switch turned, `smtp:` finds secondaries only and `SMTP:` the primary only."""
    tenant = plant(SEED, proxyFilterIgnoresCase=False)
    for kind, found in (("SMTP", [ANA]), ("smtp", [])):
        text = f"proxyAddresses/any(p:p eq '{kind}:ana@fabrikam.example')"
        assert tenant.get(f"/users?$filter={text}").ids == found
    assert tenant.get("/users?$filter=proxyAddresses/any(p:startsWith(p,'smtp:'))").ids == [ANA]


@pytest.mark.parametrize(
    "text",
    [
        "mail ne 'x'",
        "not(mail eq 'x')",
        "endsWith(mail,'x')",
        "mail eq null",
        "otherMails/any(o:endsWith(o,'x'))",
        "otherMails/any(o:o ne 'x')",
    ],
)
def test_advanced_operators_say_what_they_need(text: str) -> None:
    """Operators of the advanced engine are refused with a hint at the missing header."""
    with pytest.raises(ErrorResponse, match="ConsistencyLevel:eventual") as refused:
        parse_filter(text, of=USER)
    assert refused.value.code == "Request_UnsupportedQuery"


@pytest.mark.parametrize(
    "text",
    [
        "externalUserStateChangeDateTime eq '2024'",
        "otherMails eq 'x'",
        "mail ge 'x'",
        "jobTitle eq 'x'",
        "mail/any(o:o eq 'x')",
        "identities/any(i:i/issuer eq 'ExternalAzureAD')",
        "identities/any(i:i/issuerAssignedId eq 'x')",
        "identities/any(i:i/signInType eq 'x')",
    ],
)
def test_unsupported_clauses_are_refused(text: str) -> None:
    """A clause the directory does not support is `Request_UnsupportedQuery`."""
    with pytest.raises(ErrorResponse) as refused:
        parse_filter(text, of=USER)
    assert (refused.value.status, refused.value.code) == (400, "Request_UnsupportedQuery")


@pytest.mark.parametrize(
    "alternatives",
    [
        lambda number: " or ".join(["mail eq 'x'"] * number),
        lambda number: f"mail in ({', '.join(['&x&'] * number)})".replace("&", "'"),
        lambda number: "mail eq 'x' or (" + " or ".join(["otherMails/any(o:o eq 'x')"] * (number - 1)) + ")",
        lambda number: (
            f"userType eq 'Guest' and (mail eq 'x'{''.join([' or id eq &x&'] * (number - 1))})".replace(
                "&", "'"
            )
        ),
    ],
)
def test_fifteen_alternatives_are_most(alternatives: Callable[[int], str]) -> None:
    """A sixteenth operand of `or`, however it is written, is refused with the number."""
    parse_filter(alternatives(15), of=USER)
    with pytest.raises(ErrorResponse, match=r"'OR' operators: 16\. Max allowed: 15") as refused:
        parse_filter(alternatives(16), of=USER)
    assert (refused.value.status, refused.value.code) == (400, "Request_UnsupportedQuery")


def test_sixteen_conditions_that_must_all_hold_are_fine() -> None:
    """The limit is one of alternatives."""
    parse_filter(" and ".join(["mail eq 'x'"] * 16), of=USER)


def test_deep_filters_are_refused() -> None:
    """Conditions stand three deep at most; parentheses that join nothing new do not count."""
    three = "mail eq 'a' or (mail eq 'b' and accountEnabled eq true)"
    parse_filter(f"(({three}) or mail eq 'c')", of=USER)
    with pytest.raises(ErrorResponse, match=r"excessive height: 4\. Max allowed: 3") as refused:
        parse_filter(f"({three}) and userType eq 'Guest'", of=USER)
    assert (refused.value.status, refused.value.code) == (400, "Request_UnsupportedQuery")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mail",
        "mail eq",
        "mail eq x",
        "mail eq 'x",
        "mail eq 'x' and",
        "mail eq 'x' mail",
        "(mail eq 'x'",
        "nonsense eq 'x'",
        "accountEnabled eq maybe",
        "otherMails/any(o eq 'x')",
        "otherMails/any(o:p eq 'x')",
        "otherMails/any(o:o gt 'x')",
        "otherMails/any(o:o eq 'x'",
        "identities/any(i:i/issuer eq 'mail' or i/issuerAssignedId eq 'x')",
        "mail eq 'x' ; drop",
        "(" * 30 + "mail eq 'x'" + ")" * 30,
    ],
)
def test_unreadable_filters_are_refused(text: str) -> None:
    """What is no filter is a 400 and nothing worse."""
    with pytest.raises(ErrorResponse) as refused:
        parse_filter(text, of=USER)
    assert (refused.value.status, refused.value.code) == (400, "BadRequest")


def test_contacts_have_no_other_mails() -> None:
    """A filter on a property another type has is refused."""
    with pytest.raises(ErrorResponse):
        parse_filter("otherMails/any(o:o eq 'x')", of=CONTACT)
    with pytest.raises(ErrorResponse):
        parse_filter("identities/any(i:i/issuer eq 'mail')", of=CONTACT)


INSTANTS = st.sampled_from(["2024-01-01T00:00:00Z", "2024-06-01T00:00:00Z", "2025-01-01T00:00:00Z"])
TEXTS = st.sampled_from(
    ["ana@x.example", "Ana@X.example", "an", "", "bo@x.example", "Guest", "O'Hara", "ÄRA", "ära"]
)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


CLAUSES = st.one_of(
    st.builds(lambda n, v: f"{n} eq {_quoted(v)}", st.sampled_from(["mail", "displayName"]), TEXTS),
    st.builds(lambda n, v: f"startsWith({n},{_quoted(v)})", st.sampled_from(["mail", "displayName"]), TEXTS),
    st.builds(lambda v: f"otherMails/any(o:o eq {_quoted(v)})", TEXTS),
    st.builds(lambda v: f"otherMails/any(o:startsWith(o,{_quoted(v)}))", TEXTS),
    st.builds(lambda v: f"proxyAddresses/any(o:o eq {_quoted('smtp:' + v)})", TEXTS),
    st.builds(lambda v: f"accountEnabled eq {v}", st.sampled_from(["true", "false"])),
    st.builds(lambda v: f"createdDateTime ge {v}", INSTANTS),
    st.builds(
        lambda v: f"identities/any(i:i/issuer eq 'mail' and i/issuerAssignedId eq {_quoted(v)})", TEXTS
    ),
)  # fmt: skip
IN = st.builds(lambda v: f"mail in ({','.join(map(_quoted, v))})", st.lists(TEXTS, min_size=1, max_size=3))


def _pairs(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(lambda a, word, b: f"({a} {word} {b})", inner, st.sampled_from(["and", "or"]), inner)


FILTERS = CLAUSES | IN | _pairs(CLAUSES | IN) | _pairs(CLAUSES | _pairs(CLAUSES))
BODIES = st.fixed_dictionaries(
    {"userPrincipalName": TEXTS},
    optional={
        "mail": st.none() | TEXTS,
        "userType": st.sampled_from(["Guest", "Member"]),
        "displayName": TEXTS,
        "accountEnabled": st.booleans(),
        "createdDateTime": INSTANTS,
        "otherMails": st.lists(TEXTS, max_size=2),
        "proxyAddresses": st.lists(TEXTS.map(lambda text: f"SMTP:{text}"), max_size=2),
        "identities": st.lists(
            st.builds(
                lambda i, a: {"signInType": "federated", "issuer": i, "issuerAssignedId": a},
                st.sampled_from(["mail", "google.com"]),
                st.none() | TEXTS,
            ),
            max_size=2,
        ),
    },
)


@settings(deadline=None)
@given(text=FILTERS, body=BODIES, exact=st.booleans())
def test_both_readings_of_a_filter_agree(text: str, body: dict[str, Any], *, exact: bool) -> None:
    """The SQL of a condition finds an object exactly when its predicate holds for the object."""
    with closing(Tenant({})) as tenant:
        item = tenant.store.insert(StoredObject(n=0, id=ANA, kind="user", body={"id": ANA, **body}))
        condition = parse_filter(text, of=USER, proxy_ignores_case=not exact)
        sql, values = condition.sql()
        found = [each.id for each in tenant.store.find(sql, *values)]
        assert (found == [item.id]) == condition.matches(json.loads(json.dumps(item.body)))
