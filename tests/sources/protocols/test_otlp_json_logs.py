from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
)

from sources.protocols import MalformedBodyError, otlp, otlp_json_logs, otlp_logs
from sources.protocols.otlp_json_logs import OtherShapeError
from tests.sources.protocols.reading import NOW_NS, TERMS, errors_of, rows_of

pytestmark = pytest.mark.unit

INTEGER = st.integers(-(2**63), 2**64 - 1)
TEXT = st.sampled_from(["", "shop", "zoë", "a\x00b", "12", "INFO"])
ODD = st.sampled_from([None, True, 3, 2.5, "x", [], {}, ["a"], {"a": 1}])


def of_kind(kind, values):
    return st.fixed_dictionaries({kind: values})


def nested(inner):
    pairs = st.fixed_dictionaries({"key": TEXT, "value": inner})
    return st.one_of(
        of_kind("arrayValue", of_kind("values", st.lists(inner, max_size=2))),
        of_kind("kvlistValue", of_kind("values", st.lists(pairs, max_size=2))),
    )


VALUE = st.recursive(
    st.one_of(
        of_kind("stringValue", TEXT),
        of_kind("intValue", INTEGER | INTEGER.map(str)),
        of_kind("boolValue", st.booleans()),
        of_kind("doubleValue", st.floats(allow_nan=False, allow_infinity=False)),
        of_kind("bytesValue", st.just("YWI=")),
        st.just({}),
    ),
    nested,
    max_leaves=4,
)
ATTRIBUTES = st.lists(st.fixed_dictionaries({"key": TEXT, "value": VALUE}), max_size=3)
TIME = st.sampled_from(
    [NOW_NS, str(NOW_NS), 0, "0", 2**63, str(2**64 - 1), "-1", "1e3"]
)
RECORD = st.fixed_dictionaries(
    {},
    optional={
        "timeUnixNano": TIME,
        "observedTimeUnixNano": TIME,
        "severityNumber": st.integers(-1, 26) | st.just("SEVERITY_NUMBER_WARN"),
        "severityText": TEXT,
        "body": VALUE,
        "attributes": ATTRIBUTES,
        "droppedAttributesCount": st.integers(0, 2**33),
        "flags": st.integers(0, 2),
        "traceId": st.sampled_from(
            ["", "5b8efff798038103d269b633813fc60c", "5B 8e", "x"]
        ),
        "spanId": st.sampled_from(["eee19b7ec3c1b174", ""]),
        "eventName": TEXT,
    },
)
SCOPE = st.fixed_dictionaries(
    {"logRecords": st.lists(RECORD, max_size=3)},
    optional={
        "scope": st.fixed_dictionaries(
            {}, optional={"name": TEXT, "version": TEXT, "attributes": ATTRIBUTES}
        ),
        "schemaUrl": TEXT,
    },
)
RESOURCE = st.fixed_dictionaries(
    {"scopeLogs": st.lists(SCOPE, max_size=2)},
    optional={"resource": st.fixed_dictionaries({"attributes": ATTRIBUTES})},
)


@st.composite
def documents(draw):
    """As SDKs write them; sometimes one member, anywhere, is something else."""
    document = {"resourceLogs": draw(st.lists(RESOURCE, max_size=2))}
    if draw(st.booleans()):
        return document
    place = document
    while place and draw(st.booleans()):
        key = draw(
            st.sampled_from(sorted(place) if type(place) is dict else range(len(place)))
        )
        if type(place[key]) not in {dict, list}:
            break
        place = place[key]
    if type(place) is dict:
        place[draw(st.sampled_from([*place, "unknown", "trace_id", "body"]))] = draw(
            ODD
        )
    elif place:
        place[0] = draw(ODD)
    return document


def answer(body: bytes):
    try:
        decoded = otlp_logs.decode(body, otlp.JSON, TERMS)
    except MalformedBodyError as error:
        return str(error)
    return rows_of(decoded), errors_of(decoded)


def other_answer(body: bytes):
    """Protobuf's own reader alone."""
    try:
        message = otlp.parse(body, otlp.JSON, ExportLogsServiceRequest)
    except MalformedBodyError as error:
        return str(error)
    decoded = otlp_logs.decode(message.SerializeToString(), otlp.PROTOBUF, TERMS)
    return rows_of(decoded), errors_of(decoded)


@given(documents())
def test_both_readers_give_the_same_answer(document):
    body = orjson.dumps(document)

    assert answer(body) == other_answer(body)


USUAL = {
    "timeUnixNano": str(NOW_NS),
    "severityNumber": 9,
    "body": {"stringValue": "paid"},
    "attributes": [{"key": "amount", "value": {"doubleValue": 2.5}}],
    "traceId": "5b8efff798038103d269b633813fc60c",
}


def body_of(record) -> bytes:
    return orjson.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]})


def test_what_sdks_send_does_without_protobufs_reader():
    [scope] = otlp_json_logs.read(body_of(USUAL))

    assert scope.records[0].body == "paid"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"severityNumber": "SEVERITY_NUMBER_INFO"}, id="a_number_by_name"),
        pytest.param({"severity_text": "INFO"}, id="another_spelling"),
        pytest.param({"traceId": "not hexadecimal"}, id="an_id_that_is_none"),
        pytest.param({"body": {"bytesValue": "YWI="}}, id="bytes"),
        pytest.param({"body": None}, id="null"),
        pytest.param({"timeUnixNano": "\u0661"}, id="digits_of_another_script"),
        pytest.param({"attributes": [{"key": "a"}]}, id="no_value"),
        pytest.param({"body": {"doubleValue": "NaN"}}, id="a_number_as_a_text"),
    ],
)
def test_what_is_not_as_usual_is_left_to_protobufs_reader(changes):
    with pytest.raises(OtherShapeError):
        otlp_json_logs.read(body_of(USUAL | changes))
