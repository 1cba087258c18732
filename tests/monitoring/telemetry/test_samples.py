from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.telemetry import distinct

pytestmark = pytest.mark.unit


def numbers_of(dtype: type[np.int32 | np.int64]) -> st.SearchStrategy:
    """Numbers close together and far apart, at the edges of their type too."""
    info = np.iinfo(dtype)
    low, high = int(info.min), int(info.max)
    anywhere = st.integers(low, high)
    close = st.tuples(anywhere, st.lists(st.integers(0, 9))).map(
        lambda given: [min(given[0] + more, high) for more in given[1]]
    )
    return (close | st.lists(anywhere)).map(lambda found: np.array(found, dtype))


@given(numbers=numbers_of(np.int32) | numbers_of(np.int64))
def test_distinct_numbers_are_those_of_numpy(numbers):
    found = distinct(numbers)

    wanted = np.unique(numbers)
    assert (found.dtype, found.tolist()) == (wanted.dtype, wanted.tolist())
