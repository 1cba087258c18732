"""Metrics over REST: their latest samples, and one's history."""

from __future__ import annotations

import dataclasses
import math
from datetime import datetime, timedelta

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.viewsets import READ, ScopedAPI
from monitoring.api import serializers
from monitoring.api.parameters import (
    MAX_POINTS,
    TIME,
    duration,
    matchers,
    refuse_unknown,
    time_range,
)
from monitoring.moments import iso_ms
from monitoring.services import queries
from monitoring.services.presentation import snapshot
from monitoring.telemetry import TooMuchDataError


class MetricSnapshotAPI(ScopedAPI):
    """The latest sample of every series that still reports."""

    access = {"get": READ}

    @extend_schema(
        operation_id="metrics_snapshot",
        parameters=[
            OpenApiParameter(
                "name", str, description="Comma-separated; all by default."
            )
        ],
        responses=serializers.SnapshotSerializer,
    )
    def get(self, request: Request) -> Response:
        refuse_unknown(request.query_params, {"name"})
        names = [n for n in request.query_params.get("name", "").split(",") if n]
        now = timezone.now()
        metrics = snapshot(self.scope, names=names, now=now)
        return Response({"timestamp": iso_ms(now), "metrics": metrics})


class MetricHistoryAPI(ScopedAPI):
    """One metric's series over a range, in steps of the resolution."""

    access = {"get": READ}

    @extend_schema(
        operation_id="metrics_history",
        parameters=[
            OpenApiParameter("name", str, required=True),
            OpenApiParameter("match", str, description='Labels, as {cpu="0"}.'),
            *TIME,
            OpenApiParameter("resolution", str, description="As 1m, its default."),
        ],
        responses=serializers.HistorySerializer,
    )
    def get(self, request: Request) -> Response:
        query = request.query_params
        refuse_unknown(query, {"name", "match", "start", "end", "range", "resolution"})
        if not query.get("name"):
            raise ValidationError({"name": ["Which metric? Give its name."]})
        start, end = time_range(query, now=timezone.now(), default=timedelta(hours=1))
        step = duration(query.get("resolution") or "1m", "resolution")
        if step < timedelta(seconds=1) or (end - start) / step > MAX_POINTS:
            raise ValidationError(
                {"resolution": [f"At least 1s, and at most {MAX_POINTS} points."]}
            )
        try:
            series = queries.history(
                self.scope,
                name=query["name"],
                matchers=matchers(query.get("match", "")),
                start=start,
                end=end,
                step=step,
            )
        except TooMuchDataError as error:
            raise ValidationError(str(error)) from None
        return Response(
            {
                "name": query["name"],
                "start": iso_ms(start),
                "end": iso_ms(end),
                "resolution": step.total_seconds(),
                "timestamps": bucket_starts(start, end, step),
                "series": [dataclasses.asdict(one) for one in series],
            }
        )


def bucket_starts(start: datetime, end: datetime, step: timedelta) -> list[float]:
    """Return the Unix seconds at which history's steps begin."""
    count = math.ceil((end - start) / step)
    return [start.timestamp() + n * step.total_seconds() for n in range(count)]
