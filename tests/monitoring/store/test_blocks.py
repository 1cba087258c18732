from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.store import blocks
from monitoring.store.blocks import LogLines, Samples
from monitoring.telemetry import STALE_NAN_BITS

pytestmark = pytest.mark.unit

INT64 = st.integers(-(2**63), 2**63 - 1)


def samples(rows) -> Samples:
    return Samples(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.uint64).view(np.float64),
    )


def rows_of(run: Samples) -> list[tuple[int, int, int]]:
    bits = run.values.view(np.uint64)
    columns = (run.series.tolist(), run.ts_ms.tolist(), bits.tolist())
    return list(zip(*columns, strict=True))


@given(st.lists(st.tuples(INT64, INT64, st.integers(0, 2**64 - 1))))
def test_samples_keep_every_bit(rows):
    payload = blocks.encode_samples(samples(rows))

    assert rows_of(blocks.decode_samples(payload)) == rows


def test_the_stale_marker_survives():
    payload = blocks.encode_samples(samples([(1, 2, STALE_NAN_BITS)]))

    assert rows_of(blocks.decode_samples(payload)) == [(1, 2, STALE_NAN_BITS)]


SERIES = st.integers(1, 4) | st.sampled_from([2**62, -(2**62)])
RUN = st.lists(st.tuples(SERIES, st.integers(0, 6), st.integers(0, 9)))


@given(st.lists(RUN))
def test_of_doubles_the_last_one_stays(runs):
    merged = blocks.merge_samples([samples(run) for run in runs])

    latest = {row[:2]: row for run in runs for row in run}
    assert rows_of(merged) == sorted(latest.values())


def log_lines(count: int, *, text: str = "line") -> LogLines:
    table = pa.table(
        {
            "line": pa.array([f"{text} {n}" for n in range(count)], pa.large_string()),
            "field.user": pa.array(["u"] * count, pa.large_string()),
            "field.none": pa.array([None] * count, pa.large_string()),
        }
    )
    ids = np.arange(count, dtype=np.int64)
    return LogLines(ids * 10, (ids % 7).astype(np.int8), ids + 100, ids, table)


def test_lines_come_back_as_they_were():
    lines = log_lines(20)

    found = blocks.decode_logs(
        blocks.encode_logs(lines, keep_origin=True), 9, text=None
    )

    assert found.ts_ns.tolist() == lines.ts_ns.tolist()
    assert found.levels.tolist() == lines.levels.tolist()
    assert found.origin.tolist() == lines.origin.tolist()
    assert found.row.tolist() == lines.row.tolist()
    assert found.text.equals(lines.text.drop_columns(["field.none"]))


def test_a_block_as_appended_is_the_origin_of_its_lines():
    payload = blocks.encode_logs(log_lines(3), keep_origin=False)

    found = blocks.decode_logs(payload, 77, text=[])

    assert found.origin.tolist() == [77, 77, 77]
    assert found.row.tolist() == [0, 1, 2]
    assert found.text.column_names == []


def test_only_the_wanted_text_is_decoded():
    payload = blocks.encode_logs(log_lines(3), keep_origin=False)

    found = blocks.decode_logs(payload, 1, text=["line"])

    assert found.text.column_names == ["line"]


def test_a_slice_knows_its_raw_bytes():
    assert bytes(log_lines(20).slice(3, 5).raw) == b"line 3line 4"


def test_a_run_is_cut_by_lines(monkeypatch):
    monkeypatch.setattr(blocks, "MAX_LINES", 8)

    assert [len(part) for part in blocks.split_logs(log_lines(20))] == [8, 8, 4]


def test_a_run_is_cut_by_size(monkeypatch):
    monkeypatch.setattr(blocks, "MAX_BYTES", 20)

    parts = list(blocks.split_logs(log_lines(9)))

    assert [len(part) for part in parts] == [3, 3, 3]


def test_a_line_larger_than_a_block_stands_alone(monkeypatch):
    monkeypatch.setattr(blocks, "MAX_BYTES", 4)

    assert [len(part) for part in blocks.split_logs(log_lines(3))] == [1, 1, 1]


@given(st.permutations(range(6)))
def test_merged_lines_are_in_order_of_time_and_arrival(order):
    lines = log_lines(6)
    same_time = LogLines(lines.ts_ns // 30, *_columns(lines))
    runs = [same_time.slice(n, n + 1) for n in order]

    merged = blocks.merge_logs(runs)

    assert merged.ts_ns.tolist() == [0, 0, 0, 1, 1, 1]
    assert merged.origin.tolist() == [100, 101, 102, 103, 104, 105]


def _columns(lines: LogLines):
    return lines.levels, lines.origin, lines.row, lines.text
