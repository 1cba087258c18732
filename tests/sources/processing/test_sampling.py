from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.telemetry import Level
from sources.processing.hashing import hash_texts
from tests.sources.processing.rows import applied, batch_of, field, kept

pytestmark = pytest.mark.unit

TENTH = {"sampling": {"rate": 0.1}}
HASHES = [
    5197578548964807871,
    17217418406357275742,
    16271238941880633917,
    3489277711893058482,
    13673923826423285718,
]
MANY = [{"line": f"line {i}", "trace": f"t{i % 100}"} for i in range(20_000)]


def test_about_the_wanted_share_is_kept():
    outcome = applied(TENTH, batch_of(MANY))

    assert 1800 < outcome.batch.count < 2200
    assert outcome.batch.count + outcome.sampled_out == len(MANY)


def test_equal_lines_of_different_times_do_not_share_a_fate():
    rows = [{"line": "ok", "ts_ns": 10**18 + i} for i in range(10_000)]

    assert 850 < applied(TENTH, batch_of(rows)).batch.count < 1150


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.text(max_size=40), min_size=1, max_size=30),
    st.floats(0, 1),
    st.integers(0, 29),
)
def test_the_fate_of_a_line_depends_on_nothing_but_the_line(texts, rate, cut):
    rules = {"sampling": {"rate": rate}}
    rows = [{"line": text} for text in texts]

    whole = kept(applied(rules, batch_of(rows)))
    parts = [rows[: cut + 1], rows[cut + 1 :]]

    apart = [
        line for part in parts if part for line in kept(applied(rules, batch_of(part)))
    ]
    assert apart == whole


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.tuples(st.text(max_size=9), st.sampled_from(list(Level))),
        min_size=1,
        max_size=20,
    )
)
def test_errors_are_always_kept(rows):
    batch = batch_of([{"line": line, "level": level} for line, level in rows])

    outcome = applied({"sampling": {"rate": 0}}, batch)

    assert kept(outcome) == [line for line, level in rows if level >= Level.ERROR]


def test_the_lines_of_one_trace_stay_together():
    outcome = applied({"sampling": {"rate": 0.3, "field": "trace"}}, batch_of(MANY))

    traces = field(outcome, "trace")
    assert 10 < len(set(traces)) < 50
    assert len(traces) == 200 * len(set(traces))


def test_kept_lines_say_how_many_they_stand_for():
    rows = [{"line": f"{i}", "level": Level.INFO} for i in range(50)]
    rows.append({"line": "bad", "level": Level.FATAL})

    outcome = applied({"sampling": {"rate": 0.25}}, batch_of(rows))

    assert set(field(outcome, "sample_rate")[:-1]) == {"4"}
    assert field(outcome, "sample_rate")[-1] == "1"


def test_hashes_are_the_same_for_ever():
    texts = ["", "a", "12345678", "123456789", "é" * 40]

    assert hash_texts(pa.array(texts)).tolist() == HASHES


@given(st.lists(st.text(max_size=30), min_size=1, max_size=10))
def test_equal_texts_have_equal_hashes(texts):
    hashes = hash_texts(pa.array(texts + texts, pa.large_string()))

    assert np.array_equal(hashes[: len(texts)], hashes[len(texts) :])
    assert len(set(hashes.tolist())) == len(set(texts))
