"""Parsed batches, and a slow model of what rules do to one line after the other."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from monitoring.labels import make_labels
from monitoring.telemetry import FIELD_PREFIX, Level, LogBatch
from sources.processing import Outcome, Rules, apply, read_rules

NOW_MS = 1_791_640_600_000
KEY = b"key"


def batch_of(rows: list[dict[str, Any]], **labels: str) -> LogBatch:
    """Rows have `line`, maybe `level`, `ts_ns`, and fields."""
    own = ("line", "level", "ts_ns")
    names = sorted({name for row in rows for name in row if name not in own})
    columns = {
        "stream": pa.array([0] * len(rows), pa.int32()),
        "ts_ns": pa.array([row.get("ts_ns", 10**18) for row in rows], pa.int64()),
        "line": pa.array([row["line"] for row in rows], pa.large_string()),
        "level": pa.array([row.get("level", Level.INFO) for row in rows], pa.int8()),
    }
    for name in names:
        values = [row.get(name) for row in rows]
        columns[FIELD_PREFIX + name] = pa.array(values, pa.large_string())
    return LogBatch((make_labels({"source": "app", **labels}),), pa.table(columns))


def lines(*texts: str) -> LogBatch:
    return batch_of([{"line": text} for text in texts])


def admit_all(slot, values, most):
    return set(values[:most])


def applied(
    rules: dict[str, Any] | Rules, batch: LogBatch, key: bytes = KEY
) -> Outcome:
    read = rules if isinstance(rules, Rules) else read_rules(rules)
    return apply(
        read, batch, labels={"source": "app"}, now_ms=NOW_MS, key=key, admit=admit_all
    )


def kept(outcome: Outcome) -> list[str]:
    return outcome.batch.table.column("line").to_pylist()


def field(outcome: Outcome, name: str) -> list[str | None]:
    return outcome.batch.table.column(FIELD_PREFIX + name).to_pylist()


def samples(outcome: Outcome) -> dict[str, float]:
    """Return all derived samples by their series, as PromQL writes those."""
    found = {}
    for batch in outcome.samples:
        pairs = zip(batch.series_index.tolist(), batch.values.tolist(), strict=True)
        for place, value in pairs:
            labels = dict(batch.series[place])
            name = labels.pop("__name__")
            labels.pop("source")
            inner = ",".join(f"{k}={v}" for k, v in labels.items())
            found[f"{name}{{{inner}}}"] = value
    return found
