from __future__ import annotations

import numpy as np
import pytest

from monitoring import promql
from monitoring.labels import make_labels
from monitoring.promql import ResultType
from tests.monitoring.promql.memory import MemoryQuerier

pytestmark = pytest.mark.unit

A = make_labels({"__name__": "x", "n": "a"})
B = make_labels({"__name__": "x", "n": "b"})


@pytest.fixture
def querier() -> MemoryQuerier:
    return MemoryQuerier({B: {0: 1.0, 60_000: 2.0}, A: {60_000: 3.0, 400_000: 4.0}})


def test_an_instant_vector_has_one_step(querier):
    result = promql.instant(querier, "x", time_ms=60_000)

    assert result.type is ResultType.VECTOR
    assert result.steps_ms.tolist() == [60_000]
    assert dict(zip(result.labels, result.values.tolist(), strict=True)) == {
        A: [3.0],
        B: [2.0],
    }


def test_a_scalar_is_one_series_without_labels(querier):
    result = promql.instant(querier, "1 + 1", time_ms=0)

    assert result.type is ResultType.SCALAR
    assert result.labels == [()]
    assert result.values.tolist() == [[2.0]]


def test_a_string_has_no_series(querier):
    result = promql.instant(querier, '"text"', time_ms=0)

    assert (result.type, result.string) == (ResultType.STRING, "text")
    assert result.labels == []


def test_a_range_vector_answers_with_its_samples_at_their_times(querier):
    result = promql.instant(querier, "x[1h]", time_ms=400_000)

    assert result.type is ResultType.MATRIX
    assert result.labels == [A, B]
    assert result.steps_ms.tolist() == [0, 60_000, 400_000]
    assert result.present.tolist() == [[False, True, True], [True, True, False]]
    assert result.values[result.present].tolist() == [3.0, 4.0, 1.0, 2.0]


def test_a_range_query_answers_with_a_matrix_sorted_by_labels(querier):
    result = promql.range_query(
        querier, "x", start_ms=0, end_ms=150_000, step_ms=60_000
    )

    assert result.type is ResultType.MATRIX
    assert result.labels == [A, B]
    assert result.steps_ms.tolist() == [0, 60_000, 120_000]
    assert result.present.tolist() == [[False, True, True], [True, True, True]]


def test_a_scalar_over_a_range_is_a_matrix(querier):
    result = promql.range_query(
        querier, "time()", start_ms=0, end_ms=2000, step_ms=1000
    )

    assert result.type is ResultType.MATRIX
    assert result.labels == [()]
    assert result.values.tolist() == [[0.0, 1.0, 2.0]]


def test_values_that_are_not_there_are_nan(querier):
    result = promql.range_query(
        querier, "x > 1", start_ms=0, end_ms=60_000, step_ms=60_000
    )

    assert np.isnan(result.values[~result.present]).all()


def test_series_that_are_nowhere_are_left_out(querier):
    result = promql.range_query(
        querier, 'x > 2 or x{n="c"}', start_ms=0, end_ms=60_000, step_ms=60_000
    )

    assert result.labels == [A]


def test_a_selector_is_read_once_however_often_it_is_named(querier):
    asked = []

    class Counting(MemoryQuerier):
        def select(self, matchers, start_ms, end_ms):
            asked.append((start_ms, end_ms))
            return super().select(matchers, start_ms, end_ms)

    promql.instant(Counting({}), "x + x * on (n) x", time_ms=60_000)

    assert asked == [(60_000 - 300_000 + 1, 60_000)]


def test_a_range_that_ends_before_it_starts_is_the_callers_mistake(querier):
    with pytest.raises(ValueError, match="positive step"):
        promql.range_query(querier, "x", start_ms=1, end_ms=0, step_ms=1)
