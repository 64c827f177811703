import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from reconciler.fast_validator import acceptance
from reconciler.schemas import load_schema, violations

GUID = "1b6a4f0c-8a0c-4d6e-9a51-5f3a3f1c7e01"

odd = st.sampled_from([None, True, False, 0, 1, -1, "", "x", "true", "12", [], {}, [None], {"id": GUID}])
text = st.sampled_from(["a@b.example", "2026-12-31", " ", "\n", "x\n", "é"])
guid = st.sampled_from([GUID, GUID.upper(), GUID + "\n", GUID + " ", GUID[:-1], GUID.replace("-", "")])
domain = st.sampled_from(
    [
        "a.b",
        "a.example",
        "A.Example",
        "a..b",
        "-a.b",
        "a-.b",
        "a",
        "@a.b",
        "a.b\n",
        "a." + "b" * 63,
        "a." + "b" * 64,
    ]
)
language = st.sampled_from(["no", "en-US", "zh-Hant-TW", "en_US", "german", "en-", "en-US\n", "e"])
url = st.sampled_from(
    ["https://a", "HTTP://[::1]/", "http://", "ftp://a", "https://a b", "https://a\n", "https:///"]
)
number = st.sampled_from([0, 1, 100, 101, -1, 999_999_999, 1_000_000_000, "20", True])


def mapping(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Generate mappings near the border: mostly right, with a key too many, too few or of another kind."""
    every = {**required, **optional}
    return (
        st.fixed_dictionaries(required, optional=optional)
        | st.fixed_dictionaries({}, optional={**every, "other": odd})
        | st.fixed_dictionaries({}, optional={key: value | odd for key, value in every.items()})
    )


invitation = mapping(
    {}, {"redirectUrl": url, "sendMessage": st.booleans(), "language": language, "cc": text, "message": text}
)
guest = mapping(
    {"id": guid, "email": text},
    {
        "name": text,
        "alternateEmails": st.lists(text | odd, max_size=3) | st.sampled_from([["a"] * 249, ["a"] * 250]),
        "resetAfter": text,
        "invitation": invitation | odd,
        "hold": mapping({"reason": text, "until": text}, {}),
    },
)
guests = mapping({"guests": st.lists(guest | odd, max_size=3)}, {}) | odd
limit_raise = mapping({"until": text, "reason": text}, {"maxChanges": number, "maxChangePercent": number})
policy = mapping(
    {},
    {
        "maxChanges": number,
        "maxChangePercent": number,
        "raise": limit_raise,
        "allowedDomains": st.lists(domain | odd, max_size=3),
        "deniedDomains": st.lists(domain, max_size=3),
        "protected": st.lists(guid, max_size=3),
    },
)
cloud = st.sampled_from(["global", "usgov", "usgov-dod", "china", "emulator", "Global", ""])
tenant = mapping(
    {"tenantId": guid},
    {"cloud": cloud, "defaults": mapping({}, {"invitation": invitation}), "policy": policy},
)


def agree(name: str, value: Any) -> None:
    """Compare the verdict, and the places of the violations, with those of jsonschema on the whole value."""
    whole = list(Draft202012Validator(load_schema(name)).iter_errors(value))
    assert acceptance(load_schema(name))(value) is not any(whole)
    if all(error.validator != "maxItems" for error in whole):
        places = {each.path[:-1] if each.on_key else each.path for each in violations(name, value)}
        assert places == {tuple(error.absolute_path) for error in whole}


@given(guests)
def test_guests_verdict_is_that_of_jsonschema(value: Any) -> None:
    """The fast path accepts a guests file exactly when jsonschema does."""
    agree("guests", value)


@given(tenant)
def test_tenant_verdict_is_that_of_jsonschema(value: Any) -> None:
    """The fast path accepts a tenant file exactly when jsonschema does."""
    agree("tenant", value)


@pytest.mark.parametrize(
    "schema",
    [
        {"uniqueItems": True},
        {"type": "any"},
        {"type": ["string", "any"]},
        {"if": {}},
        {"then": {}},
        {"if": {}, "then": {}, "else": {}},
        {"prefixItems": [{}], "items": {}},
        {"additionalProperties": True},
        {"enum": [1]},
        {"properties": {"a": {"not": {}}}},
    ],
)
def test_unknown_keywords_are_refused(schema: dict[str, Any]) -> None:
    """A schema that says more than is understood cannot be turned into a function."""
    with pytest.raises(ValueError, match=re.escape("understood")):
        acceptance(schema)


@pytest.mark.parametrize("value", [None, True, 1, "x", [], {}])
def test_keywords_speak_of_their_own_type(value: object) -> None:
    """As in JSON Schema, a keyword passes every value that is not of its type."""
    schemas: list[dict[str, Any]] = [
        {"properties": {"a": {"type": "string"}}},
        {"additionalProperties": False},
        {"required": []},
        {"items": {"type": "string"}},
        {"maxItems": 0},
        {"pattern": "x"},
        {"minimum": 1},
        {"maximum": 1},
    ]
    assert all(acceptance(schema)(value) for schema in schemas)
