from __future__ import annotations

import pytest

from monitoring.labels import Matcher, MatchOp
from monitoring.services.log_narrowing import Click, What, from_words, narrowed
from monitoring.services.log_searches import compile_logql, is_logql
from monitoring.telemetry import LineFilter, LineOp

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("query", "click", "expected"),
    [
        (
            '{app="a"}',
            Click(What.FIELD, "status", "500"),
            '{app="a"} | status="500"',
        ),
        (
            '{app="a"} | json',
            Click(What.FIELD, "status", "500", exclude=True),
            '{app="a"} | json | status!="500"',
        ),
        # The same again changes nothing.
        (
            '{app="a"} | status="500"',
            Click(What.FIELD, "status", "500"),
            '{app="a"} | status="500"',
        ),
        (
            '{app="a"}',
            Click(What.FIELD, "http.method", "GET"),
            '{app="a"} | json | http_method="GET"',
        ),
        (
            '{app="a"} | logfmt',
            Click(What.FIELD, "host", "h", is_hidden=True),
            '{app="a"} | logfmt | host_extracted="h"',
        ),
        ('{app="a"}', Click(What.LABEL, "env", "x"), '{app="a", env="x"}'),
        ('{app="a"}', Click(What.LABEL, "app", "b"), '{app="b"}'),
        (
            '{app=~"a|b"}',
            Click(What.LABEL, "app", "b", exclude=True),
            '{app=~"a|b", app!="b"}',
        ),
        (
            '{app=~"a|b", env!="x"}',
            Click(What.LABEL, "app", "b"),
            '{env!="x", app="b"}',
        ),
        (
            '{app="a"} | json',
            Click(What.PATTERN, "", 'took <_> "ms"'),
            '{app="a"} |> "took <_> \\"ms\\"" | json',
        ),
        (
            '{app="a"}',
            Click(What.PATTERN, "", "<_> done", exclude=True),
            '{app="a"} !> "<_> done"',
        ),
        ('rate({app="a"}[5m])', Click(What.LABEL, "env", "x"), 'rate({app="a"}[5m])'),
        ("{app=", Click(What.LABEL, "env", "x"), "{app="),
    ],
)
def test_a_click_is_written_into_the_query(query, click, expected):
    assert narrowed(query, click) == expected


def test_words_become_a_line_filter_of_everything():
    assert from_words('a "b"') == '{source=~".+"} |= "a \\"b\\""'
    assert from_words("", (Matcher("env", MatchOp.EQUAL, "x"),)) == '{env="x"}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{app="a"}', True),
        ("{app", True),
        ("sum by (app) (rate(", True),
        ('rate({app="a"}[5m])', True),
        ('{"app": 1}', False),
        ("error (timeout)", False),
        ("rate limit", False),
        ("", False),
    ],
)
def test_what_begins_as_logql_is_told_from_words(text, expected):
    assert is_logql(text) is expected


def test_line_filters_alone_are_left_to_the_store():
    search = compile_logql('{app="a"} |= "x" !~ "y+"')

    assert search.piped is None
    assert search.filters == (
        LineFilter(LineOp.CONTAINS, ("x",)),
        LineFilter(LineOp.NOT_MATCHES, ("y+",)),
    )


def test_parsers_are_left_to_logql():
    search = compile_logql('{app="a"} |= "x" | json', matchers=())

    assert search.piped is not None
    assert (
        search.by_level(60) == "sum by (detected_level) (count_over_time("
        '{app="a"} |= "x" | json | drop __error__ [60s]))'
    )
