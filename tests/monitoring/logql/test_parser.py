from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring import logql
from monitoring.logql import Kind
from monitoring.logql.parser import MAX_DEPTH, MAX_LENGTH, MAX_OPERATORS
from tests.monitoring.logql.script import read_script

pytestmark = pytest.mark.unit

SCRIPTS = sorted(Path(__file__).with_name("scripts").glob("*.test"))
QUERIES = sorted({case.expr for path in SCRIPTS for case in read_script(path)})

_PIECES = st.sampled_from(
    [
        '{app="a"}',
        "|=",
        "|~",
        "!=",
        "!~",
        "|>",
        "!>",
        "|",
        "json",
        "logfmt",
        "regexp",
        "pattern",
        "unpack",
        "unwrap",
        "by",
        "without",
        "sum",
        "topk",
        "rate(",
        "count_over_time(",
        "[5m]",
        "[1h]",
        "(",
        ")",
        ",",
        "=",
        "==",
        ">",
        "5",
        "5m",
        "5KB",
        "-1",
        '"x"',
        '"{{.a}}"',
        "`(?P<a>.)`",
        '"<a>',
        '<_>"',
        "a",
        "b",
        "and",
        "or",
        "unless",
        "on(a)",
        "group_left",
        "bool",
        "offset",
        "@",
        "#",
        "\n",
        'ip("1.1.1.1")',
        "drop",
        "keep",
        "label_format",
        "line_format",
        "decolorize",
        "vector(1)",
        "label_replace(",
        "{",
        "}",
        "\\",
        "'",
        '"',
        "$",
    ]
)
FUZZING = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@FUZZING
@given(st.lists(_PIECES, max_size=14).map(" ".join))
def test_what_is_made_of_the_languages_pieces_parses_or_is_refused(text):
    _parse(text)


@FUZZING
@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused(text):
    _parse(text)


@FUZZING
@given(
    query=st.sampled_from(QUERIES),
    place=st.integers(0, 200),
    cut=st.integers(0, 5),
    inserted=_PIECES | st.text(max_size=3),
)
def test_a_query_with_a_mistake_parses_or_is_refused(query, place, cut, inserted):
    place = min(place, len(query))

    _parse(query[:place] + inserted + query[place + cut :])


@FUZZING
@given(st.text(st.sampled_from('{}|.$x =:"`-()iendfrang /*0'), max_size=40))
def test_any_template_compiles_or_is_refused(template):
    text = template.replace("`", "")
    _compile(f"| line_format `{text}`")


def _parse(text: str) -> None:
    try:
        expr = logql.parse(text)
    except logql.LogQLError:
        return
    assert logql.parse(logql.format_query(text)) == expr


def _compile(text: str) -> None:
    with contextlib.suppress(logql.LogQLSyntaxError):
        logql.compile_pipeline(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param(
            "(" * (MAX_DEPTH + 1), f"nested more than {MAX_DEPTH} deep", id="deep"
        ),
        pytest.param("1" + "+1" * (MAX_OPERATORS + 1), "operators", id="chained"),
        pytest.param(
            '{a="' + "x" * MAX_LENGTH + '"}', "input size too long", id="long"
        ),
        pytest.param('{a="b"}' + "| json" * 101, "more than 100 stages", id="stages"),
        pytest.param('{a="\ud800"}', "invalid UTF-8", id="surrogate"),
    ],
)
def test_a_query_beyond_reason_is_refused(text, complaint):
    with pytest.raises(logql.LogQLSyntaxError, match=complaint):
        logql.parse(text)


def test_the_longest_chain_of_operators_evaluates():
    text = "1" + "+1" * MAX_OPERATORS

    result = logql.instant(None, text, time_ns=0)

    assert result.values[0, 0] == MAX_OPERATORS + 1


def test_a_mistake_is_told_with_its_line_and_column():
    with pytest.raises(logql.LogQLSyntaxError) as error:
        logql.parse('{app="a"}\n  | json\n  | = 5')

    assert (error.value.line, error.value.column) == (3, 5)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{app="a"} | json', Kind.LOG),
        ('rate({app="a"}[5m])', Kind.METRIC),
        ("1 + 1", Kind.METRIC),
    ],
)
def test_a_query_is_for_lines_or_for_numbers(text, kind):
    assert logql.kind(logql.parse(text)) is kind


def test_the_selectors_of_an_expression_can_be_told():
    expr = logql.parse('rate({app="a"}[5m]) / sum(rate({app=~"b|c"} | json [5m]))')

    found = [[m.value for m in q.matchers] for q in logql.log_queries(expr)]

    assert found == [["a"], ["b|c"]]


def test_a_long_query_is_laid_out_over_several_lines():
    text = (
        'sum by (host) (rate({app="api", environment="production"} |= "error" | json'
        ' | status >= 500 | line_format "{{.message}}" [5m]))'
    )

    assert logql.format_query(text) == (
        "sum by (host)(\n"
        "  rate(\n"
        '    {app="api", environment="production"}\n'
        '      |= "error"\n'
        "      | json\n"
        "      | status>=500\n"
        '      | line_format "{{.message}}" [5m]\n'
        "  )\n"
        ")"
    )
