"""Both versions of remote write, in bulk and series by series."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from monitoring.telemetry import MetricMetadata, MetricType
from sources.protocols import MalformedBodyError, Terms, remote_write, remote_write_v2
from sources.protocols.remote_write import read_general
from sources.protocols.series_rows import KnownLabels, Rows
from tests.factories import remote_write as bodies

pytestmark = pytest.mark.unit

NOW = 1_763_700_000_000
TERMS = Terms(
    NOW * 10**6, earliest_ns=(NOW - 10**9) * 10**6, latest_ns=(NOW + 3_600_000) * 10**6
)
UP = {"__name__": "up", "job": "node"}


def decode(body, terms=TERMS, known=None):
    return remote_write.decode(body, terms, known=known or KnownLabels())


def decode2(request, terms=TERMS):
    return remote_write_v2.decode(request.body(), terms, known=KnownLabels())


def rows(written):
    batch = written.batch
    bits = np.asarray(batch.values).view(np.uint64).tolist()
    return sorted(
        (batch.series[series], ts, bit)
        for series, ts, bit in zip(
            batch.series_index.tolist(), batch.ts_ms.tolist(), bits, strict=True
        )
    )


def bits(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def labels(given):
    return tuple(sorted(given.items()))


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param([(1.5, NOW)], id="one"),
        pytest.param([(0.0, NOW)], id="a_zero_is_not_written"),
        pytest.param([(-0.0, NOW)], id="a_negative_zero_is"),
        pytest.param([(math.inf, NOW)], id="infinity"),
        pytest.param([(1.0, NOW), (2.0, NOW + 15_000)], id="several"),
        pytest.param([(0.0, NOW), (0.0, NOW + 1)], id="several_zeros"),
        pytest.param([], id="none"),
    ],
)
def test_samples_come_as_they_were_sent(samples):
    written = decode(bodies.request(bodies.series(UP, samples)))

    assert rows(written) == [(labels(UP), ts, bits(value)) for value, ts in samples]
    assert written.problems.count == 0


def test_a_stale_marker_keeps_every_bit():
    written = decode(bodies.request(bodies.series(UP, [(bodies.STALE, NOW)])))

    assert rows(written) == [(labels(UP), NOW, bodies.STALE)]


def test_labels_that_are_not_sorted_are():
    given = [("job", "node"), ("__name__", "up")]

    written = decode(bodies.request(bodies.series(given, [(1.0, NOW)])))

    assert rows(written)[0][0] == labels(UP)


def test_an_empty_label_is_absent():
    written = decode(bodies.request(bodies.series({**UP, "a": ""}, [(1.0, NOW)])))

    assert rows(written)[0][0] == labels(UP)


def test_a_sources_labels_win():
    terms = Terms(NOW * 10**6, {"job": "mine", "source": "edge"})
    body = bodies.request(bodies.series(UP, [(1.0, NOW)]))
    known = KnownLabels()

    plain, bound = decode(body, Terms(0), known), decode(body, terms, known)

    assert rows(plain)[0][0] == labels(UP)
    assert dict(rows(bound)[0][0]) == {
        "__name__": "up",
        "job": "mine",
        "source": "edge",
    }


BAD_SERIES = [
    pytest.param(
        {"job": "node"}, 'invalid metric name or labels, got {job="node"}', id="no_name"
    ),
    pytest.param({}, "invalid metric name or labels, got {}", id="no_labels"),
    pytest.param(
        {**UP, "": "x"},
        'invalid metric name or labels, got {="x", __name__="up", job="node"}',
        id="empty_label_name",
    ),
    pytest.param(
        [("__name__", "up"), ("a", "1"), ("a", "2")],
        'invalid labels for series, labels {__name__="up", a="1", a="2"}, '
        "duplicated label a",
        id="duplicate",
    ),
    pytest.param(
        {"__name__": "up", "a": b"\xff"},
        'invalid metric name or labels, got {__name__="up", a="\ufffd"}',
        id="no_utf8",
    ),
    pytest.param(
        {"__name__": "up", "a": "x" * 3000},
        "label 'a' is longer than 2048 bytes",
        id="long_value",
    ),
    pytest.param(
        {"__name__": "u" * 256},
        f"the metric name '{'u' * 59}…' is longer than 255 bytes",
        id="long_name",
    ),
]


@pytest.mark.parametrize(("given", "problem"), BAD_SERIES)
def test_a_bad_series_is_named_while_the_others_are_taken(given, problem):
    good = bodies.series(UP, [(1.0, NOW)])

    written = decode(bodies.request(bodies.series(given, [(2.0, NOW)]), good))

    assert written.problems.text == problem
    assert written.problems.samples == 1
    assert rows(written) == [(labels(UP), NOW, bits(1.0))]


@pytest.mark.parametrize(("given", "problem"), BAD_SERIES)
def test_the_second_version_has_the_same_words(given, problem):
    request = bodies.Request2().add(given, [(2.0, NOW)]).add(UP, [(1.0, NOW)])

    written = decode2(request)

    assert written.problems.text == problem
    assert rows(written) == [(labels(UP), NOW, bits(1.0))]


@pytest.mark.parametrize(
    ("ts_ms", "problem"),
    [
        (NOW - 10**9 - 1, "out of bounds"),
        (NOW + 3_600_001, "out of bounds: timestamp is too far in the future"),
        (-5, "out of bounds"),
        (0, "out of bounds"),
    ],
)
def test_a_sample_outside_what_is_kept_is_refused(ts_ms, problem):
    body = bodies.request(
        bodies.series(UP, [(1.0, ts_ms)]), bodies.series(UP, [(2.0, NOW)])
    )

    written = decode(body)

    assert written.problems.text == problem
    assert rows(written) == [(labels(UP), NOW, bits(2.0))]


def test_many_problems_are_counted_behind_the_first_ten():
    body = bodies.request(
        *(bodies.series({"a": str(n)}, [(1.0, NOW)]) for n in range(15))
    )

    problems = decode(body).problems

    assert (problems.count, len(problems.told)) == (15, 10)
    assert problems.text.endswith("\nand 5 more")


def test_native_histograms_are_refused_by_name():
    written = decode(
        bodies.request(bodies.series(UP, histograms=[b"\x08\x01"]), bodies.series(UP))
    )

    assert written.problems.text == (
        "native histograms are not supported, send classic ones: dropped for series "
        '{__name__="up", job="node"}'
    )


def test_exemplars_are_kept():
    body = bodies.request(
        bodies.series(UP, exemplars=[({"trace_id": "a"}, 0.5, NOW)]),
        bodies.series(UP, [(1.0, NOW)]),
    )

    batch = decode(body).batch

    found = batch.exemplars
    assert found.ts_ms.tolist() == [NOW]
    assert found.values.tolist() == [0.5]
    assert list(found.labels) == [(("trace_id", "a"),)]
    assert batch.series[found.series_index[0]] == labels(UP)


def test_metadata_are_kept():
    body = bodies.request(about=[bodies.metadata(1, "http_requests", "All.", "reqs")])

    batch = decode(body).batch

    assert batch.metadata == {
        "http_requests": MetricMetadata(MetricType.COUNTER, "reqs", "All.")
    }
    assert not batch.is_empty


def test_the_second_version_brings_everything_with_its_series():
    request = bodies.Request2().add(
        UP,
        [(1.0, NOW), (bodies.STALE, NOW + 1)],
        exemplars=[({"trace_id": "a"}, 0.5, NOW)],
        about=(2, "Help.", "seconds"),
    )

    written = decode2(request)

    assert rows(written) == [
        (labels(UP), NOW, bits(1.0)),
        (labels(UP), NOW + 1, bodies.STALE),
    ]
    assert list(written.batch.exemplars.labels) == [(("trace_id", "a"),)]
    assert written.batch.metadata == {
        "up": MetricMetadata(MetricType.GAUGE, "seconds", "Help.")
    }


@pytest.mark.parametrize(
    ("refs", "problem"),
    [
        ([1, 2, 1], "parsing labels for series [1 2 1]: invalid labelRefs length 3"),
        (
            [1, 9],
            (
                "parsing labels for series [1 9]: labelRefs 1 (name) = 9 (value) "
                "outside of symbols table (size 5)"
            ),
        ),
        ([], "invalid metric name or labels, got {}"),
    ],
)
def test_a_reference_beyond_the_table_is_refused(refs, problem):
    request = bodies.Request2().add(UP, [(1.0, NOW)])

    written = decode2(request.add({}, [(2.0, NOW)], refs=refs))

    assert written.problems.text == problem
    assert len(rows(written)) == 1


def test_the_second_version_asks_for_a_sample():
    written = decode2(bodies.Request2().add(UP))

    assert written.problems.text == (
        "TimeSeries must contain at least one sample or histogram for series "
        '{__name__="up", job="node"}'
    )


@pytest.mark.parametrize("read", [decode, lambda b: remote_write_v2.decode(b, TERMS)])
def test_what_is_no_protobuf_is_refused(read):
    with pytest.raises(MalformedBodyError):
        read(b"\x0a\xff\xff")


def test_a_label_that_ends_like_a_sample_is_still_a_label():
    tail = bodies.nested(2, bodies.sample(1.5, NOW))
    given = {"__name__": "up", "z": b"x" + tail}

    written = decode(bodies.request(bodies.series(given)))

    assert written.batch.count == 0
    assert written.problems.count == 1  # a tail is no UTF-8


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
pairs = st.lists(
    st.tuples(st.sampled_from(["__name__", "a", "b", ""]), texts), max_size=4
)
times = st.sampled_from([NOW, NOW + 1, NOW - 10**8, 5, 2**42, 0, -1])
values = st.floats(width=64) | st.just(0.0) | st.just(bodies.STALE)
some_samples = st.lists(st.tuples(values, times), max_size=3)
some_series = st.lists(st.builds(bodies.series, pairs, some_samples), max_size=8)


def generally(raws, terms):
    found = Rows(terms)
    for raw in raws:
        read_general(raw, found)
    return found.written({})


@given(some_series)
def test_in_bulk_or_one_by_one_the_answer_is_the_same(raws):
    body = bodies.request(*raws)
    known = KnownLabels()

    first, again = decode(body, known=known), decode(body, known=known)
    expected = generally(raws, TERMS)

    assert rows(first) == rows(again) == rows(expected)
    assert first.problems.samples == expected.problems.samples
    assert set(first.problems.told) == set(expected.problems.told)


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_any_bytes_are_read_the_same_in_bulk_or_one_by_one(raws):
    raws = [raw + bodies.nested(2, bodies.sample(1.5, NOW)) for raw in raws]
    try:
        expected = generally(raws, TERMS)
    except DecodeError:
        return

    written = decode(bodies.request(*raws))

    assert rows(written) == rows(expected)


def test_known_labels_forget_what_is_no_longer_used():
    known = KnownLabels(most=2)
    for number in range(5):
        known.put(b"%d" % number, b"packed")

    assert known.get([b"0", b"3", b"4"]) == [None, b"packed", b"packed"]
