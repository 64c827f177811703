"""Workflow commands for GitHub Actions: annotations on the lines of the desired tree.

GitHub shows the first ten errors and the first ten warnings of a step in the diff, and all in the log.
Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Final

from reconciler.desired.tree import TENANT_FILE
from reconciler.guard.approval import ON_PURPOSE
from reconciler.model import Blocked, Note, Problem, Source
from reconciler.render.escape import command_data, command_property
from reconciler.render.plan_view import GUARD_RAILS, PlanView
from reconciler.render.wording import NO_NAME

_GUARD_RAIL: Final = "guard-rail"


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


def plan(view: PlanView, *, folder: str) -> str:
    """Annotate the lines of a plan that a reviewer should check, the gravest first.

    These are: why apply would refuse, the blocked guests, loosened guard rails, and the warnings; of drift
    only the blocked guests, because its lines are not under review. `folder` as for `problems`.
    """
    lines = [] if view.partial is None else [_command("notice", command_data(view.partial), title="partial")]
    lines += [_note("error", note) for note in view.refusals]
    lines += [_blocked("error", one, folder) for one in view.own.blocked if one.rule not in ON_PURPOSE]
    on_purpose = (one for one in view.own.blocked if one.rule in ON_PURPOSE)
    no_errors = sorted((*on_purpose, *view.drift.blocked), key=attrgetter("id"))
    lines += [_blocked("notice", one, folder) for one in no_errors]
    lines += _guard_rails(view, folder)
    for change in view.own.changes:
        who = f"{change.display_name or NO_NAME} ({change.id})"
        lines.extend(
            _at(change.source, folder, "warning", title=note.rule, text=command_data(who, note.message))
            for note in change.warnings
        )
    lines.extend(_note("warning", note) for note in view.warnings)
    return "".join(lines)


def _guard_rails(view: PlanView, folder: str) -> Iterator[str]:
    """Annotate `tenant.yaml`, or the entry of a guest whose hold is loosened where a row shows its line."""
    sources = {
        f"{row.id}.hold": row.source
        for group in (view.own, view.drift)
        for rows in (group.changes, group.blocked)
        for row in rows
    }
    for one in view.guard_rails:
        text = command_data(f"{GUARD_RAILS}: {one.field}", *one.difference)
        if not one.field.endswith(".hold"):
            yield _command("warning", text, file=_path(folder, TENANT_FILE), title=_GUARD_RAIL)
        elif one.field in sources:
            yield _at(sources[one.field], folder, "warning", title=_GUARD_RAIL, text=text)
        else:
            yield _command("warning", text, title=_GUARD_RAIL)


def _blocked(level: str, one: Blocked, folder: str) -> str:
    who = f"{one.display_name or NO_NAME} ({one.id}) is blocked"
    return _at(one.source, folder, level, title=one.rule, text=command_data(who, one.message))


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
