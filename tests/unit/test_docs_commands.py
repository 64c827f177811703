"""Holds docs/commands.md to `--help`, and writes the help into it: `python -m tests.unit.test_docs_commands`.

A comment names the command, and the block after it is that command's help; a new command is a new comment.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from reconciler.cli import root

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
BLOCK = re.compile(r"(<!-- help: ([a-z -]+) -->\n)(?:\n```text\n.*?\n```\n)?", re.DOTALL)


def commands(group: click.Group, names: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Give every command below a group by its full name."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield " ".join((*names, name)), command
        if isinstance(command, click.Group):
            yield from commands(command, (*names, name))


def written(page: str) -> str:
    """Give the page with the help of today in it."""
    known = dict(commands(root))

    def block(found: re.Match[str]) -> str:
        name = found[2]
        context = click.Context(
            known[name],
            info_name=f"reconciler {name}",
            terminal_width=100,
            help_option_names=["-h", "--help"],
        )
        shown = "\n".join(line.rstrip() for line in known[name].get_help(context).splitlines())
        return f"{found[1]}\n```text\n{shown}\n```\n"

    return BLOCK.sub(block, page)


def test_the_page_shows_the_help_of_every_command() -> None:
    """Whoever reads the page reads what the command prints, of each command there is."""
    page = PAGE.read_text(encoding="utf-8")
    assert sorted(found[2] for found in BLOCK.finditer(page)) == sorted(name for name, _ in commands(root))
    assert written(page) == page


def test_every_command_has_a_section_of_its_own() -> None:
    """A command can be found by its name among the headings."""
    headings = re.findall(r"^##+ (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(name for name, _ in commands(root))


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
