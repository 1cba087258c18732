"""PromQL: what Prometheus 3 answers, over any Querier. Pure: numpy in, numpy out."""

from __future__ import annotations

from monitoring.promql.engine import instant, range_query
from monitoring.promql.errors import (
    EvaluationError,
    PromQLError,
    PromQLSyntaxError,
    QueryCancelledError,
    QueryTimeoutError,
    UnsupportedError,
)
from monitoring.promql.limits import Limits
from monitoring.promql.parser import parse
from monitoring.promql.values import Result, ResultType
from monitoring.telemetry import TooMuchDataError

__all__ = [
    "EvaluationError",
    "Limits",
    "PromQLError",
    "PromQLSyntaxError",
    "QueryCancelledError",
    "QueryTimeoutError",
    "Result",
    "ResultType",
    "TooMuchDataError",
    "UnsupportedError",
    "instant",
    "parse",
    "range_query",
]
