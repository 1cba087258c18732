from __future__ import annotations

import gzip
import json
from datetime import timedelta

import pytest

from monitoring.services import queries
from monitoring.services.append import append_samples
from tests.api_client import client_for
from tests.factories.monitoring import sample_batch
from tests.monitoring.api.prometheus.conftest import NOW, unix

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

AT = int(unix())


def test_an_instant_query_answers_a_vector(prometheus, store):
    store(1, 2.5, job="web")

    data = prometheus.data("query", query="up", time=unix())

    assert data == {
        "resultType": "vector",
        "result": [
            {"metric": {"__name__": "up", "job": "web"}, "value": [AT, "2.5"]},
        ],
    }


def test_without_a_time_it_is_now(prometheus):
    answer = prometheus.data("query", query="time()")

    moment, value = answer["result"]
    assert float(value) == moment


@pytest.mark.parametrize(
    ("query", "kind", "result"),
    [
        ("1+1", "scalar", [AT, "2"]),
        ('"word"', "string", [AT, "word"]),
        ("up[20s]", "matrix", None),
        ("nothing", "vector", []),
        ("vector(1) / 0", "vector", [{"metric": {}, "value": [AT, "+Inf"]}]),
        ("-vector(1) / 0", "vector", [{"metric": {}, "value": [AT, "-Inf"]}]),
        ("vector(0) / 0", "vector", [{"metric": {}, "value": [AT, "NaN"]}]),
    ],
)
def test_every_type_of_result_has_its_form(prometheus, store, query, kind, result):
    store(1, 2, 3)

    data = prometheus.data("query", query=query, time=unix())

    assert data["resultType"] == kind
    if result is None:
        values = [[AT - 15, "2"], [AT, "3"]]
        result = [{"metric": {"__name__": "up"}, "values": values}]
    assert data["result"] == result


def test_a_range_query_includes_both_ends(prometheus, store):
    store(1, 2, 3, job="web")

    data = prometheus.data(
        "query_range", query="up", start=unix(seconds=30), end=unix(), step="15s"
    )

    values = [[AT - 30, "1"], [AT - 15, "2"], [AT, "3"]]
    metric = {"__name__": "up", "job": "web"}
    assert data == {
        "resultType": "matrix",
        "result": [{"metric": metric, "values": values}],
    }


def test_steps_without_a_value_are_left_out(prometheus, store):
    store(1)

    data = prometheus.data(
        "query_range", query="up", start=unix(seconds=30), end=unix(), step="15"
    )

    assert data["result"][0]["values"] == [[AT, "1"]]


def test_a_form_in_a_post_is_as_good_as_the_address(cast, store):
    store(7)
    client = client_for(cast.acme, "read")

    response = client.post(
        "/prometheus/api/v1/query",
        f"query=up&time={unix()}",
        content_type="application/x-www-form-urlencoded",
    )

    assert response.json()["data"]["result"][0]["value"] == [AT, "7"]


@pytest.mark.parametrize("path", ["query", "query_range"])
def test_the_commonest_paths_stand_among_our_own_too(cast, store, path):
    store(7)
    parameters = {"query": "up", "time": unix(), "start": unix(), "end": unix()}

    response = client_for(cast.acme, "read").get(f"/{path}", parameters | {"step": 1})

    assert response.json()["data"]["result"][0]["metric"] == {"__name__": "up"}


def test_a_limit_cuts_series_off_and_warns(prometheus, store):
    for n in range(3):
        store(1, n=str(n))

    body = prometheus.get("query", {"query": "up", "time": unix(), "limit": 2}).json()

    assert len(body["data"]["result"]) == 2
    assert body["warnings"] == ["results truncated due to limit"]


def test_infos_come_with_the_answer(prometheus, store):
    store(1, 2, 3)

    body = prometheus.get("query", {"query": "rate(up[1m])", "time": unix()}).json()

    assert len(body["infos"]) == 1
    assert "might not be a counter" in body["infos"][0]
    assert "warnings" not in body


def test_how_far_to_look_back_can_be_said(prometheus, store):
    store(1, end=NOW - timedelta(seconds=60))

    default = prometheus.data("query", query="up", time=unix())
    shorter = prometheus.data("query", query="up", time=unix(), lookback_delta="30s")

    assert len(default["result"]) == 1
    assert shorter["result"] == []


def test_statistics_come_when_asked_for(prometheus):
    data = prometheus.data("query", query="1", stats="all")

    assert data["stats"]["timings"]["evalTotalTime"] > 0


BAD = "bad_data"
RANGE = {"start": "0", "end": "10", "step": "1"}


@pytest.mark.parametrize(
    ("path", "parameters", "text"),
    [
        (
            "query",
            {},
            'invalid parameter "query": 1:1: parse error: no expression found in input',
        ),
        (
            "query",
            {"query": "sum("},
            'invalid parameter "query": 1:5: parse error: unclosed left parenthesis',
        ),
        (
            "query",
            {"query": "sum(\n  nosuch(a))"},
            (
                'invalid parameter "query": 2:3: parse error: '
                'unknown function with name "nosuch"'
            ),
        ),
        (
            "query",
            {"query": "rate(foo)"},
            (
                'invalid parameter "query": 1:1: parse error: expected type range vector '
                'in call to function "rate", got instant vector'
            ),
        ),
        (
            "query",
            {"query": "up", "time": "abc"},
            (
                "invalid parameter \"time\": Invalid time value for 'time': "
                'cannot parse "abc" to a valid timestamp'
            ),
        ),
        (
            "query",
            {"query": "up", "timeout": "abc"},
            'invalid parameter "timeout": cannot parse "abc" to a valid duration',
        ),
        (
            "query",
            {"query": "up", "lookback_delta": "abc"},
            (
                "error parsing lookback delta duration: "
                'cannot parse "abc" to a valid duration'
            ),
        ),
        (
            "query_range",
            {"query": "up"},
            'invalid parameter "start": cannot parse "" to a valid timestamp',
        ),
        (
            "query_range",
            {"query": "up", "start": "0", "end": "abc"},
            'invalid parameter "end": cannot parse "abc" to a valid timestamp',
        ),
        (
            "query_range",
            {"query": "up", "start": "10", "end": "0", "step": "1"},
            'invalid parameter "end": end timestamp must not be before start time',
        ),
        (
            "query_range",
            {"query": "up", "start": "0", "end": "10"},
            'invalid parameter "step": cannot parse "" to a valid duration',
        ),
        (
            "query_range",
            {"query": "up", **RANGE, "step": "0"},
            (
                'invalid parameter "step": zero or negative query resolution step widths '
                "are not accepted. Try a positive integer"
            ),
        ),
        (
            "query_range",
            {"query": "up", **RANGE, "end": "11001"},
            (
                "exceeded maximum resolution of 11,000 points per timeseries. "
                "Try decreasing the query resolution (?step=XX)"
            ),
        ),
        (
            "query_range",
            {"query": "up[5m]", **RANGE},
            (
                'invalid parameter "query": invalid expression type "range vector" '
                "for range query, must be Scalar or instant Vector"
            ),
        ),
        (
            "query_exemplars",
            {"query": "up", "start": "5", "end": "1"},
            "end timestamp must not be before start timestamp",
        ),
        (
            "format_query",
            {},
            'invalid parameter "query": 1:1: parse error: no expression found in input',
        ),
    ],
)
def test_bad_parameters_are_refused_in_prometheuss_words(
    prometheus, path, parameters, text
):
    assert prometheus.refusal(path, **parameters) == (400, BAD, text)


def test_exactly_11000_steps_are_answered(prometheus):
    data = prometheus.data("query_range", query="1", start=0, end=11000, step=1)

    assert len(data["result"][0]["values"]) == 11001


def test_what_cannot_be_evaluated_is_an_execution_error(prometheus, store):
    store(1, n="1")
    store(1, n="2")

    status, kind, text = prometheus.refusal("query", query="up + on() up", time=unix())

    assert (status, kind) == (422, "execution")
    assert "found duplicate series" in text


def test_too_much_data_is_an_execution_error(prometheus, store, monkeypatch):
    store(1, n="1")
    store(1, n="2")
    monkeypatch.setattr(queries.selection, "MAX_SERIES", 1)

    assert prometheus.refusal("query", query="up", time=unix())[:2] == (
        422,
        "execution",
    )


@pytest.mark.parametrize("timeout", ["0", "0ms", "0.0000001"])
def test_a_query_ends_with_its_time(prometheus, store, timeout):
    assert prometheus.refusal("query", query="sum(up)", timeout=timeout) == (
        503,
        "timeout",
        "query timed out in query execution",
    )


def test_a_long_answer_is_compressed_for_those_who_take_it(cast):
    client = client_for(cast.acme, "read")
    parameters = {"query": "1", "start": 0, "end": 1000, "step": 1}
    url = "/prometheus/api/v1/query_range"

    plain = client.get(url, parameters)
    squeezed = client.get(url, parameters, headers={"Accept-Encoding": "br, gzip"})
    refused = client.get(url, parameters, headers={"Accept-Encoding": "gzip;q=0"})

    assert "Content-Encoding" not in plain
    assert refused.content == plain.content
    assert squeezed["Content-Encoding"] == "gzip"
    assert squeezed["Vary"] == "Accept-Encoding"
    assert gzip.decompress(squeezed.content) == plain.content


def test_expressions_are_laid_out(prometheus):
    text = 'sum(rate(foo{a="b"}[5m]))by(x)/-1'

    assert prometheus.data("format_query", query=text) == (
        'sum by (x) (rate(foo{a="b"}[5m])) / -1'
    )


def test_without_exemplars_none_are_found(prometheus):
    assert prometheus.data("query_exemplars", query="up", start=0, end=1) == []


def test_a_large_matrix_is_whole(cast, prometheus):
    count = 40
    first = AT - 14
    rows = [
        ({"__name__": "load", "n": str(n)}, (first + t) * 1000, n + t / 7)
        for n in range(count)
        for t in range(15)
    ]
    append_samples(cast.system(), sample_batch(rows), team_id=None, now=NOW)

    data = prometheus.data("query_range", query="load", start=first, end=AT, step=1)

    assert {
        (s["metric"]["n"], moment, float(value))
        for s in data["result"]
        for moment, value in s["values"]
    } == {(labels["n"], ms // 1000, value) for labels, ms, value in rows}


def test_whatever_is_accepted_the_answer_is_json(prometheus):
    response = prometheus.get(
        "query", {"query": "1", "format": "x"}, Accept="text/html"
    )

    assert response["Content-Type"] == "application/json"
    assert json.loads(response.content)["data"]["resultType"] == "scalar"
