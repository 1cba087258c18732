from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitoring.models import LogStream, Metric, Series
from monitoring.services.append import (
    AppendOutcome,
    LimitExceededError,
    append_logs,
    append_samples,
)
from monitoring.telemetry import MetricMetadata, MetricType
from tests.factories.accounts import OrganizationFactory
from tests.factories.monitoring import log_batch, sample_batch, system_scope

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
NOW_NS = NOW_MS * 10**6
DAY_MS = 86_400_000


@pytest.fixture
def organization():
    return OrganizationFactory(max_series=3, max_streams=2)


@pytest.fixture
def scope(organization):
    return system_scope(organization)


def samples(*jobs, ts_ms=NOW_MS, **more):
    labels = [{"__name__": "up", "job": job} for job in jobs]
    return sample_batch([(of_job, ts_ms, 1.0) for of_job in labels], **more)


def test_a_series_is_registered_once(scope):
    for _ in range(2):
        append_samples(scope, samples("api", "db"), team_id=None, now=NOW)

    found = Series.objects.visible_to(scope).order_by("id")
    assert [(s.metric.name, s.labels) for s in found] == [
        ("up", {"job": "api"}),
        ("up", {"job": "db"}),
    ]


def test_equal_labels_of_two_teams_are_two_series(cast):
    for team_id in (None, cast.payments.pk, cast.platform.pk):
        append_samples(cast.system(), samples("api"), team_id=team_id, now=NOW)

    teams = Series.objects.visible_to(cast.system()).values_list("team_id", flat=True)
    assert set(teams) == {None, cast.payments.pk, cast.platform.pk}


def test_over_the_limit_of_series_nothing_is_written(scope):
    append_samples(scope, samples("a", "b"), team_id=None, now=NOW)

    with pytest.raises(LimitExceededError, match="the limit of 3; 2 exist"):
        append_samples(scope, samples("b", "c", "d"), team_id=None, now=NOW)

    assert Series.objects.visible_to(scope).count() == 2


def test_known_series_may_be_written_at_the_limit(scope):
    append_samples(scope, samples("a", "b", "c"), team_id=None, now=NOW)

    outcome = append_samples(scope, samples("c", "a"), team_id=None, now=NOW)

    assert outcome == AppendOutcome(2)


def test_over_the_limit_of_streams_nothing_is_written(scope):
    for pod in "ab":
        batch = log_batch([(NOW_NS, "x")], labels={"pod": pod})
        append_logs(scope, batch, team_id=None, now=NOW)

    batch = log_batch([(NOW_NS, "x")], labels={"pod": "c"})
    with pytest.raises(LimitExceededError, match="log streams"):
        append_logs(scope, batch, team_id=None, now=NOW)

    assert LogStream.objects.visible_to(scope).count() == 2


@pytest.mark.parametrize(
    ("age_ms", "rejected"),
    [
        pytest.param(0, {}, id="now"),
        pytest.param(30 * DAY_MS, {}, id="at_the_edge_of_retention"),
        pytest.param(30 * DAY_MS + 1, {"older_than_retention": 1}, id="too_old"),
        pytest.param(-3_600_000, {}, id="an_hour_ahead"),
        pytest.param(-3_600_001, {"too_far_in_the_future": 1}, id="too_new"),
        pytest.param(2**62, {"older_than_retention": 1}, id="absurd"),
    ],
)
def test_samples_of_an_odd_time_are_rejected_with_the_reason(scope, age_ms, rejected):
    batch = samples("a", ts_ms=NOW_MS - age_ms)

    outcome = append_samples(scope, batch, team_id=None, now=NOW)

    assert outcome == AppendOutcome(1 - len(rejected), rejected)


def test_empty_batches_are_no_error(scope):
    outcomes = [
        append_samples(scope, sample_batch([]), team_id=None, now=NOW),
        append_logs(scope, log_batch([]), team_id=None, now=NOW),
    ]

    assert outcomes == [AppendOutcome(0), AppendOutcome(0)]


GAUGE = MetricMetadata(MetricType.GAUGE, "bytes", "How much.")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        pytest.param([GAUGE], GAUGE, id="first"),
        pytest.param([GAUGE, MetricMetadata()], GAUGE, id="unknown_replaces_nothing"),
        pytest.param(
            [GAUGE, MetricMetadata(MetricType.COUNTER)],
            MetricMetadata(MetricType.COUNTER, "bytes", "How much."),
            id="what_changed_replaces",
        ),
    ],
)
def test_a_metric_is_described_as_its_senders_last_did(scope, said, kept):
    for metadata in said:
        batch = samples("a", metadata={"up": metadata})
        append_samples(scope, batch, team_id=None, now=NOW)

    metric = Metric.objects.visible_to(scope).get()
    assert MetricMetadata(MetricType(metric.type), metric.unit, metric.help) == kept


def test_use_is_noted_only_after_hours(scope):
    append_samples(scope, samples("a"), team_id=None, now=NOW)

    seen = []
    for later in (timedelta(hours=5), timedelta(hours=7)):
        append_samples(scope, samples("a"), team_id=None, now=NOW + later)
        seen.append(Series.objects.visible_to(scope).get().last_seen)

    assert seen == [NOW, NOW + timedelta(hours=7)]
