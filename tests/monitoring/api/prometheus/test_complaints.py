from __future__ import annotations

import pytest

from monitoring import promql
from monitoring.api.prometheus.complaints import complaint

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1:1: parse error: no expression found in input"),
        (" \n ", "1:1: parse error: no expression found in input"),
        ("sum(", "1:5: parse error: unclosed left parenthesis"),
        ("foo{", "1:5: parse error: unexpected end of input inside braces"),
        ("up +\n  nosuch(a)", '2:3: parse error: unknown function with name "nosuch"'),
        ("foo ≠ 1", "unexpected character: '≠'"),
        ('foo{a="b"}}', "parse error: unexpected character: '}'"),
        (
            "rate(foo)",
            (
                'parse error: expected type range vector in call to function "rate", '
                "got instant vector"
            ),
        ),
        (
            "topk(up, 1)",
            (
                "parse error: expected type instant vector in aggregation expression, "
                "got scalar"
            ),
        ),
        (
            '-"a"',
            (
                "parse error: unary expression only allowed on expressions of type "
                'scalar or instant vector, got "string"'
            ),
        ),
        (
            "1 and 2",
            'parse error: set operator "and" not allowed in binary scalar expression',
        ),
        (
            "up{job=x}",
            (
                '1:8: parse error: unexpected identifier "x" in label matching, '
                "expected string"
            ),
        ),
        ("sum()", "parse error: no arguments for aggregate expression provided"),
    ],
)
def test_complaints_are_prometheuss(text, said):
    with pytest.raises(promql.PromQLSyntaxError) as error:
        promql.parse(text)

    assert complaint(error.value, text).endswith(said)
