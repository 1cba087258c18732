"""Deltas are stored as what they add up to, exactly once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitoring.models import DeltaTotal
from monitoring.services import queries
from monitoring.services.append import append_samples
from tests.factories.monitoring import sample_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
AT = int(NOW.timestamp() * 1000)


def append(cast, *rows, now=NOW, is_delta=True):
    samples = [({"__name__": name}, AT + ts, value) for name, ts, value in rows]
    batch = sample_batch(samples, is_delta=is_delta)
    return append_samples(cast.system(), batch, team_id=None, now=now)


def stored(cast):
    data = queries.querier(cast.system()).select((), AT - 10**6, AT + 10**6)
    return {
        dict(labels)["__name__"]: [
            (int(ts) - AT, float(value))
            for ts, value in zip(
                data.ts_ms[data.offsets[i] : data.offsets[i + 1]],
                data.values[data.offsets[i] : data.offsets[i + 1]],
                strict=True,
            )
        ]
        for i, labels in enumerate(data.labels)
    }


def test_deltas_add_up_within_a_batch(cast):
    append(cast, ("a", 20, 3.0), ("b", 0, 7.0), ("a", 0, 1.0), ("a", 10, 2.0))

    assert stored(cast) == {"a": [(0, 1.0), (10, 3.0), (20, 6.0)], "b": [(0, 7.0)]}


def test_deltas_add_up_from_batch_to_batch(cast):
    append(cast, ("a", 0, 1.0))
    append(cast, ("a", 10, 2.0), ("b", 10, 5.0))

    assert stored(cast) == {"a": [(0, 1.0), (10, 3.0)], "b": [(10, 5.0)]}


def test_one_that_comes_again_or_late_changes_no_total(cast):
    append(cast, ("a", 10, 2.0))
    outcome = append(cast, ("a", 10, 2.0), ("a", 5, 4.0), ("a", 10, 2.0))
    append(cast, ("a", 20, 1.0))

    assert outcome.stored == 0
    assert stored(cast) == {"a": [(10, 2.0), (20, 3.0)]}


def test_other_samples_are_stored_as_they_are(cast):
    append(cast, ("a", 0, 5.0), ("a", 10, 5.0), is_delta=False)

    assert stored(cast) == {"a": [(0, 5.0), (10, 5.0)]}
    assert not DeltaTotal.objects.exists()


def test_a_delta_outside_what_is_kept_is_not_counted(cast):
    outcome = append(cast, ("a", 0, 1.0), now=NOW - timedelta(hours=2))

    assert outcome.stored == 0
    assert not DeltaTotal.objects.exists()
