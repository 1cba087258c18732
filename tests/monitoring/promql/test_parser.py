from __future__ import annotations

import pytest

from monitoring.labels import Matcher, MatchOp
from monitoring.promql import PromQLSyntaxError, UnsupportedError, parse
from monitoring.promql.syntax import (
    At,
    AtKind,
    Binary,
    Cardinality,
    Matching,
    MatrixSelector,
    Number,
    Subquery,
    ValueType,
    VectorSelector,
    is_constant,
    type_of,
)

pytestmark = pytest.mark.unit


def test_a_selector_keeps_its_name_its_matchers_and_its_times():
    assert parse('x{a!="b", c=~"d"} @ 1.5 offset -1m') == VectorSelector(
        name="x",
        matchers=(
            Matcher("__name__", MatchOp.EQUAL, "x"),
            Matcher("a", MatchOp.NOT_EQUAL, "b"),
            Matcher("c", MatchOp.REGEX, "d"),
        ),
        offset_ms=-60_000,
        at=At(AtKind.TIME, 1500),
    )


def test_a_bare_number_is_a_duration_in_seconds():
    assert parse("x[90]") == parse("x[1m30s]")
    assert parse("x offset 0.5") == parse("x offset 500ms")


@pytest.mark.parametrize(
    ("text", "step_ms"), [("x[5m:]", None), ("x[5m:0]", None), ("x[5m:30s]", 30_000)]
)
def test_a_subquery_without_a_step_leaves_it_to_the_default(text, step_ms):
    tree = parse(text)

    assert isinstance(tree, Subquery)
    assert tree.step_ms == step_ms


def test_matching_is_read_with_its_groups_and_fills():
    tree = parse("a / on (x) group_right (y) fill_left (2) b")

    assert isinstance(tree, Binary)
    assert tree.matching == Matching(
        cardinality=Cardinality.ONE_TO_MANY,
        on=True,
        labels=("x",),
        include=("y",),
        fill_left=2.0,
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1 + 2", ValueType.SCALAR),
        ("time() * -1", ValueType.SCALAR),
        ("(x)", ValueType.VECTOR),
        ("1 + x", ValueType.VECTOR),
        ("sum(x)", ValueType.VECTOR),
        ("x[5m]", ValueType.MATRIX),
        ("(x[5m:1m])", ValueType.MATRIX),
        ('"x"', ValueType.STRING),
    ],
)
def test_every_expression_has_its_type(text, wanted):
    assert type_of(parse(text)) is wanted


@pytest.mark.parametrize(
    ("text", "constant"),
    [
        ("1 + 2", True),
        ("x @ 5", True),
        ("sum(rate(x[5m] @ end()))", True),
        ("x", False),
        ("x @ 5 + x", False),
        ("time()", False),
        ("timestamp(x @ 5)", False),
        ("predict_linear(x[5m] @ 5, 60)", False),
        ("max_over_time(x[5m:1m] @ 5)", True),
        ("max_over_time((x @ 5)[5m:1m])", False),
    ],
)
def test_only_what_is_pinned_everywhere_is_constant(text, constant):
    assert is_constant(parse(text)) is constant


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("sum(x", 5),
        ("1 + nonsense(x)", 4),
        ("x ~ y", 2),
        ("x + y @ -5", 6),
        ("{}", None),
    ],
)
def test_an_error_says_where_it_is_if_that_is_certain(text, position):
    with pytest.raises(PromQLSyntaxError) as error:
        parse(text)

    assert error.value.position == position


@pytest.mark.parametrize(
    "text",
    ["(" * 20_000 + "1" + ")" * 20_000, "-" * 20_000 + "x", "+".join(["x"] * 20_000)],
    ids=["parentheses", "signs", "terms"],
)
def test_an_expression_that_would_overflow_the_stack_is_refused(text):
    with pytest.raises(PromQLSyntaxError, match="more than 1000 operators"):
        parse(text)


def test_nesting_that_exceeds_pythons_own_stack_is_refused():
    with pytest.raises(PromQLSyntaxError, match="nested too deeply"):
        parse("(" * 900 + "1" + ")" * 900)


def test_what_looks_dangerous_inside_a_string_is_not():
    tree = parse("'@ -5 " + "(" * 2000 + "' # @ -5")

    assert type_of(tree) is ValueType.STRING


def test_only_promql_is_understood():
    with pytest.raises(UnsupportedError):
        parse('{a="b" or c="d"}')


def test_the_old_name_of_smoothing_still_parses():
    tree = parse("holt_winters(x[5m], 0.5, 0.5)")

    assert tree.name == "holt_winters"
    assert isinstance(tree.args[0], MatrixSelector)
    assert tree.args[1] == Number(0.5)
