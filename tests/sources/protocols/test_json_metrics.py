from __future__ import annotations

import math

import orjson
import pytest

from monitoring.telemetry import MetricMetadata, MetricType
from sources.protocols import MalformedBodyError, Terms
from sources.protocols.json_metrics import decode

pytestmark = pytest.mark.unit

AT_MS = 1_795_266_000_000
TERMS = Terms(
    now_ns=AT_MS * 10**6,
    labels={"source": "api"},
    earliest_ns=(AT_MS - 1000) * 10**6,
    latest_ns=(AT_MS + 1000) * 10**6,
)


def body(*metrics) -> bytes:
    return orjson.dumps({"metrics": metrics})


def test_a_metric_becomes_a_sample_of_its_series():
    decoded = decode(
        body(
            {
                "name": "queue_depth",
                "value": 7,
                "timestamp": AT_MS - 5,
                "labels": {"queue": "mail"},
                "type": "gauge",
                "unit": "messages",
            }
        ),
        TERMS,
    )

    batch = decoded.batch
    assert batch.series == (
        (("__name__", "queue_depth"), ("queue", "mail"), ("source", "api")),
    )
    assert (batch.ts_ms.tolist(), batch.values.tolist()) == ([AT_MS - 5], [7.0])
    assert batch.metadata == {
        "queue_depth": MetricMetadata(MetricType.GAUGE, "messages")
    }


def test_a_sample_without_a_time_has_that_of_its_arrival():
    assert decode(body({"name": "up", "value": 1}), TERMS).batch.ts_ms.tolist() == [
        AT_MS
    ]


def test_samples_of_one_label_set_share_a_series():
    decoded = decode(
        body(
            {"name": "up", "value": 1, "labels": {"a": "1", "b": "2"}},
            {"name": "up", "value": 0, "labels": {"b": "2", "a": "1"}},
            {"name": "down", "value": 0, "labels": {"b": "2", "a": "1"}},
        ),
        TERMS,
    )

    assert decoded.batch.series_index.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("written", "value"), [("+Inf", math.inf), ("-Inf", -math.inf), (1e300, 1e300)]
)
def test_infinities_are_texts(written, value):
    decoded = decode(body({"name": "up", "value": written}), TERMS)

    assert decoded.batch.values.tolist() == [value]


def test_nan_is_a_value():
    decoded = decode(body({"name": "up", "value": "NaN"}), TERMS)

    assert math.isnan(decoded.batch.values[0])


@pytest.mark.parametrize(
    "given",
    [
        b'[{"name":"up","value":1}]',
        b'{"name":"up","value":1}',
        b'{"metrics":[{"name":"up","value":1}]}',
    ],
)
def test_a_bare_array_and_a_single_metric_are_read_too(given):
    assert decode(given, TERMS).batch.count == 1


@pytest.mark.parametrize(
    ("metric", "error"),
    [
        (7, "is not an object"),
        ({"value": 1}, "name must be a string"),
        ({"name": "", "value": 1}, "name must be a string"),
        ({"name": 5, "value": 1}, "name must be a string"),
        ({"name": "x" * 256, "value": 1}, "name is longer than 255 bytes"),
        ({"name": "a\x00", "value": 1}, "name contains a NUL"),
        ({"name": "up"}, "value is missing"),
        ({"name": "up", "value": "7"}, "value '7' must be a number"),
        ({"name": "up", "value": True}, "value 'True' must be a number"),
        ({"name": "up", "value": 1, "tags": {}}, "unknown key 'tags': there are name,"),
        ({"name": "up", "value": 1, "type": "meter"}, "type 'meter' is not one of"),
        ({"name": "up", "value": 1, "unit": "x" * 51}, "unit must be a string"),
        ({"name": "up", "value": 1, "labels": {"a": 1}}, "label a must be a string"),
        (
            {"name": "up", "value": 1, "timestamp": "soon"},
            "timestamp 'soon' is neither",
        ),
        (
            {"name": "up", "value": 1, "timestamp": AT_MS - 60_000},
            "timestamp '1795265940000' lies before 2026-11-21T12:59:59Z",
        ),
        ({"name": "up", "value": 1, "timestamp": AT_MS + 60_000}, "timestamp "),
    ],
)
def test_a_bad_metric_is_refused_alone_and_precisely(metric, error):
    good = {"name": "up", "value": 1}

    decoded = decode(body(good, metric, good), TERMS)

    assert decoded.batch.count == 2
    assert [rejection.index for rejection in decoded.rejected] == [1]
    assert decoded.rejected[0].error.startswith(error)


@pytest.mark.parametrize(
    "given",
    [b"", b"{", b"7", b'{"metrics":[]}', b'{"metrics":{}}', b'{"metrics":[],"x":1}'],
)
def test_a_body_without_a_metric_is_malformed(given):
    with pytest.raises(MalformedBodyError):
        decode(given, TERMS)


def test_names_may_be_any_text():
    decoded = decode(body({"name": "температура.°C", "value": 21}), TERMS)

    assert decoded.batch.series[0][0] == ("__name__", "температура.°C")
