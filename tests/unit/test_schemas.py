from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.schemas import MAX_QUOTED, PUBLISHED, _Kept, _translate, load_schema, quoted, violations

OURS = ["guests", "tenant"]
DOCUMENTS = ["plan", "report", "import"]


@pytest.mark.parametrize("name", [*OURS, *DOCUMENTS])
def test_schema_is_valid(name: str) -> None:
    """Each published schema is a valid schema of draft 2020-12 and says so."""
    schema = load_schema(name)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


def parts(schema: Any) -> list[dict[str, Any]]:
    """List a schema and every schema inside it that describes a value."""
    found = [schema]
    for part in [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]:
        found += parts(part)
    return found + (parts(schema["items"]) if "items" in schema else [])


@pytest.mark.parametrize("name", OURS)
def test_schema_helps_editors(name: str) -> None:
    """Each value has a title and a description to show, and each mapping is closed."""
    for part in parts(load_schema(name)):
        if "$ref" not in part:
            assert part.keys() >= {"title", "description"}, part
        if part.get("type") == "object":
            assert part["additionalProperties"] is False


def test_schemas_share_their_definitions() -> None:
    """What both formats speak of means the same in both."""
    tenant, guests = load_schema("tenant")["$defs"], load_schema("guests")["$defs"]
    for name in tenant.keys() & guests.keys():
        assert tenant[name] == guests[name]


def test_a_published_schema_is_part_of_the_package() -> None:
    """The link at the root, where there is one, leads to the files that the code reads."""
    names = ("emulator", "emulator-faults", "guests", "import", "plan", "report", "tenant")
    assert {path.name for path in PUBLISHED.iterdir()} == {f"{name}.schema.json" for name in names}
    beside = Path(__file__).parents[2] / "schemas"
    if beside.is_dir():  # not on a system without symbolic links
        assert beside.samefile(PUBLISHED)


@pytest.mark.parametrize(
    ("name", "value", "path", "message"),
    [
        ("guests", [], (), "a list stands where a mapping of keys is expected"),
        ("guests", {"guests": {}}, ("guests",), "a mapping stands where a list is expected"),
        ("guests", {"guests": None}, ("guests",), "a value is missing where a list is expected"),
        ("guests", {"guests": True}, ("guests",), "true stands where a list is expected"),
        ("guests", {"guests": 7}, ("guests",), "the number 7 stands where a list is expected"),
        ("guests", {}, (), "'guests' is missing"),
        ("guests", {"guests": [], "x": 1}, ("x",), "'x' is not a key that is known here"),
        ("guests", {"guests": [{}]}, ("guests", 0), "'id' is missing"),
        ("tenant", {"tenantId": "x"}, ("tenantId",), "'x' must be a GUID: 8-4-4-4-12 hexadecimal digits"),
    ],
)
def test_violations_say_what_is_wrong(
    name: str, value: object, path: tuple[str | int, ...], message: str
) -> None:
    """A violation says in our own words what stands there and what was expected."""
    found = list(violations(name, value))
    assert (found[0].path, found[0].message) == (path, message)


def test_violations_list_what_could_stand_there() -> None:
    """For an unknown key and for a value outside an enumeration, the choices are listed."""
    wrong = {"tenantId": "7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10", "cloud": "mars", "color": "blue"}
    by_path = {violation.path: violation for violation in violations("tenant", wrong)}
    assert by_path["color",].choices == ("tenantId", "cloud", "markerDomain", "defaults", "policy")
    assert by_path["color",].on_key
    assert "emulator" in by_path["cloud",].choices
    assert not by_path["cloud",].on_key


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"type": ["integer", "null"]}, "x", "the text 'x' stands where a whole number or empty is expected"),
        ({"type": "string"}, False, "false stands where text is expected"),
        ({"type": "string"}, 1.5, "the number 1.5 stands where text is expected"),
        ({"enum": [1, "a"]}, [], "a list is none of 1, a"),
        ({"pattern": "^a"}, "b", "'b' has the wrong form"),
        ({"minimum": 3}, 2, "2 is less than 3"),
        ({"maximum": 3}, 4, "4 is more than 3"),
        ({"maxItems": 1}, [1, 2], "the list has 2 items, 1 are allowed"),
        ({"additionalProperties": False}, {"a": 1}, "'a' is not a key that is known here"),
        ({"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, {}, "one of 'a' and 'b' must be there"),
        ({"anyOf": [{"type": "string"}]}, 1, "what stands here does not fit the schema's 'anyOf'"),
        ({"uniqueItems": True}, [1, 1], "what stands here does not fit the schema's 'uniqueItems'"),
    ],
)
def test_words_for_each_keyword(schema: dict[str, Any], value: object, message: str) -> None:
    """Every keyword has words; one without words of its own is at least named."""
    (error,) = Draft202012Validator(schema).iter_errors(value)
    assert [violation.message for violation in _translate(error, _Kept(), value)] == [message]


def test_quotes_are_bounded() -> None:
    """A message never repeats more of a stranger's text than fits a line."""
    assert quoted("a" * MAX_QUOTED) == f"'{'a' * MAX_QUOTED}'"
    assert quoted("a" * 1_000_000) == f"'{'a' * MAX_QUOTED}…'"
