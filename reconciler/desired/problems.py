"""Makes a problem of the desired tree, with its remedy, and formats it as one line."""

from reconciler.desired.characters import hidden_characters
from reconciler.model import Problem
from reconciler.rules import Rule

ROOT = "."
"""Stands for the tree itself in a problem."""


def problem(
    file: str, position: tuple[int, int], rule: Rule, message: str, *, hint: str | None = None
) -> Problem:
    """Make a problem; `file` is relative to the tree, `position` is line and column, both from 1.

    `hint` is a better remedy than the rule's own, if there is one.
    """
    from reconciler.rules.tree import PROBLEMS  # noqa: PLC0415 - a tree without a problem needs no words

    line, column = position
    # A colon would end the file's part of the line; at its start it would begin a command of GitHub's runner.
    name = visible(file).replace(":", "\\x3a")
    remedy = hint or PROBLEMS[rule].remedy
    return Problem(file=name, line=line, column=column, rule=rule, message=message, hint=remedy)


def format_problem(problem: Problem) -> str:
    """Format a problem as `file:line:column: rule: what is wrong; what to do`, always exactly one line.

    A problem of the whole tree, which is a folder, has no place.
    """
    place = "" if problem.file == ROOT else f"{problem.file}:{problem.line}:{problem.column}: "
    return visible(f"{place}{problem.rule}: {problem.message}; {problem.hint}")


def visible(text: str) -> str:
    """Escape every character that a terminal or a log would act on instead of showing it.

    Line breaks, other control characters, and marks that change the direction of writing become escapes, as
    does what shows nothing. `##[` is broken up because GitHub's runner parses it as a command anywhere in a
    line.
    """
    if not text.isascii() or not text.isprintable():
        hidden = {found.offset for found in hidden_characters(text)}
        text = "".join(
            char if char.isprintable() and place not in hidden else char.encode("unicode_escape").decode()
            for place, char in enumerate(text)
        )
    return text.replace("##[", "##\\[")
