from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.store import tokens

pytestmark = pytest.mark.unit

LINES = [
    '{"level":"info","msg":"request served","service":"checkout","region":"eu-west-1",'
    f'"path":"/api/v1/orders","trace":"{random.Random(n).getrandbits(64):016x}"}}'
    for n in range(4000)
]
TEXT = "".join(LINES).encode()
FILTER = tokens.build_filter(TEXT)


@given(st.data())
def test_no_substring_of_a_line_is_ever_missed(data):
    line = data.draw(st.sampled_from(LINES))
    start = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(start, len(line)))

    assert tokens.may_contain(FILTER, line[start:end])


@given(st.text(min_size=0, max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_no_substring_of_any_text_is_ever_missed(text, start, end):
    raw = (text + "x" * tokens.MIN_FILTERED_BYTES).encode()

    assert tokens.may_contain(tokens.build_filter(raw), text[start:end])


@pytest.mark.parametrize(
    "needle",
    [
        pytest.param("payment failed", id="words"),
        pytest.param("deadbeefcafebabe", id="an_identifier"),
        pytest.param("eadbeefcafebab", id="an_identifier_cut_at_both_ends"),
        pytest.param("Zürich, Bahnhofstraße", id="beyond_ascii"),
    ],
)
def test_an_absent_needle_is_seen_to_be_absent(needle):
    assert not tokens.may_contain(FILTER, needle)


def test_most_absent_identifiers_are_seen_to_be_absent():
    absent = [f"{random.Random(10_000 + n).getrandbits(64):016x}" for n in range(1000)]

    maybe = sum(tokens.may_contain(FILTER, needle) for needle in absent)

    assert maybe < 10


@pytest.mark.parametrize("needle", ["", "a", "abc", "é"])
def test_a_needle_too_short_to_tell_may_be_anywhere(needle):
    assert tokens.probes(needle) == []


def test_a_small_block_has_no_filter():
    assert tokens.build_filter(b"x" * (tokens.MIN_FILTERED_BYTES - 1)) == b""


def test_a_filter_takes_at_most_a_sixteenth_of_the_text():
    assert 0 < len(FILTER) <= len(TEXT) * tokens.MAX_SHARE


def test_a_repetitive_text_gets_a_small_filter():
    assert len(tokens.build_filter(b"the same line again. " * 100_000)) < 64
