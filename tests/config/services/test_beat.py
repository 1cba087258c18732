from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import OperationalError, connection
from django_q.brokers import get_broker
from django_q.signing import SignedPackage

from accounts.models import ProcessHeartbeat
from accounts.periodic import Call
from config.services import claims
from config.services.beat import Beat, periodic_modules

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

NOON = datetime(2026, 5, 4, 12, 0, 0, 250_000, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def call(name: str = "accounts.tasks.forget_dead_processes", *args, **options) -> Call:
    return Call(name, args, **options)


@pytest.fixture(autouse=True)
def queues(redis_client):
    """Empty queues, read as a worker would."""
    return redis_client


@pytest.fixture
def make_beat():
    made = []

    def make(*dues):
        made.append(Beat(dues))
        return made[-1]

    yield make
    connection.close()


def waiting(cluster: str = "default") -> list[dict]:
    tasks = []
    while task := get_broker(cluster).connection.lpop(f"django_q:{cluster}:q"):
        tasks.append(SignedPackage.loads(task))
    return tasks


def test_what_is_due_waits_for_the_workers_of_its_queue(make_beat):
    beat = make_beat(lambda now: [call("a.b", 1, None), call("c.d", cluster="ingest")])

    assert beat.tick(NOON) == 2

    assert [(task["func"], task["args"]) for task in waiting()] == [("a.b", (1, None))]
    assert [(task["func"], task["args"]) for task in waiting("ingest")] == [("c.d", ())]


def test_a_call_that_still_waits_is_not_enqueued_twice(make_beat):
    beat = make_beat(lambda now: [call()])

    made = [beat.tick(NOON + SECOND * tick) for tick in range(3)]

    assert made == [1, 0, 0]


def test_a_call_is_enqueued_again_when_its_task_has_ended(make_beat):
    beat = make_beat(lambda now: [call()])
    beat.tick(NOON)

    claims.release_after(waiting()[0])

    assert beat.tick(NOON + SECOND) == 1


def test_a_call_is_enqueued_again_when_its_workers_have_died(make_beat):
    beat = make_beat(lambda now: [call(), call(cluster="ingest")])
    beat.tick(NOON)

    claims.release_all("default")

    assert beat.tick(NOON + SECOND) == 1


def test_calls_with_other_arguments_are_other_calls(make_beat):
    beat = make_beat(lambda now: [call("a.b", 1), call("a.b", 2), call("a.b", 1)])

    assert beat.tick(NOON) == 2


def test_every_second_is_asked_for_though_a_tick_comes_late(make_beat):
    asked = []
    beat = make_beat(lambda now: asked.append(now) or [])

    for late in (0, 1, 4):
        beat.tick(NOON + SECOND * late)

    whole = NOON.replace(microsecond=0)
    assert asked == [
        NOON,
        NOON + SECOND,
        whole + SECOND * 2,
        whole + SECOND * 3,
        NOON + SECOND * 4,
    ]


def test_a_long_sleep_is_not_caught_up_in_full(make_beat):
    asked = []
    beat = make_beat(lambda now: asked.append(now) or [])
    beat.tick(NOON)

    beat.tick(NOON + timedelta(hours=8))

    assert len(asked) == 1 + 60 + 1


def test_a_mistake_of_one_app_does_not_stop_the_others(make_beat, caplog):
    def broken(now):
        raise ValueError("no rule")

    beat = make_beat(broken, lambda now: [call("a.b", now.second)])

    made = [beat.tick(NOON + SECOND * tick) for tick in range(3)]

    assert made == [1, 1, 1]
    assert [record.levelno for record in caplog.records].count(logging.ERROR) == 1


def test_only_one_leads(make_beat):
    first = make_beat(lambda now: [call()])
    first.tick(NOON)

    with other_session() as session:
        locked = session.execute("SELECT pg_try_advisory_lock(%s)", [0x7EDE77E])

        assert locked.fetchone() == (False,)


def test_who_stands_by_enqueues_nothing_until_the_leader_has_gone(make_beat):
    beat = make_beat(lambda now: [call()])
    with other_session() as leader:
        leader.execute("SELECT pg_advisory_lock(%s)", [0x7EDE77E])
        standing_by = beat.tick(NOON)
        leader.execute("SELECT pg_advisory_unlock_all()")

    leading = beat.tick(NOON + SECOND)

    assert (standing_by, leading) == (0, 1)


def other_session() -> psycopg.Connection:
    parameters = connection.get_connection_params()
    names = ("host", "user", "dbname")
    return psycopg.connect(
        **{name: parameters[name] for name in names}, autocommit=True
    )


def test_a_lost_session_costs_one_tick(make_beat, caplog):
    beat = make_beat(lambda now: [call("a.b", now.second)])
    beat.tick(NOON)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    with other_session() as session:
        session.execute("SELECT pg_terminate_backend(%s, 1000)", [pid])

    made = [beat.tick(NOON + SECOND * tick) for tick in (1, 2)]

    assert made == [0, 1]
    assert [record.message.split(":")[0] for record in caplog.records][-3:] == [
        "The database is away",
        "Beat leads.",
        "The database is back.",
    ]


def test_a_database_that_stays_away_is_complained_of_once(make_beat, caplog):
    def away(now):
        raise OperationalError("gone")

    beat = make_beat(away)

    for tick in range(5):
        beat.tick(NOON + SECOND * tick)

    messages = [record.message for record in caplog.records]
    assert messages.count("The database is away: gone") == 1


def test_a_redis_that_is_away_is_complained_of_once(make_beat, caplog, settings):
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    beat = make_beat(lambda now: [call()])

    made = [beat.tick(NOON + SECOND * tick) for tick in range(5)]

    assert made == [0] * 5
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1


def test_beat_shows_that_it_is_alive(make_beat):
    beat = make_beat()

    for tick in range(7):
        beat.tick(NOON + SECOND * tick)

    heartbeat = ProcessHeartbeat.objects.get(kind="beat")
    assert heartbeat.beat_at == NOON + SECOND * 5
    assert heartbeat.detail == {"leads": True}


def test_every_app_with_periodic_work_is_asked():
    modules = {due.__module__ for due in periodic_modules()}

    assert modules >= {"accounts.periodic", "sources.periodic"}
