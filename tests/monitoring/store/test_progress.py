from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitoring.services import compaction
from monitoring.services.append import append_samples
from monitoring.store import sample_compaction
from tests.factories.accounts import OrganizationFactory
from tests.factories.monitoring import sample_batch, system_scope

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOW = datetime(2026, 11, 21, 13, tzinfo=UTC)
WINDOW_END = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def scope(monkeypatch):
    monkeypatch.setattr("monitoring.store.progress.FEW_SAMPLES", 10)
    monkeypatch.setattr(sample_compaction, "FEW_SAMPLES", 10)
    scope = system_scope(OrganizationFactory())
    first = int(WINDOW_END.timestamp() * 1000) - 3_600_000 + 1
    rows = [({"__name__": "m"}, first + n * 15_000, 1.0) for n in range(120)]
    append_samples(scope, sample_batch(rows), team_id=None, now=NOW)
    return scope


def levels(states):
    return {state.name: (state.blocks, state.records) for state in states}


def test_a_finished_window_that_waits_is_behind(scope):
    found = compaction.progress(scope, NOW)

    assert levels(found.samples) == {"0": (1, 120)}
    assert (found.backlog.windows, found.backlog.behind) == (0, timedelta(hours=1))


def test_after_compaction_nothing_is_behind(scope):
    list(compaction.compact(scope.organization_id, now=NOW))

    found = compaction.progress(scope, NOW)

    assert levels(found.samples) == {"1": (1, 120)}
    assert levels(found.rollups) == {"3600s": (1, 1), "300s": (1, 6)}
    assert (found.backlog.windows, found.backlog.behind) == (0, timedelta(0))


def test_windows_that_are_to_be_rolled_up_are_counted(scope):
    steps = compaction.compact(scope.organization_id, now=NOW)
    next(steps)

    found = compaction.progress(scope, NOW)

    assert (found.backlog.windows, found.backlog.behind) == (1, timedelta(hours=1))


def test_strangers_see_nothing_of_it(scope):
    found = compaction.progress(system_scope(OrganizationFactory()), NOW)

    assert (found.samples, found.rollups, found.lines) == ([], [], [])
