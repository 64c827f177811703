"""What an import prints and reports."""

import json

import pytest

from reconciler import schemas
from reconciler.documents import dump, import_to_json
from reconciler.importing import Addition, Finding, Hint, Import, Sorted
from reconciler.model import Cloud, NotChecked
from reconciler.render import import_text
from reconciler.render.import_view import SHOWN, import_view
from reconciler.rules import Rule
from tests.support.hostile import FRAGMENTS
from tests.support.plans import TENANT, guest_id
from tests.unit.test_documents_writing import undescribed

LEFT_OUT = (
    *(Rule.NO_MAIL, Rule.ADDRESS, Rule.DUPLICATE_ADDRESS, Rule.NOT_B2B),
    *(Rule.ON_PREMISES_SYNCED, Rule.HALF_DONE, Rule.ODD_GUEST),
)
LIMITED = (Rule.HOLDS_ROLE, Rule.GUEST_DISABLED, Rule.MANAGEMENT_RESTRICTED)
HINTS = (Rule.MAY_SIGN_IN_AS, Rule.ALTERNATES_LEFT_OUT, Rule.NAME_ALTERED)


def finding(number: int, rule: Rule | None, *, name: str | None = "Ana") -> Finding:
    return Finding(
        id=guest_id(number),
        name=name,
        email=f"a{number}@old.example",
        rule=rule,
        message="" if rule is None else f"cause {number}",
    )


def an_import(*, name: str | None = "Ana", dry_run: bool = False, files: int = 1) -> Import:
    """Make an import with a user for each rule."""
    written = finding(1, None, name=name)
    limited = tuple(finding(number, rule, name=name) for number, rule in enumerate(LIMITED, start=10))
    added = (written.id, *(one.id for one in limited))
    return Import(
        tenant_id=TENANT,
        cloud=Cloud.EMULATOR,
        found=Sorted(
            written=(written,),
            limited=limited,
            left_out=tuple(
                finding(number, rule, name=name) for number, rule in enumerate(LEFT_OUT, start=20)
            ),
            declared=(finding(40, Rule.ALREADY_DECLARED, name=name),),
            hints=tuple(
                Hint(id=guest_id(1), name=name, email="a1@old.example", rule=rule, message=f"look at {rule}")
                for rule in sorted(HINTS)
            ),
            entries=(),
        ),
        additions=tuple(
            Addition(file=f"guests/{number}.yaml", before=None, ids=added if number == 0 else (), blocks=())
            for number in range(files)
        ),
        not_checked=(
            NotChecked(check="roles", permission="Roles.Read", essential=True, reason="no permission"),
            NotChecked(check="units", permission=None, essential=False, reason="not in lists"),
        ),
        dry_run=dry_run,
    )


def shown(done: Import) -> str:
    return import_text.render(import_view(done), width=200, colour=False)


def test_the_document_fits_its_schema() -> None:
    """Every key is published, and the lists are as long as the summary says."""
    document = json.loads(dump(import_to_json(an_import())))
    schema = schemas.load_schema("import")
    assert list(schemas.violations("import", document)) == []
    assert list(undescribed(document, schema, schema)) == []
    summary = document["summary"]
    names = ("written", "limited", "leftOut", "alreadyDeclared")
    assert summary == {"guests": 12, **{name: len(document[name]) for name in names}}
    assert document["written"][0] == {
        "id": guest_id(1),
        "name": "Ana",
        "email": "a1@old.example",
        "rule": None,
        "message": "added to guests/0.yaml",
    }
    assert list(document["leftOut"][0]) == ["id", "name", "email", "rule", "message"]


def test_every_rule_has_a_remedy_and_hints_come_last() -> None:
    """The screen ends with the guests whom this is for, then the counts."""
    text = shown(an_import())
    for rule in (*LEFT_OUT, *LIMITED, *HINTS):
        assert f": {rule} (1)\n" in text
    assert text.index("cause 20") < text.index("cause 10") < text.index("look at may-sign-in-as")
    assert "look at may-sign-in-as" in text.split("Not checked:")[0].rstrip().splitlines()[-1]
    assert "roles not checked: no permission; grant Roles.Read\n  units not checked: not in lists\n" in text
    assert text.startswith("EMULATOR")
    assert text.endswith("12 guests: 1 written, 3 written but limited, 1 declared already, 7 left out\n")


def test_the_screen_names_ten_of_a_rule_and_counts_the_rest() -> None:
    """A tenant of thousands stays readable; the report names all."""
    done = an_import(files=SHOWN + 3)
    many = tuple(finding(number, Rule.NO_MAIL) for number in range(SHOWN + 2))
    found = Sorted(written=(), limited=(), left_out=many, declared=(), hints=(), entries=())
    text = shown(
        Import(
            tenant_id=TENANT,
            cloud=Cloud.GLOBAL,
            found=found,
            additions=done.additions,
            not_checked=(),
            dry_run=False,
        )
    )
    assert text.count("cause ") == SHOWN
    assert "and 2 more, see --report" in text
    assert "and 3 more files, see --report" in text
    assert "0 added: no file was touched" in text


def test_a_rule_without_a_remedy_is_an_error() -> None:
    """A list that lacks somebody would not add up."""
    found = Sorted(
        written=(), limited=(), left_out=(finding(1, Rule.STALE),), declared=(), hints=(), entries=()
    )
    done = Import(
        tenant_id=TENANT, cloud=Cloud.GLOBAL, found=found, additions=(), not_checked=(), dry_run=True
    )
    with pytest.raises(ValueError, match="no remedy"):
        import_view(done)


@pytest.mark.parametrize("name", [*FRAGMENTS, None, "\ud800"])
def test_strangers_names_stay_text(name: str | None) -> None:
    """No line, colour or command comes from a display name."""
    plain, text = shown(an_import()), shown(an_import(name=name))
    assert len(text.splitlines()) == len(plain.splitlines())
    assert "\x1b" not in text
    assert "##[" not in text
    document = dump(import_to_json(an_import(name=name)))
    assert document.isascii()
    assert json.loads(document)["written"][0]["name"] == name
