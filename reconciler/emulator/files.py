"""Reads the files that users write for the emulator, and checks them against their schema."""

from collections.abc import Callable, Iterable
from pathlib import Path

from reconciler.desired.schema_check import CheckedFile, check
from reconciler.errors import InvalidDesired, UsageError
from reconciler.model import Problem
from reconciler.rules import RuleId


class InvalidFile(InvalidDesired):
    """A file for the emulator breaks a rule; ends like an invalid desired tree, and names the file."""

    def __init__(self, what: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.message = f"{what} has {len(problems)} problem{'s' * (len(problems) > 1)}"
        self.args = (self.message,)


def read_file(
    path: Path,
    *,
    what: str,
    rule: RuleId,
    schema: str,
    more: Callable[[CheckedFile], Iterable[Problem]] = lambda _: (),
) -> CheckedFile:
    """Read a YAML or JSON file that fits `schema`; `more` checks rules beyond the schema, if it fits.

    Raises `InvalidFile` with every problem, `UsageError` with this rule when the file cannot be read. `what`
    is the name of the file in messages, such as `the seed`.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{what} {path} cannot be read: {error.strerror}",
            rule=rule,
            hint=f"give a file of the form that schemas/{schema}.schema.json describes",
        ) from error
    checked = check(path.name, data, schema)
    problems = tuple(sorted(checked.problems or more(checked)))
    if problems:
        raise InvalidFile(f"{what} {path}", problems)
    return checked
