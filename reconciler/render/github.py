"""Workflow commands for GitHub Actions: annotations on the lines of the desired tree.

GitHub shows the first ten errors and the first ten warnings of a step in the diff, and all in the log.
Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from collections.abc import Iterable

from reconciler.guard.approval import ON_PURPOSE
from reconciler.model import Blocked, Note, Origin, Plan, Problem, Source
from reconciler.render import groups, wording
from reconciler.render.escape import command_data, command_property


def problems(shown: Iterable[Problem], *, folder: str) -> str:
    """Annotate each problem where it stands.

    `folder` is the path of the desired tree from the root of the repository.
    """
    return "".join(
        _command(
            "error",
            command_data(one.message, one.hint),
            file=_path(folder, one.file),
            line=one.line,
            col=one.column,
            title=one.rule,
        )
        for one in shown
    )


def plan(shown: Plan, *, folder: str) -> str:
    """Annotate the lines of a plan that a reviewer should check, the gravest first.

    These are: why apply would refuse, the blocked guests, and the warnings; of drift only the blocked guests,
    because its lines are not under review. `folder` as for `problems`.
    """
    partial, many = groups.partial(shown), groups.many(shown)
    lines = [] if partial is None else [_command("notice", command_data(partial), title="partial")]
    lines += [_note("error", note) for note in shown.refusals]
    for one in sorted(shown.blocked, key=_is_no_error):
        level = "notice" if _is_no_error(one) else "error"
        who = f"{one.display_name or wording.NO_NAME} ({one.id}) is blocked"
        lines.append(_at(one.source, folder, level, title=one.rule, text=command_data(who, one.message)))
    for change in groups.here(shown).changes:
        who = f"{change.display_name or wording.NO_NAME} ({change.id})"
        lines.extend(
            _at(change.source, folder, "warning", title=note.rule, text=command_data(who, note.message))
            for note in wording.special_warnings(change, unusual_only=many)
        )
    lines.extend(_note("warning", note) for note in (*shown.warnings, *groups.shared(shown)))
    return "".join(lines)


def _is_no_error(one: Blocked) -> bool:
    return one.rule in ON_PURPOSE or one.origin is Origin.ELSEWHERE


def _note(level: str, note: Note) -> str:
    return _command(level, command_data(note.message), title=note.rule)


def _at(source: Source, folder: str, level: str, *, title: str, text: str) -> str:
    return _command(level, text, file=_path(folder, source.file), line=source.line, title=title)


def _command(level: str, text: str, **properties: str | int) -> str:
    """Format one command; `text` is escaped already."""
    listed = ",".join(f"{name}={command_property(str(value))}" for name, value in properties.items())
    return f"::{level} {listed}::{text}\n"


def _path(folder: str, file: str) -> str:
    return file if folder in {"", "."} else f"{folder.rstrip('/')}/{file}"
