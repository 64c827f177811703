"""Any bytes in any file of a tree give a desired state or a list of problems, and nothing else."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.desired import Tree, format_problem, load
from reconciler.errors import InvalidDesired
from reconciler.model import Problem

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TENANT = b"tenantId: 7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10\n"
GUESTS = b"guests:\n  - id: 1b6a4f0c-8a0c-4d6e-9a51-5f3a3f1c7e01\n    email: ana@newco.example\n"

tokens = st.sampled_from(
    [
        *"[]{}:,-?&*!|>'\"%@`#~\t\n\\",
        "\n- ",
        "\n  ",
        ": ",
        "? ",
        "--- ",
        "...\n",
        "<<",
        "&a ",
        "*a ",
        "!!python/name:x ",
        "%TAG ! !\n",
        "%YAML 1.1\n",
        '"\\x07"',
        '"\\uFEFF"',
        "\u2028",
        "\x85",
        "é",
        "null",
        "true",
        "1" * 5000,
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        *["guests", "id", "email", "alternateEmails", "resetAfter", "invitation", "hold", "until", "cc"],
        *["tenantId", "policy", "raise", "maxChanges", "protected", "defaults"],
        "1b6a4f0c-8a0c-4d6e-9a51-5f3a3f1c7e01",
        "ana@newco.example",
    ]
)
yaml_like = st.lists(tokens, max_size=40).map(lambda parts: "".join(parts).encode())


def problems(files: dict[str, bytes]) -> tuple[Problem, ...] | None:
    """Load a tree; `None` when it is valid."""
    try:
        load(Tree(files=files), now=NOW)
    except InvalidDesired as error:
        return error.problems
    return None


def check(files: dict[str, bytes]) -> None:
    found = problems(files)
    if found is not None:
        assert found
        assert list(found) == sorted(set(found))
        for problem in found:
            assert problem.line >= 1
            assert problem.column >= 1
            assert format_problem(problem).isprintable()


@given(st.binary(max_size=200) | yaml_like, st.binary(max_size=200) | yaml_like)
def test_any_bytes(tenant: bytes, guests: bytes) -> None:
    """Any two files are a tree or have problems."""
    check({"tenant.yaml": tenant, "guests.yaml": guests})


@given(st.integers(0, len(GUESTS)), st.integers(0, 20), yaml_like)
def test_damaged_guests(start: int, length: int, instead: bytes) -> None:
    """A good file with a piece replaced is a tree or has problems."""
    check({"tenant.yaml": TENANT, "guests.yaml": GUESTS[:start] + instead + GUESTS[start + length :]})


@given(st.text(max_size=30))
@example("guests/\ud800.yaml")
@example("\x00.yaml")
@example("/.yaml")
def test_any_name(name: str) -> None:
    """Any name of a file is fine or a problem."""
    check({"tenant.yaml": TENANT, f"{name}.yaml": GUESTS})


value = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 500) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "email", "hold", "until", "invitation", "cc", "x"]), inner)
    ),
    max_leaves=8,
)


@given(st.lists(value, max_size=3), value)
def test_any_shape(guests: list[object], policy: object) -> None:
    """Wrong shapes anywhere are problems, also for the rules beyond the schema."""
    tenant = TENANT + f"policy: {as_yaml(policy)}\ndefaults: {as_yaml(policy)}\n".encode()
    check({"tenant.yaml": tenant, "guests.yaml": f"guests: {as_yaml(guests)}\n".encode()})


def as_yaml(data: object) -> str:
    match data:
        case dict():
            return "{" + ", ".join(f'"{key}": {as_yaml(item)}' for key, item in data.items()) + "}"
        case list():
            return "[" + ", ".join(map(as_yaml, data)) + "]"
        case str():
            return "'" + "".join(char for char in data if char.isalnum()) + "'"
        case None:
            return "null"
        case _:
            return str(data).lower()


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 2_000_000,
        b"{a: " * 500_000,
        b"- " * 1_000_000,
        b"? " * 1_000_000,
        b"a:\n" * 5_000,
        b"!" * 2_000_000,
        b"&a " * 500_000,
        b"a: &a [*a, *a]\n" * 5_000,
        b"'" * 2_000_000,
        b"#" * 2_000_000,
        b"{" + b"a, " * 5_000,
        b"x" * 2_000_000 + b": y",
        b"guests:\n" + b"- \n" * 5_000,
        b"".join(b"k%d: 1\n" % number for number in range(5_000)),
        b"".join(b"k%d: 1\n" % (number // 2) for number in range(5_000)),
        b"guests: [{email: '" + b"a." * 500_000 + b"@x'}]",
        b"guests: [{invitation: {redirectUrl: 'http://" + b"a" * 1_000_000 + b"\xc3\xa9'}}]",
        b"tenantId: x\npolicy: {maxChanges: "
        + b"9" * 1_000_000
        + b", allowedDomains: ['"
        + b"a." * 500_000
        + b"']}",
    ],
    ids=lambda data: data[:16].decode(),
)
@pytest.mark.timeout(60)
def test_large_and_hostile(data: bytes) -> None:
    """Megabytes made to nest, repeat or backtrack end like any other file, in bounded time."""
    check({"tenant.yaml": data, "guests.yaml": data})
