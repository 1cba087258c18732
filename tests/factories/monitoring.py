"""Batches of lines and samples for tests, and the scopes to store them under."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from accounts.models import Organization
from accounts.scope import Scope
from monitoring.labels import make_labels
from monitoring.telemetry import LOG_COLUMNS, Level, LogBatch, SampleBatch


def system_scope(organization: Organization) -> Scope:
    return Scope.of_system(organization.pk, organization.slug)


def log_batch(
    lines: Iterable[tuple[int, str]],
    *,
    labels: Mapping[str, str] | None = None,
    level: Level = Level.INFO,
    fields: Mapping[str, Sequence[str | None]] | None = None,
) -> LogBatch:
    """Return parsed lines (ts_ns, line) of one stream."""
    return mixed_log_batch(
        [(ts_ns, line, level, 0) for ts_ns, line in lines],
        streams=[labels or {"source": "app"}],
        fields=fields,
    )


def mixed_log_batch(
    lines: Iterable[tuple[int, str, Level, int]],
    *,
    streams: Sequence[Mapping[str, str]],
    fields: Mapping[str, Sequence[str | None]] | None = None,
) -> LogBatch:
    """Return parsed lines (ts_ns, line, level, index of its stream)."""
    rows = list(lines)
    columns = [
        [row[3] for row in rows],
        [row[0] for row in rows],
        [row[1] for row in rows],
        [int(row[2]) for row in rows],
    ]
    table = pa.table(
        [pa.array(c, f.type) for c, f in zip(columns, LOG_COLUMNS, strict=True)],
        schema=LOG_COLUMNS,
    )
    for name, values in (fields or {}).items():
        table = table.append_column(
            f"field.{name}", pa.array(values, pa.large_string())
        )
    return LogBatch(tuple(make_labels(s) for s in streams), table)


def sample_batch(
    samples: Iterable[tuple[Mapping[str, str], int, float]], **more: object
) -> SampleBatch:
    """Return samples (labels with `__name__`, ts_ms, value) in their order."""
    rows = list(samples)
    series = list(dict.fromkeys(make_labels(labels) for labels, _ts, _value in rows))
    place = {labels: index for index, labels in enumerate(series)}
    return SampleBatch(
        series=tuple(series),
        series_index=np.array([place[make_labels(r[0])] for r in rows], np.int32),
        ts_ms=np.array([r[1] for r in rows], np.int64),
        values=np.array([r[2] for r in rows], np.float64),
        **more,
    )
