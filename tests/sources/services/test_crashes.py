"""A worker that is killed in the middle of its transaction."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from monitoring.services.logs import LogQuery, count_logs
from sources.models import InboxBatch, SourceState
from sources.services.inbox import deposit
from sources.services.pipeline import drain
from tests.factories.sources import SourceFactory, arrival, log_batch, ns

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

ROOT = Path(__file__).resolve().parents[3]
WORKER = """
import django
django.setup()
from django.conf import settings
from django.db import OperationalError, connection
connection.settings_dict["NAME"] = {name!r}
from sources.tasks import drain_inbox
drain_inbox()
"""


@pytest.fixture(autouse=True)
def redis(redis_client):
    """Nudges and live events go to the run's own Redis."""


@pytest.fixture
def source(cast):
    return SourceFactory(organization=cast.acme, name="app")


def own_connection() -> psycopg.Connection:
    given = connection.settings_dict
    return psycopg.connect(host=given["HOST"], user=given["USER"], dbname=given["NAME"])


def start_worker() -> subprocess.Popen:
    code = WORKER.format(name=connection.settings_dict["NAME"])
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment)


def wait_until_blocked(other: psycopg.Connection) -> None:
    """Wait until the worker has written everything and wants the row we hold."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        blocked = other.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database()"
        ).fetchone()
        if blocked != (0,):
            return
        time.sleep(0.02)
    pytest.fail("The worker did not come to the locked row.")


def stored(scope) -> int:
    now = timezone.now()
    return count_logs(
        scope,
        LogQuery((), ns(now - timedelta(hours=1)), ns(now + timedelta(hours=1))),
    )


def test_a_killed_workers_lines_are_stored_exactly_once(cast, source):
    batches = [log_batch(*[f"line {i}" for i in range(100)]) for _ in range(5)]
    deposit([arrival(cast.acme, b, source=source, at=timezone.now()) for b in batches])

    with own_connection() as holder, own_connection() as observer:
        # The counts come last, so that everything else is written by then.
        observer.autocommit = True
        holder.execute("SELECT 1 FROM sources_sourcestate FOR UPDATE")
        worker = start_worker()
        try:
            wait_until_blocked(observer)
        finally:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
        holder.rollback()

    assert (stored(cast.system()), InboxBatch.objects.count()) == (0, 5)
    assert SourceState.objects.get(source=source).lines_total == 0

    drain_until_free()

    assert (stored(cast.system()), InboxBatch.objects.count()) == (500, 0)
    assert SourceState.objects.get(source=source).lines_total == 500


def drain_until_free() -> None:
    """PostgreSQL needs a moment to notice that the worker is dead."""
    deadline = time.monotonic() + 10
    while InboxBatch.objects.exists() and time.monotonic() < deadline:
        drain(timezone.now())
        time.sleep(0.02)


def test_a_batch_held_by_another_worker_is_passed_over(cast):
    deposit(
        [arrival(cast.acme, log_batch("held")), arrival(cast.acme, log_batch("free"))]
    )

    with own_connection() as other:
        other.execute("SELECT 1 FROM sources_inboxbatch ORDER BY id LIMIT 1 FOR UPDATE")
        outcome = drain(timezone.now())
        other.rollback()

    assert outcome.lines == 1
    assert InboxBatch.objects.count() == 1


def test_a_deadlock_is_not_the_batchs_fault(cast, source):
    """The database chooses a loser; it is told so, and nothing is counted against it."""
    deposit([arrival(cast.acme, log_batch("a"), source=source)])
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    try:
        with own_connection() as other:
            other.execute("SELECT 1 FROM sources_sourcestate FOR UPDATE")
            with pytest.raises(OperationalError):
                drain(timezone.now())
            other.rollback()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")

    assert InboxBatch.objects.get().attempts == 0


def test_workers_side_by_side_store_every_line_once(cast):
    """They meet on the same sources, minutes and streams, and never on a batch."""
    sources = [SourceFactory(organization=cast.acme) for _ in range(3)]
    deposit(
        [
            arrival(
                cast.acme,
                log_batch(f"line {i}", at=timezone.now(), host=f"h{i % 4}"),
                source=sources[i % 3],
                at=timezone.now(),
            )
            for i in range(90)
        ]
    )

    with ThreadPoolExecutor(3) as pool:
        workers = [pool.submit(drain_in_small_bites) for _ in range(3)]
        totals = [worker.result() for worker in workers]

    assert sum(totals) == 90
    assert stored(cast.system()) == 90
    lines = SourceState.objects.values_list("lines_total", flat=True)
    assert sorted(lines) == [30, 30, 30]
    assert not InboxBatch.objects.exists()


def drain_in_small_bites() -> int:
    """As a worker does: what lost against another transaction is tried again."""
    total = 0
    try:
        while InboxBatch.objects.exists():
            with contextlib.suppress(OperationalError):
                total += drain(timezone.now(), max_batches=5).lines
        return total
    finally:
        connection.close()
