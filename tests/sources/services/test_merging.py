from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from monitoring.telemetry import LogBatch, MetricMetadata, MetricType, SampleBatch
from sources.services.merging import MAX_FIELDS, merge_logs, merge_samples
from tests.factories.sources import log_batch, sample_batch

pytestmark = pytest.mark.unit


def with_fields(batch: LogBatch, *names: str) -> LogBatch:
    table = batch.table
    for name in names:
        column = pa.array([name] * batch.count, pa.large_string())
        table = table.append_column(f"field.{name}", column)
    return LogBatch(batch.streams, table)


def test_equal_streams_become_one():
    batches = [
        log_batch("a", host="x"),
        log_batch("b", host="y"),
        log_batch("c", host="x"),
    ]

    (merged,) = merge_logs(batches)

    assert merged.table.column("line").to_pylist() == ["a", "b", "c"]
    assert merged.table.column("stream").to_pylist() == [0, 1, 0]
    assert [dict(labels)["host"] for labels in merged.streams] == ["x", "y"]


def test_a_line_has_no_value_for_anothers_field():
    (merged,) = merge_logs(
        [with_fields(log_batch("a"), "x"), with_fields(log_batch("b"), "y")]
    )

    assert merged.table.column("field.x").to_pylist() == ["x", None]
    assert merged.table.column("field.y").to_pylist() == [None, "y"]


def test_too_many_fields_make_a_new_batch():
    half = [f"f{i}" for i in range(MAX_FIELDS // 2 + 1)]
    other = [f"g{i}" for i in range(MAX_FIELDS // 2 + 1)]
    batches = [
        with_fields(log_batch("a"), *half),
        with_fields(log_batch("b"), *half),
        with_fields(log_batch("c"), *other),
        log_batch("d"),
    ]

    merged = list(merge_logs(batches))

    assert [b.table.column("line").to_pylist() for b in merged] == [
        ["a", "b"],
        ["c", "d"],
    ]


def test_a_single_batch_is_left_alone():
    batch = log_batch("a")

    assert list(merge_logs([batch])) == [batch]
    assert list(merge_logs([])) == []


def test_equal_series_become_one():
    first = sample_batch("up", 1.0, 2.0, host="x")
    second = sample_batch("up", 3.0, host="y")
    third = sample_batch("up", 4.0, host="x")

    merged = merge_samples([first, second, third])

    assert merged.series_index.tolist() == [0, 0, 1, 0]
    assert merged.values.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert merged.series == (first.series[0], second.series[0])


def test_the_later_metadata_win():
    def described(kind):
        batch = sample_batch("up", 1.0)
        return SampleBatch(
            batch.series,
            np.zeros(1, np.int32),
            batch.ts_ms,
            batch.values,
            {"up": MetricMetadata(kind)},
        )

    merged = merge_samples([described(MetricType.GAUGE), described(MetricType.COUNTER)])

    assert merged.metadata == {"up": MetricMetadata(MetricType.COUNTER)}
