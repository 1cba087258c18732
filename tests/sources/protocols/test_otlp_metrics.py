"""OTLP's metrics as Prometheus has them, from bodies of the official classes."""

from __future__ import annotations

import math

import numpy as np
import orjson
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from monitoring.telemetry import STALE_NAN_BITS, MetricMetadata, MetricType
from sources.protocols import MalformedBodyError, Terms, otlp, otlp_metrics
from sources.protocols.otlp_names import metric_name, unit_word

pytestmark = pytest.mark.unit

NOW_NS = 1_763_700_000_000_000_000
NOW = NOW_NS // 10**6
TERMS = Terms(NOW_NS, earliest_ns=NOW_NS - 10**15, latest_ns=NOW_NS + 10**12)
CUMULATIVE, DELTA = 2, 1


def request(*metrics, resource=None, scope=("", "")):
    body = ExportMetricsServiceRequest()
    found = body.resource_metrics.add()
    for key, value in (resource or {}).items():
        found.resource.attributes.add(key=key).value.string_value = value
    scoped = found.scope_metrics.add()
    scoped.scope.name, scoped.scope.version = scope
    for metric in metrics:
        json_format.ParseDict(metric, scoped.metrics.add())
    return body


def point(**fields):
    return {"timeUnixNano": str(NOW_NS), **fields}


def attributes(**pairs):
    return [{"key": k, "value": {"stringValue": v}} for k, v in pairs.items()]


def convert(*metrics, **more):
    body = request(*metrics, **more).SerializeToString()
    return otlp_metrics.decode(body, otlp.PROTOBUF, TERMS)


def rows(converted, *, is_delta=False):
    return {
        _text(batch.series[series]): float(value)
        for batch in converted.batches
        if batch.is_delta is is_delta
        for series, value in zip(batch.series_index, batch.values, strict=True)
    }


def _text(labels):
    named = dict(labels)
    name = named.pop("__name__")
    return name + "".join(f" {k}={v}" for k, v in named.items())


def gauge(name="temperature", unit="Cel", **fields):
    return {
        "name": name,
        "unit": unit,
        "gauge": {"dataPoints": [point(asDouble=21.5, **fields)]},
    }


def total(name="requests", temporality=CUMULATIVE, *, monotonic=True, **fields):
    return {
        "name": name,
        "sum": {
            "aggregationTemporality": temporality,
            "isMonotonic": monotonic,
            "dataPoints": [point(asInt="7", **fields)],
        },
    }


def histogram(temporality=CUMULATIVE, **fields):
    given = {
        "count": "6",
        "sum": 12.5,
        "bucketCounts": ["1", "2", "3"],
        "explicitBounds": [0.5, 10],
        **fields,
    }
    return {
        "name": "latency",
        "unit": "s",
        "histogram": {
            "aggregationTemporality": temporality,
            "dataPoints": [point(**given)],
        },
    }


def test_a_gauge_has_its_unit():
    assert rows(convert(gauge())) == {"temperature_celsius": 21.5}


def test_a_monotonic_sum_is_a_counter():
    found = convert(total())

    assert rows(found) == {"requests_total": 7.0}
    assert found.batches[0].metadata == {
        "requests_total": MetricMetadata(MetricType.COUNTER)
    }


def test_another_sum_is_a_gauge():
    found = convert(total(monotonic=False))

    assert rows(found) == {"requests": 7.0}
    assert found.batches[0].metadata == {"requests": MetricMetadata(MetricType.GAUGE)}


def test_a_histogram_counts_up_to_each_bound():
    assert rows(convert(histogram())) == {
        "latency_seconds_bucket le=0.5": 1.0,
        "latency_seconds_bucket le=10": 3.0,
        "latency_seconds_bucket le=+Inf": 6.0,
        "latency_seconds_sum": 12.5,
        "latency_seconds_count": 6.0,
    }


def test_deltas_are_a_batch_of_their_own():
    found = convert(total(), total("jobs", DELTA), histogram(DELTA))

    assert rows(found) == {"requests_total": 7.0}
    assert rows(found, is_delta=True) == {
        "jobs_total": 7.0,
        "latency_seconds_bucket le=0.5": 1.0,
        "latency_seconds_bucket le=10": 3.0,
        "latency_seconds_bucket le=+Inf": 6.0,
        "latency_seconds_sum": 12.5,
        "latency_seconds_count": 6.0,
    }


def exponential(temporality=CUMULATIVE, **fields):
    given = {
        "count": "10",
        "sum": 30.0,
        "scale": 0,
        "zeroCount": "1",
        "positive": {"offset": 0, "bucketCounts": ["2", "0", "4"]},
        "negative": {"offset": 1, "bucketCounts": ["3"]},
        **fields,
    }
    return {
        "name": "size",
        "exponentialHistogram": {
            "aggregationTemporality": temporality,
            "dataPoints": [point(**given)],
        },
    }


def test_an_exponential_histogram_has_the_bounds_of_its_buckets():
    assert rows(convert(exponential())) == {
        "size_bucket le=-2": 3.0,
        "size_bucket le=0": 4.0,
        "size_bucket le=2": 6.0,
        "size_bucket le=8": 10.0,
        "size_bucket le=+Inf": 10.0,
        "size_sum": 30.0,
        "size_count": 10.0,
    }


def test_fine_buckets_are_merged_to_four_a_doubling():
    found = rows(
        convert(
            exponential(
                count="8",
                zeroCount="0",
                scale=3,
                positive={"offset": 0, "bucketCounts": ["1"] * 8},
                negative={},
            )
        )
    )

    bounds = [name.split("le=")[1] for name in found if "le=" in name]
    assert [float(b) for b in bounds] == pytest.approx(
        [0, 2**0.25, 2**0.5, 2**0.75, 2, math.inf]
    )
    assert [found[f"size_bucket le={b}"] for b in bounds] == [0, 2, 4, 6, 8, 8]


def test_exponential_deltas_always_have_the_same_bounds():
    few = rows(convert(exponential(DELTA)), is_delta=True)
    others = rows(
        convert(
            exponential(
                DELTA,
                scale=1,
                positive={"offset": 9, "bucketCounts": ["6"]},
                negative={},
            )
        ),
        is_delta=True,
    )

    assert few.keys() == others.keys()
    assert (few["size_bucket le=0"], few["size_bucket le=2"]) == (4.0, 6.0)
    assert few["size_bucket le=8"] == few["size_bucket le=1048576"] == 10.0
    assert (others["size_bucket le=16"], others["size_bucket le=32"]) == (1.0, 7.0)


def test_a_summary_has_quantiles():
    quantiles = [{"quantile": 0.5, "value": 2.0}, {"quantile": 0.99, "value": 9.0}]
    metric = {
        "name": "wait",
        "summary": {
            "dataPoints": [point(count="3", sum=12.0, quantileValues=quantiles)]
        },
    }

    assert rows(convert(metric)) == {
        "wait quantile=0.5": 2.0,
        "wait quantile=0.99": 9.0,
        "wait_sum": 12.0,
        "wait_count": 3.0,
    }


def test_a_point_without_a_recorded_value_ends_its_series():
    found = convert(histogram(flags=1))

    (batch,) = found.batches
    bits = np.asarray(batch.values).view(np.uint64)
    assert bits.tolist() == [STALE_NAN_BITS] * 5


def test_a_resource_becomes_job_instance_and_target_info():
    found = convert(
        gauge(),
        resource={
            "service.name": "cart",
            "service.namespace": "shop",
            "service.instance.id": "i-1",
            "host.name": "web-1",
            "os-type": "linux",
        },
        scope=("meter", "1.2"),
    )

    assert rows(found) == {
        "temperature_celsius instance=i-1 job=shop/cart otel_scope_name=meter "
        "otel_scope_version=1.2": 21.5,
        "target_info host_name=web-1 instance=i-1 job=shop/cart os_type=linux": 1.0,
    }


def test_attributes_whose_names_become_one_share_a_label():
    given = attributes(**{"a.b": "1", "a-b": "2", "0x": "3", "_y": "4"})

    found = convert(gauge(attributes=given))

    assert rows(found) == {
        "temperature_celsius a_b=2;1 key_0x=3 key_y=4": 21.5,
    }


def test_exemplars_stand_at_the_bucket_that_counts_them():
    example = {
        "timeUnixNano": str(NOW_NS),
        "asDouble": 3.0,
        "traceId": "q83vASNFZ4mrze8BI0VniQ==",
        "filteredAttributes": attributes(user="7"),
    }

    (batch,) = convert(histogram(exemplars=[example])).batches

    found = batch.exemplars
    assert dict(batch.series[found.series_index[0]])["le"] == "10"
    assert list(found.labels) == [
        (("trace_id", "abcdef0123456789abcdef0123456789"), ("user", "7"))
    ]


@pytest.mark.parametrize(
    ("metric", "problem"),
    [
        pytest.param(
            total(temporality=0),
            "invalid temporality and type combination for metric 'requests'",
            id="no_temporality",
        ),
        pytest.param({"name": "x"}, "metric 'x' has no data", id="no_data"),
        pytest.param(gauge(name=""), "metric '' has no name", id="no_name"),
        pytest.param(
            gauge(timeUnixNano="5"), "metric 'temperature': out of bounds", id="too_old"
        ),
        pytest.param(
            gauge(timeUnixNano=str(2 * NOW_NS)),
            "metric 'temperature': out of bounds: timestamp is too far in the future",
            id="too_new",
        ),
        pytest.param(
            histogram(bucketCounts=["1", "2"]),
            "metric 'latency': 2 bucket counts do not fit 2 explicit bounds",
            id="counts",
        ),
        pytest.param(
            histogram(explicitBounds=[2, 1]),
            "metric 'latency': explicit bounds do not ascend",
            id="bounds",
        ),
        pytest.param(
            exponential(scale=40),
            "metric 'size': scale 40 is not between -10 and 20",
            id="scale",
        ),
        pytest.param(
            gauge(attributes=attributes(a="x" * 3000)),
            "metric 'temperature': label 'a' is longer than 2048 bytes",
            id="long_value",
        ),
    ],
)
def test_a_bad_point_is_counted_while_the_others_are_taken(metric, problem):
    found = convert(metric, total("good"))

    answer = otlp_metrics.response(found).partial_success
    assert (answer.rejected_data_points, answer.error_message) == (1, problem)
    assert rows(found) == {"good_total": 7.0}


def test_full_success_says_nothing():
    assert otlp.encode(otlp_metrics.response(convert(gauge())), otlp.JSON) == b"{}"


def test_an_empty_request_is_a_success():
    assert convert().batches == ()


def test_json_is_read_with_its_quirks():
    body = {
        "resourceMetrics": [
            {
                "unknownField": 1,
                "scopeMetrics": [
                    {
                        "metrics": [
                            total(),
                            histogram(
                                exemplars=[{"asDouble": 1, "traceId": "ab" * 16}]
                            ),
                        ]
                    }
                ],
            }
        ]
    }

    found = otlp_metrics.decode(orjson.dumps(body), otlp.JSON, TERMS)

    assert rows(found)["requests_total"] == 7.0
    assert list(found.batches[0].exemplars.labels) == [(("trace_id", "ab" * 16),)]


BAD_EXEMPLAR = {"gauge": {"dataPoints": [{"exemplars": [{"traceId": "zz"}]}]}}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"nonsense",
        b'{"resourceMetrics": 7}',
        orjson.dumps(
            {"resourceMetrics": [{"scopeMetrics": [{"metrics": [BAD_EXEMPLAR]}]}]}
        ),
        b'{"a":' * 900 + b"1" + b"}" * 900,
    ],
)
def test_json_that_cannot_be_read_is_refused(body):
    if body.startswith(b'{"a"'):  # Unknown fields are ignored, however deep.
        assert otlp_metrics.decode(body, otlp.JSON, TERMS).batches == ()
        return
    with pytest.raises(MalformedBodyError):
        otlp_metrics.decode(body, otlp.JSON, TERMS)


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        ("system.cpu.time", "s", "counter", "system_cpu_time_seconds_total"),
        ("system.filesystem.usage", "By", "", "system_filesystem_usage_bytes"),
        ("http.server.duration_ms", "ms", "", "http_server_duration_ms_milliseconds"),
        ("duration_seconds", "s", "", "duration_seconds"),
        ("total_requests", "", "counter", "requests_total"),
        ("cpu.utilization", "1", "gauge", "cpu_utilization_ratio"),
        ("cpu.utilization", "1", "", "cpu_utilization"),
        ("disk.io", "By/s", "", "disk_io_bytes_per_second"),
        ("packets", "{packets}", "", "packets"),
        ("packets", "{packet}/s", "", "packets_per_second"),
        ("usage", "%", "gauge", "usage_percent"),
        ("2xx.count", "", "", "_2xx_count"),
        ("a..b--c", "", "", "a_b_c"),
        ("weird", "foo%bar", "", "weird_foo_bar"),
        ("ns:metric", "", "", "ns:metric"),
        ("größe", "", "", "gr_e"),
        ("...", "s", "", ""),
    ],
)
def test_a_metric_is_named_as_prometheus_does(name, unit, kind, expected):
    found = metric_name(
        name, unit, is_counter=kind == "counter", is_gauge=kind == "gauge"
    )

    assert found == expected


def test_units_have_words():
    assert [unit_word(u) for u in ("s", "By/s", "1", "{x}")] == [
        "seconds",
        "bytes_per_second",
        "",
        "",
    ]
