"""The one tree of errors, and the exit code each branch ends with.

    ReconcilerError
    ├── UsageError               2  the command was called wrongly
    ├── InvalidDesired           3  the desired tree breaks a rule; carries every problem
    │   └── RejectedChange          a command that edits files would break a rule; no file was changed
    ├── Refused                  5  refused as a whole, nothing was written
    │   ├── WrongTenant             the live organization is not the declared one
    │   ├── UnusablePlan            a plan file cannot be read, is foreign or was tampered with
    │   └── LimitExceeded           more resets than the policy allows
    ├── DirectoryError           6  the directory cannot be used; nothing was changed
    │   ├── Unreachable             no connection, or no answer in time
    │   ├── AccessDenied            no token, an expired one, or one without the permission
    │   └── UnexpectedAnswer        an answer of a shape nobody documented
    └── GitHubError              6  GitHub cannot be used, in the commands that talk to it

An exception means that the run cannot continue. A guest that failed is an outcome, not an exception. Errors
carry data; only `cli` prints and exits.
"""

from typing import ClassVar

from reconciler.model import Problem, Refusal
from reconciler.rules import Rule, RuleId

EXIT_DONE = 0
EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_INVALID = 3
EXIT_DIFFERENT = 4
EXIT_REFUSED = 5
EXIT_DIRECTORY = 6
EXIT_INCOMPLETE = 7
EXIT_INTERRUPTED = 130


class ReconcilerError(Exception):
    """Root of every error the product raises on purpose."""

    exit_code: ClassVar[int]

    def __init__(self, message: str, *, rule: RuleId, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.rule = rule
        """Stable id of the cause, such as `wrong-tenant`; programs may branch on it."""
        self.hint = hint
        """The remedy; empty when the message says it."""


class UsageError(ReconcilerError):
    """The command was called wrongly."""

    exit_code = EXIT_USAGE


class InvalidDesired(ReconcilerError):
    """The desired tree breaks at least one rule."""

    exit_code = EXIT_INVALID

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        noun = "problem" if len(problems) == 1 else "problems"
        super().__init__(f"the desired state has {len(problems)} {noun}", rule=Rule.INVALID_DESIRED)
        self.problems = problems
        """Sorted, never empty."""


class RejectedChange(InvalidDesired):
    """A change of the desired tree was asked for that cannot be made; no file was changed."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        noun = "problem" if len(problems) == 1 else "problems"
        self.message = f"the change has {len(problems)} {noun}, and no file was changed"
        self.args = (self.message,)


class Refused(ReconcilerError):
    """The run is refused as a whole; nothing was written."""

    exit_code = EXIT_REFUSED


class WrongTenant(Refused):
    """The live organization is not the one `tenant.yaml` declares."""


class UnusablePlan(Refused):
    """A plan file cannot be read, is for another tenant, or its digests do not fit its content."""


class LimitExceeded(Refused):
    """The run would reset more guests than the policy allows."""

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        super().__init__(
            "; ".join(note.message for note in refusals),
            rule=refusals[0].rule,
            hint=_raise_to_review(refusals),
        )
        self.refusals = refusals
        """Sorted, never empty."""


def _raise_to_review(refusals: tuple[Refusal, ...]) -> str:
    """Write the raise that suffices as one line of YAML, which lacks the reason."""
    suggested = next((one.suggested_raise for one in refusals if one.suggested_raise is not None), None)
    if suggested is None:
        return ""
    keys = [f"{key}: {limit}" for key, limit in suggested.limits.items()]
    return f"below policy: raise: {{{', '.join(keys)}, until: {suggested.until}, reason: <why so many>}}"


class DirectoryError(ReconcilerError):
    """The directory could not be used, before anything was changed."""

    exit_code = EXIT_DIRECTORY


class Unreachable(DirectoryError):
    """No connection to the directory, or no answer within the time limit."""


class AccessDenied(DirectoryError):
    """No token could be obtained, or the token has expired or lacks a permission."""


class UnexpectedAnswer(DirectoryError):
    """The directory answered with something no documentation describes."""


class GitHubError(ReconcilerError):
    """GitHub could not be reached, refused, or answered with something no documentation describes."""

    exit_code = EXIT_DIRECTORY
