from __future__ import annotations

import gzip
import json

import pytest

from tests.monitoring.api.loki.conftest import NOW_NS, SECOND, seconds_before

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

CATEGORIZED = {"X-Loki-Response-Encoding-Flags": "categorize-labels"}


def lines_of(data):
    return [line for stream in data["result"] for _, line, *_ in stream["values"]]


def test_lines_come_newest_first_under_all_their_labels(loki, store):
    store("one", "two")

    data = loki.data("query_range", query='{app="shop"}')

    assert data["resultType"] == "streams"
    assert "encodingFlags" not in data
    assert data["result"] == [
        {
            "stream": {"app": "shop", "detected_level": "info"},
            "values": [[str(NOW_NS), "two"], [seconds_before(1), "one"]],
        }
    ]


def test_grafana_is_told_apart_what_labels_come_from(loki, store):
    store("trace=a took=3s", "took=4s", fields={"user": ["ada", None]}, app="shop")

    response = loki.get(
        "query_range",
        {
            "query": '{app="shop"} | logfmt',
            "start": seconds_before(60),
            "end": str(NOW_NS + 1),
            "direction": "forward",
        },
        **CATEGORIZED,
    )

    data = response.json()["data"]
    assert data["encodingFlags"] == ["categorize-labels"]
    [stream] = data["result"]
    assert stream["stream"] == {"app": "shop"}
    assert stream["values"] == [
        [
            seconds_before(1),
            "trace=a took=3s",
            {
                "structuredMetadata": {"detected_level": "info", "user": "ada"},
                "parsed": {"took": "3s", "trace": "a"},
            },
        ],
        [
            str(NOW_NS),
            "took=4s",
            {
                "structuredMetadata": {"detected_level": "info"},
                "parsed": {"took": "4s"},
            },
        ],
    ]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, ["d", "c", "b", "a"]),
        ({"limit": "2"}, ["d", "c"]),
        ({"limit": "2", "direction": "forward"}, ["a", "b"]),
        ({"direction": "FORWARD"}, ["a", "b", "c", "d"]),
        ({"end": str(NOW_NS)}, ["c", "b", "a"]),
        ({"start": seconds_before(2)}, ["d", "c", "b"]),
        ({"start": seconds_before(1), "end": str(NOW_NS)}, ["c"]),
        ({"start": "", "since": "1s", "end": str(NOW_NS)}, ["c"]),
        ({"start": "2026-03-01T11:59:59Z"}, ["d", "c"]),
        ({"start": "2026-03-01T12:59:59.5+01:00"}, ["d"]),
        ({"start": "1772366399"}, ["d", "c"]),
        ({"start": "1772366399.5"}, ["d"]),
        ({"interval": "2s"}, ["d", "b"]),
        ({"interval": "2", "limit": "1"}, ["d"]),
        ({"interval": "3s", "direction": "forward"}, ["a", "d"]),
    ],
)
def test_a_range_has_its_start_and_not_its_end(loki, store, parameters, expected):
    store("a", "b", "c", "d")

    data = loki.data("query_range", query='{app="shop"}', **parameters)

    assert lines_of(data) == expected


def test_a_metric_query_over_a_range_is_a_matrix(loki, store):
    store("a", "b", "c")

    data = loki.data(
        "query_range",
        query='sum by (app) (count_over_time({app="shop"}[2s]))',
        start=seconds_before(1),
        end=str(NOW_NS),
        step="1",
    )

    assert data["resultType"] == "matrix"
    assert data["result"] == [
        {
            "metric": {"app": "shop"},
            "values": [[1772366399, "2"], [1772366400, "2"]],
        }
    ]


def test_a_metric_query_at_a_time_is_a_vector(loki, store):
    store("a", "b")

    data = loki.data(
        "query", query='count_over_time({app="shop"}[1m])', time=str(NOW_NS)
    )

    assert data["resultType"] == "vector"
    assert data["result"] == [{"metric": {"app": "shop"}, "value": [1772366400, "2"]}]


def test_grafanas_health_check_is_answered(loki):
    data = loki.data(
        "query", query="vector(1)+vector(1)", time="4000000000", direction="backward"
    )

    assert data["result"] == [{"metric": {}, "value": [4000000000, "2"]}]


def test_figures_of_the_query_go_with_its_answer(loki, store):
    store("a", "bb")

    stats = loki.data("query_range", query='{app="shop"}')["stats"]

    assert stats["summary"]["totalLinesProcessed"] == 2
    assert stats["summary"]["totalBytesProcessed"] == 3
    assert stats["summary"]["totalEntriesReturned"] == 2
    assert {"querier", "ingester", "cache", "index"} < stats.keys()


@pytest.mark.parametrize(
    ("path", "parameters", "expected"),
    [
        (
            "query",
            {"query": '{app="shop"}'},
            "log queries are not supported as an instant query type, please change y",
        ),
        ("query_range", {"query": ""}, "parse error "),
        ("query_range", {"query": '{app="shop"'}, "parse error at line 1, col "),
        ("query_range", {"query": "{}"}, "parse error : queries require at least "),
        ("query_range", {"limit": "0"}, "limit must be a positive value"),
        ("query_range", {"limit": "x"}, 'strconv.Atoi: parsing "x": invalid syntax'),
        ("query_range", {"limit": "100001"}, "max entries limit per query exceeded"),
        ("query_range", {"direction": "up"}, "invalid direction 'up'"),
        ("query_range", {"step": "0"}, "zero or negative query resolution step"),
        ("query_range", {"step": "x"}, 'cannot parse "x" to a valid duration'),
        ("query_range", {"step": "1ms"}, "exceeded maximum resolution of 11,000"),
        ("query_range", {"interval": "-1"}, "interval must be >= 0"),
        ("query_range", {"start": "x"}, "could not parse 'start' parameter: "),
        ("query_range", {"since": "x"}, "could not parse 'since' parameter: "),
        ("query_range", {"end": "1"}, "end timestamp must not be before or equal to"),
        ("series", {"match": '{app="shop"} |= "x"'}, "parse error at line 1, col 1: "),
        ("index/stats", {"query": "rate({a=`b`}[1m])"}, "parse error at line 1, col "),
        ("index/volume", {"aggregateBy": "x"}, "invalid aggregation option"),
    ],
)
def test_what_is_wrong_is_said_in_lokis_words(loki, path, parameters, expected):
    status, text = loki.refusal(path, **{"query": '{app="shop"}', **parameters})

    assert status == 400
    assert text.startswith(expected)


def test_a_form_is_taken_as_an_address_is(loki, store):
    store("a")

    response = loki.rest.post(
        "/loki/api/v1/query_range",
        f"query=%7Bapp%3D%22shop%22%7D&start={seconds_before(9)}&end={NOW_NS + 1}",
        content_type="application/x-www-form-urlencoded",
    )

    assert lines_of(response.json()["data"]) == ["a"]


def test_a_long_answer_is_packed(loki, store):
    store(*["x" * 100] * 50)

    response = loki.get(
        "query_range",
        {"query": '{app="shop"}', "start": seconds_before(99), "end": str(NOW_NS)},
        **{"Accept-Encoding": "gzip"},
    )

    assert response["Content-Encoding"] == "gzip"
    body = json.loads(gzip.decompress(response.content))
    assert len(lines_of(body["data"])) == 49


def test_times_may_be_told_in_nanoseconds(loki, store):
    store("a")

    data = loki.data(
        "query_range", query='{app="shop"}', start=str(NOW_NS), end=str(NOW_NS + SECOND)
    )

    assert lines_of(data) == ["a"]


@pytest.mark.parametrize(
    ("query", "status", "expected"),
    [
        (
            '{app="shop"}|="x"|json',
            200,
            {"status": "success", "data": '{app="shop"} |= "x" | json'},
        ),
        ("{", 400, {"status": "invalid-query"}),
    ],
)
def test_a_query_is_laid_out(loki, query, status, expected):
    response = loki.get("format_query", {"query": query})

    assert response.status_code == status
    assert expected.items() <= response.json().items()
