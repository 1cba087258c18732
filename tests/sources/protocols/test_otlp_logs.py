from __future__ import annotations

import contextlib

import orjson
import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
)

from sources.protocols import MalformedBodyError, otlp, otlp_logs
from tests.sources.protocols.reading import NOW_NS, TERMS, errors_of, rows_of

pytestmark = pytest.mark.unit

RESOURCE = [
    {"key": "service.name", "value": {"stringValue": "shop"}},
    {"key": "k8s.pod.name", "value": {"stringValue": "shop-1"}},
    {"key": "telemetry.sdk.language", "value": {"stringValue": "python"}},
]
RECORD = {
    "timeUnixNano": str(NOW_NS),
    "observedTimeUnixNano": NOW_NS + 5,
    "severityNumber": 17,
    "severityText": "ERROR",
    "body": {"stringValue": "payment failed"},
    "attributes": [
        {"key": "http.status_code", "value": {"intValue": "502"}},
        {"key": "retry", "value": {"boolValue": True}},
    ],
    "traceId": "5b8efff798038103d269b633813fc60c",
    "spanId": "eee19b7ec3c1b174",
}


def request(*records, resource=()) -> dict:
    scope = {"scope": {"name": "app.pay", "version": "1"}, "logRecords": records}
    return {
        "resourceLogs": [{"resource": {"attributes": resource}, "scopeLogs": [scope]}]
    }


def decode(document, encoding=otlp.JSON):
    body = orjson.dumps(document)
    if encoding == otlp.PROTOBUF:
        message = otlp.parse(body, otlp.JSON, ExportLogsServiceRequest)
        body = message.SerializeToString()
    return otlp_logs.decode(body, encoding, TERMS)


@pytest.mark.parametrize("encoding", [otlp.JSON, otlp.PROTOBUF])
def test_a_record_becomes_a_line(encoding):
    decoded = decode(request(RECORD, resource=RESOURCE), encoding)

    assert rows_of(decoded) == [
        {
            "ts_ns": NOW_NS,
            "line": "payment failed",
            "level": "error",
            "labels": {"service_name": "shop", "k8s_pod_name": "shop-1"},
            "field.telemetry_sdk_language": "python",
            "field.scope_name": "app.pay",
            "field.scope_version": "1",
            "field.http_status_code": "502",
            "field.retry": "true",
            "field.trace_id": "5b8efff798038103d269b633813fc60c",
            "field.span_id": "eee19b7ec3c1b174",
            "field.severity_text": "ERROR",
        }
    ]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ({"stringValue": ""}, ""),
        ({"intValue": "7"}, "7"),
        ({"boolValue": False}, "false"),
        ({"arrayValue": {"values": [{"intValue": 1}, {}]}}, "[1,null]"),
        (
            {"kvlistValue": {"values": [{"key": "a", "value": {"doubleValue": 0.5}}]}},
            '{"a":0.5}',
        ),
        ({"bytesValue": "AQI="}, "AQI="),
        (None, ""),
    ],
)
def test_a_body_of_any_kind_is_a_line(body, line):
    assert rows_of(decode(request({"body": body})))[0]["line"] == line


@pytest.mark.parametrize(
    ("record", "level"),
    [
        *(({"severityNumber": n}, word) for n, word in ((1, "trace"), (4, "trace"))),
        *(({"severityNumber": n}, word) for n, word in ((5, "debug"), (12, "info"))),
        *(({"severityNumber": n}, word) for n, word in ((13, "warn"), (24, "fatal"))),
        ({"severityText": "Warning"}, "warn"),
        ({"severityText": "odd"}, None),
        ({}, None),
    ],
)
def test_severities_are_levels(record, level):
    assert rows_of(decode(request(record)))[0].get("level") == level


@pytest.mark.parametrize(
    ("record", "ts_ns"),
    [
        ({"observedTimeUnixNano": "5"}, 5),
        ({"timeUnixNano": "0", "observedTimeUnixNano": "5"}, 5),
        ({}, None),
    ],
)
def test_without_a_time_the_observed_one_counts(record, ts_ns):
    assert rows_of(decode(request(record)))[0].get("ts_ns") == ts_ns


def test_a_resource_without_a_service_has_loki_s_name_for_it():
    assert rows_of(decode(request({})))[0]["labels"] == {
        "service_name": "unknown_service"
    }


def test_what_is_refused_is_counted_in_the_answer():
    long = {"body": {"stringValue": "x" * 1001}}
    late = {"timeUnixNano": str(2**64 - 1)}

    decoded = decode(request(RECORD, long, late))

    assert errors_of(decoded) == [
        (1, "line has 1001 bytes; 1000 may be"),
        (2, "timeUnixNano 18446744073709551615 is out of range"),
    ]
    assert json_format.MessageToDict(otlp_logs.response(decoded)) == {
        "partialSuccess": {
            "rejectedLogRecords": "2",
            "errorMessage": "record 1: line has 1001 bytes; 1000 may be; "
            "record 2: timeUnixNano 18446744073709551615 is out of range",
        }
    }


def test_full_success_says_nothing():
    assert otlp.encode(otlp_logs.response(decode(request(RECORD))), otlp.JSON) == b"{}"


@pytest.mark.parametrize("document", [{}, {"resourceLogs": []}, request()])
def test_an_empty_request_is_a_success(document):
    assert decode(document).batch.count == 0


@given(st.binary(max_size=100), st.sampled_from([otlp.JSON, otlp.PROTOBUF]))
def test_any_bytes_are_read_or_refused(body, encoding):
    with contextlib.suppress(MalformedBodyError):
        otlp_logs.decode(body, encoding, TERMS)
