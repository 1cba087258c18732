"""Hypothesis strategies for lines, and for stages as text and as plain Python."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from monitoring.labels import Labels, make_labels
from monitoring.telemetry import Level
from tests.monitoring.logql import slow
from tests.monitoring.logql.memory import Line

SECOND = 10**9
END = 60

NAMES = st.sampled_from(["a", "b", "a_b", "app", "n", "host"])
WORDS = st.sampled_from(["x", "yy", "7", "-2.5", "12", "a b", "", 'q"q', "é", "x=1"])
KEYS = st.sampled_from(["a", "b", "a-b", "app", "n", "host"])

_VALUES = st.one_of(
    WORDS,
    st.integers(-99, 99),
    st.sampled_from([1.5, 20.25]),
    st.booleans(),
    st.none(),
    st.lists(st.integers(0, 3), max_size=2),
    st.dictionaries(KEYS, WORDS, max_size=2),
)
# One object names a label in one way only: which of two would win is left open.
_OBJECTS = st.dictionaries(
    st.sampled_from(["a", "b", "app", "n", "c-d"]), _VALUES
).filter(lambda found: not (isinstance(found.get("a"), dict) and "b" in found["a"]))


def _pair(key: str, value: str) -> str:
    if not value or any(c in value for c in ' "='):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{key}="{escaped}"'
    return f"{key}={value}"


_PAIRS = st.lists(st.tuples(st.sampled_from(["a", "b", "n", "app", "host"]), WORDS))
_LOGFMT = st.tuples(
    _PAIRS, st.sampled_from(["", " bare", ' odd="', " =x", ' t="u"v'])
).map(lambda found: " ".join(_pair(*pair) for pair in found[0]) + found[1])
TEXTS = st.one_of(
    _OBJECTS.map(lambda found: json.dumps(found, ensure_ascii=False)),
    _LOGFMT,
    st.sampled_from(["plain text", "", "[1]", "{", "a=1"]),
)
LINES = st.builds(
    Line,
    st.integers(0, END).map(lambda second: second * SECOND),
    TEXTS,
    st.dictionaries(st.sampled_from(["a", "n", "trace"]), st.sampled_from(["x", "7"])),
    st.sampled_from(list(Level)),
)
_STREAMS: list[Labels] = [
    make_labels({"app": "one", "host": "h"}),
    make_labels({"app": "two", "host": "i"}),
    make_labels({"app": "two"}),
]
STREAMS = st.dictionaries(
    st.sampled_from(_STREAMS), st.lists(LINES, min_size=1, max_size=8), max_size=3
)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


# A line filter must not stand behind a name: `drop a != "x"` is a condition on it.
_PAUSE = ' | __error__=~".*"'
_SEARCHED = st.sampled_from(["a", "x", "1", '"', "zz", "é"])
_LINE_FILTERS = st.one_of(
    _SEARCHED.map(lambda t: (f"|= {_quoted(t)}", slow.contains(t))),
    _SEARCHED.map(lambda t: (f"!= {_quoted(t)}", slow.lacks(t))),
    st.tuples(_SEARCHED, _SEARCHED).map(
        lambda p: (f"|= {_quoted(p[0])} or {_quoted(p[1])}", slow.contains(*p))
    ),
)
_TEXT_FILTERS = st.tuples(
    NAMES,
    st.sampled_from(["=", "!=", "=~", "!~"]),
    st.sampled_from(["x", "7", "", "one"]),
).map(lambda f: (f"| {f[0]}{f[1]}{_quoted(f[2])}", slow.text_filter(*f)))
_NUMBER_FILTERS = st.tuples(
    NAMES, st.sampled_from(["==", "!=", ">", "<="]), st.sampled_from([7.0, 0.0, -2.5])
).map(lambda f: (f"| {f[0]} {f[1]} {f[2]:g}", slow.number_filter(*f)))
STAGES = st.lists(
    st.one_of(
        _LINE_FILTERS,
        st.just(("| json", slow.parse_json)),
        st.just(("| logfmt", slow.parse_logfmt)),
        _TEXT_FILTERS,
        _NUMBER_FILTERS,
        st.just(('| __error__=""', slow.text_filter("__error__", "=", ""))),
        NAMES.map(lambda n: (f"| drop {n}{_PAUSE}", slow.drop(n))),
        st.tuples(NAMES, NAMES).map(
            lambda p: (f"| keep {p[0]}, {p[1]}{_PAUSE}", slow.keep(*p))
        ),
        st.tuples(NAMES, NAMES).map(
            lambda p: (
                f'| label_format {p[0]}="<{{{{.{p[1]}}}}}>"',
                slow.label_format(*p),
            )
        ),
        st.tuples(NAMES, NAMES).map(
            lambda p: (f"| label_format {p[0]}={p[1]}", slow.rename(*p))
        ),
        NAMES.map(lambda n: (f'| line_format "a={{{{.{n}}}}} b"', slow.line_format(n))),
    ),
    max_size=5,
)
