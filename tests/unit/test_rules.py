"""The registry of rules against the code that uses it and the page that is written from it."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler import rules
from reconciler.plan.blocking import GRAVEST_FIRST
from reconciler.rules import Rule
from reconciler.rules.applying import APPLYING
from reconciler.rules.commands import COMMANDS
from reconciler.rules.description import Severity, Where
from reconciler.rules.directory import DIRECTORY
from reconciler.rules.editing import EDITING
from reconciler.rules.importing import IMPORTING
from reconciler.rules.planning import PLANNING
from reconciler.rules.registry import REGISTRY
from reconciler.rules.scaffolding import SCAFFOLDING
from reconciler.rules.tree import PROBLEMS
from tests.reference import PAGE, page

PACKAGE = Path(rules.__file__).parents[1]
TABLES = (PROBLEMS, PLANNING, APPLYING, DIRECTORY, COMMANDS, EDITING, IMPORTING, SCAFFOLDING)

MODULES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.relative_to(PACKAGE).parts[0] not in {"rules", "emulator"}
}
"""The product without the registry, and without the emulator, whose own ids are not the product's."""


def literals(node: ast.AST) -> Iterator[ast.Constant]:
    """Give the text literals of an expression, those inside of f-strings too, but no key of a document."""
    keys = {each.slice for each in ast.walk(node) if isinstance(each, ast.Subscript)}
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and each not in keys:
            yield each


def values_of_enums(tree: ast.AST) -> frozenset[ast.AST]:
    """Give the values of other enums, which may read like a rule: an outcome, or where a user was found."""
    return frozenset(
        statement.value
        for each in ast.walk(tree)
        if isinstance(each, ast.ClassDef) and "StrEnum" in map(ast.unparse, each.bases)
        for statement in each.body
        if isinstance(statement, ast.Assign)
    )


def positions_of_rules(tree: ast.AST) -> Iterator[ast.expr]:
    """Give what stands where only a rule belongs: set as `rule`, or held against some `….rule`."""
    for each in ast.walk(tree):
        match each:
            case ast.keyword(arg="rule", value=value):
                yield value
            case ast.Assign(targets=[ast.Name(id="rule")], value=value):
                yield value
            case ast.AnnAssign(target=ast.Name(id="rule"), value=ast.expr() as value):
                yield value
            case ast.Compare(left=left, comparators=others) if any(
                isinstance(side, ast.Attribute) and side.attr == "rule" for side in (left, *others)
            ):
                yield from (left, *others)
            case _:
                continue


def literal_ids(tree: ast.AST) -> list[str]:
    """Find rules that are spelled out instead of named.

    An id of several words is nothing else wherever it stands; one of a single word, such as `date`, is one
    only where a rule belongs, and there no literal stands at all.
    """
    other = values_of_enums(tree)
    known = {f"{rule}" for rule in Rule if "-" in rule}
    spelled = [each for each in literals(tree) if each.value in known and each not in other]
    placed = [each for position in positions_of_rules(tree) for each in literals(position)]
    return sorted({f"{each.lineno}: {each.value!r}" for each in (*spelled, *placed)})


def members_used(tree: ast.AST) -> frozenset[str]:
    """Name the members of `Rule` that a module can give something: to rank or compare one is no use of it."""
    looked_at: set[ast.AST] = set()
    for each in ast.walk(tree):
        match each:
            case ast.Compare(left=left, comparators=others):
                looked_at |= {left, *others}
            case ast.Tuple(elts=listed) | ast.Set(elts=listed) if all(map(is_member, listed)):
                looked_at |= {*listed}
            case _:
                continue
    return frozenset(
        each.attr
        for each in ast.walk(tree)
        if isinstance(each, ast.Attribute) and is_member(each) and each not in looked_at
    )


def is_member(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Rule"


def test_the_page_is_as_written() -> None:
    """docs/rules.md shows the registry: write it anew with `python -m tests.reference`."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_page_has_every_rule_once() -> None:
    """Whoever looks for an id finds one row, with every section's heading for the links above."""
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| ", page(), re.MULTILINE)
    assert sorted(rows) == sorted(Rule)
    headings = {heading.lower() for heading in re.findall(r"^## (.*)$", page(), re.MULTILINE)}
    assert headings == set(re.findall(r"\(#([a-z]+)\)", page()))


def test_every_rule_is_described_by_one_table() -> None:
    """An id that is described nowhere, or twice, fails."""
    assert sorted(rule for table in TABLES for rule in table) == sorted(Rule)
    assert set(REGISTRY) == set(Rule)


def test_every_rule_is_used() -> None:
    """An id that nothing of the product uses fails."""
    used = frozenset[str]().union(*map(members_used, MODULES.values()))
    assert set(Rule.__members__) - used == set()


def test_no_rule_is_spelled_out() -> None:
    """Outside the registry every rule is a member of it."""
    found = {module: literal_ids(tree) for module, tree in MODULES.items()}
    assert {module: ids for module, ids in found.items() if ids} == {}


@pytest.mark.parametrize(
    "source",
    [
        "Note(rule='some-rule', message='')",
        "Note(rule=f'invalid-{kind}', message='')",
        "Note(rule='refused' if of_a_value else Rule.STALE, message='')",
        "rule = 'date' if short else Rule.INSTANT",
        "note.rule == 'stale'",
        "note.rule in {'on-hold', 'protected'}",
        "KNOWN = frozenset({'address-in-use'})",
        "stop('too-large', 'the file is too large')",
    ],
)
def test_a_rule_that_is_spelled_out_is_found(source: str) -> None:
    """The search above finds literals in every position they used to stand in."""
    assert literal_ids(ast.parse(source)) != []


@pytest.mark.parametrize(
    "source",
    [
        "class Outcome(StrEnum):\n    NOT_APPROVED = 'not-approved'",
        "headers.get('date')",
        "Note(rule=Rule.STALE, message='stale')",
        "note.rule in ON_PURPOSE",
        "Note(rule=OtherRule(note['rule']), message='')",
    ],
)
def test_what_is_no_rule_is_not_found(source: str) -> None:
    """Other enums, other texts and members are let be."""
    assert literal_ids(ast.parse(source)) == []


def test_what_only_looks_at_a_rule_does_not_use_it() -> None:
    """An id that is ranked, grouped and compared, and given to nothing, is used nowhere."""
    looks = "RANK = (Rule.STALE, Rule.DATE)\nKEPT = frozenset({Rule.DATE})\nnote.rule == Rule.DATE"
    gives = "Note(rule=Rule.DATE, message='')\nMEANS = {401: (KIND, Rule.STALE, 'text')}"
    assert members_used(ast.parse(looks)) == set()
    assert members_used(ast.parse(gives)) == {"DATE", "STALE"}


def test_names_follow_the_ids() -> None:
    """A member is called like its id, so that either leads to the other."""
    for name, rule in Rule.__members__.items():
        assert name == rule.value.upper().replace("-", "_")
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.value)


@pytest.mark.parametrize("rule", Rule)
def test_descriptions_are_whole(rule: Rule) -> None:
    """A meaning is made of sentences; a remedy reads as the hint it is printed as; all else is in order."""
    told = REGISTRY[rule]
    assert re.match(r"[A-Z`]", told.meaning)
    assert told.meaning.endswith(".")
    assert told.remedy
    assert not told.remedy.endswith(".")
    assert told.remedy.split()[0].strip("`") == told.remedy.split()[0].strip("`").lower()
    for text in (told.meaning, told.remedy):
        assert text == " ".join(text.split())
        assert text.count("`") % 2 == 0
    assert told.severities
    assert list(told.severities) == [each for each in Severity if each in told.severities]
    assert told.where
    assert list(told.where) == [each for each in Where if each in told.where]


def test_blocking_rules_are_ranked() -> None:
    """Every rule that blocks a guest has its place among the others, gravest first, and no other rule has."""
    blocking = {rule for rule, told in REGISTRY.items() if Severity.BLOCK in told.severities}
    assert set(GRAVEST_FIRST) == blocking
    assert len(GRAVEST_FIRST) == len(blocking)


def test_only_the_tree_has_problems() -> None:
    """The remedies that `validate` prints are those of the rules called problems."""
    assert {rule for rule, told in REGISTRY.items() if Severity.PROBLEM in told.severities} == set(PROBLEMS)


def test_a_rule_is_its_id_in_every_output() -> None:
    """JSON, formatted text, sorting and sets take a member for the plain id."""
    assert json.dumps({"rule": Rule.STALE}) == '{"rule": "stale"}'
    assert f"{Rule.STALE}: x" == "stale: x"
    assert ", ".join(sorted(("t", Rule.STALE, "a"))) == "a, stale, t"
    assert {"stale": 1}[Rule.STALE] == 1
