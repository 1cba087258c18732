from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.promql.values import Grid
from monitoring.promql.windows import count_until, find_windows

pytestmark = pytest.mark.unit

TIMES = st.lists(st.integers(-50, 300), unique=True, max_size=40).map(sorted)


def flatten(series: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    sizes = [len(times) for times in series]
    flat = [time for times in series for time in times]
    return np.array(flat, np.int64), np.concatenate(([0], np.cumsum(sizes)))


@given(
    series=st.lists(TIMES, min_size=1, max_size=5),
    start=st.integers(-100, 200),
    step=st.integers(1, 60),
    count=st.integers(1, 8),
    length=st.integers(1, 150),
)
def test_a_window_holds_what_lies_after_its_start_up_to_its_end(
    series, start, step, count, length
):
    ts_ms, offsets = flatten(series)

    low, high = find_windows(ts_ms, offsets, Grid(start, step, count), length)

    for row, times in enumerate(series):
        for column in range(count):
            end = start + column * step
            found = ts_ms[low[row, column] : high[row, column]].tolist()
            assert found == [ts for ts in times if end - length < ts <= end]


@pytest.mark.parametrize("samples", [5, 3000], ids=["by counting", "by searching"])
def test_samples_are_counted_alike_few_or_many(samples):
    series = [list(range(0, samples * 7, 7)), list(range(3, samples * 5, 5))]
    ts_ms, offsets = flatten(series)

    until = count_until(ts_ms, offsets, Grid(0, 10, 3))

    assert (until - offsets[:-1, None]).tolist() == [[1, 2, 3], [0, 2, 4]]
