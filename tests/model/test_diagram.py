from reconciler.apply.steps import Phase
from tests.model.diagram import PAGE, page


def test_the_page_is_as_drawn() -> None:
    """docs/apply-machine.md shows the table of moves: draw it anew with `python -m tests.model.diagram`."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_phase_is_explained() -> None:
    """Each phase stands in the legend."""
    for phase in Phase:
        assert f"| `{phase}` | " in page()
