"""Renders what an import found for a terminal or a log."""

from collections.abc import Iterable

from rich.style import Style

from reconciler.render.import_view import ImportGroup, ImportView
from reconciler.render.terminal_page import CAUTION, GOOD, HEADING, TerminalPage


def render(view: ImportView, *, width: int, colour: bool) -> str:
    """Render an import: who was left out or is limited, files, hints; counts last."""
    page = TerminalPage(width=width, colour=colour)
    if view.emulator is not None:
        page.write(view.emulator, style=CAUTION)
    page.write(f"Import of tenant {view.tenant_id}", style=HEADING)
    _groups(page, view.groups, style=HEADING)
    if view.files:
        page.blank()
        page.write("Files:", style=HEADING)
        for line in view.files:
            page.write(line, indent=2)
    _groups(page, view.hints, style=CAUTION)
    if view.not_checked:
        page.blank()
        page.write("Not checked:", style=CAUTION)
        for line in view.not_checked:
            page.write(line, indent=2)
    page.blank()
    page.write(view.headline, style=GOOD)
    page.write(view.counts)
    return page.text()


def _groups(page: TerminalPage, groups: Iterable[ImportGroup], *, style: Style) -> None:
    for group in groups:
        page.blank()
        page.write(group.title, style=style)
        page.write(group.advice, indent=2)
        for who, message in group.rows:
            page.write(who, indent=2)
            page.write(message, indent=4)
        if group.more is not None:
            page.write(group.more, indent=2)
