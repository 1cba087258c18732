"""Expressions for others to read: laid out again, and as Prometheus's JSON tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import promql_parser as rust

from monitoring.labels import Matcher
from monitoring.promql.numbers import plain
from monitoring.promql.parser import parse
from monitoring.promql.syntax import (
    Aggregation,
    At,
    AtKind,
    Binary,
    Call,
    Cardinality,
    Expr,
    MatrixSelector,
    Negation,
    Number,
    Paren,
    String,
    Subquery,
    ValueType,
    VectorSelector,
    type_of,
)

Tree = dict[str, Any]

_SET_OPERATORS: Final = {"and", "or", "unless"}


def prettify(text: str) -> str:
    """Return the expression in Prometheus's layout. Raises as `parse` does."""
    parse(text)
    pretty: str = rust.parse(text).prettify()
    return pretty


def tree_json(text: str) -> Tree:
    """Return the syntax tree as /parse_query shows it. Raises as `parse` does."""
    expr = parse(text)
    return _Translation(_signatures(text)).of(expr)


def _signatures(text: str) -> dict[str, Tree]:
    """Return what each function that the text calls takes and returns."""
    found: dict[str, Tree] = {}

    def visit(node: Any) -> None:
        if isinstance(node, rust.Call):
            function = node.func
            found[function.name] = {
                "name": function.name,
                "argTypes": [_type_name(kind) for kind in function.arg_types],
                "variadic": int(function.variadic),
                "returnType": _type_name(function.return_type),
            }

    rust.walk(rust.parse(text), visit)
    return found


def _type_name(kind: Any) -> str:
    return str(kind).rpartition(".")[2].lower()


class _Translation:
    def __init__(self, signatures: dict[str, Tree]) -> None:
        self._signatures = signatures
        self._by_type: dict[type, Callable[[Any], Tree]] = {
            Aggregation: self._aggregation,
            Binary: self._binary,
            Call: self._call,
            MatrixSelector: self._matrix,
            Negation: lambda n: self._wrapped("unaryExpr", n.expr, op="-"),
            Number: lambda n: {"type": "numberLiteral", "val": plain(n.value)},
            Paren: lambda n: self._wrapped("parenExpr", n.expr),
            String: lambda n: {"type": "stringLiteral", "val": n.value},
            Subquery: self._subquery,
            VectorSelector: lambda n: {"type": "vectorSelector", **_selector(n)},
        }

    def of(self, expr: Expr) -> Tree:
        return self._by_type[type(expr)](expr)

    def _wrapped(self, kind: str, inner: Expr, **more: str) -> Tree:
        return {"type": kind, "expr": self.of(inner), **more}

    def _aggregation(self, node: Aggregation) -> Tree:
        return {
            "type": "aggregation",
            "op": node.op,
            "expr": self.of(node.expr),
            "param": None if node.param is None else self.of(node.param),
            "grouping": list(node.labels),
            "without": node.without,
        }

    def _binary(self, node: Binary) -> Tree:
        return {
            "type": "binaryExpr",
            "op": node.op,
            "lhs": self.of(node.left),
            "rhs": self.of(node.right),
            "matching": _matching(node),
            "bool": node.return_bool,
        }

    def _call(self, node: Call) -> Tree:
        return {
            "type": "call",
            "func": self._signatures[node.name],
            "args": [self.of(arg) for arg in node.args],
        }

    def _matrix(self, node: MatrixSelector) -> Tree:
        selector = _selector(node.selector)
        return {"type": "matrixSelector", **selector, "range": node.range_ms}

    def _subquery(self, node: Subquery) -> Tree:
        return {
            "type": "subquery",
            "expr": self.of(node.expr),
            "range": node.range_ms,
            "step": node.step_ms or 0,
            "offset": node.offset_ms,
            **_at(node.at),
        }


def _matching(node: Binary) -> Tree | None:
    """Return how series find each other, where both sides have series."""
    if ValueType.SCALAR in {type_of(node.left), type_of(node.right)}:
        return None
    matching = node.matching
    cardinality = matching.cardinality
    if node.op in _SET_OPERATORS:
        cardinality = Cardinality.MANY_TO_MANY
    return {
        "card": cardinality.name.lower().replace("_", "-"),
        "labels": list(matching.labels),
        "on": matching.on,
        "include": list(matching.include),
    }


def _selector(node: VectorSelector) -> Tree:
    """Return the selector's fields; the name's own matcher stands last."""
    named = [] if node.name is None else [node.matchers[0]]
    others = node.matchers[len(named) :]
    return {
        "name": node.name or "",
        "offset": node.offset_ms,
        "matchers": [_matcher(m) for m in (*others, *named)],
        **_at(node.at),
    }


def _matcher(matcher: Matcher) -> Tree:
    return {"name": matcher.name, "value": matcher.value, "type": str(matcher.op)}


def _at(at: At | None) -> Tree:
    if at is None or at.kind is AtKind.TIME:
        return {"timestamp": at and at.time_ms, "startOrEnd": None}
    return {"timestamp": None, "startOrEnd": at.kind.name.lower()}
