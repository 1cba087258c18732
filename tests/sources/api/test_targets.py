"""Targets in Prometheus's shape."""

from __future__ import annotations

import pytest
from django.utils import timezone

from sources.models import SourceState, SourceTargets
from tests.factories.sources import SourceFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

URL = "/prometheus/api/v1/targets"


def target(health="up", **given):
    return {
        "url": "http://web:9100/metrics",
        "labels": {"job": "web", "instance": "web:9100"},
        "discovered": {"__address__": "web:9100", "job": "web"},
        "health": health,
        "last_error": "" if health == "up" else "connection refused",
        "last_asked": "2026-03-01T12:00:00.000Z" if health != "unknown" else "",
        "last_seconds": 0.25,
        "interval_seconds": 15.0,
        "timeout_seconds": 2.5,
        **given,
    }


def scraped(organization, name="web", active=(), dropped=(), **given):
    source = SourceFactory(organization=organization, name=name, kind="scrape", **given)
    SourceTargets.objects.create(
        source=source,
        active=list(active),
        dropped=list(dropped),
        dropped_count=len(dropped),
        updated_at=timezone.now(),
    )
    return source


def test_a_target_is_shown_as_prometheus_does(api, cast):
    scraped(cast.acme, active=[target()], dropped=[{"__address__": "x:1"}])

    answer = api.get(URL).json()

    assert answer == {
        "status": "success",
        "data": {
            "activeTargets": [
                {
                    "discoveredLabels": {"__address__": "web:9100", "job": "web"},
                    "labels": {"job": "web", "instance": "web:9100"},
                    "scrapePool": "web",
                    "scrapeUrl": "http://web:9100/metrics",
                    "globalUrl": "http://web:9100/metrics",
                    "lastError": "",
                    "lastScrape": "2026-03-01T12:00:00.000Z",
                    "lastScrapeDuration": 0.25,
                    "health": "up",
                    "scrapeInterval": "15s",
                    "scrapeTimeout": "2.5s",
                }
            ],
            "droppedTargets": [
                {"discoveredLabels": {"__address__": "x:1"}, "scrapePool": "web"}
            ],
            "droppedTargetCounts": {"web": 1},
        },
    }


@pytest.mark.parametrize(
    ("query", "active", "dropped"),
    [
        ({}, ["db", "web"], ["web"]),
        ({"state": "any"}, ["db", "web"], ["web"]),
        ({"state": "ACTIVE"}, ["db", "web"], []),
        ({"state": "dropped"}, [], ["web"]),
        ({"scrapePool": "db"}, ["db"], []),
        ({"scrapePool": "none\0"}, [], []),
    ],
)
def test_targets_are_chosen(api, cast, query, active, dropped):
    scraped(cast.acme, active=[target()], dropped=[{}])
    scraped(cast.acme, "db", active=[target("down")])

    data = api.get(URL, query).json()["data"]

    assert [t["scrapePool"] for t in data["activeTargets"]] == active
    assert [t["scrapePool"] for t in data["droppedTargets"]] == dropped


def test_a_target_that_was_not_asked_yet_has_no_time(api, cast):
    scraped(cast.acme, active=[target("unknown")])

    (shown,) = api.get(URL).json()["data"]["activeTargets"]

    assert (shown["health"], shown["lastScrape"]) == ("unknown", "0001-01-01T00:00:00Z")


def test_targets_of_other_organizations_or_paused_sources_are_not_shown(api, cast):
    scraped(cast.globex, active=[target()])
    scraped(cast.acme, "paused", active=[target()], enabled=False)

    assert api.get(URL).json()["data"]["activeTargets"] == []
    assert api.get("/prometheus/api/v1/scrape_pools").json()["data"] == {
        "scrapePools": []
    }


def test_the_page_of_a_source_shows_its_targets(client, cast, redis_client):
    source = scraped(cast.acme, active=[target(), target("down", url="http://db:1/m")])
    client.force_login(cast.alice)

    answer = client.get(f"/o/acme/sources/{source.pk}")

    pool = answer.context["pool"]
    assert (pool["up"], pool["total"]) == (1, 2)
    assert [t["url"] for t in pool["targets"]] == [
        "http://db:1/m",
        "http://web:9100/metrics",
    ]
    assert "connection refused" in answer.content.decode()


@pytest.mark.parametrize(("is_down", "status"), [(True, "error"), (False, "ok")])
def test_a_source_all_of_whose_targets_are_down_is_not_well(api, cast, is_down, status):
    source = scraped(cast.acme, active=[target("down")])
    SourceTargets.objects.filter(source=source).update(is_down=is_down)
    SourceState.objects.filter(source=source).update(last_seen=timezone.now())

    assert api.get(f"/api/v1/sources/{source.pk}").json()["status"] == status
