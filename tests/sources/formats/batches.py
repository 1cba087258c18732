"""Builds batches of lines for the tests of parsing."""

from __future__ import annotations

import pyarrow as pa

from monitoring.labels import make_labels
from monitoring.telemetry import LogBatch

# 2026-10-10T14:00:00Z
RECEIVED_NS = 1_791_640_800 * 10**9


def batch(lines, *, times=None, levels=None, streams=None, **fields):
    """Return a batch as an edge would decode it; keywords become fields."""
    count = len(lines)
    columns = {
        "stream": pa.array(streams or [0] * count, pa.int32()),
        "ts_ns": pa.array(times or [None] * count, pa.int64()),
        "line": pa.array(lines, pa.large_string()),
        "level": pa.array(levels or [None] * count, pa.int8()),
    }
    for name, values in fields.items():
        columns[f"field.{name}"] = pa.array(values, pa.large_string())
    labels = tuple(make_labels({"n": str(n)}) for n in range(max(streams or [0]) + 1))
    return LogBatch(labels, pa.table(columns))


def column(parsed, name):
    return parsed.batch.table.column(name).to_pylist()
