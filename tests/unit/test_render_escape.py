import pytest

from reconciler.render import escape


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ana Souza", "Ana Souza"),
        ("Ångström 山田\u3000太郎 \N{PARTY POPPER}", "Ångström 山田\u3000太郎 \N{PARTY POPPER}"),
        ("a\x1b[31mb", "a<U+001B>[31mb"),
        ("a\nb\r\tc", "a<U+000A>b<U+000D><U+0009>c"),
        ("a\x85b\u2028c", "a<U+0085>b<U+2028>c"),
        ("\u202eevil", "<U+202E>evil"),
        ("a\u200bb\u2060c\ufeff", "a<U+200B>b<U+2060>c<U+FEFF>"),
        ("a\u3164b\ufe0f", "a<U+3164>b<U+FE0F>"),
        ("a\ud800b", "a<U+D800>b"),
    ],
)
def test_invisible_characters_are_spelled_out_and_names_of_any_script_are_kept(text: str, shown: str) -> None:
    """Whatever could not be seen, or would steer the medium, is spelled out; letters and emoji are not."""
    assert escape.visible(text) == shown


@pytest.mark.parametrize("text", ["::error::x", " ::warning file=a::", ":::", "##[error]x", "a ##[group]"])
def test_a_terminal_line_holds_no_runner_command(text: str) -> None:
    """Neither spelling of a workflow command survives, wherever in the line it stood."""
    shown = escape.terminal(text)
    assert "::" not in shown
    assert "##[" not in shown


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("ana@old.example", "`ana@old.example`"),
        ("Ana | Contoso", "`Ana \\| Contoso`"),
        ("a\\|b", "`a\\<U+007C>b`"),
        ("O`Brien", "``O`Brien``"),
        ("`x", "`` `x ``"),
        ("a``b`", "``` a``b` ```"),
        ("a```b", "`a<U+0060><U+0060><U+0060>b`"),
        (" padded ", "`  padded  `"),
        ("  ", "`  `"),
        ("", "(empty)"),
    ],
)
def test_a_markdown_cell_is_one_code_span(text: str, cell: str) -> None:
    """A value becomes exactly one code span whose fence it cannot close, with its pipes escaped."""
    assert escape.markdown_cell(text) == cell


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("The guest is on-hold (until Friday).", "The guest is on-hold (until Friday)."),
        ("taken by ana@x.example, see 12", "taken by `ana@x.example`, see 12"),
        ("ask @team about #12 or GH-1", "ask `@team` about `#12` or `GH-1`"),
        ("defaced is not a commit", "`defaced` is not a commit"),
        ("www.evil.example <b>x</b> :tada:", "`www.evil.example` `<b>x</b>` `:tada:`"),
        ("a_b *c* ... [d](e)", "`a_b` `*c*` `...` `[d](e)`"),
        ("two  spaces\nand a line", "two `spaces<U+000A>and` a line"),
    ],
)
def test_a_markdown_sentence_codes_every_word_that_is_not_plain(text: str, shown: str) -> None:
    """Prose stays readable, and nothing that GitHub would link or mark up stays outside a code span."""
    assert escape.markdown_sentence(text) == shown


def test_command_values_cannot_end_their_command() -> None:
    """Percent signs, line breaks and the separators of properties are escaped as the runner reads them."""
    assert escape.command_data("50%\n", "::error::x") == "50%25<U+000A>%0A::error::x"
    assert escape.command_property("a,b:c%\r") == "a%2Cb%3Ac%25<U+000D>"
