"""Answers from roll-ups are those of the samples, whatever came when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring import promql, services
from monitoring.labels import Matcher, MatchOp
from monitoring.services import compaction, queries
from monitoring.services.append import append_samples
from monitoring.store import (
    known_series,
    rollup_deletion,
    rollups,
    sample_compaction,
)
from monitoring.store.blocks import Samples
from monitoring.store.rollup_columns import (
    STEPS_MS,
    decode_rolled,
    encode_rolled,
    roll,
)
from monitoring.telemetry import STALE_NAN_BITS
from tests.factories.accounts import OrganizationFactory
from tests.factories.monitoring import sample_batch, system_scope

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
STALE = np.array([STALE_NAN_BITS], np.uint64).view(np.float64)[0]
DAY_MS = 24 * HOUR_MS

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

FUNCTIONS = [
    "avg_over_time",
    "count_over_time",
    "delta",
    "first_over_time",
    "increase",
    "last_over_time",
    "max_over_time",
    "min_over_time",
    "present_over_time",
    "rate",
    "sum_over_time",
]


@pytest.fixture
def scope():
    return system_scope(OrganizationFactory())


@pytest.fixture
def few_samples(monkeypatch):
    """Split every finished window by metric, however little is in it."""
    monkeypatch.setattr(sample_compaction, "FEW_SAMPLES", 1)


class Plain:
    """The same reader, without roll-ups."""

    def __init__(self, scope):
        self.select = queries.querier(scope).select


def ask(querier, expr, start, end, step):
    result = promql.range_query(querier, expr, start_ms=start, end_ms=end, step_ms=step)
    values = np.where(result.present, result.values, 0.5)
    return dict(zip(result.labels, values.tolist(), strict=True)), result.infos


def append(scope, rows):
    append_samples(scope, sample_batch(rows), team_id=None, now=NOW)


def compact(scope):
    list(compaction.compact(scope.organization_id, now=NOW))


def steady(name, first_ms, count, *, every=15_000, value=float):
    return [({"__name__": name}, first_ms + n * every, value(n)) for n in range(count)]


TIMES = st.integers(0, 40).map(lambda n: NOW_MS - 8 * HOUR_MS + n * 6 * MINUTE_MS)
VALUES = st.sampled_from([0.0, 1.0, 2.5, 7.0, -3.0, float("inf"), float("nan"), STALE])
SAMPLES = st.lists(
    st.tuples(
        st.sampled_from([{"__name__": "c_total"}, {"__name__": "c_total", "x": "1"}]),
        st.tuples(TIMES, st.sampled_from([0, 1, 7_000, MINUTE_MS])).map(sum),
        VALUES,
    ),
    min_size=1,
    max_size=60,
)


@given(
    st.lists(SAMPLES | st.just("compact"), min_size=1, max_size=6),
    st.sampled_from([*(f"{f}(c_total[{{}}])" for f in FUNCTIONS), "c_total"]),
    st.sampled_from([("5m", 5), ("10m", 5), ("1h", 60), ("3m", 1), ("2h", 30)]),
)
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_rolled_up_or_not_the_answer_is_the_same(
    small_blocks, monkeypatch, steps, expr, window
):
    monkeypatch.setattr(rollups, "LEAST_GAIN", 0)
    scope = system_scope(OrganizationFactory())
    for step in steps:
        compact(scope) if step == "compact" else append(scope, step)
    length, minutes = window
    question = (
        expr.format(length),
        NOW_MS - 9 * HOUR_MS,
        NOW_MS - HOUR_MS,
        minutes * MINUTE_MS,
    )

    expected, _ = ask(Plain(scope), *question)
    found, _ = ask(queries.querier(scope), *question)

    assert found.keys() == expected.keys()
    for labels, values in expected.items():
        np.testing.assert_allclose(found[labels], values, rtol=1e-12)


def test_a_day_is_answered_from_rollups_and_says_so(few_samples, scope):
    append(scope, steady("c_total", NOW_MS - DAY_MS + 1, 4 * 60 * 24))
    compact(scope)
    # Its first steps lie before all samples.
    start = NOW_MS - DAY_MS - 4 * HOUR_MS
    question = ("increase(c_total[1h])", start, NOW_MS, HOUR_MS)

    expected, without = ask(Plain(scope), *question)
    found, infos = ask(queries.querier(scope), *question)

    assert found == expected
    assert (without, infos) == ([], ["PromQL info: answered from roll-ups of 1h"])


@pytest.mark.parametrize(
    ("expr", "start", "step"),
    [
        ("rate(c_total[5m])", 1, MINUTE_MS),
        ("rate(c_total[90s])", 0, MINUTE_MS),
        ("rate(c_total[5m])", 0, 15_000),
        ("irate(c_total[5m])", 0, MINUTE_MS),
        ("quantile_over_time(0.5, c_total[5m])", 0, MINUTE_MS),
        ("rate(c_total[5m] offset 1s)", 0, MINUTE_MS),
    ],
    ids=["start", "range", "step", "last two", "quantile", "offset"],
)
def test_what_does_not_fit_is_answered_from_samples(
    few_samples, scope, expr, start, step
):
    append(scope, steady("c_total", NOW_MS - DAY_MS, 4 * 60 * 24))
    compact(scope)

    _, infos = ask(queries.querier(scope), expr, NOW_MS - DAY_MS + start, NOW_MS, step)

    assert infos == []


def test_late_samples_have_their_window_rolled_again(few_samples, scope):
    append(scope, steady("c_total", NOW_MS - 10 * HOUR_MS, 4 * 60 * 8))
    compact(scope)
    question = (
        "max_over_time(c_total[5m])",
        NOW_MS - 9 * HOUR_MS,
        NOW_MS - 3 * HOUR_MS,
        5 * MINUTE_MS,
    )

    seen = []
    for late in (5_000.0, 6_000.0):
        append(scope, [({"__name__": "c_total"}, NOW_MS - 5 * HOUR_MS + 1, late)])
        seen.append(max(next(iter(ask(queries.querier(scope), *question)[0].values()))))
        compact(scope)
        seen.append(max(next(iter(ask(queries.querier(scope), *question)[0].values()))))

    assert seen == [5_000.0, 5_000.0, 6_000.0, 6_000.0]


def test_metrics_without_rollups_are_asked_for_them_once_in_a_while(few_samples, scope):
    append(scope, steady("c_total", NOW_MS - DAY_MS, 4 * 60 * 24))
    question = ("increase(c_total[1h])", NOW_MS - 22 * HOUR_MS, NOW_MS, HOUR_MS)
    expected, infos = ask(queries.querier(scope), *question)
    compact(scope)

    soon, soon_infos = ask(queries.querier(scope), *question)
    services.rollups.forget()
    later, later_infos = ask(queries.querier(scope), *question)

    assert soon == later == expected
    assert infos == soon_infos == []
    assert later_infos == ["PromQL info: answered from roll-ups of 1h"]


def test_rollups_outlive_the_samples(few_samples, scope):
    append(scope, steady("c_total", NOW_MS - DAY_MS, 4 * 60 * 24))
    compact(scope)
    question = ("increase(c_total[1h])", NOW_MS - 22 * HOUR_MS, NOW_MS, HOUR_MS)
    expected, _ = ask(queries.querier(scope), *question)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM monitoring_sampleblock WHERE max_ts < %s",
            [NOW_MS - 12 * HOUR_MS],
        )

    found, _ = ask(queries.querier(scope), *question)

    assert found == expected


def test_late_samples_of_a_window_without_the_others_leave_no_wrong_rollup(
    few_samples, scope
):
    append(scope, steady("c_total", NOW_MS - DAY_MS, 4 * 60 * 20))
    compact(scope)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM monitoring_sampleblock")
    late = NOW_MS - 20 * HOUR_MS
    append(scope, steady("c_total", late + 7, 20, every=1))
    compact(scope)

    found, _ = ask(
        queries.querier(scope),
        "count_over_time(c_total[1h])",
        late + HOUR_MS,
        late + HOUR_MS,
        1,
    )

    assert [values[0] for values in found.values()] == [20.0]


def test_a_deleted_series_leaves_the_rollups(few_samples, scope):
    rows = [
        ({"__name__": "c_total", "x": x}, NOW_MS - DAY_MS + n * 15_000, float(n))
        for n in range(4 * 60 * 20)
        for x in "ab"
    ]
    append(scope, rows)
    compact(scope)
    index = known_series.index_of(scope.organization_id)
    row = index.matching([Matcher("x", MatchOp.EQUAL, "a")], None)
    with connection.cursor() as cursor:
        # Only roll-ups are left, so that they must answer.
        cursor.execute("DELETE FROM monitoring_sampleblock")

    rollup_deletion.delete_series(
        scope.organization_id,
        index.ids[row],
        NOW_MS - 20 * HOUR_MS,
        NOW_MS,
    )

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM monitoring_rollupdue")
    found, _ = ask(
        queries.querier(scope),
        "count_over_time(c_total[1h])",
        NOW_MS - 22 * HOUR_MS,
        NOW_MS - 19 * HOUR_MS,
        HOUR_MS,
    )
    assert {dict(labels)["x"]: values for labels, values in found.items()} == {
        "a": [240.0, 240.0, 0.5, 0.5],
        "b": [240.0, 240.0, 240.0, 240.0],
    }


def test_rollups_go_when_they_are_too_old(few_samples, scope, settings):
    append(scope, steady("c_total", NOW_MS - DAY_MS + 1, 4 * 60 * 20))
    compact(scope)
    settings.METRIC_ROLLUP_RETENTION_DAYS = 1

    deleted = rollup_deletion.delete_before(
        scope.organization_id, NOW + timedelta(days=1)
    )

    assert deleted == 10 * len([5 * MINUTE_MS, HOUR_MS])


@pytest.mark.parametrize("step_ms", STEPS_MS)
def test_a_payload_keeps_every_bit(step_ms):
    chance = np.random.default_rng(3)
    ts_ms = np.sort(chance.choice(10 * HOUR_MS, 500, replace=False)) + NOW_MS
    values = chance.choice([0.0, -0.0, 1.5, np.nan, np.inf, STALE, 1e300], 500)
    rolled = roll(Samples(np.repeat([3, 9], 250), ts_ms, values), step_ms)

    found = decode_rolled(encode_rolled(rolled, step_ms), step_ms)

    alive = rolled.columns["count"] > 0
    assert found.series.tolist() == rolled.series.tolist()
    assert found.ends_ms.tolist() == rolled.ends_ms.tolist()
    for name, column in rolled.columns.items():
        rows = slice(None) if name in {"count", "ended_ts"} else alive
        assert found.columns[name][rows].tobytes() == (
            column[rows].astype(found.columns[name].dtype).tobytes()
        )
