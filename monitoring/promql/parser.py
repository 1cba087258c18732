"""Turns PromQL text into the syntax tree; promql-parser checks grammar and types."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from typing import Any

import promql_parser as rust

from monitoring.labels import InvalidMatcherError, Matcher, MatchOp
from monitoring.promql.errors import PromQLSyntaxError, UnsupportedError
from monitoring.promql.syntax import (
    Aggregation,
    At,
    AtKind,
    Binary,
    Call,
    Cardinality,
    Expr,
    Matching,
    MatrixSelector,
    Negation,
    Number,
    Paren,
    String,
    Subquery,
    ValueType,
    VectorSelector,
)

# Prometheus 3 knows it by its new name only; dashboards still use the old one.
rust.register_extra_functions(
    [
        rust.Function(
            "holt_winters",
            [rust.ValueType.Matrix, rust.ValueType.Scalar, rust.ValueType.Scalar],
            rust.ValueType.Vector,
        )
    ]
)

_MATCH_OPS = (
    (rust.MatchOp.Equal, MatchOp.EQUAL),
    (rust.MatchOp.NotEqual, MatchOp.NOT_EQUAL),
    (rust.MatchOp.Re, MatchOp.REGEX),
    (rust.MatchOp.NotRe, MatchOp.NOT_REGEX),
)
_CARDINALITIES = (
    (rust.VectorMatchCardinality.OneToOne, Cardinality.ONE_TO_ONE),
    (rust.VectorMatchCardinality.ManyToOne, Cardinality.MANY_TO_ONE),
    (rust.VectorMatchCardinality.OneToMany, Cardinality.ONE_TO_MANY),
    (rust.VectorMatchCardinality.ManyToMany, Cardinality.MANY_TO_MANY),
)
_AT_KINDS = (
    (rust.AtModifierType.At, AtKind.TIME),
    (rust.AtModifierType.Start, AtKind.START),
    (rust.AtModifierType.End, AtKind.END),
)
_VALUE_TYPES = (
    (rust.ValueType.Scalar, ValueType.SCALAR),
    (rust.ValueType.String, ValueType.STRING),
    (rust.ValueType.Vector, ValueType.VECTOR),
    (rust.ValueType.Matrix, ValueType.MATRIX),
)

# What the parser's binding does not survive is looked for in the text first, outside
# of strings, comments and matchers: a time before 1970 after @ (it panics), and too
# many operators and parentheses (its recursion overflows the stack at about 10,000,
# which would take the process along; it is slow long before).
_TOKEN = re.compile(
    r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|\#[^\n]*"""
    r"""|(?P<at>@\s*-\s*[\d.])"""
    r"""|(?P<operator>[-+*/%^(<>]|[=!]=|\b(?:and|or|unless|atan2)\b)"""
)
_MOST_OPERATORS = 1000

_QUOTED = re.compile(r"'([^']+)'")


# Rules and dashboards ask the same things again and again; trees never change.
@lru_cache(maxsize=4096)
def parse(text: str) -> Expr:
    """Return the syntax tree of an expression.

    Raises PromQLSyntaxError, and UnsupportedError for what parses but is not
    part of Prometheus's language.
    """
    _refuse_dangerous(text)
    try:
        return _convert(rust.parse(text))
    except (ValueError, InvalidMatcherError) as error:
        message = str(error)
        raise PromQLSyntaxError(message, position=_locate(text, message)) from error
    except RecursionError:
        raise PromQLSyntaxError("the expression is nested too deeply") from None


def _refuse_dangerous(text: str) -> None:
    operators = 0
    for token in _TOKEN.finditer(text):
        if token["at"]:
            message = "the time after @ must not lie before 1970"
            raise PromQLSyntaxError(message, position=token.start())
        operators += token["operator"] is not None
        if operators > _MOST_OPERATORS:
            message = f"more than {_MOST_OPERATORS} operators and parentheses"
            raise PromQLSyntaxError(message, position=token.start())


def _locate(text: str, message: str) -> int | None:
    """Return where the message's culprit stands in the text, if that is certain.

    The parser names what it stumbles over, but not where.
    """
    if "unclosed" in message or "unexpected end" in message:
        return len(text)
    quoted = _QUOTED.search(message)
    if quoted is None or text.count(quoted[1]) != 1:
        return None
    return text.index(quoted[1])


def _convert(node: Any) -> Expr:
    return _CONVERSIONS[type(node)](node)


def _selector(node: Any) -> VectorSelector:
    if node.matchers.or_matchers:
        raise UnsupportedError("`or` between matchers is not part of PromQL")
    matchers = tuple(_matcher(m) for m in node.matchers.matchers)
    name = node.name
    if name is not None:
        matchers = (Matcher("__name__", MatchOp.EQUAL, name), *matchers)
    return VectorSelector(name, matchers, _ms(node.offset), _at(node.at))


def _matcher(node: Any) -> Matcher:
    return Matcher(node.name, _twin(_MATCH_OPS, node.op), node.value)


def _subquery(node: Any) -> Subquery:
    step_ms = None if node.step is None else _ms(node.step)
    return Subquery(
        expr=_convert(node.expr),
        range_ms=_ms(node.range),
        # A step of zero asks for the default, as no step does.
        step_ms=step_ms or None,
        offset_ms=_ms(node.offset),
        at=_at(node.at),
    )


def _binary(node: Any) -> Binary:
    modifier = node.modifier
    return Binary(
        op=str(node.op),
        left=_convert(node.lhs),
        right=_convert(node.rhs),
        return_bool=modifier is not None and modifier.return_bool,
        matching=_matching(modifier),
    )


def _matching(modifier: Any) -> Matching:
    if modifier is None:
        return Matching()
    labels = modifier.matching
    return Matching(
        cardinality=_twin(_CARDINALITIES, modifier.card),
        on=labels is not None and labels.type == rust.LabelModifierType.Include,
        labels=() if labels is None else tuple(labels.labels),
        include=tuple(modifier.group_labels or ()),
        fill_left=modifier.fill_values.lhs,
        fill_right=modifier.fill_values.rhs,
    )


def _aggregation(node: Any) -> Aggregation:
    modifier = node.modifier
    return Aggregation(
        op=str(node.op),
        expr=_convert(node.expr),
        param=None if node.param is None else _convert(node.param),
        without=modifier is not None and modifier.type == rust.AggModifierType.Without,
        labels=() if modifier is None else tuple(modifier.labels),
    )


def _call(node: Any) -> Call:
    args = tuple(_convert(arg) for arg in node.args)
    return Call(node.func.name, args, _twin(_VALUE_TYPES, node.func.return_type))


def _at(node: Any) -> At | None:
    if node is None:
        return None
    kind = _twin(_AT_KINDS, node.type)
    if kind is not AtKind.TIME:
        return At(kind)
    return At(kind, round(node.at.timestamp() * 1000))


def _ms(duration: timedelta | None) -> int:
    return 0 if duration is None else duration // timedelta(milliseconds=1)


def _twin(pairs: tuple[tuple[Any, Any], ...], theirs: Any) -> Any:
    return next(ours for candidate, ours in pairs if candidate == theirs)


_CONVERSIONS: dict[type, Callable[[Any], Expr]] = {
    rust.AggregateExpr: _aggregation,
    rust.BinaryExpr: _binary,
    rust.Call: _call,
    rust.MatrixSelector: lambda node: MatrixSelector(
        _selector(node.vector_selector), _ms(node.range)
    ),
    rust.NumberLiteral: lambda node: Number(node.val),
    rust.ParenExpr: lambda node: Paren(_convert(node.expr)),
    rust.StringLiteral: lambda node: String(node.val),
    rust.SubqueryExpr: _subquery,
    rust.UnaryExpr: lambda node: Negation(_convert(node.expr)),
    rust.VectorSelector: _selector,
}
