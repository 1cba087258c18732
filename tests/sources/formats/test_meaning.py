from __future__ import annotations

import json

import pytest

from monitoring.telemetry import Level
from sources.formats import parse_batch, preview
from tests.sources.formats.batches import RECEIVED_NS, batch, column

pytestmark = pytest.mark.unit

STAMP, NANOS = "2026-10-10T13:55:36Z", 1_791_640_536 * 10**9


@pytest.mark.parametrize(
    ("members", "level"),
    [
        ({"level": 10}, Level.TRACE),
        ({"level": 60}, Level.FATAL),
        ({"level": 3}, Level.UNKNOWN),
        ({"level": 3, "short_message": "x"}, Level.ERROR),
        ({"levelno": 40}, Level.ERROR),
        ({"PRIORITY": "4"}, Level.WARN),
        ({"severity": "NOTICE"}, Level.INFO),
        ({"log": {"level": "error"}}, Level.ERROR),
        ({"@l": "Fatal"}, Level.FATAL),
        ({"s": "E", "t": {"$date": STAMP}}, Level.ERROR),
        ({"s": "E"}, Level.UNKNOWN),
        ({"level": "odd", "severity": "warn"}, Level.WARN),
    ],
)
def test_a_level_has_many_names(members, level):
    parsed = parse_batch(batch([json.dumps(members)]), "json", RECEIVED_NS)

    assert column(parsed, "level") == [level]


@pytest.mark.parametrize(
    "key", ["@timestamp", "timestamp", "time", "ts", "t", "@t", "datetime", "asctime"]
)
def test_a_time_has_many_names(key):
    parsed = parse_batch(batch([json.dumps({key: STAMP})]), "json", RECEIVED_NS)

    assert column(parsed, "ts_ns") == [NANOS]
    assert parsed.batch.field_names == []


def test_a_time_that_cannot_be_read_stays_a_field():
    (seen,) = preview(['{"time":"soon"}'], "json", received_ns=RECEIVED_NS)

    assert (seen.timestamp, seen.fields) == (None, {"time": "soon"})


def test_each_line_may_name_its_time_differently():
    lines = [
        f'{{"ts":"{STAMP}"}}',
        '{"time":1791640536}',
        '{"t":"x","ts":1791640536000}',
    ]

    parsed = parse_batch(batch(lines), "json", RECEIVED_NS)

    assert column(parsed, "ts_ns") == [NANOS] * 3


def test_a_second_time_stays_a_field():
    line = f'{{"time":"{STAMP}","date":"{STAMP}"}}'

    (seen,) = preview([line], "json", received_ns=RECEIVED_NS)

    assert seen.fields == {"date": STAMP}
