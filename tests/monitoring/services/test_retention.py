from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitoring.models import (
    DeltaTotal,
    LogBlock,
    LogStream,
    Metric,
    SampleBlock,
    Series,
)
from monitoring.services.append import append_logs, append_samples
from monitoring.services.retention import apply_retention, prepare_partitions
from monitoring.store import registry
from tests.factories.accounts import OrganizationFactory
from tests.factories.monitoring import log_batch, sample_batch, system_scope

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def scope():
    registry.forget()
    yield system_scope(OrganizationFactory())
    registry.forget()


def append(scope, moment, *, name="up"):
    ms = int(moment.timestamp() * 1000)
    samples = sample_batch([({"__name__": name}, ms, 1.0)])
    lines = log_batch([(ms * 10**6, "line")], labels={"source": name})
    append_samples(scope, samples, team_id=None, now=moment)
    append_logs(scope, lines, team_id=None, now=moment)


def days_of(model, scope):
    blocks = model.objects.filter(organization_id=scope.organization_id)
    return sorted(NOW.date() - block.day for block in blocks)


def test_days_are_kept_as_long_as_configured(scope, settings):
    settings.LOG_RETENTION_DAYS, settings.METRIC_RETENTION_DAYS = 3, 5
    for age in range(9):
        append(scope, NOW - age * DAY)

    apply_retention(NOW)

    # One more than asked for: of the day in which retention begins, some is kept.
    assert days_of(LogBlock, scope) == [n * DAY for n in range(4)]
    assert days_of(SampleBlock, scope) == [n * DAY for n in range(6)]


def test_series_and_streams_out_of_use_go_with_their_last_day(scope, settings):
    settings.LOG_RETENTION_DAYS, settings.METRIC_RETENTION_DAYS = 3, 5
    settings.METRIC_ROLLUP_RETENTION_DAYS = 5
    append(scope, NOW - 20 * DAY, name="old")
    append(scope, NOW, name="new")

    apply_retention(NOW)

    def names(model, field):
        return list(model.objects.visible_to(scope).values_list(field, flat=True))

    assert names(Series, "metric__name") == ["new"]
    assert names(Metric, "name") == ["new"]
    assert names(LogStream, "labels__source") == ["new"]


def test_totals_of_deltas_go_with_their_series(scope, settings):
    settings.METRIC_RETENTION_DAYS = settings.METRIC_ROLLUP_RETENTION_DAYS = 5
    for name, moment in (("old", NOW - 20 * DAY), ("new", NOW)):
        ms = int(moment.timestamp() * 1000)
        deltas = sample_batch([({"__name__": name}, ms, 1.0)], is_delta=True)
        append_samples(scope, deltas, team_id=None, now=moment)

    apply_retention(NOW)

    kept = Series.objects.visible_to(scope).values_list("pk", flat=True)
    assert list(DeltaTotal.objects.values_list("series_id", flat=True)) == list(kept)
    assert len(kept) == 1


def test_what_a_deleted_organization_left_is_deleted(scope):
    append(scope, NOW)
    from accounts.models import Organization

    Organization.objects.filter(pk=scope.organization_id).delete()

    apply_retention(NOW)

    assert days_of(LogBlock, scope) == days_of(SampleBlock, scope) == []


def test_retention_repeated_does_nothing(scope):
    append(scope, NOW)
    apply_retention(NOW)

    outcome = apply_retention(NOW)

    assert (outcome.days_dropped, outcome.series_deleted) == (0, 0)


def test_partitions_are_there_before_their_day(scope):
    from monitoring.store.connection import fetch

    prepare_partitions(NOW)

    (found,) = fetch("SELECT to_regclass('monitoring_logblock_20261123')", ())
    assert found != (None,)
