"""Queries: lines, and numbers of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from typing_extensions import override

from monitoring import logql
from monitoring.api.loki import parameters as read
from monitoring.api.loki.base import LokiAPI
from monitoring.api.loki.envelope import success
from monitoring.api.loki.formatting import CATEGORIZE, result_json, stats_json, thinned
from monitoring.api.prometheus.parameters import Parameters
from monitoring.logql import LogQLError, Result, ResultType
from monitoring.services import logql_queries

# Grafana names by it what it can take.
ENCODING_FLAGS = "X-Loki-Response-Encoding-Flags"


class QueryAPI(LokiAPI):
    """/query: the value of a metric query at one time."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        began = time.perf_counter()
        read.limit(parameters)
        read.direction(parameters)
        at_ns = read.instant_ns(parameters, timezone.now())
        result = logql_queries.instant(
            self.scope, parameters.text("query"), at_ns=at_ns
        )
        return answered(request, result, began)


class QueryRangeAPI(LokiAPI):
    """/query_range: lines of a range, or values step by step."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        began = time.perf_counter()
        wanted = read.query_bounds(parameters, timezone.now())
        limit, direction = read.limit(parameters), read.direction(parameters)
        step, interval = (
            read.step_ns(parameters, wanted),
            read.interval_ns(parameters),
        )
        result = logql_queries.range_query(
            self.scope,
            parameters.text("query"),
            start_ns=wanted.start_ns,
            end_ns=wanted.end_ns,
            step_ns=step,
            # What lies too close to its neighbour is no part of the answer.
            limit=logql_queries.MAX_ENTRIES if interval else limit,
            direction=direction,
        )
        if interval and result.type is ResultType.STREAMS:
            chosen = thinned(result.streams, interval, limit)
            result = replace(result, streams=chosen)
        return answered(request, result, began)


class FormatQueryAPI(LokiAPI):
    """/format_query: the query, laid out."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        status, body = 200, {"status": "success"}
        try:
            body["data"] = logql.format_query(parameters.text("query"))
        except LogQLError as error:
            status, body = 400, {"status": "invalid-query", "error": str(error)}
        clean = {k: v.encode(errors="replace").decode() for k, v in body.items()}
        return HttpResponse(
            orjson.dumps(clean), status=status, content_type="application/json"
        )


def answered(request: HttpRequest, result: Result, began: float) -> HttpResponse:
    flags = request.headers.get(ENCODING_FLAGS, "").split(",")
    categorized = CATEGORIZE in (flag.strip() for flag in flags)
    return success(request, _data(result, began, categorized=categorized))


def _data(result: Result, began: float, *, categorized: bool) -> Iterator[bytes]:
    yield b"{"
    yield from result_json(result, categorized=categorized)
    returned = sum(len(one.lines) for one in result.streams) or len(result.labels)
    taken = time.perf_counter() - began
    yield b',"stats":' + stats_json(result.stats, taken, returned) + b"}"
