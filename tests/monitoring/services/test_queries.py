from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring.labels import Matcher, MatchOp
from monitoring.services import compaction, queries
from monitoring.services.append import append_samples
from monitoring.telemetry import (
    STALE_NAN_BITS,
    MetricMetadata,
    MetricType,
    TooMuchDataError,
)
from tests.factories.accounts import OrganizationFactory
from tests.factories.monitoring import sample_batch, system_scope

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
HOUR_MS = 3_600_000

STALE = np.array([STALE_NAN_BITS], np.uint64).view(np.float64)[0]
SERIES = [
    {"__name__": "up", "job": "api"},
    {"__name__": "up", "job": "db"},
    {"__name__": "up"},
    {"__name__": "load", "host": "a"},
]
# Today, the end and the start of a window, and two days that are over.
TIMES = [
    NOW_MS,
    NOW_MS - 1,
    NOW_MS - HOUR_MS,
    NOW_MS - 30 * HOUR_MS,
    NOW_MS - 30 * HOUR_MS - 1,
    NOW_MS - 31 * HOUR_MS,
    NOW_MS - 60 * HOUR_MS,
]

SAMPLE = st.tuples(
    st.sampled_from(range(len(SERIES))),
    st.sampled_from(TIMES),
    st.sampled_from([0.0, -0.0, 1.5, float("inf"), float("nan"), STALE]),
)
COMPACT = st.just("compact")
STEPS = st.lists(st.lists(SAMPLE, min_size=1, max_size=8) | COMPACT, max_size=14)
RANGE = st.tuples(st.sampled_from(TIMES), st.sampled_from(TIMES)).map(sorted)

DATABASE = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def append(scope, rows, **more):
    batch = sample_batch(rows, **more)
    return append_samples(scope, batch, team_id=None, now=NOW)


def compact(scope):
    return list(compaction.compact(scope.organization_id, now=NOW))


def selected(scope, matchers=(), start=0, end=NOW_MS):
    """Return {labels: [(ts, bits of the value)]}."""
    data = queries.querier(scope).select(matchers, start, end)
    bits = data.values.view(np.uint64)
    pairs = list(zip(data.ts_ms.tolist(), bits.tolist(), strict=True))
    bounds = zip(data.offsets, data.offsets[1:], strict=False)
    return {
        labels: pairs[begin:end]
        for labels, (begin, end) in zip(data.labels, bounds, strict=True)
    }


@DATABASE
@given(steps=STEPS, bounds=RANGE)
def test_what_was_appended_is_read_whatever_was_compacted_when(
    small_blocks, steps, bounds
):
    scope = system_scope(OrganizationFactory())
    model = {}

    for step in steps:
        if step == "compact":
            compact(scope)
            continue
        append(scope, [(SERIES[index], ts, value) for index, ts, value in step])
        for index, ts, value in step:
            labels = tuple(sorted(SERIES[index].items()))
            model.setdefault(labels, {})[ts] = int(np.float64(value).view(np.uint64))

    start, end = bounds
    inside = {
        labels: sorted((ts, v) for ts, v in of.items() if start <= ts <= end)
        for labels, of in model.items()
    }
    assert selected(scope, (), start, end) == {k: v for k, v in inside.items() if v}


@pytest.fixture
def scope():
    return system_scope(OrganizationFactory())


def test_compaction_leaves_one_block_a_metric_for_a_finished_day(scope, small_blocks):
    from monitoring.models import SampleBlock

    ts = NOW_MS - 40 * HOUR_MS
    for step in range(3):
        append(scope, [(SERIES[n], ts + step, 1.0) for n in (0, 3)])

    compact(scope)

    blocks = SampleBlock.objects.filter(organization_id=scope.organization_id)
    assert [(b.level, len(b.metrics), b.count) for b in blocks] == [(2, 1, 3)] * 2


@pytest.mark.parametrize(
    ("matchers", "expected"),
    [
        pytest.param([("job", "=", "api")], [0], id="equal"),
        pytest.param([("job", "!=", "api")], [2, 1, 3], id="not_equal"),
        pytest.param([("job", "=~", "a.*|db")], [0, 1], id="regex"),
        pytest.param([("job", "!~", ".+")], [2, 3], id="not_regex"),
        pytest.param([("job", "=", "")], [2, 3], id="absent_is_empty"),
        pytest.param([("__name__", "=", "up")], [2, 0, 1], id="name"),
        pytest.param([("__name__", "=~", "lo.*")], [3], id="name_by_regex"),
        pytest.param([("__name__", "=", "down")], [], id="unknown_name"),
        pytest.param([("job", "=", "api"), ("job", "=", "db")], [], id="contradiction"),
        pytest.param(
            [("__name__", "=", "up"), ("job", "=~", "d.")], [1], id="name_and_label"
        ),
    ],
)
def test_select_keeps_what_all_matchers_match(scope, matchers, expected):
    append(scope, [(labels, NOW_MS, 1.0) for labels in SERIES])

    found = selected(scope, [Matcher(n, MatchOp(op), v) for n, op, v in matchers])

    wanted = {tuple(sorted(SERIES[index].items())) for index in expected}
    assert set(found) == wanted


def test_another_organization_sees_nothing(scope):
    append(scope, [(SERIES[0], NOW_MS, 1.0)])

    assert selected(system_scope(OrganizationFactory())) == {}


def test_equal_labels_of_two_organizations_do_not_meet(scope):
    other = system_scope(OrganizationFactory())
    append(scope, [(SERIES[2], NOW_MS, 1.0)])
    append(other, [(SERIES[2], NOW_MS, 0.0)])

    assert selected(other) == {(("__name__", "up"),): [(NOW_MS, 0)]}


def test_a_member_does_not_see_another_teams_series(cast):
    batch = sample_batch([(SERIES[0], NOW_MS, 1.0)])
    append_samples(cast.system(), batch, team_id=cast.payments.pk, now=NOW)

    people = (cast.alice, cast.bob, cast.carol)
    seen = [len(selected(cast.scope(person))) for person in people]

    assert seen == [1, 1, 0]


def test_a_snapshot_has_the_latest_of_each_live_series(scope):
    metadata = {"up": MetricMetadata(MetricType.GAUGE, "bool", "Whether it is up.")}
    append(
        scope,
        [
            (SERIES[0], NOW_MS - 2000, 0.0),
            (SERIES[0], NOW_MS - 1000, 1.0),
            (SERIES[1], NOW_MS - 2000, 1.0),
            (SERIES[1], NOW_MS - 1000, STALE),
            (SERIES[3], NOW_MS - 300_000, 5.0),
        ],
        metadata=metadata,
    )

    found = queries.snapshot(scope, now=NOW)

    moment = NOW - timedelta(seconds=1)
    assert found == [
        queries.LatestSample(
            "up", {"job": "api"}, 1.0, moment, MetricType.GAUGE, "bool"
        )
    ]


@pytest.mark.parametrize(
    ("names", "expected"),
    [((), {"up", "load"}), (("up",), {"up"}), (("load", "none"), {"load"})],
)
def test_a_snapshot_may_be_of_some_metrics(scope, names, expected):
    append(scope, [(labels, NOW_MS, 1.0) for labels in SERIES])

    assert {s.name for s in queries.snapshot(scope, names=names, now=NOW)} == expected


def test_history_sums_up_each_bucket(scope):
    minute = 60_000
    start = NOW_MS - 4 * minute
    samples = [(0, 1.0), (30_000, 3.0), (minute, 7.0), (3 * minute, float("nan"))]
    append(scope, [(SERIES[0], start + at, value) for at, value in samples])

    (found,) = queries.history(
        scope,
        name="up",
        matchers=[Matcher("job", MatchOp.EQUAL, "api")],
        start=NOW - timedelta(minutes=4),
        end=NOW,
        step=timedelta(minutes=1),
    )

    assert found == queries.SeriesHistory(
        labels={"job": "api"},
        avg=[2.0, 7.0, None, None],
        min=[1.0, 7.0, None, None],
        max=[3.0, 7.0, None, None],
        last=[3.0, 7.0, None, None],
        count=[2, 1, 0, 0],
    )


def test_history_of_too_many_steps_is_refused(scope):
    with pytest.raises(TooMuchDataError):
        queries.history(
            scope,
            name="up",
            start=NOW - timedelta(days=365),
            end=NOW,
            step=timedelta(seconds=1),
        )


def test_a_query_of_too_many_samples_is_refused(scope, monkeypatch):
    monkeypatch.setattr("monitoring.store.interface.MAX_SAMPLES", 3)
    append(scope, [(SERIES[0], NOW_MS - n, 1.0) for n in range(4)])

    with pytest.raises(TooMuchDataError):
        selected(scope)


def test_a_query_of_too_many_series_is_refused(scope, monkeypatch):
    monkeypatch.setattr("monitoring.services.selection.MAX_SERIES", 3)
    append(scope, [(labels, NOW_MS, 1.0) for labels in SERIES])

    with pytest.raises(TooMuchDataError):
        selected(scope)


@pytest.mark.parametrize("bounds", [(-(2**62), 2**62), (NOW_MS, NOW_MS - 1)])
def test_odd_ranges_are_no_error(scope, bounds):
    append(scope, [(SERIES[0], NOW_MS, 1.0)])

    found = selected(scope, (), *bounds)

    assert len(found) == (bounds[0] < bounds[1])


def test_promql_is_answered_at_an_instant(scope):
    append(scope, [(labels, NOW_MS - 1000, 2.0) for labels in SERIES])

    result = queries.instant(scope, "sum by (job) (up)", now=NOW)

    found = dict(zip(result.labels, result.values[:, 0].tolist(), strict=True))
    assert found == {(): 2.0, (("job", "api"),): 2.0, (("job", "db"),): 2.0}


def test_promql_is_answered_over_a_range(scope):
    append(scope, [(SERIES[3], NOW_MS - n * 60_000, float(n)) for n in range(3)])

    result = queries.range_query(
        scope,
        "load * 10",
        start=NOW - timedelta(minutes=2),
        end=NOW,
        step=timedelta(minutes=1),
    )

    assert result.values.tolist() == [[20.0, 10.0, 0.0]]
