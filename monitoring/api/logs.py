"""A line's surroundings, and the values of fields, over REST."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.viewsets import READ, ScopedAPI
from monitoring.api import serializers
from monitoring.api.log_parameters import (
    ALL_KEPT,
    LOG_FILTERS,
    LOG_PARAMETERS,
    log_query,
)
from monitoring.api.parameters import duration, refuse_unknown, whole_number
from monitoring.services import log_details, patterns
from monitoring.services.log_details import (
    MAX_AROUND,
    MAX_VALUES,
    FieldValues,
    LineNotFoundError,
)
from monitoring.services.patterns import PatternQuery, pattern_json
from monitoring.services.presentation import line_json
from monitoring.telemetry import TooMuchDataError

MAX_PATTERNS = 1000


class LogContextAPI(ScopedAPI):
    """The lines of its stream before and after one line."""

    access = {"get": READ}

    @extend_schema(
        operation_id="logs_context",
        parameters=[
            OpenApiParameter("id", str, required=True, description="Of a line."),
            OpenApiParameter(
                "before", int, description=f"0 to {MAX_AROUND}; 10 by default."
            ),
            OpenApiParameter(
                "after", int, description=f"0 to {MAX_AROUND}; 10 by default."
            ),
        ],
        responses=serializers.LineContextSerializer,
    )
    def get(self, request: Request) -> Response:
        query = request.query_params
        refuse_unknown(query, {"id", "before", "after"})
        if not query.get("id"):
            raise ValidationError({"id": ["Of which line? Give its id."]})
        before, after = (
            whole_number(query, name, default=10, least=0, most=MAX_AROUND)
            for name in ("before", "after")
        )
        try:
            found = log_details.line_context(
                self.scope, query["id"], before=before, after=after
            )
        except LineNotFoundError as error:
            raise Http404(str(error)) from None
        except TooMuchDataError as error:
            raise ValidationError(str(error)) from None
        return Response(
            {
                "before": [line_json(record) for record in found.before],
                "line": line_json(found.line),
                "after": [line_json(record) for record in found.after],
            }
        )


class LogFieldsAPI(ScopedAPI):
    """The fields of lines, each with its commonest values."""

    access = {"get": READ}

    @extend_schema(
        operation_id="logs_fields",
        parameters=[
            *LOG_FILTERS,
            OpenApiParameter(
                "top",
                int,
                description=f"Values of each field, 1 to {MAX_VALUES}; 10 by default.",
            ),
        ],
        responses=serializers.FieldCountsSerializer,
    )
    def get(self, request: Request) -> Response:
        refuse_unknown(request.query_params, LOG_PARAMETERS | {"top"})
        query = log_query(request.query_params, now=timezone.now())
        top = whole_number(
            request.query_params, "top", default=10, least=1, most=MAX_VALUES
        )
        try:
            found = log_details.field_values(self.scope, query, top=top)
        except TooMuchDataError as error:
            raise ValidationError(str(error)) from None
        return Response(
            {
                "lines": found.lines,
                "sampled": found.sampled,
                "levels": {level.word: n for level, n in found.levels.items()},
                "results": [_field_json(one) for one in found.fields],
            }
        )


class LogPatternsAPI(ScopedAPI):
    """Templates of lines with what is known of each, commonest first.

    Counts are by whole minutes, and as true as the samples that they come from.
    """

    access = {"get": READ}

    @extend_schema(
        operation_id="logs_patterns",
        parameters=[
            *LOG_FILTERS,
            OpenApiParameter(
                "step",
                str,
                description="Of `counts`, a minute at least; by default a 60th.",
            ),
            OpenApiParameter(
                "limit", int, description=f"1 to {MAX_PATTERNS}; 100 by default."
            ),
        ],
        responses=serializers.LogPatternsSerializer,
    )
    def get(self, request: Request) -> Response:
        parameters = request.query_params
        refuse_unknown(parameters, LOG_PARAMETERS | {"step", "limit"})
        query = log_query(parameters, now=timezone.now())
        limit = whole_number(
            parameters, "limit", default=100, least=1, most=MAX_PATTERNS
        )
        usual = timedelta(microseconds=(query.end_ns - query.start_ns) // 60_000)
        text = parameters.get("step", "")
        step = duration(text, "step") if text else usual
        found = patterns.find(
            self.scope,
            PatternQuery(
                query.matchers,
                query.start_ns,
                query.end_ns,
                # Longer ones than the range are as good as the range.
                min(step, ALL_KEPT) // timedelta(microseconds=1) * 1000,
                query.contains,
                query.levels,
            ),
        )
        return Response(
            {
                "start": found.start_ns / 10**9,
                "step_seconds": found.step_ns // 10**9,
                "lines": found.lines,
                "total": len(found.patterns),
                "results": [pattern_json(one) for one in found.patterns[:limit]],
            }
        )


def _field_json(one: FieldValues) -> dict[str, Any]:
    return {
        "name": one.name,
        "lines": one.lines,
        "distinct": one.distinct,
        "top": [{"value": value, "count": count} for value, count in one.top],
    }
