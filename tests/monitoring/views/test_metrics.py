"""The metric explorer: what it answers, and what it says when it cannot."""

from __future__ import annotations

import time

import pytest
from django.utils import timezone

from monitoring.services.append import append_samples
from monitoring.telemetry import MetricMetadata, MetricType
from tests.factories.monitoring import sample_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

PAGE = "/o/acme/metrics"
DAY_MS = 86_400_000


@pytest.fixture
def samples(cast):
    """Disk use of two hosts for a minute, and of one of them a day before."""
    now = int(time.time() * 1000)
    rows = []
    for ago in range(0, 60_000, 5000):
        rows += [
            (series("a"), now - ago, 10.0),
            (series("b"), now - ago, -20.0),
            (series("a"), now - ago - DAY_MS, 7.0),
        ]
    said = MetricMetadata(MetricType.GAUGE, "bytes", "How full the disk is.")
    batch = sample_batch(rows, metadata={"disk_used": said})
    append_samples(cast.system(), batch, team_id=None, now=timezone.now())


def series(host):
    return {"__name__": "disk_used", "host": host, "job": "node"}


@pytest.fixture
def alice(client, cast):
    client.force_login(cast.alice)
    return client


def asked(client, **query):
    response = client.get(PAGE, {"range": "15m", **query})
    assert response.status_code == 200
    return response


def drawn(response, place=0):
    chart = response.context["answers"][place].chart
    return {
        s.name: sorted({v for v in s.values if v is not None}) for s in chart.series
    }


def test_a_query_is_charted_with_the_labels_that_differ(alice, samples):
    response = asked(alice, q="disk_used")

    assert drawn(response) == {"host=a": [10.0], "host=b": [-20.0]}
    assert response.context["answers"][0].chart.unit == "bytes"
    assert b"2 series" in response.content


def test_several_queries_are_charts_of_their_own(alice, samples):
    response = asked(alice, q=["sum(disk_used)", "disk_used{host='a'}"])

    assert drawn(response, 0) == {"value": [-10.0]}
    assert drawn(response, 1) == {"disk_used {host=a, job=node}": [10.0]}


def test_the_same_a_day_ago_is_drawn_beside_it(alice, samples):
    response = asked(alice, q="disk_used{host='a'}", compare="1d")

    compared = [s for s in response.context["answers"][0].chart.series if s.compare]
    assert [s.name for s in compared] == ["disk_used {host=a, job=node}, a day ago"]
    assert {v for s in compared for v in s.values} == {None, 7.0}


def test_the_table_has_the_highest_value_first(alice, samples):
    response = asked(alice, q="disk_used", view="table")

    rows = response.context["answers"][0].rows
    assert [(row.labels["host"], row.value) for row in rows] == [
        ("a", 10.0),
        ("b", -20.0),
    ]


def test_a_mistake_is_pointed_at(alice, samples):
    response = asked(alice, q="sum(disk_used) ) + 1")

    [answer] = response.context["answers"]
    assert answer.complaint is not None
    assert answer.chart is None
    assert b"1 query has" in response.content
    assert b'aria-invalid="true"' in response.content


def test_one_mistake_does_not_hide_the_other_answers(alice, samples):
    response = asked(alice, q=["sum(", "sum(disk_used)"])

    assert drawn(response, 1) == {"value": [-10.0]}


def test_what_is_not_a_number_is_a_gap(alice, samples):
    response = asked(alice, q="sum(disk_used) / 0 * 0")

    assert drawn(response) == {"value": []}


def test_charts_come_as_json_for_a_page_that_moves_on(alice, samples):
    response = alice.get(
        PAGE,
        {"q": "sum(disk_used)", "range": "15m"},
        headers={"Accept": "application/json"},
    )

    [chart] = response.json()["charts"]
    assert chart["key"] == "q1"
    assert -10.0 in chart["series"][0]["values"]


@pytest.mark.parametrize(
    ("words", "found"),
    [("disk", ["disk_used"]), ("HOW full", ["disk_used"]), ("cpu", [])],
)
def test_metrics_are_found_by_name_and_help(alice, samples, words, found):
    response = asked(alice, find=words)

    assert [metric.name for metric in response.context["metrics"]] == found


def test_without_samples_the_page_says_how_to_send_one(alice):
    assert b"/api/v1/metrics" in asked(alice).content


def test_more_queries_than_may_be_are_left_out(alice, samples):
    response = asked(alice, q=[f"disk_used + {n}" for n in range(9)])

    assert len(response.context["answers"]) == 6


def test_another_organizations_metrics_are_not_there(client, cast, samples):
    client.force_login(cast.mallory)

    response = client.get("/o/globex/metrics", {"q": "disk_used"})

    assert response.context["answers"][0].total == 0
    assert response.context["metrics"] == []
