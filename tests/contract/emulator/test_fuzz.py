"""Whatever is sent, the emulator answers in Graph's form and never breaks."""

import json
from contextlib import closing
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.emulator.tenant import ANA, Tenant

WORDS = st.sampled_from(
    [
        "mail", "otherMails", "/any", "(", ")", "o:", "o", "'x'", "''", "'", "eq", "in", "and", "or", "null",
        ",", "startsWith", "identities", "i:i/issuer", "createdDateTime", "accountEnabled", "true", "%",
        "\x00",
    ]
)  # fmt: skip
FILTERS = st.one_of(st.text(), st.lists(WORDS, max_size=12).map(" ".join))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
BODIES = st.dictionaries(
    st.sampled_from(
        [
            "mail", "otherMails", "displayName", "invitedUserEmailAddress", "inviteRedirectUrl",
            "invitedUser", "resetRedemption", "sendInvitationMessage", "invitedUserMessageInfo", "requests",
        ]
    ),
    VALUES,
)  # fmt: skip


@settings(deadline=None)
@given(text=FILTERS)
def test_any_filter_is_answered(text: str) -> None:
    """Any text as a filter gives a page, or a refusal of Graph's form."""
    with closing(Tenant()) as tenant:
        answer = tenant.get(f"/users?$filter={quote(text, errors='replace')}")
        assert answer.status in {200, 400}
        assert ("value" if answer.status == 200 else "error") in answer.body


@settings(deadline=None)
@given(
    body=BODIES | VALUES,
    path=st.sampled_from([("PATCH", f"/users/{ANA}"), ("POST", "/invitations"), ("POST", "/$batch")]),
)
def test_any_body_is_answered(body: object, path: tuple[str, str]) -> None:
    """Any JSON as a body gives success, or a refusal of Graph's form."""
    with closing(Tenant()) as tenant:
        answer = tenant.send(*path, json.dumps(body).encode())
        assert answer.status in {204, 400, 403, 404}
        assert answer.status == 204 or "error" in answer.body
