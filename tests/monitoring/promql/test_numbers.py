from __future__ import annotations

import math

import pytest

from monitoring.promql.numbers import general, open_metrics, plain

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("number", "as_plain", "as_general", "as_open_metrics"),
    [
        (0.0, "0", "0", "0.0"),
        (-0.0, "-0", "-0", "-0.0"),
        (1.0, "1", "1", "1.0"),
        (0.5, "0.5", "0.5", "0.5"),
        (-1.25, "-1.25", "-1.25", "-1.25"),
        (100000.0, "100000", "100000", "100000.0"),
        (1000000.0, "1000000", "1e+06", "1e+06"),
        (1234567.5, "1234567.5", "1.2345675e+06", "1.2345675e+06"),
        (0.0001, "0.0001", "0.0001", "0.0001"),
        (0.00001, "0.00001", "1e-05", "1e-05"),
        (1e300, "1" + "0" * 300, "1e+300", "1e+300"),
        (math.nan, "NaN", "NaN", "NaN"),
        (math.inf, "+Inf", "+Inf", "+Inf"),
        (-math.inf, "-Inf", "-Inf", "-Inf"),
    ],
)
def test_numbers_read_as_go_prints_them(number, as_plain, as_general, as_open_metrics):
    assert plain(number) == as_plain
    assert general(number) == as_general
    assert open_metrics(number) == as_open_metrics
