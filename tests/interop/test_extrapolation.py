"""Where a counter begins, Prometheus 2.42 and 3.x extrapolate its rate differently.

Both see the same samples. Of a window that begins long before the first of them, 2.42
reaches back to where the counter was zero, if that is nearer than 1.1 intervals; 3.x
reaches back half an interval at most. Source: extrapolatedRate in promql/functions.go,
"durationToStart" before and after release 3.0.
"""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.interop

WINDOW_SECONDS = 60.0


def increase(samples, end: float, *, reach_of_3x: bool) -> float:
    """Return what increase() makes of [[time, value], …] without resets."""
    times = [round(time * 1000) for time, _ in samples]
    first, last = float(samples[0][1]), float(samples[-1][1])
    sampled = (times[-1] - times[0]) / 1000
    average = sampled / (len(times) - 1)
    to_start = times[0] / 1000 - (end - WINDOW_SECONDS)
    to_end = end - times[-1] / 1000
    to_zero = sampled * first / (last - first)
    if reach_of_3x:
        back = min(average / 2 if to_start >= average * 1.1 else to_start, to_zero)
    else:
        nearest = min(to_start, to_zero)
        back = nearest if nearest < average * 1.1 else average / 2
    ahead = to_end if to_end < average * 1.1 else average / 2
    return (last - first) * (sampled + back + ahead) / sampled


def test_where_a_counter_begins_each_extrapolates_as_its_release_does(pair):
    raw = pair.both("query", query="orders_total[1h]", time=f"{pair.end:.3f}")
    moment = raw[0]["result"][0]["values"][2][0] + 0.1
    at = {"time": f"{moment:.3f}"}

    samples = pair.both("query", query="orders_total[60s]", **at)
    theirs, ours = pair.both("query", query="increase(orders_total[60s])", **at)

    assert samples[0] == samples[1]
    for index, series in enumerate(samples[0]["result"]):
        values = series["values"]
        assert len(values) == 3
        in_2x = increase(values, moment, reach_of_3x=False)
        in_3x = increase(values, moment, reach_of_3x=True)
        assert float(theirs["result"][index]["value"][1]) == pytest.approx(in_2x)
        assert float(ours["result"][index]["value"][1]) == pytest.approx(in_3x)
        assert in_3x < in_2x
