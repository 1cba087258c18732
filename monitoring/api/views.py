"""Logs and metrics over REST: what the pages show, for programs."""

from __future__ import annotations

import dataclasses
import math
from datetime import datetime, timedelta
from typing import Any

from django.http import QueryDict
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from accounts.api.viewsets import READ, RESPOND, Access, ScopedAPI
from accounts.scope import Permission
from monitoring.api import serializers
from monitoring.api.parameters import (
    duration,
    matchers,
    refuse_unknown,
    time_range,
    whole_number,
)
from monitoring.labels import Matcher, MatchOp
from monitoring.live import publish
from monitoring.live.topics import CUSTOM_TOPIC
from monitoring.moments import iso_ms, iso_ns
from monitoring.services import logs, queries
from monitoring.services.presentation import (
    line_json,
    snapshot,
    volume_json,
)
from monitoring.telemetry import LEVEL_WORDS, Level, TooMuchDataError, nanoseconds

MAX_POINTS = 11_000
MAX_LINES = 5000
SECOND_NS = 1_000_000_000
ALL_KEPT = timedelta(days=400)

_TIME = [
    OpenApiParameter("start", str, description="RFC 3339 or Unix seconds."),
    OpenApiParameter(
        "end", str, description="RFC 3339 or Unix seconds; now by default."
    ),
    OpenApiParameter(
        "range", str, description="Instead of start: a duration such as 1h."
    ),
]
LOG_FILTERS = [
    *_TIME,
    OpenApiParameter("source", str, description="Name of a source."),
    OpenApiParameter("match", str, description='Stream labels, as {env="prod"}.'),
    OpenApiParameter("contains", str, description="Text that the line contains."),
    OpenApiParameter(
        "level", str, description=f"Comma-separated, of {', '.join(LEVEL_WORDS)}."
    ),
]
LOG_PARAMETERS = {"source", "match", "start", "end", "range", "contains", "level"}


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
        parameters=_TIME,
        responses=serializers.LabelsSerializer,
    )
    def get(self, request: Request) -> Response:
        refuse_unknown(request.query_params, {"start", "end", "range"})
        start, end = time_range(
            request.query_params, now=timezone.now(), default=timedelta(hours=1)
        )
        found = logs.log_labels(self.scope, nanoseconds(start), nanoseconds(end))
        return Response({"labels": found})


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
            *_TIME,
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


class LivePublishAPI(ScopedAPI):
    """Show an event of your own on a custom topic."""

    access = {"post": Access(Permission.WRITE, team_role=RESPOND.team_role)}

    @extend_schema(
        operation_id="live_publish",
        request=serializers.LiveEventSerializer,
        responses={202: None},
    )
    def post(self, request: Request, topic: str) -> Response:
        if not CUSTOM_TOPIC.match(topic):
            raise ValidationError({"topic": ["A topic of your own is custom.<name>."]})
        serializer = serializers.LiveEventSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        publish(
            self.scope.organization_id,
            topic,
            serializer.validated_data["data"],
            team_id=next(iter(self.scope.visible_teams or ()), None),
        )
        return Response(status=202)


def log_query(
    query: Any, *, now: datetime, default: timedelta = timedelta(hours=1)
) -> logs.LogQuery:
    """Return what the parameters ask for. Raises ValidationError."""
    start, end = time_range(query, now=now, default=default)
    direction: Any = query.get("direction") or "backward"
    if direction not in {"backward", "forward"}:
        raise ValidationError({"direction": ["Use backward or forward."]})
    wanted = matchers(query.get("match", ""))
    if query.get("source"):
        wanted = (*wanted, Matcher("source", MatchOp.EQUAL, query["source"]))
    return logs.LogQuery(
        matchers=wanted,
        start_ns=nanoseconds(start),
        end_ns=nanoseconds(end),
        contains=query.get("contains", ""),
        levels=_levels(query.get("level", "")),
        limit=whole_number(query, "limit", default=100, least=1, most=MAX_LINES),
        direction=direction,
        after=cursor_of(query.get("cursor", "")),
    )


def next_page(request: Request, cursor: str | None) -> str | None:
    """Return the address of the page that begins at the cursor."""
    if cursor is None:
        return None
    return replace_query_param(request.build_absolute_uri(), "cursor", cursor)


def cursor_of(text: str) -> str | None:
    """Return the cursor, which may come as the whole address that holds it."""
    if "?" in text:
        text = QueryDict(text.partition("?")[2]).get("cursor", "")
    return text or None


def _levels(text: str) -> frozenset[Level]:
    try:
        return frozenset(
            Level.from_word(w.strip().lower()) for w in text.split(",") if w.strip()
        ) or frozenset(Level)
    except ValueError as error:
        raise ValidationError({"level": [f"{error}."]}) from None


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


def bucket_starts(start: datetime, end: datetime, step: timedelta) -> list[float]:
    """Return the Unix seconds at which history's steps begin."""
    count = math.ceil((end - start) / step)
    return [start.timestamp() + n * step.total_seconds() for n in range(count)]
