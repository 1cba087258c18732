from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from accounts import tasks
from accounts.models import ProcessHeartbeat
from accounts.periodic import Call, due
from accounts.services import heartbeats

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_a_process_is_alive_after_its_beat():
    heartbeats.beat("collector", NOON)

    assert heartbeats.alive("collector", NOON + timedelta(seconds=30))


def test_a_process_that_fell_silent_is_not_alive():
    heartbeats.beat("collector", NOON)

    assert not heartbeats.alive("collector", NOON + timedelta(minutes=1))


def test_a_sign_of_life_is_of_its_kind_only():
    heartbeats.beat("collector", NOON)

    assert not heartbeats.alive("beat", NOON)


def test_a_process_keeps_one_record(django_assert_num_queries):
    heartbeats.beat("collector", NOON, {"files": 1})

    with django_assert_num_queries(1):
        heartbeats.beat("collector", NOON + timedelta(seconds=5), {"files": 2})

    record = ProcessHeartbeat.objects.get()
    assert record.pid == os.getpid()
    assert record.started_at == NOON
    assert record.beat_at == NOON + timedelta(seconds=5)
    assert record.detail == {"files": 2}


def test_the_dead_are_forgotten_after_an_hour():
    heartbeats.beat("collector", NOON)

    heartbeats.forget_the_dead(NOON + timedelta(minutes=59))
    kept = ProcessHeartbeat.objects.count()
    heartbeats.forget_the_dead(NOON + timedelta(minutes=61))

    assert (kept, ProcessHeartbeat.objects.count()) == (1, 0)


def test_a_worker_proves_that_its_queue_is_worked_on():
    tasks.worker_heartbeat("ingest")

    assert ProcessHeartbeat.objects.get().kind == "worker-ingest"


def test_every_queue_is_asked_for_a_sign_of_life():
    assert due(NOON) == [
        Call("accounts.tasks.worker_heartbeat", ("default",), "default"),
        Call("accounts.tasks.worker_heartbeat", ("ingest",), "ingest"),
    ]
    assert due(NOON + timedelta(seconds=1)) == []
