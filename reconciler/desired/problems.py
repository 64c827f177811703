"""Every rule a desired tree can break, with its remedy, and how a problem reads as one line."""

from types import MappingProxyType

from reconciler.model import Problem

RULES = MappingProxyType(
    {
        # The folder.
        "no-tree": "give the folder that holds tenant.yaml with --desired",
        "missing-tenant": "put a tenant.yaml with the key tenantId at the root of the tree",
        "unreadable": "make it readable for the account that runs this",
        "symbolic-link": "put the file itself here: links are not followed",
        "not-a-file": "keep only regular files and folders in the tree",
        "file-name": "use letters, digits, dots, hyphens and underscores in names of files and folders",
        "too-large": "split it into smaller files",
        # YAML.
        "encoding": "save the file as UTF-8 without control characters",
        "syntax": "correct the YAML here; the rest of the file was not checked",
        "tag": "remove the tag: values are read as plain data",
        "alias": "write the value out: anchors and aliases are not read",
        "duplicate-key": "keep one of the two",
        "key-not-text": "use plain text as the key",
        "too-deep": "remove the nesting; the rest of the file was not checked",
        "second-document": "move what follows '---' to a file of its own",
        "too-many-problems": "correct the others first; the rest was not checked",
        # The schema.
        "unknown-key": "remove it",
        "missing-key": "add it",
        "wrong-type": "write what is expected there: numbers, true and false without quotation marks",
        "not-allowed": "use one of the values listed",
        "wrong-form": "correct the value",
        "out-of-range": "use a number within the limits",
        "too-many-items": "shorten the list",
        # Values.
        "address": "use an address that Microsoft Graph can invite",
        "marker-address": "use another address: nobody can sign in with a marker",
        "date": "write a day that exists as YYYY-MM-DD, such as 2026-12-31",
        "instant": "write an instant with its time zone, such as 2026-11-20T09:00:00Z",
        "future-reset": "use a moment that has passed: a reset cannot be ordered in advance",
        "email-in-alternates": "remove it from the list: email always belongs to the other mails",
        # The tree as a whole.
        "duplicate-id": "keep one entry for each guest",
        "duplicate-address": "give each address to one guest only, and once",
    }
)
"""Rule id to the hint that a problem of this rule carries unless a better one is known."""


def problem(
    file: str, position: tuple[int, int], rule: str, message: str, *, hint: str | None = None
) -> Problem:
    """Make a problem; `file` is relative to the tree, `position` is line and column, both from 1."""
    line, column = position
    # A colon would end the file's part of the line, and at its start begin a command of GitHub's runner.
    name = visible(file).replace(":", "\\x3a")
    return Problem(file=name, line=line, column=column, rule=rule, message=message, hint=hint or RULES[rule])


def format_problem(problem: Problem) -> str:
    """Write a problem as `file:line:column: rule: what is wrong; what to do`, always exactly one line."""
    text = (
        f"{problem.file}:{problem.line}:{problem.column}: {problem.rule}: {problem.message}; {problem.hint}"
    )
    return visible(text)


def visible(text: str) -> str:
    """Make every character visible that a terminal or a log would act on instead of showing it.

    Line breaks, other control characters, and marks that change the direction of writing become
    escapes. `##[` is broken up because GitHub's runner takes it for a command anywhere in a line.
    """
    if not text.isprintable():
        text = "".join(
            char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
        )
    return text.replace("##[", "##\\[")
