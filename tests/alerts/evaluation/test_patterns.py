from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.evaluation.patterns import (
    InvalidPatternError,
    Pattern,
    PatternSet,
    check_pattern,
)

pytestmark = pytest.mark.unit


def matches(patterns: list[Pattern], lines: list[str]) -> set[tuple[int, int]]:
    found, at = PatternSet(patterns).matches(pa.array(lines, pa.large_string()))
    pairs = list(zip(found.tolist(), at.tolist(), strict=True))
    assert len(pairs) == len(set(pairs))
    return set(pairs)


@pytest.mark.parametrize(
    ("text", "lines", "expected"),
    [
        pytest.param("ERROR", ["an ERROR", "error", ""], {0}, id="literal"),
        pytest.param("a", ["aaa", "b", "a"], {0, 2}, id="a_line_counts_once"),
        pytest.param(r"^x$", ["x", "ax", "xa"], {0}, id="anchors_are_the_lines_ends"),
        pytest.param(r"\Ax\z", ["y", "x"], {1}, id="ends_of_text_are_the_lines_ends"),
        pytest.param(r"a\s+b", ["a", "b", "a  b"], {2}, id="space_stays_in_the_line"),
        pytest.param(r"a[^x]b", ["a", "b", "a-b"], {2}, id="classes_stay_in_the_line"),
        pytest.param(r"(?s)a.b", ["a", "b", "a.b"], {2}, id="dotall_stays_in_the_line"),
        pytest.param(r"a\nb", ["a", "b"], set(), id="no_line_has_a_newline"),
        pytest.param("ü+", ["üü", "u"], {0}, id="letters_of_any_alphabet"),
        pytest.param(r"\hx", [" x", "x"], {0}, id="syntax_that_re2_does_not_know"),
        pytest.param("b", ["a\nb", "c"], {0}, id="a_record_of_several_lines_is_one"),
    ],
)
def test_a_pattern_finds_its_lines(text, lines, expected):
    assert {line for _, line in matches([Pattern(text)], lines)} == expected


def test_case_is_ignored_where_the_pattern_says_so():
    patterns = [Pattern("error"), Pattern("error", ignore_case=True)]

    assert matches(patterns, ["ERROR"]) == {(1, 0)}


def test_nothing_is_found_in_nothing():
    assert matches([Pattern("x")], []) == set()
    assert matches([], ["x"]) == set()
    assert matches([Pattern("x")], ["", ""]) == set()


def test_patterns_that_match_everything_are_counted_exactly():
    lines = [f"INFO line {n} {'ERROR' if n % 1000 == 0 else ''}" for n in range(20_000)]
    patterns = [Pattern("."), Pattern("ERROR"), Pattern(r"\w"), Pattern(r"\hline")]
    armed = PatternSet(patterns)

    for _ in range(2):
        found, _lines = armed.matches(pa.array(lines, pa.large_string()))
        counts = [int((found == index).sum()) for index in range(len(patterns))]
        assert counts == [20_000, 20, 20_000, 20_000]


@pytest.mark.parametrize(
    ("text", "position"),
    [("a(b", 1), ("[", 0), ("*", 0), (r"(a)\1", None), ("x*", None)],
)
def test_a_pattern_that_does_not_compile_is_refused_with_its_position(text, position):
    with pytest.raises(InvalidPatternError) as refusal:
        check_pattern(Pattern(text))

    assert refusal.value.position == position


def test_an_endless_pattern_is_refused():
    with pytest.raises(InvalidPatternError):
        check_pattern(Pattern("a" * 2001))


def compiles(text: str) -> bool:
    try:
        check_pattern(Pattern(text))
    except InvalidPatternError:
        return False
    return True


line_texts = st.text(st.sampled_from("abx \té-"), max_size=6)
pattern_texts = st.lists(
    st.sampled_from(["a", "b", "[^a]", r"\s", "x+", ".", "é", "(a|b)", r"\b"]),
    min_size=1,
    max_size=4,
).map("".join)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(pattern_texts, min_size=1, max_size=3), st.lists(line_texts, max_size=8)
)
def test_the_scan_agrees_with_pythons_own_regular_expressions(texts, lines):
    patterns = [Pattern(text) for text in texts if compiles(text)]

    expected = {
        (index, at)
        for index, pattern in enumerate(patterns)
        for at, line in enumerate(lines)
        if re.search(pattern.text, line, re.ASCII)
    }

    assert matches(patterns, lines) == expected


def test_threads_may_share_a_set():
    armed = PatternSet([Pattern("a"), Pattern("[bc]")])
    lines = pa.array(["abcabc"] * 5_000, pa.large_string())

    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(armed.matches, lines) for _ in range(40)]

    assert {len(each.result()[0]) for each in found} == {10_000}
