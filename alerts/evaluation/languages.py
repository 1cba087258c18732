"""What a rule's expression may be, in each of the two languages."""

from __future__ import annotations

from monitoring import logql
from monitoring.promql import PromQLError, PromQLSyntaxError, parse
from monitoring.promql.syntax import Binary, Expr, ValueType, bare, type_of

PROMQL, LOGQL = "promql", "logql"

_COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})


class ExpressionError(ValueError):
    """The text is no expression of its language; it says where, if it is known."""


class ExpressionTypeError(ValueError):
    """An expression that has no one value a series; the text says what it is."""


def check_expression(text: str, language: str) -> None:
    """Raises ExpressionError and ExpressionTypeError."""
    if language == LOGQL:
        _check_logql(text)
        return
    try:
        kind = type_of(parse(text))
    except PromQLSyntaxError as error:
        where = "" if error.position is None else f" (position {error.position})"
        raise ExpressionError(f"{error}{where}") from None
    except PromQLError as error:
        raise ExpressionError(str(error)) from None
    if kind not in {ValueType.VECTOR, ValueType.SCALAR}:
        word = "range vector" if kind is ValueType.MATRIX else kind.value
        raise ExpressionTypeError(word)


def _check_logql(text: str) -> None:
    try:
        tree = logql.parse(text)
    except logql.LogQLError as error:
        raise ExpressionError(str(error)) from None
    if isinstance(tree, logql.LogQuery):
        raise ExpressionTypeError("log query")


def is_comparison(text: str, language: str) -> bool:
    """Whether it leaves out what does not hold, as `up == 0` does."""
    try:
        tree = logql.parse(text) if language == LOGQL else parse(text)
    except (PromQLError, logql.LogQLError):
        return False
    return not isinstance(tree, logql.LogQuery) and _compares(tree)


def _compares(tree: Expr) -> bool:
    expression = bare(tree)
    if not isinstance(expression, Binary) or expression.return_bool:
        return False
    return expression.op in _COMPARISONS
