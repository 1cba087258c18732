"""A source as the pages show it: how it is, where it reads, how much it brings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.scope import Scope
from sources.models import Source
from sources.services.kinds import KINDS
from sources.services.kinds.base import Kind
from sources.services.pipeline_state import source_rates, source_sparks

WORDS = {
    Source.Status.OK: "Healthy",
    Source.Status.WAITING: "Waiting for first data",
    Source.Status.QUIET: "Quiet",
    Source.Status.ERROR: "Error",
    Source.Status.DISABLED: "Paused",
}


@dataclass(frozen=True, slots=True)
class Row:
    """`delay` is seconds from arrival to storage; `spark` the last hour's rates."""

    source: Source
    kind: Kind
    status: str
    word: str
    where: str
    spark: list[float] | None
    rate: float
    rate_unit: str
    rejected: int
    delay: float | None
    last_seen: datetime | None


def rows_of(scope: Scope, sources: Iterable[Any], now: datetime) -> list[Row]:
    """Return a row for each source, which has its status, state and team with it."""
    listed = list(sources)
    rates = source_rates(scope, now)
    sparks = source_sparks([source.pk for source in listed], now)
    return [
        _row(source, rates.get(source.pk, {}), sparks.get(source.pk))
        for source in listed
    ]


def _row(source: Any, rates: dict[str, Any], spark: list[float] | None) -> Row:
    kind = KINDS[source.kind]
    state = getattr(source, "state", None)
    delay = rates.get("latency_ms")
    return Row(
        source=source,
        status=source.status,
        word=WORDS[source.status],
        where=kind.where(source.name, source.config),
        kind=kind,
        spark=spark,
        rate=rates.get(f"{kind.unit}_per_second", 0.0),
        rate_unit=kind.unit,
        rejected=state.rejected_total if state else 0,
        delay=None if delay is None else delay / 1000,
        last_seen=state.last_seen if state else None,
    )
