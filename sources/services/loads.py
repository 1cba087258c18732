"""What connectors bring in, on its way into the inbox."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitoring.telemetry import LogBatch
from sources.connectors import Harvest, Outcome
from sources.models import BatchKind
from sources.services.inbox import Arrival, CursorAdvance, StreamMove, deposit
from sources.services.runners import Runner


@dataclass(frozen=True, slots=True)
class Load:
    """What one runner brought in this round."""

    runner: Runner
    harvest: Harvest
    payloads: tuple[bytes, ...]  # of the harvest's batches

    @classmethod
    def of(cls, runner: Runner, harvest: Harvest) -> Load:
        return cls(runner, harvest, tuple(b.encode() for b in harvest.batches))

    def arrivals(self, now: datetime) -> Iterator[Arrival]:
        """The raw size of a harvest, and what it rejected, stand at its first batch."""
        spec, size = self.runner.spec, self.harvest.size
        rejected = self.harvest.rejected
        for batch, payload in zip(self.harvest.batches, self.payloads, strict=True):
            if not batch.count:
                continue
            is_logs = isinstance(batch, LogBatch)
            yield Arrival(
                organization_id=spec.organization_id,
                source_id=spec.id,
                team_id=spec.team_id,
                priority=spec.priority,
                kind=BatchKind.LOGS if is_logs else BatchKind.SAMPLES,
                payload=payload,
                count=batch.count,
                size=size,
                received_at=now,
                rejected=rejected,
            )
            size = rejected = 0


def store(loads: Sequence[Load], now: datetime, *, beyond_limit: bool = False) -> None:
    """Deposit all of them, with their cursors' advances, or nothing.

    Raises CursorConflictError, BacklogFullError and django.db.Error.
    """
    deposit(
        [arrival for load in loads for arrival in load.arrivals(now)],
        advances=[
            CursorAdvance(a.cursor_id, a.old_offset, a.new_offset, a.path)
            for load in loads
            for a in load.harvest.advances
        ],
        moves=[
            StreamMove(load.runner.source_id, move.moves, move.position)
            for load in loads
            if (move := load.harvest.move)
        ],
        beyond_limit=beyond_limit,
    )


def settle(loads: Iterable[Load], outcome: Outcome, now: datetime) -> None:
    for load in loads:
        load.runner.settle(outcome, now)
