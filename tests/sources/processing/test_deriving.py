from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.telemetry import Level
from tests.sources.processing.rows import applied, batch_of, samples

pytestmark = pytest.mark.unit

ROWS = [
    {"line": "GET /a", "status": "200", "took": "12ms", "size": "10", "ts_ns": 10**18},
    {"line": "GET /b", "status": "500", "took": "0.3", "size": "x", "ts_ns": 3 * 10**18},
    {"line": "POST /a", "status": "200", "took": None, "size": "5", "level": Level.ERROR, "ts_ns": 2 * 10**18},
]  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "made", "errors"),
    [
        pytest.param({"type": "counter"}, {"m{}": 3}, 0, id="lines"),
        pytest.param({"type": "counter", "contains": "GET"}, {"m{}": 2}, 0, id="pattern"),
        pytest.param({"type": "counter", "at_least": "error"}, {"m{}": 1}, 0, id="level"),
        pytest.param(
            {"type": "counter", "labels": {"code": "status"}},
            {"m{code=200}": 2, "m{code=500}": 1},
            0,
            id="labels",
        ),
        pytest.param(
            {"type": "counter", "labels": {"level": "level"}},
            {"m{level=info}": 2, "m{level=error}": 1},
            0,
            id="level_as_label",
        ),
        pytest.param({"type": "counter", "value": "size"}, {"m{}": 15}, 1, id="sum"),
        pytest.param({"type": "gauge", "value": "took"}, {"m{}": 0.3}, 0, id="gauge"),
        pytest.param(
            {"type": "histogram", "value": "took", "buckets": [0.1, 1]},
            {"m_bucket{le=0.1}": 1, "m_bucket{le=1}": 2, "m_bucket{le=+Inf}": 2,
             "m_sum{}": pytest.approx(0.312), "m_count{}": 2},
            0,
            id="histogram",
        ),
        pytest.param(
            {"type": "counter", "value": "size", "unit": "ms", "matches": "^POST"},
            {"m{}": 0.005},
            0,
            id="unit",
        ),
        pytest.param({"type": "counter", "contains": "none"}, {}, 0, id="nothing"),
        pytest.param(
            {"type": "counter", "labels": {"code": "status"}, "most": 1},
            {"m{code=200}": 2, "m{code=other}": 1},
            0,
            id="bounded",
        ),
    ],
)  # fmt: skip
def test_metrics_are_made_of_lines(metric, made, errors):
    outcome = applied({"metrics": [{"name": "m", **metric}]}, batch_of(ROWS))

    assert samples(outcome) == made
    assert outcome.errors == errors


def test_a_gauge_has_the_time_of_the_latest_line():
    metric = {"name": "m", "type": "gauge", "value": "status"}

    (batch,) = applied({"metrics": [metric]}, batch_of(ROWS)).samples

    assert (batch.ts_ms.tolist(), batch.values.tolist()) == ([3 * 10**12], [500.0])


def test_a_sampled_line_counts_for_all_that_it_stands_for():
    rows = [{"line": str(i), "level": Level.INFO} for i in range(4000)]
    rules = {
        "sampling": {"rate": 0.25},
        "metrics": [{"name": "m", "type": "counter"}],
    }

    outcome = applied(rules, batch_of(rows))

    assert samples(outcome) == {"m{}": 4.0 * outcome.batch.count}


NUMBERS = st.one_of(
    st.none(),
    st.floats(0, 1e6).map(str),
    st.integers(-5, 99).map(str),
    st.sampled_from(["", "x", "nan", "1e3", " 7 ", "+2", "5ms", "1 s", "2h", "0x1"]),
)
_SECONDS = {"ms": 1e-3, "s": 1.0, "h": 3600.0}


def slowly(text: str) -> float | None:
    for unit, seconds in _SECONDS.items():
        if text.endswith(unit) and text != "x":
            return float(text.removesuffix(unit)) * seconds
    try:
        return float(text) if text.lower().strip() not in {"nan", "inf"} else None
    except ValueError:
        return None


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.tuples(NUMBERS, st.sampled_from(["a", "b", None])), min_size=1, max_size=12
    )
)
def test_sums_in_bulk_are_those_of_line_by_line(rows):
    metric = {"name": "m", "type": "counter", "value": "n", "labels": {"k": "k"}}
    batch = batch_of([{"line": "x", "n": n, "k": k} for n, k in rows])

    outcome = applied({"metrics": [metric]}, batch)

    sums: dict[str, float] = {}
    errors = 0
    for text, key in rows:
        value = None if text is None else slowly(text)
        if value is not None and value >= 0:
            name = f"m{{k={key}}}" if key else "m{}"
            sums[name] = sums.get(name, 0) + value
        elif text is not None:
            errors += 1
    assert samples(outcome) == pytest.approx(sums)
    assert outcome.errors == errors
