"""Text 0.0.4 and OpenMetrics: what targets expose, and what is wrong with it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.telemetry import MetricMetadata, MetricType
from sources.protocols.exposition import ExpositionError, parse

pytestmark = pytest.mark.unit

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
NOW = 1_700_000_000_000


def text(body):
    return parse(body.encode(), "text/plain; version=0.0.4", now_ms=NOW)


def openmetrics(body):
    return parse(body.encode(), OPENMETRICS, now_ms=NOW)


def rows(exposition):
    batch = exposition.batch
    return [
        (dict(batch.series[series]), int(ts), float(value))
        for series, ts, value in zip(
            batch.series_index, batch.ts_ms, batch.values, strict=True
        )
    ]


def series(name, **labels):
    return {"__name__": name, **labels}


def test_the_formats_own_example_is_read():
    found = text(
        "# HELP http_requests_total The total number of HTTP requests.\n"
        "# TYPE http_requests_total counter\n"
        'http_requests_total{method="post",code="200"} 1027 1395066363000\n'
        'http_requests_total{method="post",code="400",}    3 1395066363000\n'
        "\n"
        "# Escaping in label values:\n"
        'file{path="C:\\\\DIR\\\\F.TXT",error="Cannot find:\\n\\"F.TXT\\""} 1.458e9\n'
        "bare 12.47\n"
        'odd{problem="division by zero"} +Inf -3982045\n'
    )

    assert rows(found) == [
        (series("http_requests_total", method="post", code="200"), 1395066363000, 1027),
        (series("http_requests_total", method="post", code="400"), 1395066363000, 3),
        (
            series("file", path="C:\\DIR\\F.TXT", error='Cannot find:\n"F.TXT"'),
            NOW,
            1.458e9,
        ),
        (series("bare"), NOW, 12.47),
        (series("odd", problem="division by zero"), -3982045, math.inf),
    ]
    assert found.has_time.tolist() == [True, True, False, False, True]
    assert found.batch.metadata == {
        "http_requests_total": MetricMetadata(
            MetricType.COUNTER, "", "The total number of HTTP requests."
        )
    }


def test_openmetrics_counts_time_in_seconds():
    found = openmetrics("a_total 17.0 1520879607.789\n# EOF\n")

    assert rows(found) == [(series("a_total"), 1520879607789, 17.0)]


def test_openmetrics_has_units_and_types_of_its_own():
    found = openmetrics(
        "# TYPE a gaugehistogram\n# UNIT a seconds\n# HELP a Some \\\\ text.\n# EOF"
    )

    assert found.batch.metadata == {
        "a": MetricMetadata(MetricType.GAUGE_HISTOGRAM, "seconds", "Some \\ text.")
    }


def test_exemplars_are_read_with_or_without_a_time():
    found = openmetrics(
        'a_bucket{le="1"} 3 # {trace_id="t1"} 0.5 1520879607.789\n'
        'a_bucket{le="+Inf"} 4 1520879608 # {trace_id="t2"} 9\n# EOF\n'
    )

    examples = found.batch.exemplars
    assert examples.series_index.tolist() == [0, 1]
    assert examples.ts_ms.tolist() == [1520879607789, 1520879608000]
    assert examples.values.tolist() == [0.5, 9.0]
    assert list(examples.labels) == [(("trace_id", "t1"),), (("trace_id", "t2"),)]


@pytest.mark.parametrize(
    ("body", "labels"),
    [
        pytest.param('{"my.metric"} 1', series("my.metric"), id="quoted_name"),
        pytest.param(
            '{"my.metric","lab.el"="v"} 1',
            {"__name__": "my.metric", "lab.el": "v"},
            id="quoted_label",
        ),
        pytest.param('a{b="}{#,="} 1', series("a", b="}{#,="), id="marks_in_a_value"),
        pytest.param('a {b="c"}1', series("a", b="c"), id="no_space_behind_a_brace"),
        pytest.param('a{b=""} 1', series("a"), id="an_empty_value_is_no_label"),
        pytest.param("\ta\t1", series("a"), id="tabs"),
        pytest.param('a{b="\\x"} 1', series("a", b="\\x"), id="unknown_escape"),
        pytest.param('a{b="ü€"} 1', series("a", b="ü€"), id="utf8"),
    ],
)
def test_a_series_is_read(body, labels):
    assert rows(text(body)) == [(labels, NOW, 1.0)]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ('ok 1\na{b="c} 1', "line 2: the braces of 'a{b=\"c} 1' do not end"),
        ('a{b="c"}', "line 1: expected a value after 'a{b=\"c\"}'"),
        ("1a 3", "line 1: expected a metric's name, got '1a 3'"),
        ("a-b 3", "line 1: unexpected character in the name 'a-b 3'"),
        ("a x", "value 'x' is not a number"),
        ("a 1_0", "value '1_0' is not a number"),
        ("a \u0661", "value '\u0661' is not a number"),
        ("a 1 x", "line 1: expected a value and at most a timestamp, got '1 x'"),
        ("a 1 1 1", "line 1: expected a value and at most a timestamp, got '1 1 1'"),
        ("a 1 " + "9" * 20, f"timestamp '{'9' * 20}' is out of range"),
        ('a{b="c",b="d"} 1', None),
        ("a{b} 1", "expected name=\"value\" in the braces, got 'b'"),
        ("a{b=c} 1", "expected name=\"value\" in the braces, got 'b=c'"),
        ("{} 1", "invalid metric name or labels, got {}"),
        ("# TYPE a foo\na 1", "invalid metric type 'foo' of 'a'"),
        ("a" * 256 + " 1", f"the metric name '{'a' * 59}…' is longer than 255 bytes"),
    ],
)
def test_a_fault_is_named(body, error):
    with pytest.raises(ExpositionError) as raised:
        text(body)

    assert error is None or str(raised.value) == error


def test_bytes_that_are_no_utf8_are_refused_with_their_line():
    with pytest.raises(ExpositionError, match="line 2: invalid UTF-8"):
        parse(b"a 1\nb\xff 2\n", "", now_ms=NOW)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("a 1\n", "data does not end with # EOF"),
        ("", "data does not end with # EOF"),
        ("a 1\n# EOFx", "data does not end with # EOF"),
        ("# EOF\na 1\n", "unexpected data after # EOF"),
        ("# EOF\na 1\n# EOF\n", "unexpected data after # EOF"),
        ("a 1\n\n# EOF\n", "line 2: expected a metric's name, got ''"),
        ("a 1 1e300\n# EOF\n", "a timestamp is out of range"),
        (
            f'a 1 # {{x="{"y" * 200}"}} 1\n# EOF\n',
            "the labels of an exemplar have more than 128 characters",
        ),
    ],
)
def test_a_partial_openmetrics_exposition_is_invalid_as_a_whole(body, error):
    with pytest.raises(ExpositionError) as raised:
        openmetrics(body)

    assert str(raised.value) == error


def test_an_empty_openmetrics_exposition_is_valid():
    assert openmetrics("# EOF\n").batch.count == 0


@given(st.text(max_size=200))
def test_any_value_of_a_label_comes_back(value):
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    found = text(f'a{{b="{escaped}"}} 1')

    assert found.batch.series[0] == (
        (("__name__", "a"), ("b", value)) if value else (("__name__", "a"),)
    )


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body):
    for content_type in ("", OPENMETRICS):
        try:
            parse(body + b"\n# EOF\n", content_type, now_ms=NOW)
        except ExpositionError as error:
            assert str(error)  # noqa: PT017 - a reason is all that is asked
