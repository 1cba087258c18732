from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from asgiref.sync import async_to_sync
from django.core.handlers.asgi import ASGIHandler
from django.utils import timezone

from monitoring.api.prometheus.discovery import unescaped
from monitoring.services import metadata
from monitoring.services.append import append_samples
from tests.api_client import client_for
from tests.factories.accounts import make_token
from tests.factories.monitoring import sample_batch
from tests.monitoring.api.prometheus.conftest import NOW, PrometheusClient

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def stored(store):
    store(1, name="up", job="web", instance="a")
    store(1, name="up", job="db", instance="b")
    store(1, name="load", job="web", env="prod")


@pytest.mark.parametrize("prefix", ["/prometheus/api/v1", "/api/v1"])
def test_series_are_the_label_sets_that_match(cast, stored, prefix):
    response = client_for(cast.acme, "read").get(
        f"{prefix}/series", {"match[]": ["up", 'load{job="web"}', 'up{job="db"}']}
    )

    assert response.json()["data"] == [
        {"__name__": "load", "env": "prod", "job": "web"},
        {"__name__": "up", "instance": "a", "job": "web"},
        {"__name__": "up", "instance": "b", "job": "db"},
    ]


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({}, ["__name__", "env", "instance", "job"]),
        ({"match": "up"}, ["__name__", "instance", "job"]),
        ({"match": ["up", "load"]}, ["__name__", "env", "instance", "job"]),
        ({"match": "nothing"}, []),
    ],
)
def test_labels_are_the_names_of_those(prometheus, stored, parameters, names):
    assert prometheus.data("labels", **parameters) == names


def test_where_nothing_is_stored_there_are_no_labels(prometheus):
    assert prometheus.data("labels") == []
    assert prometheus.data("label/__name__/values") == []


@pytest.mark.parametrize(
    ("label", "parameters", "values"),
    [
        ("job", {}, ["db", "web"]),
        ("job", {"match": "load"}, ["web"]),
        ("__name__", {}, ["load", "up"]),
        ("__name__", {"match": '{job="db"}'}, ["up"]),
        ("instance", {"match": ['up{job="db"}', "load"]}, ["b"]),
        ("nosuch", {}, []),
        ("nosuch", {"match": "up"}, []),
        ("U__job", {}, ["db", "web"]),
        ("%00", {}, []),
        ("%EF%BF%BD", {}, []),
        ("U___d800_", {}, []),
    ],
)
def test_values_are_what_a_label_says(prometheus, stored, label, parameters, values):
    assert prometheus.data(f"label/{label}/values", **parameters) == values


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("sent", "quoted"),
    [
        ("a%FFb", r'"a\xffb"'),
        ("%22%C3%28%0A%EF%BF%BD", '"\\"\\xc3(\\n\ufffd"'),
    ],
)
def test_a_name_that_is_not_utf_8_is_refused(cast, sent, quoted):
    token = make_token(cast.acme, "read")

    response = over_asgi(f"/prometheus/api/v1/label/{sent}/values", token)

    assert response.status_code == 400
    assert response.json() == {
        "status": "error",
        "errorType": "bad_data",
        "error": f"invalid label name: {quoted}",
    }


@pytest.mark.django_db(transaction=True)
def test_what_stands_for_bad_utf_8_is_a_name_itself(cast):
    token = make_token(cast.acme, "read")

    response = over_asgi("/prometheus/api/v1/label/a%EF%BF%BDb/values", token)

    assert response.json() == {"status": "success", "data": []}


@async_to_sync
async def over_asgi(path, token):
    """Ask as a web server does: it has decoded the path, but tells what was sent."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(ASGIHandler()),
        base_url="http://testserver",
        headers={"Authorization": f"Bearer {token}"},
    ) as client:
        return await client.get(path)


@pytest.mark.parametrize("path", ["series", "labels", "label/n/values"])
def test_a_limit_cuts_off_and_warns(prometheus, store, path):
    for n in range(3):
        store(1, n=str(n))

    body = prometheus.get(path, {"match[]": "up", "limit": 1}).json()

    assert len(body["data"]) == 1
    assert body["warnings"] == ["results truncated due to limit"]


def test_series_that_ended_before_are_left_out(prometheus, store):
    now = timezone.now()
    store(1, job="old", end=now - timedelta(days=3), now=now - timedelta(days=3))
    store(1, job="new", end=now, now=now)
    since = {"start": str(now.timestamp() - 3600)}

    assert prometheus.data("label/job/values", **since) == ["new"]
    assert prometheus.data("label/job/values", match="up", **since) == ["new"]
    assert len(prometheus.data("series", match="up", **since)) == 1
    assert len(prometheus.data("series", match="up")) == 2


@pytest.mark.parametrize("path", ["series", "labels", "label/job/values"])
def test_times_and_selectors_are_checked(prometheus, path):
    _, kind, text = prometheus.refusal(path, start="x", match="up")
    assert kind == "bad_data"
    assert text == (
        "invalid parameter \"start\": Invalid time value for 'start': "
        'cannot parse "x" to a valid timestamp'
    )
    assert prometheus.refusal(path, match="{}") == (
        400,
        "bad_data",
        (
            'invalid parameter "match[]": '
            "match[] must contain at least one non-empty matcher"
        ),
    )


def test_series_want_a_selector(prometheus):
    assert prometheus.refusal("series") == (
        400,
        "bad_data",
        "no match[] parameter provided",
    )


def test_metadata_tell_what_a_metric_is(prometheus, stored):
    up = [{"type": "gauge", "help": "Help up.", "unit": "seconds"}]
    load = [{"type": "gauge", "help": "Help load.", "unit": "seconds"}]

    assert prometheus.data("metadata") == {"load": load, "up": up}
    assert prometheus.data("metadata", metric="up") == {"up": up}
    assert prometheus.data("metadata", metric="\0") == {}
    assert prometheus.data("metadata", limit=1) == {"load": load}
    assert prometheus.data("metadata", limit=0) == {}
    assert prometheus.refusal("metadata", limit="x")[2] == "limit must be a number"


def test_a_metric_that_nobody_describes_has_no_metadata(cast, prometheus):
    rows = [({"__name__": "bare"}, int(NOW.timestamp() * 1000), 1.0)]
    append_samples(cast.system(), sample_batch(rows), team_id=None, now=NOW)

    assert prometheus.data("metadata") == {}
    assert prometheus.data("label/__name__/values") == ["bare"]


def test_the_status_tells_where_series_come_from(prometheus, stored):
    data = prometheus.data("status/tsdb", limit=1)

    assert data["headStats"]["numSeries"] == 3
    assert data["headStats"]["numLabelPairs"] == 7
    assert data["headStats"]["chunkCount"] >= 1
    assert data["headStats"]["minTime"] == data["headStats"]["maxTime"] > 0
    assert data["seriesCountByMetricName"] == [{"name": "up", "value": 2}]
    assert data["labelValueCountByLabelName"] == [{"name": "__name__", "value": 2}]
    assert data["memoryInBytesByLabelName"] == [{"name": "__name__", "value": 6}]
    assert data["seriesCountByLabelValuePair"] == [{"name": "__name__=up", "value": 2}]


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        ("0", "limit must be a positive number"),
        ("x", "limit must be a positive number"),
        ("10001", "limit must not exceed 10000"),
    ],
)
def test_the_statuss_limit_is_bounded(prometheus, limit, text):
    assert prometheus.refusal("status/tsdb", limit=limit) == (400, "bad_data", text)


def test_build_information_names_the_prometheus_that_it_answers_like(prometheus):
    data = prometheus.data("status/buildinfo")

    assert data["version"].startswith("3.")
    assert {"revision", "branch", "buildUser", "buildDate", "goVersion"} <= set(data)


def test_a_teams_names_are_its_own(cast, store):
    store(1, name="secret", team=cast.payments, word="hidden")
    store(1, name="open", word="seen")
    carol = PrometheusClient(client_for(cast.acme, "read", team=cast.platform))
    member = PrometheusClient(client_for(cast.acme, "read", team=cast.payments))

    assert carol.data("label/__name__/values") == ["open"]
    assert carol.data("label/word/values") == ["seen"]
    assert carol.data("series", match='{word=~".+"}') == [
        {"__name__": "open", "word": "seen"}
    ]
    assert list(carol.data("metadata")) == ["open"]
    assert carol.data("status/tsdb")["headStats"]["numSeries"] == 1
    assert member.data("label/__name__/values") == ["open", "secret"]


def test_two_teams_series_of_one_name_are_listed_once(cast, prometheus, store):
    store(1, team=cast.payments)
    store(1, team=cast.platform)

    assert prometheus.data("series", match="up") == [{"__name__": "up"}]


def test_another_organizations_names_are_unknown(cast, prometheus, store):
    store(1, organization=cast.globex, word="theirs")

    assert prometheus.data("labels") == []
    assert prometheus.data("label/word/values") == []
    assert prometheus.data("metadata") == {}
    assert prometheus.data("status/tsdb")["headStats"]["numSeries"] == 0
    assert prometheus.data("query", query="up")["result"] == []


def test_all_that_is_counted_is_counted_once(cast, stored):
    found = metadata.cardinality(cast.system(), limit=100)

    assert sum(count for _name, count in found.series_by_metric) == found.series
    assert len(found.series_by_pair) == found.label_pairs


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("job", "job"),
        ("U__http_2e_status", "http.status"),
        ("U__a__b", "a_b"),
        ("U___1f600_", "\U0001f600"),
        ("U___ffffff_", "U___ffffff_"),
    ],
)
def test_escaped_names_are_unescaped(name, plain):
    assert unescaped(name) == plain
