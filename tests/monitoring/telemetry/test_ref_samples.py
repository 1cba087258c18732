from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.labels import make_labels
from monitoring.telemetry import (
    STALE_NAN_BITS,
    CorruptBatchError,
    LogBatch,
    RefSamples,
    SampleBatch,
    decode_samples,
    make_ref,
)
from tests.factories.monitoring import log_batch, sample_batch

pytestmark = pytest.mark.unit

INT64 = st.integers(-(2**63), 2**63 - 1)
# References, times, and the bits of values: a NaN is as good as any.
ROWS = st.lists(st.tuples(INT64, INT64, INT64), max_size=50)
LARGEST_METRIC, LARGEST_SERIES = 2**31 - 1, 2**32 - 1


def batch_of(*rows: tuple[int, int, int]) -> RefSamples:
    """Samples (reference, time, bits of the value)."""
    refs, ts_ms, bits = np.array(rows, np.int64).reshape(-1, 3).T.copy()
    return RefSamples(refs, ts_ms, bits.view(np.float64))


def rows_of(batch: RefSamples) -> list[tuple[int, int, int]]:
    columns = (batch.refs, batch.ts_ms, batch.values.view(np.int64))
    return list(zip(*(column.tolist() for column in columns), strict=True))


@given(rows=ROWS)
def test_what_is_decoded_was_encoded(rows):
    decoded = RefSamples.decode(batch_of(*rows).encode())

    assert rows_of(decoded) == rows
    assert decoded.count == len(rows)


def test_the_end_of_a_series_keeps_its_bits():
    ended = batch_of((1, 2, STALE_NAN_BITS))

    assert rows_of(RefSamples.decode(ended.encode())) == [(1, 2, STALE_NAN_BITS)]


def test_columns_with_gaps_between_their_numbers_are_encoded_as_others():
    refs, ts_ms, bits = np.arange(9, dtype=np.int64).reshape(3, 3).T
    batch = RefSamples(refs, ts_ms, bits.view(np.float64))

    assert rows_of(RefSamples.decode(batch.encode())) == [
        (0, 1, 2),
        (3, 4, 5),
        (6, 7, 8),
    ]


@given(parts=st.lists(ROWS, min_size=1, max_size=5))
def test_joined_batches_keep_their_order(parts):
    joined = RefSamples.joined([batch_of(*rows) for rows in parts])

    assert rows_of(joined) == [row for rows in parts for row in rows]


@given(
    ids=st.lists(
        st.tuples(st.integers(1, LARGEST_SERIES), st.integers(1, LARGEST_METRIC))
    )
)
def test_a_reference_tells_the_series_and_its_metric(ids):
    refs = [make_ref(*both) for both in ids]

    batch = batch_of(*((ref, 0, 0) for ref in refs))

    assert all(ref > 0 for ref in refs)
    assert list(zip(batch.series.tolist(), batch.metrics.tolist(), strict=True)) == ids


@pytest.mark.parametrize(
    ("series_id", "metric_id"),
    [
        pytest.param(LARGEST_SERIES + 1, 1, id="series_too_large"),
        pytest.param(1, LARGEST_METRIC + 1, id="metric_too_large"),
        pytest.param(0, 1, id="no_series"),
        pytest.param(1, 0, id="no_metric"),
        pytest.param(-1, 1, id="negative_series"),
        pytest.param(1, -1, id="negative_metric"),
    ],
)
def test_an_id_that_does_not_fit_has_no_reference(series_id, metric_id):
    assert make_ref(series_id, metric_id) is None


# --- Payloads ----------------------------------------------------------------------------

# What does not compress, so that every byte counts.
NOISE = np.random.default_rng(7).integers(-(2**62), 2**62, (100, 3)).tolist()
ENCODED = batch_of(*NOISE).encode()


def with_count(count: int) -> bytes:
    return ENCODED[:4] + struct.pack("<I", count) + ENCODED[8:]


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="empty"),
        pytest.param(ENCODED[:4], id="cut_off_in_the_head"),
        pytest.param(ENCODED[:8], id="nothing_but_the_head"),
        pytest.param(ENCODED[:-1], id="cut_off_at_the_end"),
        pytest.param(ENCODED + b"\0", id="too_long"),
        pytest.param(with_count(0), id="none_said"),
        pytest.param(with_count(99), id="one_more_than_said"),
        pytest.param(with_count(101), id="one_less_than_said"),
        pytest.param(with_count(2**32 - 1), id="gigabytes_said"),
        pytest.param(ENCODED[:8] + b"garbage", id="garbage"),
    ],
)
def test_a_corrupt_payload_is_refused(payload):
    with pytest.raises(CorruptBatchError, match="not a"):
        RefSamples.decode(payload)


@given(payload=st.binary(max_size=60).map(lambda noise: b"REF1" + noise))
def test_noise_is_decoded_or_refused(payload):
    try:
        decoded = RefSamples.decode(payload)
    except CorruptBatchError:
        return

    assert len(rows_of(decoded)) == decoded.count


def test_what_is_decoded_is_what_was_encoded_of_the_two():
    labelled = sample_batch([({"__name__": "up"}, 1, 2.0)])
    referring = batch_of((1, 2, 3))

    decoded = [decode_samples(batch.encode()) for batch in (labelled, referring)]

    assert [type(batch) for batch in decoded] == [SampleBatch, RefSamples]
    assert tuple(decoded[0].series) == (make_labels({"__name__": "up"}),)
    assert rows_of(decoded[1]) == [(1, 2, 3)]


@pytest.mark.parametrize("payload", [b"", b"garbage", b"REF", b"REF1", b"REF2garbage"])
def test_what_is_neither_of_the_two_is_refused(payload):
    with pytest.raises(CorruptBatchError):
        decode_samples(payload)


def test_lines_are_not_taken_for_samples():
    lines: LogBatch = log_batch([(1, "hello")])

    with pytest.raises(CorruptBatchError):
        decode_samples(lines.encode())
