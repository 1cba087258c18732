"""What the grammar lets through and Loki refuses all the same."""

from __future__ import annotations

from monitoring.logql.errors import LogQLSyntaxError
from monitoring.logql.syntax import (
    Decolorize,
    Expr,
    LabelFilter,
    LogQuery,
    RangeAggregation,
    Unwrap,
    log_queries,
)
from monitoring.promql import syntax as promql
from monitoring.promql.arithmetic import COMPARISONS, SET_OPERATORS
from monitoring.promql.syntax import Cardinality

UNSELECTIVE = (
    "queries require at least one regexp or equality matcher that does not have an "
    'empty-compatible value. For instance, app=~".*" does not meet this requirement, '
    'but app=~".+" will'
)
# Each stage takes its time on every line.
MAX_STAGES = 100

_WITH_UNWRAP = {
    "absent_over_time",
    "avg_over_time",
    "first_over_time",
    "last_over_time",
    "max_over_time",
    "min_over_time",
    "quantile_over_time",
    "rate",
    "rate_counter",
    "stddev_over_time",
    "stdvar_over_time",
    "sum_over_time",
}
_WITHOUT_UNWRAP = {
    "absent_over_time",
    "bytes_over_time",
    "bytes_rate",
    "count_over_time",
    "rate",
}
_GROUPED = _WITH_UNWRAP - {"absent_over_time", "rate", "rate_counter", "sum_over_time"}


def require_selective(expr: Expr) -> None:
    """Raises LogQLSyntaxError for a selector that would take every stream."""
    for query in log_queries(expr):
        if all(matcher.matches_empty for matcher in query.matchers):
            raise LogQLSyntaxError(UNSELECTIVE)


def validate(expr: Expr) -> None:
    """Raises LogQLSyntaxError."""
    match expr:
        case LogQuery():
            _check_stages(expr)
            if any(isinstance(stage, Unwrap) for stage in expr.stages):
                raise LogQLSyntaxError("unwrap is for metric queries only")
        case RangeAggregation():
            _check_range(expr)
        case promql.Binary():
            _check_binary(expr)
        case promql.Aggregation(op, inner):
            _require_vector(op, inner)
        case promql.Call(name, (inner, *_)) if name != "vector":
            _require_vector(name, inner)
    if not isinstance(expr, LogQuery):
        for child in promql.children(expr):
            validate(child)


def _require_vector(name: str, inner: promql.Expr) -> None:
    if promql.type_of(inner) is promql.ValueType.SCALAR:
        raise LogQLSyntaxError(f"unexpected literal: {name} takes a vector")


def unwrap_of(query: LogQuery) -> int | None:
    """Return the position of the unwrap stage."""
    found = [n for n, stage in enumerate(query.stages) if isinstance(stage, Unwrap)]
    return found[0] if found else None


def _check_stages(query: LogQuery) -> None:
    if len(query.stages) > MAX_STAGES:
        raise LogQLSyntaxError(f"more than {MAX_STAGES} stages")


def _check_range(node: RangeAggregation) -> None:
    _check_stages(node.query)
    unwrap = unwrap_of(node.query)
    _check_operation(node, unwrapped=unwrap is not None)
    if unwrap is not None:
        for stage in node.query.stages[unwrap + 1 :]:
            if not isinstance(stage, LabelFilter | Decolorize):
                raise LogQLSyntaxError("only label filters may follow unwrap")
    if (node.op == "quantile_over_time") is not (node.param is not None):
        if node.param is None:
            raise LogQLSyntaxError(f"parameter required for operation {node.op}")
        raise LogQLSyntaxError(
            f"parameter {node.param:g} not supported for operation {node.op}"
        )


def _check_operation(node: RangeAggregation, *, unwrapped: bool) -> None:
    if node.op not in (_WITH_UNWRAP if unwrapped else _WITHOUT_UNWRAP):
        how = "with" if unwrapped else "without"
        raise LogQLSyntaxError(f"invalid aggregation {node.op} {how} unwrap")
    if node.grouping is not None and node.op not in _GROUPED:
        raise LogQLSyntaxError(f"grouping not allowed for {node.op} aggregation")


def _check_binary(node: promql.Binary) -> None:
    sides = [promql.type_of(side) for side in (node.left, node.right)]
    scalar = promql.ValueType.SCALAR
    if node.op in SET_OPERATORS:
        for side, where in zip(sides, ("left", "right"), strict=True):
            if side is scalar:
                raise LogQLSyntaxError(
                    f"unexpected literal for {where} side of "
                    f"logical/set binary operation ({node.op})"
                )
        if node.matching.cardinality is not Cardinality.ONE_TO_ONE:
            raise LogQLSyntaxError(f'no grouping allowed for "{node.op}" operation')
    if node.return_bool and node.op not in COMPARISONS:
        raise LogQLSyntaxError("bool modifier can only be used on comparisons")
    if not node.matching.on:
        return
    overlap = set(node.matching.labels) & set(node.matching.include)
    for name in sorted(overlap):
        raise LogQLSyntaxError(
            f'label "{name}" must not occur in ON and GROUP clause at once'
        )
