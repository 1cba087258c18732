"""From telemetry batches to live events."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from monitoring.labels import METRIC_NAME
from monitoring.moments import iso_ms
from monitoring.telemetry import FIELD_PREFIX, LEVEL_WORDS, LogBatch, SampleBatch


def iso_times(ts_ns: pa.ChunkedArray) -> list[str]:
    """Return RFC 3339 texts with nanoseconds, in bulk."""
    moments = ts_ns.to_numpy().astype("datetime64[ns]")
    texts: list[str] = np.datetime_as_string(moments, timezone="UTC").tolist()
    return texts


def line_events(
    batch: LogBatch, *, ingested_at: datetime, newest: int
) -> list[dict[str, Any]]:
    """Return an event for each of the last `newest` lines of a parsed batch."""
    table = batch.table.slice(max(0, batch.count - newest))
    streams = [dict(labels) for labels in batch.streams]
    sources = [labels.get("source", "") for labels in streams]
    arrived = iso_ms(ingested_at)
    fields = _fields(table)
    return [
        {
            "timestamp": timestamp,
            "line": line,
            "level": LEVEL_WORDS[level or 0],
            "labels": streams[stream],
            "fields": fields[row] if fields else {},
            "source": sources[stream],
            "ingested_at": arrived,
        }
        for row, (timestamp, line, level, stream) in enumerate(
            zip(
                iso_times(table.column("ts_ns")),
                table.column("line").to_pylist(),
                table.column("level").to_pylist(),
                table.column("stream").to_pylist(),
                strict=True,
            )
        )
    ]


def _fields(table: pa.Table) -> list[dict[str, str]]:
    """Return the fields that each line has; column by column, which is sooner done."""
    found = [n for n in table.column_names if n.startswith(FIELD_PREFIX)]
    names = [name.removeprefix(FIELD_PREFIX) for name in found]
    columns = [table.column(name) for name in found]
    rows = zip(*(column.to_pylist() for column in columns), strict=True)
    if not any(column.null_count for column in columns):
        return [dict(zip(names, row, strict=True)) for row in rows]
    return [
        {
            name: value
            for name, value in zip(names, row, strict=True)
            if value is not None
        }
        for row in rows
    ]


def sample_events(batch: SampleBatch) -> list[dict[str, Any]]:
    """Return the latest sample of each series in the batch."""
    order = np.lexsort((np.arange(batch.count), batch.ts_ms, batch.series_index))
    series = batch.series_index[order]
    last = order[np.append(series[1:] != series[:-1], True)] if batch.count else order
    # Packed series are unpacked at each look.
    labels = [dict(batch.series[index]) for index in batch.series_index[last].tolist()]
    return [
        {
            "name": found.pop(METRIC_NAME),
            "labels": found,
            "value": value if np.isfinite(value) else None,
            "timestamp": ts_ms / 1000,
        }
        for found, value, ts_ms in zip(
            labels,
            batch.values[last].tolist(),
            batch.ts_ms[last].tolist(),
            strict=True,
        )
    ]
