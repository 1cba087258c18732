"""Rules decide about roll-ups as they do about samples."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from monitoring.services import compaction
from monitoring.services.append import append_samples
from monitoring.services.retention import apply_rules
from monitoring.services.retention_rules import RetentionDraft, create_rule, preview
from monitoring.services.selection import visible_series
from monitoring.store import registry, sample_compaction
from monitoring.store.rollup_columns import decode_rolled
from tests.factories.monitoring import sample_batch, system_scope

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
DEV = RetentionDraft("metrics", 2 * DAY, '{env="dev"}')
# Samples every 15 s for two hours have roll-ups of 5 minutes and of an hour.
BUCKETS = 24 + 2


@pytest.fixture
def scope(cast, monkeypatch):
    monkeypatch.setattr(sample_compaction, "FEW_SAMPLES", 1)
    registry.forget()
    yield system_scope(cast.acme)
    registry.forget()


@pytest.fixture
def store(scope):
    """Return what stores two hours of samples, so many days ago, and rolls them up."""

    def store(*envs: str, days: int) -> None:
        first = int((NOW - days * DAY).timestamp() * 1000)
        rows = [
            ({"__name__": "up", "env": env}, first + n * 15_000 + 1, float(n))
            for env in envs
            for n in range(480)
        ]
        append_samples(scope, sample_batch(rows), team_id=None, now=NOW)
        list(compaction.compact(scope.organization_id, now=NOW))

    return store


def rolled_up(scope) -> dict[str, int]:
    """Return how many buckets there are of each series, by its label."""
    found = visible_series(scope)
    names = [dict(labels)["env"] for labels in found.labels()]
    envs = dict(zip(found.ids.tolist(), names, strict=True))
    counts: dict[str, int] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT step_ms, payload FROM monitoring_rollupblock")
        for step_ms, payload in cursor.fetchall():
            for series in decode_rolled(bytes(payload), step_ms).series.tolist():
                counts[envs[series]] = counts.get(envs[series], 0) + 1
    return counts


def test_a_rule_takes_the_roll_ups_of_its_series_with_their_samples(scope, store):
    store("dev", "prod", days=5)
    store("dev", days=1)
    create_rule(scope, DEV)

    list(apply_rules(scope, NOW))

    assert rolled_up(scope) == {"dev": BUCKETS, "prod": BUCKETS}


def test_without_a_rule_roll_ups_outlive_their_samples(scope, store, settings):
    store("prod", days=5)
    settings.METRIC_RETENTION_DAYS = 2

    list(apply_rules(scope, NOW))

    assert rolled_up(scope) == {"prod": BUCKETS}


def test_the_first_rule_that_takes_a_series_decides_about_its_roll_ups(scope, store):
    store("dev", "prod", days=5)
    create_rule(scope, RetentionDraft("metrics", 20 * DAY, '{env="dev"}'))
    create_rule(scope, RetentionDraft("metrics", 2 * DAY))

    list(apply_rules(scope, NOW))

    assert rolled_up(scope) == {"dev": BUCKETS}


def test_others_keep_their_roll_ups_where_the_samples_are_gone(scope, store, settings):
    store("dev", "prod", days=5)
    settings.METRIC_RETENTION_DAYS = 3
    list(apply_rules(scope, NOW))
    create_rule(scope, DEV)

    list(apply_rules(scope, NOW))
    list(compaction.compact(scope.organization_id, now=NOW))

    assert rolled_up(scope) == {"prod": BUCKETS}


def test_what_was_looked_at_is_looked_at_again_only_after_a_change(scope, store):
    create_rule(scope, DEV)
    store("dev", "prod", days=5)
    first, second = (_records(scope, NOW) for _ in range(2))
    store("dev", days=5)
    after_late_samples = _records(scope, NOW)
    store("dev", days=1)
    a_day_later, two_days_later = (_records(scope, NOW + n * DAY) for n in (1, 3))
    create_rule(scope, RetentionDraft("metrics", 2 * DAY, '{env="prod"}'))
    after_a_rule = _records(scope, NOW + 3 * DAY)

    assert (first, second) == (480 + BUCKETS, 0)
    assert after_late_samples == 480 + BUCKETS
    assert (a_day_later, two_days_later) == (0, 480 + BUCKETS)
    assert after_a_rule == 480 + BUCKETS


def _records(scope, now: datetime) -> int:
    return sum(step.records for step in apply_rules(scope, now))


def test_a_preview_counts_the_roll_ups_that_a_rule_lets_go(scope, store, settings):
    store("dev", "prod", days=5)
    settings.METRIC_RETENTION_DAYS = 3
    list(apply_rules(scope, NOW))

    metrics, logs = preview(scope, [DEV], now=NOW)
    nothing, _ = preview(scope, [], now=NOW)

    assert (metrics.ids, metrics.amount.records) == (1, 0)
    assert (metrics.rollups.records, metrics.exact) == (BUCKETS, True)
    assert metrics.bytes > 0
    assert metrics.oldest == date(2026, 11, 16)
    assert nothing.ids == nothing.rollups.records == logs.rollups.records == 0


def test_a_preview_leaves_out_what_todays_rules_let_go(scope, store):
    store("dev", "prod", days=5)
    create_rule(scope, RetentionDraft("metrics", 2 * DAY, '{env="prod"}'))

    metrics, _ = preview(scope, [RetentionDraft("metrics", 2 * DAY)], now=NOW)

    assert (metrics.ids, metrics.rollups.records) == (1, BUCKETS)
