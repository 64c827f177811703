"""Which properties differ, of many objects at once."""

from reconciler.model import EmailAddress, FieldChange
from reconciler.plan.compare import Written, changed_fields


def _written(mail: str | None, *other_mails: str) -> Written:
    return Written(
        mail=None if mail is None else EmailAddress(mail), other_mails=tuple(map(EmailAddress, other_mails))
    )


def test_each_object_has_its_own_differences() -> None:
    """Of objects compared together each is given what differs on it, sorted, in the order they came."""
    assert changed_fields(
        [
            (_written("ana@old.example"), _written("ana@new.example", "ana@new.example")),
            (_written("bo@old.example", "BO@old.example"), _written("bo@OLD.example", "bo@old.example")),
            (_written(None, "b@x.example"), _written("cy@new.example", "b@x.example")),
            (_written("di@x.example", "b@x.example"), _written("di@x.example", "b@x.example", "a@x.example")),
        ]
    ) == [
        (
            FieldChange(field="mail", before="ana@old.example", after="ana@new.example"),
            FieldChange(field="otherMails", before=(), after=("ana@new.example",)),
        ),
        (),
        (FieldChange(field="mail", before=None, after="cy@new.example"),),
        (FieldChange(field="otherMails", before=("b@x.example",), after=("a@x.example", "b@x.example")),),
    ]


def test_nothing_to_compare_differs_in_nothing() -> None:
    """No objects have no differences."""
    assert changed_fields([]) == []
