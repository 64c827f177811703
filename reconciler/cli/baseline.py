"""Loads the entries declared at a git revision."""

from datetime import UTC, datetime
from pathlib import Path

from reconciler.desired import load
from reconciler.errors import InvalidDesired
from reconciler.git import tree_at
from reconciler.model import Desired, ObjectId
from reconciler.plan import Baseline


def load_baseline(revision: str, root: Path, *, desired: Desired) -> Baseline:
    """Read the tree `root` as of a revision, to compare `desired` with it. Raises `UsageError`."""
    tree = tree_at(revision, root)
    if not tree.files and not tree.problems:
        return Baseline.empty()
    try:
        return Baseline.of(load(tree, now=datetime.now(UTC)), desired=desired)
    except InvalidDesired:
        return Baseline.unknown()


def departed_ids(base: Baseline | None, desired: Desired) -> tuple[ObjectId, ...]:
    """Return the ids of guests that only the base declares; they are read too, to name their whereabouts."""
    if base is None:
        return ()
    return tuple(entry.id for entry in base.disappeared([entry.id for entry in desired.guests]))
