"""What a run knows of those before it: which resets were acknowledged, and when they wrote last."""

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
    """What the journals of earlier runs say."""

    evidence: Evidence

    known: bool
    """Whether a journal or evidence was named that is there, be it empty."""

    def settled_at(
        self, tenant: TenantId, endpoint: Endpoint, *, started: datetime, watch: float
    ) -> datetime | None:
        """Return from when on reads show all that earlier runs wrote; `None` where writes show at once."""
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
    """Read the journals that were named, and this run's own before it is added to. Raises `UsageError`.

    What is no plain file is not read: nothing can be read back from a device.
    """
    named = [*paths, *([journal] if journal is not None and journal.is_file() else [])]
    return EarlierRuns(evidence=read_evidence(named, now=now), known=bool(named))
