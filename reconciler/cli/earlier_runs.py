"""The facts a run knows of earlier ones: their acknowledged resets, and their last write."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from reconciler.cli.endpoint import Endpoint
from reconciler.journal import Evidence, read_evidence
from reconciler.model import TenantId
from reconciler.settling import read_hint, settled_at


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierRuns:
    """The evidence in the journals of earlier runs."""

    evidence: Evidence

    known: bool
    """Whether a named journal or evidence exists, even an empty one."""

    def settled_at(
        self, tenant: TenantId, endpoint: Endpoint, *, started: datetime, watch: float
    ) -> datetime | None:
        """Return when reads show all writes of earlier runs; `None` if writes show at once."""
        if not endpoint.lags:
            return None
        hint = read_hint(tenant, endpoint.root)
        return settled_at(
            started=started,
            last_writes=(self.evidence.last_write, hint),
            known=self.known or hint is not None,
            watch=watch,
        )


def read_earlier_runs(paths: Iterable[Path], *, journal: Path | None, now: datetime) -> EarlierRuns:
    """Read the named journals, and this run's own before the first append. Raises `UsageError`.

    Only plain files are read: a device cannot be read back.
    """
    named = [*paths, *([journal] if journal is not None and journal.is_file() else [])]
    return EarlierRuns(evidence=read_evidence(named, now=now), known=bool(named))
