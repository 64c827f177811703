"""One escape for each medium, so that text from strangers stays text.

A renderer passes every value from outside the product through exactly one of these functions, for its medium.
HTML needs no function of its own here: the template engine escapes markup, after `visible` has made the rest
harmless. JSON is written in ASCII, which escapes everything.
"""

import re
from typing import Final

# Printable by Unicode's categories, yet displayed as nothing or as blank: joiners, fillers, variation
# selectors.
# Source: https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
_BLANK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)

# The wide space between the parts of a Japanese name: not printable to Python, and harmless.
_WIDE_SPACE: Final = "\u3000"

# The runner executes `::command::` at the start of a line and `##[command]` anywhere in it.
# Source: https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
_RUNNER_COMMAND: Final = re.compile(r"(?<=:):|(?<=##)\[")

# Renderers limit how long a fence may be, so a long run of backticks is spelled out instead of fenced.
_LONG_BACKTICKS: Final = re.compile("`{3,}")

# The words that a Markdown sentence may hold unescaped: a word of letters, a short number, a dash. None of
# them can be a link, a mention, a reference, an emoji, markup or HTML, wherever in a line it stands but at
# its start.
_PLAIN_WORD: Final = re.compile(
    r"""[("']?(?:[^\W\d_]+(?:['\u2019-][^\W\d_]+)*|\d{1,5}%?)[)"']?[,.;:?!]?|[\u2013\u2014-]"""
)

# Seven or more hexadecimal digits can be the name of a commit.
# Source: https://docs.github.com/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls
_COMMIT_LIKE: Final = re.compile(r"[0-9a-fA-F]{7}")


def visible(text: str) -> str:
    """Escape every character that is invisible or would control the medium, as `<U+202E>`.

    That is: line breaks, control characters (escape sequences begin with one), bidirectional and
    zero-width characters, unusual spaces, lone surrogates and unassigned code points. All else is kept.
    """
    if text.isascii() and text.isprintable():
        return text
    seen = "".join(c if c.isprintable() or c == _WIDE_SPACE else _spelled(c) for c in text)
    return _BLANK.sub(lambda match: _spelled(match.group()), seen)


def terminal(text: str) -> str:
    """Escape a value for a line of terminal or log output.

    Besides `visible`, nothing in the result is a command of the GitHub Actions runner, on whatever line
    and in whatever column it is printed.
    """
    return _RUNNER_COMMAND.sub(lambda match: _spelled(match.group()), visible(text))


def markdown_cell(text: str) -> str:
    """Format a value as a code span for a cell of a GitHub Flavored Markdown table.

    GitHub looks for mentions, references, links, emoji and HTML everywhere but in code. The table is cut into
    cells before code is recognised, so pipes are escaped too; that parser removes the backslash again. A pipe
    after a backslash is spelled out: parsers do not agree about that pair.

    Source: https://github.github.com/gfm/#tables-extension-
    """
    if not text:
        return "(empty)"
    shown = _LONG_BACKTICKS.sub(lambda match: "".join(map(_spelled, match.group())), visible(text))
    shown = shown.replace("\\|", "\\" + _spelled("|")).replace("|", "\\|")
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    edges = shown[0] + shown[-1]
    pad = " " if shown.strip(" ") and (" " in edges or "`" in edges) else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def markdown_sentence(text: str) -> str:
    """Format a sentence that holds strangers' text for a cell, readable as prose.

    Plain words stay as they are; every other word (addresses, ids, anything with markup in it) becomes a
    code span. Not for the start of a line, where a dash or a number would begin a list.
    """
    return " ".join(
        word if _PLAIN_WORD.fullmatch(word) and not _COMMIT_LIKE.search(word) else _coded(word)
        for word in visible(text).split(" ")
        if word
    )


def command_data(*lines: str) -> str:
    """Format the message of a workflow command, one value a line; line breaks within a value are spelled out.

    Source: https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts
    """
    return "%0A".join(visible(line).replace("%", "%25") for line in lines)


def command_property(text: str) -> str:
    """Escape a value for a property (file, title) of a workflow command. Source: as for `command_data`."""
    return visible(text).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")


def _coded(word: str) -> str:
    """Format a word as a code span, with the punctuation that ends its clause outside."""
    bare = word.rstrip(",;.")
    if not bare:
        return markdown_cell(word)
    return markdown_cell(bare) + word[len(bare) :]


def _spelled(text: str) -> str:
    return f"<U+{ord(text):04X}>"
