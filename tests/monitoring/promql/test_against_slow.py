from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring import promql
from tests.monitoring.promql.checking import answers
from tests.monitoring.promql.expressions import END_MS, EXPRESSIONS, MINUTE, SERIES
from tests.monitoring.promql.memory import MemoryQuerier
from tests.monitoring.promql.slow import AmbiguousError, Slow

pytestmark = pytest.mark.unit

EVALUATIONS = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


QUERIERS = st.builds(MemoryQuerier, SERIES, tabular=st.booleans())


@EVALUATIONS
@given(
    querier=QUERIERS,
    text=EXPRESSIONS,
    time_ms=st.integers(0, END_MS // 1000).map(lambda n: n * 1000),
)
def test_an_instant_query_answers_what_the_slow_evaluator_does(querier, text, time_ms):
    wanted = _slowly(Slow(querier, time_ms, time_ms), text, [time_ms])
    got = _fast(lambda: promql.instant(querier, text, time_ms=time_ms))

    assert _same(wanted, got), (wanted, got)


@EVALUATIONS
@given(
    querier=QUERIERS,
    text=EXPRESSIONS,
    start_ms=st.integers(0, END_MS // 1000).map(lambda n: n * 1000),
    step_ms=st.sampled_from([7000, 30_000, MINUTE, 5 * MINUTE]),
    steps=st.integers(1, 7),
)
def test_a_range_query_answers_what_the_slow_evaluator_does_step_by_step(
    querier, text, start_ms, step_ms, steps
):
    end_ms = start_ms + (steps - 1) * step_ms

    times = range(start_ms, end_ms + 1, step_ms)
    wanted = _slowly(Slow(querier, start_ms, end_ms), text, times)
    got = _fast(
        lambda: promql.range_query(
            querier, text, start_ms=start_ms, end_ms=end_ms, step_ms=step_ms
        )
    )

    assert _same(wanted, got), (wanted, got)


def _slowly(slow: Slow, text: str, times) -> list[dict] | None:
    """Return the answer at every step; None if there is none to one of them."""
    try:
        return [slow.answer(text, time_ms) for time_ms in times]
    except AmbiguousError:
        return None


def _fast(ask) -> list[dict] | None:
    try:
        result = ask()
    except promql.EvaluationError:
        return None
    by_series = answers(result)
    return [
        {
            labels: row[step]
            for labels, row in by_series.items()
            if row[step] is not None
        }
        for step in range(len(result.steps_ms))
    ]


def _same(wanted: list[dict] | None, got: list[dict] | None) -> bool:
    if wanted is None or got is None:
        return wanted is got
    return all(
        ours.keys() == theirs.keys()
        and all(_close(ours[key], theirs[key]) for key in ours)
        for ours, theirs in zip(wanted, got, strict=True)
    )


def _close(one: float, other: float) -> bool:
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other or math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
