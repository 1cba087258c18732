from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.services import compaction, queries
from monitoring.services.append import append_samples
from monitoring.store import open_samples as module
from monitoring.store.blocks import Samples, merge_samples
from monitoring.store.open_samples import OpenRun, OpenSamples, open_samples
from monitoring.store.samples import narrow
from tests.factories.accounts import OrganizationFactory
from tests.factories.monitoring import sample_batch, system_scope

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)


def samples_of(*rows: tuple[int, int]) -> Samples:
    series, ts_ms = np.array(rows, np.int64).reshape(-1, 2).T
    return Samples(series, ts_ms, np.arange(len(rows), dtype=np.float64))


ROWS = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 12)), min_size=1)
IDS = st.sets(st.integers(0, 7), min_size=1).map(sorted)
TIMES = st.integers(-1, 13)


@pytest.mark.unit
@given(rows=ROWS, ids=IDS, times=st.tuples(TIMES, TIMES).map(sorted))
def test_an_open_run_is_narrowed_to_what_is_asked_for(rows, ids, times):
    start, end = times
    run = samples_of(*sorted(rows))
    series = np.array(ids, np.int64)

    found = OpenRun.of(run).narrowed(series, start, end)

    wanted = narrow(run, series, start, end)
    assert found.series.tolist() == wanted.series.tolist()
    assert found.ts_ms.tolist() == wanted.ts_ms.tolist()
    assert found.values.tolist() == wanted.values.tolist()


@pytest.mark.unit
@pytest.mark.parametrize("rows", [[(2, 1), (1, 1)], [(1, 2), (1, 1)], []])
def test_a_run_in_another_order_is_not_opened(rows):
    assert OpenRun.of(samples_of(*rows)) is None


@pytest.mark.unit
def test_a_sorted_run_is_merged_to_itself():
    run = samples_of((1, 1), (1, 2), (2, 1))

    assert merge_samples([run]) is run
    assert len(merge_samples([samples_of((1, 1), (1, 1))])) == 1


@pytest.mark.unit
def test_those_used_last_are_kept_up_to_a_size(monkeypatch):
    monkeypatch.setattr(module, "LEAST_SAMPLES", 1)
    run = OpenRun.of(samples_of((1, 1), (1, 2)))
    kept = OpenSamples(run.size)

    kept.keep(7, 1, run)
    kept.keep(7, 2, run)

    assert list(kept.of(7)) == [1]
    assert kept.of(8) == {}


@pytest.mark.integration
@pytest.mark.django_db
def test_what_is_kept_open_answers_like_what_is_read(monkeypatch):
    monkeypatch.setattr(module, "LEAST_SAMPLES", 1)
    scope = system_scope(OrganizationFactory())
    labels = {"__name__": "up", "job": "api"}
    for minute in range(60):
        batch = sample_batch([(labels, NOW_MS - minute * 60_000, float(minute))])
        append_samples(scope, batch, team_id=None, now=NOW)

    def ask() -> list[float]:
        values = queries.instant(scope, "up[30m]", now=NOW).values
        return values.ravel().tolist()

    first, again = ask(), ask()
    for _ in compaction.compact(scope.organization_id, now=NOW):
        pass
    merged, merged_again = ask(), ask()

    assert (
        first == again == merged == merged_again == [float(n) for n in range(30)][::-1]
    )
    assert open_samples.of(scope.organization_id)
