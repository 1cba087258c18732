from __future__ import annotations

import pytest

from monitoring.promql import PromQLSyntaxError
from monitoring.promql.trees import prettify, tree_json

pytestmark = pytest.mark.unit


def selector(name, *matchers, kind="vectorSelector", offset=0, **more):
    return {
        "type": kind,
        "name": name,
        "offset": offset,
        "matchers": [
            *({"name": n, "type": t, "value": v} for n, t, v in matchers),
            *([{"name": "__name__", "type": "=", "value": name}] if name else []),
        ],
        "timestamp": None,
        "startOrEnd": None,
        **more,
    }


def number(text):
    return {"type": "numberLiteral", "val": text}


RATE = {
    "name": "rate",
    "argTypes": ["matrix"],
    "variadic": 0,
    "returnType": "vector",
}
ROUND = {
    "name": "round",
    "argTypes": ["vector", "scalar"],
    "variadic": 1,
    "returnType": "vector",
}


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("1.5", number("1.5")),
        ('"a"', {"type": "stringLiteral", "val": "a"}),
        ('up{job!="x"}', selector("up", ("job", "!=", "x"))),
        ('{job=~"x"}', selector("", ("job", "=~", "x"))),
        ("up offset 1m", selector("up", offset=60_000)),
        ("up @ 1.5", selector("up", timestamp=1500)),
        ("up @ end()", selector("up", startOrEnd="end")),
        ("-up", {"type": "unaryExpr", "op": "-", "expr": selector("up")}),
        ("(up)", {"type": "parenExpr", "expr": selector("up")}),
        (
            "rate(up[5m])",
            {
                "type": "call",
                "func": RATE,
                "args": [selector("up", kind="matrixSelector", range=300_000)],
            },
        ),
        ("round(up)", {"type": "call", "func": ROUND, "args": [selector("up")]}),
        (
            "up[1h:5m] offset 1m",
            {
                "type": "subquery",
                "expr": selector("up"),
                "range": 3_600_000,
                "step": 300_000,
                "offset": 60_000,
                "timestamp": None,
                "startOrEnd": None,
            },
        ),
        (
            "topk without (a) (3, up)",
            {
                "type": "aggregation",
                "op": "topk",
                "expr": selector("up"),
                "param": number("3"),
                "grouping": ["a"],
                "without": True,
            },
        ),
        (
            "up > bool 1",
            {
                "type": "binaryExpr",
                "op": ">",
                "lhs": selector("up"),
                "rhs": number("1"),
                "matching": None,
                "bool": True,
            },
        ),
        (
            "a / on (x) group_left (y) b",
            {
                "type": "binaryExpr",
                "op": "/",
                "lhs": selector("a"),
                "rhs": selector("b"),
                "matching": {
                    "card": "many-to-one",
                    "labels": ["x"],
                    "on": True,
                    "include": ["y"],
                },
                "bool": False,
            },
        ),
        (
            "a and b",
            {
                "type": "binaryExpr",
                "op": "and",
                "lhs": selector("a"),
                "rhs": selector("b"),
                "matching": {
                    "card": "many-to-many",
                    "labels": [],
                    "on": False,
                    "include": [],
                },
                "bool": False,
            },
        ),
    ],
)
def test_every_kind_of_expression_has_its_node(text, tree):
    assert tree_json(text) == tree


@pytest.mark.parametrize(
    ("text", "pretty"),
    [
        ('foo{ b = "1", a=~"2" }', 'foo{a=~"2",b="1"}'),
        ("sum(foo)by(x)", "sum by (x) (foo)"),
        ("1+2", "1 + 2"),
        ("foo   offset 5m", "foo offset 5m"),
    ],
)
def test_expressions_are_laid_out(text, pretty):
    assert prettify(text) == pretty


@pytest.mark.parametrize("describe", [prettify, tree_json])
def test_what_does_not_parse_has_no_tree(describe):
    with pytest.raises(PromQLSyntaxError):
        describe("sum(")
