"""Finds the guest that a user names: by object id, by declared `email`, or else by the live `mail`."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconciler.desired.survey import EntryKey, Survey
from reconciler.errors import DirectoryError, UsageError
from reconciler.model import AddressUse, EmailAddress, ObjectId
from reconciler.rules import Rule

_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The entries that some names fit."""

    entries: Mapping[str, tuple[EntryKey, ...]]
    """For each name, in the spelling of its user, the entries that fit; none where nothing does."""

    survey: Survey

    not_asked: str = ""
    """The reason for which the directory could not be asked about the names that fit nothing."""

    def one(self, who: str, *, moves_to: str | None = None) -> EntryKey:
        """Return the only entry that a name fits. Raises `UsageError` for none, and for several."""
        rule, message, hint = self.trouble(who, moves_to=moves_to)
        if rule is not None:
            raise UsageError(message, rule=rule, hint=hint)
        return self.entries[who][0]

    def trouble(self, who: str, *, moves_to: str | None = None) -> tuple[Rule | None, str, str]:
        """Return the rule that keeps a name from standing for one entry, a message and the remedy.

        `moves_to` is the address that the guest should get: where somebody has it, the change may be done.
        """
        found = self.entries[who]
        if len(found) == 1:
            return None, "", ""
        if found:
            places = " and ".join(f"entry {key.number + 1} of {key.file}" for key in found)
            message = f"{who!r} is the live address of two declared guests or more: {places}"
            return Rule.AMBIGUOUS_GUEST, message, "name the one you mean by object id"
        message = f"no entry declares {who!r}"
        if self.not_asked:
            message += f", and the directory could not be asked for live addresses: {self.not_asked}"
        hint = "bring the guest under the tree first: reconciler import; or name the guest by object id"
        holder = None if moves_to is None else self.survey.emails.get(moves_to.lower())
        if holder is not None:
            declared = self.survey.entry(holder)
            hint = (
                f"{moves_to} is declared already, for {declared['id']} in {holder.file}: if you mean that"
                " guest, nothing is left to do"
            )
        return Rule.NOT_DECLARED, message, hint


def find_who(survey: Survey, names: Collection[str], *, root: Path) -> Found:
    """Find the entries that names fit; the directory is asked only about addresses that nobody declares.

    Raises `WrongTenant` when it is asked and is not that of the tree.
    """
    entries: dict[str, tuple[EntryKey, ...]] = {}
    unknown: list[str] = []
    for who in dict.fromkeys(names):
        declared = survey.emails.get(who.lower())
        if _GUID.fullmatch(who):
            declared = survey.ids.get(ObjectId(who.lower()))
        elif declared is None and "@" in who:
            unknown.append(who)
        entries[who] = () if declared is None else (declared,)
    if not unknown:
        return Found(entries=entries, survey=survey)
    try:
        live = _live_holders(frozenset(map(EmailAddress, unknown)), root)
    except (DirectoryError, UsageError) as error:
        return Found(entries=entries, survey=survey, not_asked=error.message)
    for who in unknown:
        ids = sorted(live.get(EmailAddress(who), ()))
        entries[who] = tuple(survey.ids[guest] for guest in ids if guest in survey.ids)
    return Found(entries=entries, survey=survey)


def _live_holders(addresses: frozenset[EmailAddress], root: Path) -> Mapping[EmailAddress, set[ObjectId]]:
    """Ask the directory for the users whose `mail` is one of the addresses."""
    # The client of Graph takes time to import, and most names are declared.
    from reconciler.cli.endpoint import endpoint  # noqa: PLC0415
    from reconciler.cli.loading import load_tree  # noqa: PLC0415
    from reconciler.cli.signals import run_until_signal  # noqa: PLC0415
    from reconciler.graph.reader import open_reader  # noqa: PLC0415

    desired = load_tree(root)

    async def ask() -> Mapping[EmailAddress, set[ObjectId]]:
        with endpoint(desired, root) as found:
            async with open_reader(found.root, found.tokens) as reader:
                await reader.read_tenant(desired.tenant_id)
                answer = await reader.find_owners(addresses)
        return {
            address: {owner.id for owner in owners if owner.use is AddressUse.MAIL}
            for address, owners in answer.owners.items()
        }

    return run_until_signal(ask)
