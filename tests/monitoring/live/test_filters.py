from __future__ import annotations

import pytest

from monitoring.live.filters import InvalidFilterError, compile_filter

pytestmark = pytest.mark.unit

LINE = {
    "line": "Payment FAILED for order 7",
    "level": "error",
    "source": "checkout",
    "labels": {"env": "prod"},
    "fields": {"order": "7"},
}


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        pytest.param({"contains": "FAILED for"}, True, id="contains_the_text"),
        pytest.param({"contains": "failed"}, False, id="contains_minds_case"),
        pytest.param({"contains": "refunded"}, False, id="contains_other_text"),
        pytest.param({"min_level": "warn"}, True, id="worse_than_the_least_level"),
        pytest.param({"min_level": "fatal"}, False, id="milder_than_the_least_level"),
        pytest.param({"level": ["error", "fatal"]}, True, id="one_of_several"),
        pytest.param({"level": "info"}, False, id="another_value"),
        pytest.param({"source": "checkout"}, True, id="equal"),
        pytest.param({"labels": {"env": "prod"}}, True, id="label"),
        pytest.param({"labels": {"env": "dev"}}, False, id="other_label"),
        pytest.param({"labels": {"region": "eu"}}, False, id="absent_label"),
        pytest.param({"fields": {"order": ["7", "8"]}}, True, id="field"),
        pytest.param(
            {"source": "checkout", "level": "info"}, False, id="all_must_hold"
        ),
    ],
)
def test_a_filter_passes_what_it_names(wanted, passes):
    assert compile_filter(wanted)(LINE) is passes


@pytest.mark.parametrize("wanted", [None, {}])
def test_no_filter_passes_everything(wanted):
    assert compile_filter(wanted) is None


@pytest.mark.parametrize(
    "wanted",
    [
        "error",
        ["error"],
        {"contains": 7},
        {"contains": "x" * 1001},
        {"min_level": "loud"},
        {"labels": "prod"},
        {"source": {"name": "x"}},
        {str(n): n for n in range(21)},
    ],
)
def test_what_cannot_be_filtered_by_is_refused(wanted):
    with pytest.raises(InvalidFilterError):
        compile_filter(wanted)


def line_event(line, *, level="info", labels=None, fields=None):
    return {
        "timestamp": "2026-03-01T12:00:00.000000001Z",
        "line": line,
        "level": level,
        "labels": labels or {"app": "shop"},
        "fields": fields or {},
    }


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"query": '{app="shop"} |= "boom"'}, [True, False, False, False]),
        (
            {"query": '| json | __error__="" | status >= 500'},
            [False, True, False, False],
        ),
        ({"query": '{app=~".+"} | user="ada"'}, [False, False, True, False]),
        ({"query": '{app="mail"}'}, [False, False, False, True]),
        ({"query": '| detected_level="error"'}, [True, False, False, False]),
        ({"query": '{app="shop"}', "min_level": "error"}, [True, False, False, False]),
        ({"query": ""}, [True] * 4),
    ],
)
def test_a_log_query_chooses_lines_of_a_batch(wanted, expected):
    events = [
        line_event("boom", level="error"),
        line_event('{"status": 500}'),
        line_event("hi", fields={"user": "ada"}),
        line_event("hi", labels={"app": "mail"}),
    ]

    assert compile_filter(wanted).passing(events) == expected


def test_an_event_that_is_no_line_passes_no_query():
    assert compile_filter({"query": '{app="shop"}'})({"name": "up"}) is False


@pytest.mark.parametrize(
    "query", ["{", 7, "x" * 5001, 'rate({a="b"}[1m])', "| json | line_format `{{`"]
)
def test_what_is_no_log_query_is_refused(query):
    with pytest.raises(InvalidFilterError, match="query"):
        compile_filter({"query": query})
