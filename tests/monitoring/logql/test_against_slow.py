from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring import logql
from monitoring.logql import Direction
from tests.monitoring.logql import slow
from tests.monitoring.logql.checking import answers
from tests.monitoring.logql.expressions import END, NAMES, SECOND, STAGES, STREAMS
from tests.monitoring.logql.memory import MemoryLogs

pytestmark = pytest.mark.unit

EVALUATIONS = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
SELECTOR = '{app=~".+"} '
TIMES = st.integers(0, END).map(lambda second: second * SECOND)


@EVALUATIONS
@given(
    streams=STREAMS,
    stages=STAGES,
    times=st.tuples(TIMES, TIMES),
    size=st.integers(1, 9),
)
def test_a_log_query_answers_what_the_slow_evaluator_does(streams, stages, times, size):
    start, end = min(times), max(times) + 1
    text = SELECTOR + " ".join(text for text, _ in stages)

    wanted = slow.select(streams, [run for _, run in stages], start, end)
    result = _lines(MemoryLogs(streams, size), text, start, end, Direction.FORWARD)

    assert _entries(result) == wanted, text


@EVALUATIONS
@given(
    streams=STREAMS,
    stages=STAGES,
    limit=st.integers(1, 6),
    direction=st.sampled_from(list(Direction)),
)
def test_a_limited_query_answers_the_first_lines_of_its_direction(
    streams, stages, limit, direction
):
    text = SELECTOR + " ".join(text for text, _ in stages)
    runs = [run for _, run in stages]
    end = (END + 1) * SECOND

    every = slow.select(streams, runs, 0, end)
    result = _lines(MemoryLogs(streams, 2), text, 0, end, direction, limit=limit)

    # Of lines at one time any may be chosen.
    sign = 1 if direction is Direction.FORWARD else -1
    wanted = sorted((time for time, _, _ in every), key=lambda t: sign * t)[:limit]
    got = sorted((time for time, _, _ in _entries(result)), key=lambda t: sign * t)
    assert got == wanted, text
    assert set(_entries(result)) <= set(every)


@EVALUATIONS
@given(
    streams=STREAMS,
    stages=STAGES,
    start=TIMES,
    steps=st.integers(1, 4),
    step=st.sampled_from([5, 20, 60]),
    span=st.sampled_from([3, 20, 50]),
    by=st.none() | st.lists(NAMES, max_size=2, unique=True).map(tuple),
)
def test_a_count_answers_what_the_slow_evaluator_does_step_by_step(
    *, streams, stages, start, steps, step, span, by
):
    inner = f"count_over_time({SELECTOR}{' '.join(t for t, _ in stages)} [{span}s])"
    text = inner if by is None else f"sum by ({', '.join(by)}) ({inner})"
    times = [start + n * step * SECOND for n in range(steps)]

    def ask(time: int):
        runs = [run for _, run in stages]
        found = slow.window(
            streams,
            runs,
            time=time,
            range_ns=span * SECOND,
            value=slow.one,
            by=by,
        )
        return {key: math.fsum(values) for key, values in found.items()}

    assert _ranged(streams, text, times, step) == _slowly(ask, times), text


@EVALUATIONS
@given(
    streams=STREAMS,
    stages=STAGES,
    start=TIMES,
    step=st.sampled_from([5, 20]),
    op=st.sampled_from(["sum", "max", "min", "avg"]),
    name=NAMES,
    by=st.none() | st.just(("app",)),
)
def test_an_unwrapped_value_answers_what_the_slow_evaluator_does(
    *, streams, stages, start, step, op, name, by
):
    if op == "sum":
        by = None
    stages_text = " ".join(text for text, _ in stages)
    text = f"{op}_over_time({SELECTOR}{stages_text} | unwrap {name} [20s])"
    text += "" if by is None else " by (app)"
    times = [start, start + step * SECOND]

    def ask(time: int):
        runs = [run for _, run in stages]
        value = slow.unwrapped(name)
        found = slow.window(
            streams, runs, time=time, range_ns=20 * SECOND, value=value, by=by
        )
        return {k: slow.REDUCTIONS[f"{op}_over_time"](v) for k, v in found.items()}

    got, wanted = _ranged(streams, text, times, step), _slowly(ask, times)

    assert _close(got, wanted), (text, got, wanted)


def _lines(querier, text, start, end, direction, *, limit=1000):
    return logql.range_query(
        querier, text, start_ns=start, end_ns=end, limit=limit, direction=direction
    )


def _entries(result):
    return sorted(
        (
            time,
            tuple(pair for pair in stream.labels if pair[0] != "__error_details__"),
            line,
        )
        for stream in result.streams
        for time, line in zip(stream.ts_ns, stream.lines, strict=True)
    )


def _slowly(ask, times):
    """Return the answer at every step; None where a line with an error is met."""
    try:
        return [ask(time) for time in times]
    except slow.PipelineFailedError:
        return None


def _ranged(streams, text, times, step):
    try:
        result = logql.range_query(
            MemoryLogs(streams, 3),
            text,
            start_ns=times[0],
            end_ns=times[-1],
            step_ns=step * SECOND,
        )
    except logql.EvaluationError:
        return None
    found = answers(result).items()
    return [
        {labels: row[place] for labels, row in found if row[place] is not None}
        for place in range(len(times))
    ]


def _close(one, other) -> bool:
    if one is None or other is None:
        return one is other
    return all(
        a.keys() == b.keys() and all(math.isclose(a[k], b[k], abs_tol=1e-9) for k in a)
        for a, b in zip(one, other, strict=True)
    )
