from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import AsyncClient

from accounts.models import Organization
from accounts.services import heartbeats
from config import health
from sources.models import InboxBatch

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def all_at_work(redis_client):
    for kind in health.PROCESSES:
        heartbeats.beat(kind, NOON)


async def test_the_platform_is_ready_when_all_are_at_work(all_at_work):
    assert await health.unready_reasons(NOON) == []


async def test_silent_processes_are_named(all_at_work):
    assert await health.unready_reasons(NOON + timedelta(minutes=1)) == [
        "No sign of life of the workers of queue ingest for 45 s.",
        "No sign of life of the workers of queue default for 45 s.",
        "No sign of life of the collector for 45 s.",
        "No sign of life of beat for 45 s.",
    ]


def test_an_inbox_that_nobody_drains_is_named(all_at_work):
    InboxBatch.objects.create(
        organization=Organization.objects.create(slug="acme", name="Acme"),
        priority=0,
        kind="logs",
        payload=b"",
        count=1,
        size=1,
        received_at=NOON - timedelta(seconds=90),
    )

    assert health.database_reasons(NOON) == [
        "The oldest batch in the inbox has waited for 90 s."
    ]


async def test_a_redis_that_is_away_is_named(all_at_work, settings):
    settings.REDIS_URL = "unix:///nowhere/redis.sock"

    [reason] = await health.unready_reasons(NOON)

    assert reason.startswith("Redis does not answer: ")


def test_a_database_that_is_away_is_named(all_at_work, monkeypatch):
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")

    [reason] = health.database_reasons(NOON)

    assert reason.startswith("The database cannot be read: connection")


async def test_a_server_that_hangs_costs_a_second(all_at_work, monkeypatch):
    monkeypatch.setattr(health, "database_reasons", lambda now: time.sleep(2))
    started = time.monotonic()

    reasons = await health.unready_reasons(NOON)

    assert reasons == ["The database did not answer within 1 s."]
    assert time.monotonic() - started < 1.5


async def test_the_probe_answers_503_with_reasons():
    response = await AsyncClient().get("/readyz")

    assert response.status_code == 503
    assert "No sign of life of beat for 45 s." in response.json()["reasons"]


async def test_a_web_process_says_that_it_is_alive():
    response = await AsyncClient().get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})
