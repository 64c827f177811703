import json
from typing import Any

from reconciler.model import Problem
from reconciler.render import sarif
from reconciler.rules import Rule

PROBLEMS = [
    Problem(
        file="guests/a b.yaml",
        line=3,
        column=9,
        rule=Rule.ADDRESS,
        message="'[x]{0}' is none",
        hint="correct it",
    ),
    Problem(
        file="tenant.yaml",
        line=1,
        column=1,
        rule=Rule.MISSING_KEY,
        message="tenantId is missing",
        hint="add it",
    ),
    Problem(
        file="tenant.yaml",
        line=7,
        column=1,
        rule=Rule.MISSING_KEY,
        message="tenantId is missing",
        hint="add it",
    ),
]


def run_of(problems: list[Problem], folder: str = "desired") -> dict[str, Any]:
    log = json.loads(sarif.problems(problems, folder=folder, version="1.2.3"))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert isinstance(run, dict)
    return run


def test_the_log_names_the_tool_and_each_rule_once() -> None:
    """The rules table holds every rule that was broken, once, and results point into it."""
    run = run_of(PROBLEMS)
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("reconciler", "1.2.3")
    assert [rule["id"] for rule in driver["rules"]] == ["address", "missing-key"]
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_a_result_has_its_place_and_says_what_to_do() -> None:
    """A result has a relative URI, line and column, and its message holds no link and no placeholder."""
    result = run_of(PROBLEMS)["results"][0]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "desired/guests/a%20b.yaml"}
    assert place["region"] == {"startLine": 3, "startColumn": 9}
    assert result["message"]["text"] == "'\\[x\\]{{0}}' is none; correct it"
    assert result["level"] == "error"


def test_a_problem_keeps_its_identity_when_it_moves() -> None:
    """The fingerprint depends on file, rule and message, not on the line."""
    first, moved = (result["partialFingerprints"] for result in run_of(PROBLEMS)["results"][1:])
    assert first == moved
    assert first != run_of(PROBLEMS)["results"][0]["partialFingerprints"]


def test_a_valid_tree_gives_a_log_without_results() -> None:
    """Code scanning closes what it showed before only when it gets an empty log."""
    run = run_of([], folder=".")
    assert run["results"] == []
    assert run["tool"]["driver"]["rules"] == []


def test_a_tree_at_the_root_of_the_repository_adds_no_folder() -> None:
    """Paths are left as they are when the tree is the repository itself."""
    result = run_of(PROBLEMS[1:], folder=".")["results"][0]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "tenant.yaml"
