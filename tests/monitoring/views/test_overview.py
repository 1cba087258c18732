from __future__ import annotations

import time

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.services import audit
from monitoring.services.append import append_logs, append_samples
from monitoring.services.overview import trend
from monitoring.telemetry import Level
from sources.models import Source
from tests.factories.monitoring import log_batch, sample_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

GAUGES = {
    "host_cpu_usage_ratio": 0.93,
    "host_memory_usage_ratio": 0.62,
    "host_swap_usage_ratio": 0.03,
    "node_load1": 3.42,
}


@pytest.fixture
def host(cast):
    """Acme's host, measured over the last two minutes."""
    now_ms = int(time.time() * 1000)
    samples = [
        ({"__name__": name, "source": "web-1"}, now_ms - 5000 * step, value)
        for name, value in GAUGES.items()
        for step in range(24)
    ]
    append_samples(
        cast.system(), sample_batch(samples), team_id=None, now=timezone.now()
    )


@pytest.fixture
def alice(client, cast):
    client.force_login(cast.alice)
    return client


def page(client, path="/o/acme/", **query):
    response = client.get(path, query)
    assert response.status_code == 200
    return response.content.decode()


def test_an_empty_organization_is_told_how_to_fill_it(alice):
    assert "Nothing arrives yet" in page(alice)


def test_the_overview_shows_the_hosts_figures(alice, host):
    response = alice.get("/o/acme/")

    shown = {
        kpi["key"]: (kpi["value"], kpi["status"]) for kpi in response.context["kpis"]
    }
    assert shown["cpu"] == (pytest.approx(93), "critical")
    assert shown["memory"] == (pytest.approx(62), "ok")
    assert shown["load"] == (pytest.approx(3.42), "ok")


def test_resources_come_fullest_first(alice, host):
    response = alice.get("/o/acme/overview/resources")

    names = [resource.name for resource in response.context["resources"]]
    assert names == ["CPU", "Memory", "Swap"]


def test_the_charts_answer_as_data(alice, host):
    response = alice.get("/o/acme/overview/charts", {"range": "15m"})

    cpu = response.json()["charts"][0]
    assert cpu["key"] == "cpu"
    assert cpu["series"][0]["name"] == "web-1"
    assert cpu["series"][0]["values"][-1] == pytest.approx(93)


def test_a_chart_asks_for_the_page_s_own_range(alice, host):
    charts = alice.get("/o/acme/", {"range": "6h"}).context["charts"]

    assert {chart.url for chart in charts} == {"/o/acme/overview/charts?range=6h"}


def test_log_lines_make_the_volume(alice, cast):
    lines = log_batch([(time.time_ns(), "boom")] * 3, level=Level.ERROR)
    append_logs(cast.system(), lines, team_id=None, now=timezone.now())

    volume = alice.get("/o/acme/").context["volume"]

    assert sum(column.error for column in volume.columns) == 3


def test_a_changed_source_stands_under_what_changed(alice, cast, host):
    source = Source.unscoped.create(organization=cast.acme, kind="push", name="shop")
    with transaction.atomic():
        audit.record(cast.system(), "source.create", source)

    assert "Source “shop” added" in page(alice)


def test_the_team_switch_narrows_to_the_team(alice, cast):
    for team, word in (
        (None, "everyone"),
        (cast.payments, "payments"),
        (cast.platform, "platform"),
    ):
        lines = log_batch([(time.time_ns(), word)], labels={"source": word})
        append_logs(cast.system(), lines, team_id=team and team.pk, now=timezone.now())

    shown = page(alice, "/o/acme/logs", team="payments")

    assert "everyone" in shown
    assert "platform</span>" not in shown


@pytest.mark.parametrize(
    ("first", "last", "way"),
    [
        (None, 1, ""),
        (10, 10.5, "flat"),
        (10, 20, "up"),
        (20, 10, "down"),
        (0, 0, "flat"),
    ],
)
def test_a_trend_is_steady_within_a_tenth(first, last, way):
    assert trend(first, last) == way


def test_the_page_costs_the_same_for_one_series_and_for_many(
    alice, cast, host, django_assert_max_num_queries
):
    now_ms = int(time.time() * 1000)
    many = [
        ({"__name__": "host_cpu_usage_ratio", "source": f"web-{n}"}, now_ms, 0.1)
        for n in range(30)
    ]
    append_samples(cast.system(), sample_batch(many), team_id=None, now=timezone.now())
    alice.get("/o/acme/")

    with django_assert_max_num_queries(160):
        alice.get("/o/acme/")
