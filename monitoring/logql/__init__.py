"""LogQL: what Loki 3 answers, over any LogQuerier. Pure: columns in, columns out."""

from __future__ import annotations

from monitoring.logql.engine import instant, range_query
from monitoring.logql.errors import (
    EvaluationError,
    LogQLError,
    LogQLSyntaxError,
    UnsupportedError,
)
from monitoring.logql.limits import Limits, Stats
from monitoring.logql.lines import Lines
from monitoring.logql.pipeline import Pipeline, compile_pipeline, parse
from monitoring.logql.pretty import format_query
from monitoring.logql.results import Direction, Result, ResultType, Stream
from monitoring.logql.selection import label_sets, metadata_sets
from monitoring.logql.syntax import Expr, Kind, LogQuery, kind, log_queries
from monitoring.telemetry import TooMuchDataError

__all__ = [
    "Direction",
    "EvaluationError",
    "Expr",
    "Kind",
    "Limits",
    "Lines",
    "LogQLError",
    "LogQLSyntaxError",
    "LogQuery",
    "Pipeline",
    "Result",
    "ResultType",
    "Stats",
    "Stream",
    "TooMuchDataError",
    "UnsupportedError",
    "compile_pipeline",
    "format_query",
    "instant",
    "kind",
    "label_sets",
    "log_queries",
    "metadata_sets",
    "parse",
    "range_query",
]
