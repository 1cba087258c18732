from __future__ import annotations

import pytest
import re2
from hypothesis import assume, given
from hypothesis import strategies as st

from monitoring.labels import (
    InvalidMatcherError,
    Matcher,
    MatchOp,
    pack_labels,
    series_text,
    unpack_labels,
)

pytestmark = pytest.mark.unit


def regex(expression):
    return Matcher("job", MatchOp.REGEX, expression)


@pytest.mark.parametrize(
    ("expression", "matching", "others"),
    [
        ("", [""], ["a"]),
        ("api|db", ["api", "db"], ["", "ap", "api2", "api|db"]),
        ("api|", ["api", ""], ["a"]),
        (r"a\.b\|c", ["a.b|c"], ["a.b", "axb|c"]),
        ("api-.*", ["api-", "api-1", "api-\n"], ["api", "xapi-1"]),
        ("api-.+", ["api-1"], ["api-"]),
        (".*", ["", "x", "a\nb"], []),
        (".+", ["x"], [""]),
        ("a.c", ["abc", "a\nc", "aéc"], ["ac", "abcd"]),
        ("a|b.", ["a", "bx"], ["ax", "b"]),
        ("(?i)api", ["API"], ["apis"]),
        (r"\d+", ["12"], ["1a"]),
        (r"\QA.*\E", ["A.*"], ["Ab"]),
        ("^api$", ["api"], ["api\n"]),
        ("café", ["café"], ["cafe"]),
    ],
)
def test_an_expression_matches_whole_values(expression, matching, others):
    matcher = regex(expression)

    assert [v for v in (*matching, *others) if matcher.matches(v)] == matching


def test_a_negative_matcher_matches_all_others():
    values = ["", "api", "api-1", "db"]

    found = {
        (op, text): [v for v in values if Matcher("job", MatchOp(op), text).matches(v)]
        for op, text in [("!=", "api"), ("!~", "api.*"), ("!~", "a.i"), ("!=", "")]
    }

    assert found == {
        ("!=", "api"): ["", "api-1", "db"],
        ("!~", "api.*"): ["", "db"],
        ("!~", "a.i"): ["", "api-1", "db"],
        ("!=", ""): ["api", "api-1", "db"],
    }


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("(a", "missing closing ): `(a`"),
        ("[a", "missing closing ]: `[a`"),
        ("a)|(b", "unexpected ): `a)|(b`"),
        ("*", "missing argument to repetition operator: `*`"),
        ("a**", "invalid nested repetition operator: `**`"),
        (r"\y", r"invalid escape sequence: `\y`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("(?=x)", "invalid or unsupported Perl syntax: `(?=`"),
        (
            "a" * 20_000,
            "expression too large: 20000 characters, at most 16384 are taken",
        ),
        ("a\ud800", "invalid UTF-8"),
    ],
)
def test_what_re2_does_not_take_is_refused_in_gos_words(expression, problem):
    with pytest.raises(InvalidMatcherError) as error:
        regex(expression)

    assert str(error.value).endswith(f"does not compile: {problem}")


def test_half_of_a_surrogate_pair_matches_no_expression():
    assert not regex("a.c").matches("a\ud800c")


ALPHABET = st.text("ab.|\\*+-", max_size=8)


@given(ALPHABET, st.lists(st.text("ab.|-", max_size=5), max_size=8))
def test_fast_paths_answer_as_re2_does(expression, values):
    try:
        matcher = regex(expression)
    except InvalidMatcherError:
        assume(condition=False)
    options = re2.Options()
    options.dot_nl = True
    slow = re2.compile(expression, options=options)

    assert [matcher.matches(v) for v in values] == [
        slow.fullmatch(v) is not None for v in values
    ]


TEXTS = st.text(st.characters(exclude_categories=[]), max_size=4)


@given(labels=st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple))
def test_packed_labels_are_unpacked_to_the_same_whatever_is_in_them(labels):
    packed = pack_labels(labels)

    assert unpack_labels(packed) == labels
    assert packed == b"".join(
        text.encode("utf-8", "surrogatepass") + b"\xff"
        for pair in labels
        for text in pair
    )


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ({}, "up"),
        ({"__name__": "up", "job": "a"}, "up"),
        ({"zone": "b", "env": "c", "job": "a"}, 'up{env="c", zone="b"}'),
    ],
)
def test_a_series_is_written_without_what_is_hidden(labels, text):
    assert series_text("up", labels, hidden={"job"}) == text
