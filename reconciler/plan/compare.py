"""Computes the user object after the actions of a change, and the properties that they alter.

The only home of deepdiff.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from reconciler.model import (
    Action,
    AddOtherMail,
    Change,
    ClearMarker,
    EmailAddress,
    FieldChange,
    ResetRedemption,
    SetMail,
    SetOtherMails,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The values of the two properties of a user object that a change may write."""

    mail: EmailAddress | None

    other_mails: tuple[EmailAddress, ...]
    """Without markers."""


_Projection = dict[str, str | tuple[str, ...] | None]


def in_order(addresses: Iterable[EmailAddress]) -> tuple[EmailAddress, ...]:
    """Sort addresses; two that differ in case only are ordered too, so that the order is never random."""
    return tuple(sorted(addresses, key=lambda address: (address.key, address.text)))


def carried_out(actions: Iterable[Action], before: Written) -> Written:
    """Return the values on the object after the actions, markers aside."""
    after = before
    for action in actions:
        match action:
            case AddOtherMail(email=email):
                after = replace(after, other_mails=in_order((*after.other_mails, email)))
            case SetMail(email=email, other_mails=listed) | ClearMarker(email=email, other_mails=listed):
                after = Written(mail=email, other_mails=listed)
            case SetOtherMails(other_mails=listed):
                after = replace(after, other_mails=listed)
            case ResetRedemption():
                pass
            case _ as unknown:
                assert_never(unknown)
    return after


def before_and_after(change: Change) -> tuple[Written, Written]:
    """Return the values on the guest before the actions of a change and after them."""
    before = Written(mail=change.precondition.mail, other_mails=change.precondition.other_mails)
    return before, carried_out(change.actions, before)


def changed_fields(written: Sequence[tuple[Written, Written]]) -> list[tuple[FieldChange, ...]]:
    """Return for each pair of before and after the properties that differ, sorted by name.

    The case of addresses is no difference. All pairs are one comparison: one for each pair takes twice as
    long.

    deepdiff chooses the category of a difference by the types of the values: a null that becomes text is a
    change of type. Whatever the category, the first step of its path is the key, here the position of the
    pair with the property, and only that is taken from it.
    """
    before = _folded([pair[0] for pair in written])
    after = _folded([pair[1] for pair in written])
    if before == after:
        return [() for _ in written]
    # Importing deepdiff takes longer than making most plans, and most plans change nothing.
    from deepdiff import DeepDiff  # noqa: PLC0415

    categories = DeepDiff(before, after, view="tree").values()
    differing = {level.path(output_format="list")[0] for levels in categories for level in levels}
    changes: list[list[FieldChange]] = [[] for _ in written]
    for position, field in sorted(differing):
        shown_before, shown_after = map(_shown, written[position])
        changes[position].append(
            FieldChange(field=field, before=shown_before[field], after=shown_after[field] or ())
        )
    return [tuple(each) for each in changes]


def _shown(values: Written) -> _Projection:
    return {
        "mail": None if values.mail is None else values.mail.text,
        "otherMails": tuple(address.text for address in in_order(values.other_mails)),
    }


def _folded(written: Iterable[Written]) -> dict[tuple[int, str], str | None]:
    """Return the values to compare: each list as one text, which takes deepdiff half the time of a sequence.

    Not joined by line ends: deepdiff would prepare a diff of the lines.
    """
    folded: dict[tuple[int, str], str | None] = {}
    for position, values in enumerate(written):
        folded[position, "mail"] = None if values.mail is None else values.mail.key
        folded[position, "otherMails"] = "\0".join(sorted({address.key for address in values.other_mails}))
    return folded
