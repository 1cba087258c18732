"""Applies the rules of sources to what they brought, within one claim.

A source without rules costs nothing. A batch whose rules cannot be read is not
stored: what was to be hidden must not come through.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
import orjson
from django.conf import settings

from accounts.scope import Scope
from monitoring.services.append import LimitExceededError, append_samples
from monitoring.telemetry import LogBatch, SampleBatch, nanoseconds
from sources.models import InboxBatch
from sources.processing import InvalidRulesError, Rules, apply, read_rules
from sources.services.figures import Figures
from sources.services.kinds.base import InvalidSourceError
from sources.services.known_values import admit_for
from sources.services.merging import merge_samples
from sources.services.state import note_error


@lru_cache(maxsize=1000)
def _read(text: bytes) -> Rules:
    return read_rules(orjson.loads(text))


def rules_of(processing: Mapping[str, Any]) -> Rules:
    """Return stored rules, each read once a process. Raises InvalidRulesError."""
    return _read(orjson.dumps(processing))


def checked_processing(processing: Any) -> dict[str, Any]:
    """Return rules as they are stored, without empty parts. Raises InvalidSourceError."""
    try:
        read_rules(processing)
    except InvalidRulesError as error:
        fields: dict[str, list[str]] = {}
        for where, what in error.problems:
            name = f"processing.{where}" if where else "processing"
            fields.setdefault(name, []).append(what)
        raise InvalidSourceError(fields) from None
    return {name: part for name, part in processing.items() if part}


def mask_key(organization_id: int) -> bytes:
    """Return what hashes of an organization's secrets depend on."""
    text = f"vedette masks of {organization_id} {settings.SECRET_KEY}"
    return hashlib.sha256(text.encode()).digest()


@dataclass(frozen=True, slots=True)
class Ruled:
    """A source that has rules, and what is put on all its telemetry."""

    rules: Rules
    labels: Mapping[str, str]


class Processor:
    """The rules of the sources of one claim, and what they have done.

    `figures` are counted with the claim; `derived` waits for `store_derived`.
    """

    def __init__(self, rows: Iterable[tuple[int, str, Any, Any]]) -> None:
        self._rows = {
            pk: (processing, {**labels, "source": name})
            for pk, name, labels, processing in rows
            if processing
        }
        self._ruled: dict[int, Ruled] = {}
        self.figures: dict[int, Figures] = {}
        self._derived: list[tuple[int, SampleBatch]] = []

    def apply(self, origin: InboxBatch, batch: LogBatch) -> LogBatch:
        """Return what the rules of the batch's source leave of it."""
        source_id = origin.source_id
        if source_id is None or source_id not in self._rows:
            return batch
        ruled = self._ruled_of(source_id)
        if not ruled.rules.touch_lines:
            return batch
        outcome = apply(
            ruled.rules,
            batch,
            labels=ruled.labels,
            now_ms=nanoseconds(origin.received_at) // 10**6,
            key=mask_key(origin.organization_id),
            admit=admit_for(source_id),
        )
        self._derived += [(source_id, samples) for samples in outcome.samples]
        self.figures.setdefault(source_id, Figures()).add(
            filtered=outcome.filtered,
            sampled=outcome.sampled_out,
            masked=outcome.masked,
            derived=outcome.derived,
            derive_errors=outcome.errors,
        )
        return outcome.batch

    def store_derived(
        self, scope: Scope, team_id: int | None, now: datetime
    ) -> list[SampleBatch]:
        """Store the samples made so far; return those that stand for themselves."""
        waiting, self._derived = self._derived, []
        for is_delta in (True, False):
            batches = [(pk, b) for pk, b in waiting if b.is_delta is is_delta]
            if batches:
                self._append(scope, batches, team_id, now)
        return [batch for _, batch in waiting if not batch.is_delta]

    def _append(
        self,
        scope: Scope,
        batches: list[tuple[int, SampleBatch]],
        team_id: int | None,
        now: datetime,
    ) -> None:
        """What the limit of series does not allow must not hold up the lines."""
        merged = merge_samples([batch for _, batch in batches])
        if merged.is_delta:
            merged = added_up(merged)
        try:
            append_samples(scope, merged, team_id=team_id, now=now, late_count=True)
        except LimitExceededError as error:
            for source_id, batch in batches:
                figures = self.figures[source_id]
                figures.add(derived=-batch.count, derive_errors=batch.count)
                note_error(
                    source_id, f"Metrics from its lines are not stored: {error}", now
                )

    def _ruled_of(self, source_id: int) -> Ruled:
        if source_id not in self._ruled:
            processing, labels = self._rows[source_id]
            self._ruled[source_id] = Ruled(rules_of(processing), labels)
        return self._ruled[source_id]


def added_up(batch: SampleBatch) -> SampleBatch:
    """Return deltas with one sample a series, at the time of its last one."""
    count = len(batch.series)
    values = np.bincount(batch.series_index, batch.values, count).astype(np.float64)
    times = np.zeros(count, np.int64)
    np.maximum.at(times, batch.series_index, batch.ts_ms)
    return replace(
        batch, series_index=np.arange(count, dtype=np.int32), ts_ms=times, values=values
    )
