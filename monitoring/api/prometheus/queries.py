"""Queries, and what can be said of an expression without evaluating it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import numpy as np
import orjson
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from typing_extensions import override

from monitoring import promql
from monitoring.api.prometheus.base import PrometheusAPI
from monitoring.api.prometheus.complaints import complaint
from monitoring.api.prometheus.envelope import (
    ErrorType,
    PrometheusError,
    bad_parameter,
    plain_success,
    success,
)
from monitoring.api.prometheus.formatting import limited, numbers, result_json
from monitoring.api.prometheus.parameters import Parameters, duration
from monitoring.promql import trees
from monitoring.promql.syntax import ValueType, type_of
from monitoring.services import exemplars, queries

MAX_STEPS = 11_000
TOO_MANY_STEPS = (
    "exceeded maximum resolution of 11,000 points per timeseries. "
    "Try decreasing the query resolution (?step=XX)"
)
NO_STEP = (
    "zero or negative query resolution step widths are not accepted. "
    "Try a positive integer"
)
TIMED_OUT = "query timed out in query execution"
CANCELED = "query was canceled in query execution"
NOTHING = timedelta(0)
# Where a question for exemplars begins and ends when it does not say.
FIRST = datetime(1970, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, tzinfo=UTC)

T = TypeVar("T")


class QueryAPI(PrometheusAPI):
    """/query: the value of an expression at one time."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        limit = parameters.limit()
        now = parameters.optional_time("time") or timezone.now()
        timeout, lookback = _timeout(parameters), _lookback(parameters)
        text = parameters.text("query")
        return _evaluated(
            request,
            parameters,
            limit,
            lambda: queries.instant(
                self.scope, text, now=now, timeout=timeout, lookback=lookback
            ),
        )


class QueryRangeAPI(PrometheusAPI):
    """/query_range: the values of an expression, step by step."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        limit = parameters.limit()
        start, end = parameters.time("start"), parameters.time("end")
        if end < start:
            problem = "end timestamp must not be before start time"
            raise bad_parameter("end", problem)
        step = parameters.duration("step")
        if step < timedelta(milliseconds=1):
            raise bad_parameter("step", NO_STEP)
        if (end - start) // step > MAX_STEPS:
            raise PrometheusError(ErrorType.BAD_DATA, TOO_MANY_STEPS)
        timeout, lookback = _timeout(parameters), _lookback(parameters)
        text = parameters.text("query")
        _refuse_ranges(text)
        return _evaluated(
            request,
            parameters,
            limit,
            lambda: queries.range_query(
                self.scope,
                text,
                start=start,
                end=end,
                step=step,
                timeout=timeout,
                lookback=lookback,
            ),
        )


class FormatQueryAPI(PrometheusAPI):
    """/format_query: the expression, laid out."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        text = parameters.text("query")
        return plain_success(request, _parsed(lambda: trees.prettify(text), text))


class ParseQueryAPI(PrometheusAPI):
    """/parse_query: the expression's syntax tree."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        text = parameters.text("query")
        return plain_success(request, _parsed(lambda: trees.tree_json(text), text))


class QueryExemplarsAPI(PrometheusAPI):
    """/query_exemplars: those of all series that an expression selects."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        start = parameters.optional_time("start")
        end = parameters.optional_time("end")
        if start and end and end < start:
            problem = "end timestamp must not be before start timestamp"
            raise PrometheusError(ErrorType.BAD_DATA, problem)
        text = parameters.text("query")
        try:
            found = exemplars.query_exemplars(
                self.scope, text, start=start or FIRST, end=end or LAST
            )
        except promql.PromQLSyntaxError as error:
            problem = complaint(error, text)
            raise PrometheusError(ErrorType.BAD_DATA, problem) from None
        except (promql.UnsupportedError, promql.TooMuchDataError) as error:
            raise PrometheusError(ErrorType.EXECUTION, str(error)) from None
        return plain_success(request, [_exemplars_json(one) for one in found])


def _exemplars_json(found: exemplars.SeriesExemplars) -> dict[str, Any]:
    values = numbers(np.array([one.value for one in found.exemplars], np.float64))
    return {
        "seriesLabels": dict(found.labels),
        "exemplars": [
            {
                "labels": one.labels,
                "value": value.decode(),
                "timestamp": one.ts_ms / 1000,
            }
            for one, value in zip(found.exemplars, values, strict=True)
        ],
    }


def _parsed(parse: Callable[[], T], text: str) -> T:
    try:
        return parse()
    except promql.PromQLSyntaxError as error:
        raise bad_parameter("query", complaint(error, text)) from None
    except promql.UnsupportedError as error:
        raise PrometheusError(ErrorType.EXECUTION, str(error)) from None


def _evaluated(
    request: HttpRequest,
    parameters: Parameters,
    limit: int,
    evaluate: Callable[[], promql.Result],
) -> HttpResponse:
    began = time.perf_counter()
    text = parameters.text("query")
    try:
        result = limited(_parsed(evaluate, text), limit)
    except promql.QueryTimeoutError:
        raise PrometheusError(ErrorType.TIMEOUT, TIMED_OUT) from None
    except promql.QueryCancelledError:
        raise PrometheusError(ErrorType.CANCELED, CANCELED) from None
    except (promql.PromQLError, promql.TooMuchDataError) as error:
        raise PrometheusError(ErrorType.EXECUTION, str(error)) from None
    taken = time.perf_counter() - began
    data = _data(result, taken if parameters.text("stats") else None)
    return success(request, data, warnings=result.warnings, infos=result.infos)


def _data(result: promql.Result, taken: float | None) -> Iterator[bytes]:
    yield b"{"
    yield from result_json(result)
    if taken is not None:
        timings = {"evalTotalTime": taken, "execTotalTime": taken}
        yield b',"stats":' + orjson.dumps({"timings": timings})
    yield b"}"


def _refuse_ranges(text: str) -> None:
    """Refuse what has no value at a single step, as the query's own fault."""
    kind = type_of(_parsed(lambda: promql.parse(text), text))
    if kind in {ValueType.SCALAR, ValueType.VECTOR}:
        return
    word = "range vector" if kind is ValueType.MATRIX else kind.value
    raise bad_parameter(
        "query",
        f'invalid expression type "{word}" for range query, '
        "must be Scalar or instant Vector",
    )


def _timeout(parameters: Parameters) -> timedelta:
    if not parameters.text("timeout"):
        return queries.MAX_TIME
    timeout = parameters.duration("timeout")
    if timeout <= NOTHING:
        raise PrometheusError(ErrorType.TIMEOUT, TIMED_OUT)
    return timeout


def _lookback(parameters: Parameters) -> timedelta:
    text = parameters.text("lookback_delta")
    try:
        lookback = duration(text) if text else NOTHING
    except ValueError as error:
        problem = f"error parsing lookback delta duration: {error}"
        raise PrometheusError(ErrorType.BAD_DATA, problem) from None
    return lookback if lookback > NOTHING else queries.LOOKBACK
