"""From the files of a tree to the desired state, or to every problem the tree has."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice

from reconciler.desired.conform import Checked
from reconciler.desired.guests import addresses, build_guests, check_guests, entries
from reconciler.desired.problems import problem
from reconciler.desired.reader import MAX_PROBLEMS, Path
from reconciler.desired.tenant import build_tenant, check_tenant
from reconciler.desired.tree import ROOT, TENANT_FILE, Tree, is_declaring
from reconciler.errors import InvalidDesired
from reconciler.model import Desired, Problem
from reconciler.schemas import quoted

_Place = tuple[Checked, Path]


def load(tree: Tree, *, now: datetime) -> Desired:
    """Read the desired state from the files of a tree. Touches no file and no clock.

    `now` is what `resetAfter` must not lie after. Raises `InvalidDesired` with every problem of the
    tree, sorted by file, line and column, those of reading the files among them.
    """
    names = sorted(name for name in tree.files if is_declaring(name))
    problems = [*tree.problems, *_bad_names(names)]
    tenant = check_tenant(TENANT_FILE, tree.files[TENANT_FILE]) if TENANT_FILE in names else None
    if tenant is not None:
        problems += tenant.problems
    elif {ROOT, TENANT_FILE}.isdisjoint(known.file for known in tree.problems):
        problems.append(problem(TENANT_FILE, (1, 1), "missing-tenant", "the tree has no tenant.yaml"))
    checked = [check_guests(name, tree.files[name], now=now) for name in names if name != TENANT_FILE]
    for file in checked:
        problems += file.problems
    problems += islice(_duplicates(checked), MAX_PROBLEMS)
    if problems or tenant is None:
        raise InvalidDesired(tuple(sorted(set(problems))))
    settled = build_tenant(tenant.value)
    guests = [guest for file in checked for guest in build_guests(file, settled.invitation)]
    return Desired(
        tenant_id=settled.tenant_id,
        cloud=settled.cloud,
        policy=settled.policy,
        guests=tuple(sorted(guests, key=lambda guest: guest.id)),
    )


def _bad_names(names: Sequence[str]) -> Iterator[Problem]:
    for name in names:
        if not name.isprintable() or ":" in name:
            message = "the name of the file holds a colon or a character that cannot be shown"
            yield problem(name, (1, 1), "file-name", message)


def _duplicates(checked: Sequence[Checked]) -> Iterator[Problem]:
    """Find ids and addresses that stand in the tree more than once, letters' case apart."""
    ids: dict[str, _Place] = {}
    claimed: dict[str, _Place] = {}
    for file in checked:
        for index, entry in entries(file):
            guest_id = entry.get("id")
            if isinstance(guest_id, str):
                here: _Place = (file, ("guests", index, "id"))
                if (first := ids.setdefault(guest_id.lower(), here)) is not here:
                    yield _duplicate(here, first, "duplicate-id", guest_id)
            for text, path in addresses(entry):
                here = (file, ("guests", index, *path))
                if (first := claimed.setdefault(text.lower(), here)) is not here:
                    yield _duplicate(here, first, "duplicate-address", text)


def _duplicate(here: _Place, first: _Place, rule: str, text: str) -> Problem:
    file, path = here
    known, known_path = first
    line, column = known.document.position(known_path)
    return file.problem(path, rule, f"{quoted(text)} stands already at {known.file}:{line}:{column}")
