"""The first words of the docstrings of `reconciler/`.

Every docstring of a function or method, private ones and nested ones too, begins with one of `VERBS`, in the
imperative. A property is read like a field, so it may also begin with `Whether`, an article or its unit (see
`NOUN_PHRASES`); pydocstyle exempts properties from D401 for the same reason. A function that click makes a
command or a group of is exempt: click prints its docstring as help for users.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

PACKAGE: Final = Path(__file__).parents[2] / "reconciler"

_WORDS: Final = """
    Accept Add Allow Annotate Answer Append Apply Approve Ask Build Call Cancel Check Choose Clear Close
    Collect Compare Compute Connect Convert Copy Count Create Cut Decide Decode Delete Downgrade Draw
    Encode End Escape Execute Fetch Fill Filter Find Format Forward Handle Ignore Invite Join Judge
    Limit List Load Log Make Map Mark Match Measure Move Open Parse Plan Prepare Print Raise Read Record
    Redeem Refuse Register Release Remove Render Repeat Replace Report Reserve Reset Resolve Restore
    Resume Return Run Search Select Send Serve Set Show Sign Skip Sort Split Start Stop Store Suspend
    Update Validate Wait Wake Warn Write Yield
"""
VERBS: Final = frozenset(_WORDS.split()) | {"Look up"}
"""The verbs of the field. Give, Tell, Say, Take, Let and Get leave open what a function does."""

NOUN_PHRASES: Final = frozenset({"A", "All", "An", "Bytes", "Seconds", "The", "Whether"})
"""What the docstring of a property may begin with besides a verb."""

_PROPERTIES: Final = frozenset({"property", "cached_property"})
_COMMANDS: Final = frozenset({"command", "group"})


def offences(file: str, source: str) -> Iterator[str]:
    """Yield file, line and first word of each docstring in `source` that begins with a word of no list."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        text = ast.get_docstring(node)
        if text is None or not _COMMANDS.isdisjoint(_decorators(node)):
            continue
        allowed = VERBS | NOUN_PHRASES if not _PROPERTIES.isdisjoint(_decorators(node)) else VERBS
        words = [word.rstrip(",.:;") for word in text.split()[:2]]
        if allowed.isdisjoint({words[0], " ".join(words)}):
            yield f"{file}:{node.body[0].lineno}: {words[0]}"


def _decorators(node: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    """Return the names of the decorators, without the module or object they belong to."""
    called = [each.func if isinstance(each, ast.Call) else each for each in node.decorator_list]
    return frozenset(ast.unparse(each).rpartition(".")[2] for each in called)


def test_docstrings_begin_with_a_verb_of_the_list() -> None:
    """Every docstring of a function in the package begins with a word that its kind may begin with."""
    files = sorted(PACKAGE.rglob("*.py"))
    assert files
    found = [
        offence
        for path in files
        for offence in offences(path.relative_to(PACKAGE.parent).as_posix(), path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("word", ["Give", "Tell", "Say", "Take", "Let", "Get", "Returns", "Whether", "The"])
def test_a_function_must_not_begin_with_another_word(word: str) -> None:
    """An offence names file, line and word, wherever the function stands."""
    source = f'class One:\n    def _two(self):\n        def three():\n            """{word} the fourth."""\n'
    assert list(offences("some/file.py", source)) == [f"some/file.py:4: {word}"]


@pytest.mark.parametrize(
    "source",
    [
        'def one():\n    """Return it."""\n',
        'async def one():\n    """Open, read and close it."""\n',
        'def one():\n    """Look up the name."""\n',
        'class One:\n    @property\n    def two(self):\n        """Whether it is so."""\n',
        'class One:\n    @functools.cached_property\n    def two(self):\n        """The value."""\n',
        '@click.command("one")\n@click.pass_obj\ndef one():\n    """Give help."""\n',
        '@command.group()\ndef one():\n    """Tell the user."""\n',
        "def one():\n    pass\n",
    ],
)
def test_what_may_stand(source: str) -> None:
    """Verbs, noun phrases of properties, and the help of commands may stand."""
    assert not list(offences("some/file.py", source))


@pytest.mark.parametrize(
    "source",
    [
        'class One:\n    @property\n    def two(self):\n        """Tell it."""\n',
        'def one():\n    """Look at it."""\n',
        '@contextmanager\ndef one():\n    """Take it."""\n',
    ],
)
def test_what_must_not_stand(source: str) -> None:
    """Neither a property, nor half of a phrase, nor any other decorator is an excuse."""
    assert len(list(offences("some/file.py", source))) == 1
