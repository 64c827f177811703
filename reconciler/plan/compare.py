"""What the actions of a change make of a user object, and which properties that alters.

The only home of deepdiff.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import assert_never

from reconciler.model import (
    Action,
    AddOtherMail,
    ClearMarker,
    EmailAddress,
    FieldChange,
    ResetRedemption,
    SetMail,
    SetOtherMails,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The two properties of a user object that a change may write."""

    mail: EmailAddress | None

    other_mails: tuple[EmailAddress, ...]
    """Without markers."""


_Projection = dict[str, str | tuple[str, ...] | None]


def in_order(addresses: Iterable[EmailAddress]) -> tuple[EmailAddress, ...]:
    """Sort addresses; two that differ in case only have an order too, or it would be left to chance."""
    return tuple(sorted(addresses, key=lambda address: (address.key, address.text)))


def carried_out(actions: Iterable[Action], before: Written) -> Written:
    """Return what stands on the object once the actions were carried out, markers aside."""
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


def changed_fields(before: Written, after: Written) -> tuple[FieldChange, ...]:
    """Name the properties that differ, sorted by name; the case of addresses is no difference.

    deepdiff files a difference under a category by what it meets: a null that becomes text is a
    change of type, a list that grows is an added item with an index. Whatever the category, the
    first step of its path is the property, and only that is taken from it.
    """
    compared = _folded(before), _folded(after)
    if compared[0] == compared[1]:
        return ()
    # It takes longer to import than most plans take to make, and most plans change nothing.
    from deepdiff import DeepDiff  # noqa: PLC0415

    categories = DeepDiff(*compared, view="tree").values()
    differing = {str(level.path(output_format="list")[0]) for levels in categories for level in levels}
    shown_before, shown_after = _shown(before), _shown(after)
    return tuple(
        FieldChange(field=field, before=shown_before[field], after=shown_after[field] or ())
        for field in sorted(differing)
    )


def _shown(values: Written) -> _Projection:
    return {
        "mail": None if values.mail is None else values.mail.text,
        "otherMails": tuple(address.text for address in in_order(values.other_mails)),
    }


def _folded(values: Written) -> _Projection:
    """Return what is compared: the list as one text, which takes deepdiff half the time of a sequence."""
    return {
        "mail": None if values.mail is None else values.mail.key,
        "otherMails": "\n".join(sorted({address.key for address in values.other_mails})),
    }
