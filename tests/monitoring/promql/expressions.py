"""Strategies for series and for expressions over them."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from monitoring.labels import Labels, make_labels
from monitoring.promql.notation import STALE

MINUTE = 60_000
END_MS = 15 * MINUTE

# Half steps: most sums of them are exact, so that equal stays equal.
VALUES = st.one_of(
    st.integers(-40, 40).map(lambda n: n / 2),
    st.sampled_from([math.nan, math.inf, -math.inf, STALE, 0.0]),
)
# Scraped at an interval, with gaps; some values repeat, as those of gauges do.
SAMPLES = st.builds(
    lambda first, interval, values: {
        (first + position) * interval: value
        for position, value in enumerate(values)
        if value is not None
    },
    st.integers(0, 10),
    st.sampled_from([15_000, 30_000, 61_000]),
    st.lists(
        st.one_of(VALUES, VALUES, st.none(), st.just(2.0)), min_size=10, max_size=40
    ),
)

LABELS = st.builds(
    lambda name, x, y: make_labels({"__name__": name, "x": x, "y": y}),
    st.sampled_from(["a", "b_total"]),
    st.sampled_from(["1", "2"]),
    st.sampled_from(["", "p", "q"]),
)
SERIES: st.SearchStrategy[dict[Labels, dict[int, float]]] = st.dictionaries(
    LABELS, SAMPLES, min_size=3, max_size=8
)

DURATIONS = st.sampled_from(["7s", "30s", "1m", "90s", "2m", "5m", "11m"])
OFFSETS = st.sampled_from(
    ["", "", "", " offset 1m", " offset -45s", " @ 600", " @ end()", " @ start()"]
)
SELECTORS = st.builds(
    str.__add__,
    st.sampled_from(["a", "b_total", 'a{x="1"}', '{x="2"}', 'b_total{y!="p"}']),
    st.just(""),
)
INSTANTS = st.builds(str.__add__, SELECTORS, OFFSETS)

_PLAIN_WINDOW_FUNCTIONS = [
    "avg_over_time", "changes", "count_over_time", "delta", "deriv",
    "first_over_time", "idelta", "increase", "irate", "last_over_time",
    "mad_over_time", "max_over_time", "min_over_time", "present_over_time", "rate",
    "resets", "stddev_over_time", "stdvar_over_time", "sum_over_time",
    "ts_of_first_over_time", "ts_of_last_over_time", "ts_of_max_over_time",
    "ts_of_min_over_time", "absent_over_time",
]  # fmt: skip
_TEMPLATES = [
    *[f"{name}({{}})" for name in _PLAIN_WINDOW_FUNCTIONS],
    "quantile_over_time(0.3, {})",
    "quantile_over_time(1, {})",
    "predict_linear({}, 90)",
    "double_exponential_smoothing({}, 0.3, 0.6)",
]
RANGES = st.one_of(
    st.builds("{}[{}]{}".format, SELECTORS, DURATIONS, OFFSETS),
    st.builds(
        "{}[{}:{}]{}".format,
        SELECTORS,
        DURATIONS,
        st.sampled_from(["10s", "25s", "1m", ""]),
        OFFSETS,
    ),
)
OVER_WINDOWS = st.builds(str.format, st.sampled_from(_TEMPLATES), RANGES)

# Their values are samples or counts: rounding cannot change how they compare.
EXACT = st.one_of(
    INSTANTS,
    st.builds("count by (x) ({})".format, INSTANTS),
    st.builds("max by (y) ({})".format, INSTANTS),
    st.builds("last_over_time({})".format, RANGES),
    st.builds("abs({})".format, INSTANTS),
    st.builds("timestamp({})".format, INSTANTS),
    st.builds("clamp({}, -3, 4)".format, INSTANTS),
)
GROUPINGS = st.sampled_from(
    ["", " by (x)", " by (y, x)", " without (x)", " without ()", " by (__name__)"]
)
AGGREGATIONS = st.one_of(
    st.builds(
        "{}{} ({})".format,
        st.sampled_from(
            ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"]
        ),
        GROUPINGS,
        st.one_of(EXACT, OVER_WINDOWS),
    ),
    st.builds("quantile{} (0.4, {})".format, GROUPINGS, st.one_of(EXACT, OVER_WINDOWS)),
    st.builds(
        "{}{} ({}, {})".format,
        st.sampled_from(["topk", "bottomk"]),
        GROUPINGS,
        st.sampled_from(["1", "2", "0"]),
        INSTANTS,
    ),
)
MATCHINGS = st.sampled_from(
    [
        "",
        " on (x)",
        " ignoring (y)",
        " on (x, y)",
        " on ()",
        " ignoring (x)",
        " on (x) group_left",
        " on (x) group_right",
        " on (x, y) group_left",
        " ignoring (y) group_left (y)",
        " on (y) group_right (x)",
    ]
)
BINARIES = st.one_of(
    st.builds(
        "{} {}{} {}".format,
        EXACT,
        st.sampled_from(["+", "-", "*", "/"]),
        MATCHINGS,
        EXACT,
    ),
    st.builds(
        "{} {}{} {}".format,
        EXACT,
        st.sampled_from([">", "==", "!=", "<=", "> bool", "== bool"]),
        MATCHINGS,
        EXACT,
    ),
    st.builds(
        "({}) {}{} ({})".format,
        st.one_of(EXACT, OVER_WINDOWS),
        st.sampled_from(["and", "or", "unless"]),
        st.sampled_from(["", " on (x)", " ignoring (y)", " on ()"]),
        EXACT,
    ),
    st.builds(
        "{} {} {}".format,
        EXACT,
        st.sampled_from(["+", "/", ">", "<=", "!= bool"]),
        st.sampled_from(["2", "time()", "-1.5", "scalar(a)"]),
    ),
    st.builds("3 {} {}".format, st.sampled_from(["-", "/", "<", ">= bool"]), EXACT),
    st.builds("-{}".format, EXACT),
    st.builds("absent({})".format, EXACT),
)
NESTED = st.one_of(
    st.builds("max_over_time(({})[{}:30s])".format, AGGREGATIONS, DURATIONS),
    # So long that no step of the subquery lies outside of all windows: there, the
    # engine may find series ambiguous that nobody asked for.
    st.builds("max_over_time(({})[5m:30s])".format, BINARIES),
    st.builds("sum by (x) ({})".format, BINARIES),
    st.builds("sum_over_time(last_over_time({})[2m:40s])".format, RANGES),
)
EXPRESSIONS = st.one_of(EXACT, OVER_WINDOWS, AGGREGATIONS, BINARIES, NESTED)
