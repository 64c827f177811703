"""Which properties of a user object a change would alter: the only home of deepdiff."""

from reconciler.model import EmailAddress, FieldChange

Projection = dict[str, str | tuple[str, ...] | None]
"""The properties of a user object that a change may write, flat, with lists sorted."""


def project(mail: EmailAddress | None, other_mails: tuple[EmailAddress, ...]) -> Projection:
    """Reduce a guest to the two properties that a change may write."""
    return {
        "mail": None if mail is None else mail.text,
        "otherMails": tuple(address.text for address in other_mails),
    }


def changed_fields(before: Projection, after: Projection) -> tuple[FieldChange, ...]:
    """Name the properties that differ between two projections of the same keys, sorted by name.

    deepdiff files a difference under a category by what it meets: a null that becomes text is a
    change of type, a list that grows is an added item with an index. Whatever the category, the
    first step of its path is the property, and only that is taken from it.
    """
    if before == after:
        return ()
    # It takes longer to import than most plans take to make, and most plans change nothing.
    from deepdiff import DeepDiff  # noqa: PLC0415

    categories = DeepDiff(before, after, view="tree").values()
    differing = {str(level.path(output_format="list")[0]) for levels in categories for level in levels}
    return tuple(
        FieldChange(field=field, before=before[field], after=after[field] or ())
        for field in sorted(differing)
    )
