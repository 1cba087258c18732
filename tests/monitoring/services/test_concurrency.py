"""Reads and appends while compaction and retention run: with real threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from accounts.models import Organization
from monitoring.services import compaction, logs, queries
from monitoring.services.append import (
    LimitExceededError,
    append_logs,
    append_samples,
)
from monitoring.services.retention import apply_retention
from monitoring.store.compaction import merge_alone
from tests.factories.accounts import OrganizationFactory
from tests.factories.monitoring import log_batch, sample_batch, system_scope

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
NOW_NS = NOW_MS * 10**6
ROUNDS = 40
PER_ROUND = 10


class Reader:
    """Counts again and again until told to stop, and remembers what it saw."""

    def __init__(self, count):
        self._count = count
        self._stop = threading.Event()
        self.seen = []

    def run(self):
        try:
            while not self._stop.is_set():
                self.seen.append(self._count())
            self.seen.append(self._count())
        finally:
            connection.close()

    def stop(self):
        self._stop.set()


@pytest.fixture
def scope():
    return system_scope(OrganizationFactory())


def pages(scope) -> int:
    query = logs.LogQuery((), NOW_NS - 10**9, NOW_NS + 10**9, limit=10_000)
    return len({record.line for record in logs.read_logs(scope, query).records})


def lines(scope) -> int:
    query = logs.LogQuery((), NOW_NS - 10**9, NOW_NS + 10**9, contains="line")
    return logs.count_logs(scope, query)


def samples(scope) -> int:
    return len(queries.querier(scope).select((), 0, NOW_MS).ts_ms)


def append(scope, turn):
    first = turn * PER_ROUND
    numbers = range(first, first + PER_ROUND)
    batch = log_batch([(NOW_NS, f"line {n}") for n in numbers])
    metrics = [({"__name__": f"m{n % 3}"}, NOW_MS - n, 1.0) for n in numbers]
    with transaction.atomic():
        append_logs(scope, batch, team_id=None, now=NOW)
        append_samples(scope, sample_batch(metrics), team_id=None, now=NOW)


@pytest.mark.parametrize("count", [pages, lines, samples])
def test_a_reader_never_sees_less_or_more_than_was_appended(small_blocks, scope, count):
    reader = Reader(lambda: count(scope))

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(reader.run)
        try:
            for turn in range(ROUNDS):
                append(scope, turn)
                list(compaction.compact(scope.organization_id, now=NOW))
        finally:
            reader.stop()
        reading.result()

    assert reader.seen == sorted(reader.seen)
    assert {seen % PER_ROUND for seen in reader.seen} == {0}
    assert reader.seen[-1] == ROUNDS * PER_ROUND


def test_two_compactions_of_one_organization_do_not_meet(small_blocks, scope):
    for turn in range(ROUNDS):
        append(scope, turn)

    def compact(_turn):
        try:
            with suppress(compaction.SourcesGoneError):
                list(compaction.compact(scope.organization_id, now=NOW))
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(compact, range(6)))

    assert lines(scope) == samples(scope) == ROUNDS * PER_ROUND


def test_a_second_compaction_gives_up_at_once(small_blocks, scope):
    append(scope, 0)
    append(scope, 1)

    def compact():
        try:
            return list(compaction.compact(scope.organization_id, now=NOW))
        finally:
            connection.close()

    with merge_alone(scope.organization_id), ThreadPoolExecutor(1) as pool:
        merged = pool.submit(compact).result(timeout=10)

    assert set(merged) == {0}


def test_an_append_does_not_wait_for_a_merge(small_blocks, scope):
    append(scope, 0)
    append(scope, 1)

    def append_meanwhile():
        try:
            append(scope, 2)
        finally:
            connection.close()

    # The merge has its locks, its sources are gone, and it does not commit.
    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        merged = sum(compaction.compact(scope.organization_id, now=NOW))
        pool.submit(append_meanwhile).result(timeout=20)
        seen_by_the_merge = lines(scope)

    assert merged > 0
    assert seen_by_the_merge == lines(scope) == samples(scope) == 3 * PER_ROUND


def test_writers_at_once_cannot_exceed_the_limit_of_series(scope):
    Organization.objects.filter(pk=scope.organization_id).update(max_series=10)

    def write(turn):
        rows = [({"__name__": f"m{turn}_{n}"}, NOW_MS, 1.0) for n in range(4)]
        try:
            with transaction.atomic():
                append_samples(scope, sample_batch(rows), team_id=None, now=NOW)
        except LimitExceededError as error:
            return str(error)
        finally:
            connection.close()
        return ""

    with ThreadPoolExecutor(4) as pool:
        refusals = [text for text in pool.map(write, range(6)) if text]

    assert refusals == ["4 new series would exceed the limit of 10; 8 exist."] * 4
    assert samples(scope) == 8


def test_retention_and_ingestion_do_not_wait_for_each_other(scope):
    for age in range(60, 70):
        append_old(scope, NOW - timedelta(days=age))

    def retain():
        try:
            # A day goes in each round, as time passes.
            for age in range(70, 50, -1):
                apply_retention(NOW - timedelta(days=age - 31))
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        retaining = pool.submit(retain)
        turns = 0
        while not retaining.done():
            append(scope, turns)
            turns += 1
        retaining.result()

    assert lines(scope) == samples(scope) == turns * PER_ROUND


def append_old(scope, moment):
    ms = int(moment.timestamp() * 1000)
    batch = sample_batch([({"__name__": "m"}, ms, 1.0)])
    append_samples(scope, batch, team_id=None, now=moment)
