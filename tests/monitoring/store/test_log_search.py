from __future__ import annotations

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.store import log_search, tokens
from monitoring.telemetry import LineFilter, LineOp

pytestmark = pytest.mark.unit


def lines_of(texts):
    return pa.array(texts, pa.large_string())


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("timeout.*[0-9]{3}", [("timeout",)]),
        ("a few words", [("a few words",)]),
        (r"10\.0\.0\.1", [("10.0.0.1",)]),
        ("error|failed", [("error", "failed")]),
        ("(?:error|failed) order", [("error", "failed"), (" order",)]),
        ("(?P<what>error)+ now", [("error",), (" now",)]),
        ("ab+c", [("ab",), ("c",)]),
        ("ab?c", [("a",), ("c",)]),
        ("ab{2}c", [("ab",), ("c",)]),
        ("ab{0,3}c", [("a",), ("c",)]),
        ("(ab)?c", [("c",)]),
        ("a|", []),
        ("error|.*", []),
        ("[abc]+", []),
        ("[^ ]+ failed", [(" failed",)]),
        ("[]a] failed", []),
        ("[[:alpha:]] failed", []),
        ("(?i)error", []),
        (r"\Qa.b\E", []),
        (r"\d+ms", [("ms",)]),
        (r"^start\b.*end$", [("start",), ("end",)]),
        ("(((", []),
        ("a)b", []),
        ("", []),
    ],
)
def test_what_an_expression_requires(pattern, expected):
    assert log_search.required(pattern) == expected


ATOM = st.sampled_from(
    [
        "a",
        "b",
        "ab",
        ".",
        "[ab]",
        r"\.",
        "(?:a|b)",
        "(ab|c)",
        "(b)",
        r"\d",
        "^",
        "{",
        "é",
    ]
)
PATTERN = st.lists(
    st.tuples(ATOM, st.sampled_from(["", "", "*", "+", "?", "{2}", "{0,1}", "+?"])),
    max_size=5,
).map(lambda parts: "".join(a + (q if a not in "^{" else "") for a, q in parts))
EXPRESSION = st.lists(PATTERN, min_size=1, max_size=3).map("|".join)
TEXT = st.text("abcé.1{", max_size=8)


@given(pattern=EXPRESSION, text=TEXT)
def test_a_matching_line_has_what_the_expression_requires(pattern, text):
    found = log_search.passing(
        lines_of([text]), [LineFilter(LineOp.MATCHES, (pattern,))]
    )

    if found[0]:
        for clause in log_search.required(pattern):
            assert any(choice in text for choice in clause)


FILTER = st.builds(
    LineFilter,
    op=st.sampled_from(LineOp),
    values=st.lists(st.text("ab.", max_size=3), min_size=1, max_size=3).map(tuple),
)


def passes(text: str, one: LineFilter) -> bool:
    if one.op in log_search.TEXTUAL:
        found = any(value in text for value in one.values)
    else:
        found = any(re.search(value, text) for value in one.values)
    return found == (one.op in log_search.POSITIVE)


@given(
    texts=st.lists(st.text("abc. ", max_size=8), max_size=8),
    filters=st.lists(FILTER, max_size=3),
)
def test_lines_that_pass_all_filters_are_found(texts, filters):
    found = log_search.passing(lines_of(texts), filters)

    assert found.tolist() == [all(passes(t, one) for one in filters) for t in texts]


def test_a_needle_is_not_found_across_two_lines():
    lines = lines_of(["one nee", "dle two", "a needle", "", "needle needle"])

    found = log_search.passing(lines, [LineFilter(LineOp.CONTAINS, ("needle",))])

    assert found.tolist() == [False, False, True, False, True]


def test_a_slice_of_lines_is_searched_alone(monkeypatch):
    lines = lines_of(["needle 1", "needle 2", "other", "needle 3"]).slice(1, 2)
    needle = [LineFilter(LineOp.CONTAINS, ("needle",))]

    rare = log_search.passing(lines, needle)
    monkeypatch.setattr(log_search, "MANY_HITS", 0)
    frequent = log_search.passing(lines, needle)

    assert rare.tolist() == frequent.tolist() == [True, False]


@pytest.mark.parametrize("odd", ["a.b", "[x]", "\\", "^$", "(", "é|", "\0", "a b"])
def test_odd_characters_of_a_needle_stand_for_themselves(odd):
    lines = lines_of([f"<{odd}>", "<axb>", "x"])

    found = log_search.passing(lines, [LineFilter(LineOp.CONTAINS, (odd, "nothing"))])

    assert found.tolist() == [True, False, False]


def test_an_expression_that_is_none_is_named():
    with pytest.raises(log_search.InvalidFilterError, match=r"'a\(b'"):
        log_search.check([LineFilter(LineOp.MATCHES, ("ok", "a(b"))])


def test_all_clauses_of_all_filters_are_asked_of_a_block():
    filters = [
        LineFilter(LineOp.CONTAINS, ("payment", "refund")),
        LineFilter(LineOp.NOT_CONTAINS, ("noise",)),
        LineFilter(LineOp.MATCHES, ("timeout [0-9]+ seconds",)),
        LineFilter(LineOp.MATCHES, ("x+", "")),
    ]

    assert log_search.clauses(filters) == [
        ("timeout ",),
        (" seconds",),
        ("payment", "refund"),
    ]


def test_a_filter_of_grams_knows_clauses():
    lines = b"".join(b"request %d was served" % n for n in range(2000))
    token_filter = tokens.build_filter(lines)

    assert tokens.may_contain(token_filter, "quest 77 was")
    assert not tokens.may_contain(token_filter, "was refused")
