"""Metadata go by family, whatever its series are called."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from monitoring.services.append import append_samples
from monitoring.services.metadata import metric_metadata
from monitoring.telemetry import MetricMetadata, MetricType
from tests.factories.monitoring import sample_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
AT = int(NOW.timestamp() * 1000)


def append(cast, names, metadata):
    rows = [({"__name__": name}, AT, 1.0) for name in names]
    batch = sample_batch(rows, metadata=metadata)
    append_samples(cast.system(), batch, team_id=None, now=NOW)


@pytest.mark.parametrize(
    ("kind", "names", "family"),
    [
        (MetricType.HISTOGRAM, ["x_bucket", "x_sum", "x_count"], "x"),
        (MetricType.SUMMARY, ["x", "x_sum", "x_count"], "x"),
        (MetricType.GAUGE, ["x"], "x"),
        (MetricType.COUNTER, ["x_total"], "x_total"),
    ],
)
def test_a_family_is_listed_once(cast, kind, names, family):
    said = MetricMetadata(kind, "seconds", "How long.")

    append(cast, names, {"x": said})

    assert metric_metadata(cast.system()) == {family: said}
    assert metric_metadata(cast.system(), metric=family) == {family: said}


def test_what_came_before_its_series_is_kept_when_it_is_said_again(cast):
    said = MetricMetadata(MetricType.HISTOGRAM, "", "Sizes.")
    append(cast, ["other"], {"size": said})

    append(cast, ["size_bucket", "size_sum", "size_count"], {"size": said})

    assert metric_metadata(cast.system()) == {"size": said}
