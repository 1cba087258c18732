from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from monitoring.store import partitions
from monitoring.store.connection import fetch

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
# Days that no other test uses.
DAYS = [date(2026, 1, day) for day in range(1, 6)]


@pytest.fixture(autouse=True)
def no_such_days():
    partitions.drop_before(partitions.SAMPLES, date(2026, 2, 1))
    partitions.drop_before(partitions.LOGS, date(2026, 2, 1))


def existing(table=partitions.LOGS) -> list[str]:
    rows = fetch(
        "SELECT inhrelid::regclass::text FROM pg_inherits"
        " WHERE inhparent = %s::regclass ORDER BY 1",
        [table],
    )
    return [name for (name,) in rows if "_202601" in name]


def test_a_day_becomes_a_partition_of_both_tables():
    partitions.ensure([DAYS[0]], now=NOW)

    assert existing(partitions.LOGS) == ["monitoring_logblock_20260101"]
    assert existing(partitions.SAMPLES) == ["monitoring_sampleblock_20260101"]


def test_the_space_of_merged_blocks_is_soon_free():
    partitions.ensure([DAYS[0]], now=NOW)

    options = fetch(
        "SELECT array_to_string(c.reloptions || t.reloptions, ' ') FROM pg_class c"
        " JOIN pg_class t ON t.oid = c.reltoastrelid"
        " WHERE c.oid = 'monitoring_logblock_20260101'::regclass",
        (),
    )[0][0]

    assert options.count("autovacuum_vacuum_scale_factor=0.02") == 2


def test_many_processes_may_make_the_same_days():
    def ensure(_turn):
        partitions.forget()
        try:
            partitions.ensure(DAYS, now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ensure, range(8)))

    assert len(existing()) == len(DAYS)


@pytest.mark.parametrize("day", [date(1970, 1, 1), date(2026, 11, 24), date.max])
def test_a_day_far_away_gets_no_partition(day):
    with pytest.raises(partitions.DayOutOfRangeError):
        partitions.ensure([day], now=NOW)


def test_a_long_retention_reaches_further_back(settings):
    settings.METRIC_RETENTION_DAYS = 1000
    day = (NOW - timedelta(days=1000)).date()

    partitions.ensure([day], now=NOW)

    assert partitions.drop_before(partitions.LOGS, day + timedelta(days=1)) == 1
    assert partitions.drop_before(partitions.SAMPLES, day + timedelta(days=1)) == 1


def test_earlier_days_are_dropped():
    partitions.ensure(DAYS, now=NOW)

    dropped = partitions.drop_before(partitions.LOGS, DAYS[3])

    assert dropped == 3
    assert existing() == [
        "monitoring_logblock_20260104",
        "monitoring_logblock_20260105",
    ]
    assert len(existing(partitions.SAMPLES)) == len(DAYS)


def test_a_dropped_day_can_come_back():
    partitions.ensure([DAYS[0]], now=NOW)
    partitions.drop_before(partitions.LOGS, DAYS[1])

    partitions.ensure([DAYS[0]], now=NOW)

    assert existing() == ["monitoring_logblock_20260101"]


def test_what_a_crash_detached_is_dropped_later():
    partitions.ensure([DAYS[0]], now=NOW)
    name = existing()[0]
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {partitions.LOGS} DETACH PARTITION {name}")

    assert partitions.drop_before(partitions.LOGS, DAYS[1]) == 1
    assert fetch("SELECT to_regclass(%s)", [name]) == [(None,)]


def test_a_partition_stores_and_finds_as_its_parent_was_told_to():
    partitions.ensure([DAYS[0]], now=NOW)

    (storage,) = fetch(
        "SELECT array_agg(attname || ' ' || attstorage::text ORDER BY attname)"
        " FROM pg_attribute WHERE attrelid = 'monitoring_logblock_20260101'::regclass"
        " AND attname IN ('payload', 'token_filter')",
        (),
    )
    indexes = fetch(
        "SELECT count(*) FROM pg_index i JOIN pg_inherits h ON h.inhrelid = i.indexrelid"
        " WHERE indrelid = 'monitoring_logblock_20260101'::regclass",
        (),
    )
    parents = fetch(
        "SELECT count(*) FROM pg_index WHERE indrelid = 'monitoring_logblock'::regclass",
        (),
    )

    assert storage == (["payload e", "token_filter e"],)
    assert indexes == parents


def test_the_margin_for_new_days_is_small():
    partitions.ensure([(NOW + timedelta(days=2)).date()], now=NOW)
