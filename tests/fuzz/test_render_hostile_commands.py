import json
import re

from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import Plan, Problem
from reconciler.render import escape, sarif, workflow_commands
from reconciler.render.plan_view import plan_view
from tests.support import hostile

problems = st.builds(
    Problem,
    file=hostile.text,
    line=st.integers(1, 9_999),
    column=st.integers(1, 999),
    rule=hostile.text,
    message=hostile.text,
    hint=hostile.text,
)


def obeyed(line: str) -> tuple[str, dict[str, str], str]:
    """Read a line as the runner does: the command, its properties, its message.

    Source: https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
    """
    assert line.startswith("::")
    info, _, data = line[2:].partition("::")
    command, _, listed = info.partition(" ")
    properties = dict(one.split("=", 1) for one in listed.split(","))
    return command, {name: unescaped(value) for name, value in properties.items()}, unescaped(data)


def unescaped(text: str) -> str:
    codes = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}
    return re.sub("%(?:0D|0A|3A|2C|25)", lambda code: codes[code.group()], text)


@given(st.lists(problems, max_size=3))
def test_each_problem_is_exactly_one_command(found: list[Problem]) -> None:
    """The runner reads one error a problem, with the file, rule and sentences as they are."""
    lines = workflow_commands.problems(found, folder="desired").split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(found)
    for line, one in zip(lines, found, strict=True):
        assert line.isprintable() or "\u3000" in line
        assert obeyed(line) == (
            "error",
            {
                "file": "desired/" + escape.visible(one.file),
                "line": str(one.line),
                "col": str(one.column),
                "title": escape.visible(one.rule),
            },
            f"{escape.visible(one.message)}\n{escape.visible(one.hint)}",
        )


@given(hostile.plans())
def test_a_plan_gives_only_its_own_commands(plan: Plan) -> None:
    """Whatever strangers wrote, the runner reads two errors, and the warnings of rails, rows and plan."""
    lines = workflow_commands.plan(plan_view(plan), folder="desired").split("\n")
    assert lines.pop() == ""
    assert [obeyed(line)[0] for line in lines] == ["error"] * 2 + ["warning"] * 6


@given(st.lists(problems, max_size=3))
def test_a_log_is_ascii_and_keeps_its_shape(found: list[Problem]) -> None:
    """Whatever strangers wrote, the log is printable ASCII with one result a problem."""
    log = sarif.problems(found, folder="desired", version="0")
    assert log.isascii()
    assert log.replace("\n", "").isprintable()
    assert len(json.loads(log)["runs"][0]["results"]) == len(found)


@given(hostile.compared_plans())
def test_drift_is_no_error_and_none_of_its_lines_is_under_review(plan: Plan) -> None:
    """Whatever strangers wrote: partial, why it is refused, who is blocked elsewhere, and our warnings."""
    lines = workflow_commands.plan(plan_view(plan), folder="desired").split("\n")
    assert lines.pop() == ""
    assert [obeyed(line)[0] for line in lines] == ["notice", "error", "notice", *["warning"] * 4]
