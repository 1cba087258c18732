"""Lines over REST: pages of them, how many there are and when, and their labels."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from accounts.api.viewsets import READ, ScopedAPI
from monitoring.api import serializers
from monitoring.api.log_parameters import (
    ALL_KEPT,
    LOG_FILTERS,
    LOG_PARAMETERS,
    MAX_LINES,
    log_query,
)
from monitoring.api.parameters import (
    MAX_POINTS,
    TIME,
    duration,
    refuse_unknown,
    time_range,
)
from monitoring.moments import iso_ns
from monitoring.services import logs
from monitoring.services.presentation import line_json, volume_json
from monitoring.telemetry import TooMuchDataError, nanoseconds

SECOND_NS = 1_000_000_000


class LogsAPI(ScopedAPI):
    """Stored lines, newest first unless `direction=forward`."""

    access = {"get": READ}

    @extend_schema(
        operation_id="logs_list",
        parameters=[
            *LOG_FILTERS,
            OpenApiParameter(
                "limit", int, description=f"1 to {MAX_LINES}; 100 by default."
            ),
            OpenApiParameter("direction", str, enum=["backward", "forward"]),
            OpenApiParameter(
                "cursor",
                str,
                description="From `next` of the page before, or all of it.",
            ),
        ],
        responses=serializers.LogPageSerializer,
    )
    def get(self, request: Request) -> Response:
        refuse_unknown(
            request.query_params, LOG_PARAMETERS | {"limit", "direction", "cursor"}
        )
        query = log_query(request.query_params, now=timezone.now(), default=ALL_KEPT)
        try:
            page = logs.read_logs(self.scope, query)
        except logs.InvalidCursorError as error:
            raise ValidationError({"cursor": [str(error)]}) from None
        except TooMuchDataError as error:
            raise ValidationError(str(error)) from None
        results = [line_json(record) for record in page.records]
        return Response({"results": results, "next": next_page(request, page.next)})


class LogCountAPI(ScopedAPI):
    """How many stored lines there are: exact."""

    access = {"get": READ}

    @extend_schema(
        operation_id="logs_count",
        parameters=LOG_FILTERS,
        responses=serializers.CountSerializer,
    )
    def get(self, request: Request) -> Response:
        refuse_unknown(request.query_params, LOG_PARAMETERS)
        query = log_query(request.query_params, now=timezone.now(), default=ALL_KEPT)
        try:
            count = logs.count_logs(self.scope, query)
        except TooMuchDataError as error:
            raise ValidationError(str(error)) from None
        return Response({"count": count})


class LogVolumeAPI(ScopedAPI):
    """Lines by level in equal steps of time."""

    access = {"get": READ}

    @extend_schema(
        operation_id="logs_volume",
        parameters=[*LOG_FILTERS, OpenApiParameter("step", str, description="As 1m.")],
        responses=serializers.VolumeSerializer,
    )
    def get(self, request: Request) -> Response:
        refuse_unknown(request.query_params, LOG_PARAMETERS | {"step"})
        query = log_query(request.query_params, now=timezone.now())
        step_ns = _step_ns(request.query_params.get("step", ""), query)
        try:
            buckets = logs.log_volume(self.scope, query, step_ns)
        except TooMuchDataError as error:
            raise ValidationError(str(error)) from None
        return Response(
            {
                "step": step_ns / 1e9,
                "results": [
                    {"start": iso_ns(bucket.start_ns), "levels": volume_json(bucket)}
                    for bucket in buckets
                ],
            }
        )


class LogLabelsAPI(ScopedAPI):
    """Labels of the streams, with their values."""

    access = {"get": READ}

    @extend_schema(
        operation_id="logs_labels",
        parameters=TIME,
        responses=serializers.LabelsSerializer,
    )
    def get(self, request: Request) -> Response:
        refuse_unknown(request.query_params, {"start", "end", "range"})
        start, end = time_range(
            request.query_params, now=timezone.now(), default=timedelta(hours=1)
        )
        found = logs.log_labels(self.scope, nanoseconds(start), nanoseconds(end))
        return Response({"labels": found})


def next_page(request: Request, cursor: str | None) -> str | None:
    """Return the address of the page that begins at the cursor."""
    if cursor is None:
        return None
    return replace_query_param(request.build_absolute_uri(), "cursor", cursor)


def _step_ns(text: str, query: logs.LogQuery) -> int:
    span = query.end_ns - query.start_ns
    step_ns = (
        int(duration(text, "step").total_seconds() * 1e9)
        if text
        else max(SECOND_NS, span // 60)
    )
    if step_ns < SECOND_NS or span // step_ns > MAX_POINTS:
        raise ValidationError(
            {"step": [f"At least 1s, and at most {MAX_POINTS} steps."]}
        )
    return step_ns
