from __future__ import annotations

import pytest

from monitoring import promql
from monitoring.labels import make_labels
from monitoring.promql import Limits, QueryCancelledError, TooMuchDataError
from tests.monitoring.promql.memory import MemoryQuerier

pytestmark = pytest.mark.unit

MINUTE = 60_000


@pytest.fixture
def querier() -> MemoryQuerier:
    """Ten series of eleven samples, one a minute."""
    return MemoryQuerier(
        {
            make_labels({"__name__": "x_total", "n": str(n)}): {
                minute * MINUTE: float(n * minute) for minute in range(11)
            }
            for n in range(10)
        }
    )


def ask(querier: MemoryQuerier, text: str, limits: Limits) -> promql.Result:
    return promql.range_query(
        querier,
        text,
        start_ms=0,
        end_ms=10 * MINUTE,
        step_ms=MINUTE,
        limits=limits,
    )


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("x_total", Limits(max_series=10)),
        ("x_total", Limits(max_samples=110)),
        ("x_total", Limits(max_points=110)),
        ("x_total + x_total", Limits(max_samples=110)),
        ("rate(x_total[5m])", Limits(max_points=110)),
    ],
)
def test_a_query_may_take_all_that_its_limits_allow(querier, text, limits):
    assert len(ask(querier, text, limits).labels) == 10


@pytest.mark.parametrize(
    ("text", "limits", "noun"),
    [
        ("x_total", Limits(max_series=9), "10 series"),
        ("x_total", Limits(max_samples=109), "110 samples"),
        ("x_total", Limits(max_points=109), "110 points"),
        ('x_total{n="1"} + x_total{n="2"}', Limits(max_samples=21), "22 samples"),
        ("rate(x_total[5m])", Limits(max_points=109), "110 points"),
        ('sum_over_time(x_total{n="1"}[10m:1s])', Limits(max_points=999), "points"),
        ('count_values("v", x_total)', Limits(max_points=400), "points"),
        ("vector(1)", Limits(max_points=10), "11 points"),
    ],
)
def test_a_query_over_a_limit_is_refused_with_what_it_would_need(
    querier, text, limits, noun
):
    with pytest.raises(TooMuchDataError, match=noun):
        ask(querier, text, limits)


def test_a_query_ends_when_its_deadline_says_so(querier):
    calls = []

    def deadline() -> None:
        calls.append(len(calls))
        if len(calls) == 3:
            raise QueryCancelledError("gone")

    with pytest.raises(QueryCancelledError, match="gone"):
        ask(querier, "sum(rate(x_total[5m])) + 1", Limits(deadline=deadline))


def test_the_lookback_is_the_callers_to_choose(querier):
    limits = Limits(lookback_ms=30_000)

    result = promql.instant(querier, "x_total", time_ms=90_000, limits=limits)

    assert result.labels == []


def test_a_subquery_without_a_step_takes_the_callers(querier):
    limits = Limits(subquery_step_ms=2 * MINUTE)
    text = 'count_over_time(x_total{n="1"}[10m:])'

    result = promql.instant(querier, text, time_ms=10 * MINUTE, limits=limits)

    assert result.values.tolist() == [[5.0]]
