"""What answers, and how much it holds."""

from __future__ import annotations

import os
import re
import socket
import threading
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import psutil
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.utils import timezone
from typing_extensions import override

from monitoring.api.prometheus.base import ReadOnlyAPI
from monitoring.api.prometheus.envelope import (
    ErrorType,
    PrometheusError,
    plain_success,
)
from monitoring.api.prometheus.parameters import Parameters
from monitoring.durations import format_duration
from monitoring.moments import iso
from monitoring.services import compaction, metadata, queries
from monitoring.store.interface import MAX_SAMPLES

# Clients choose by it what they may ask: it is the Prometheus that we answer like.
COMPATIBLE_WITH = "3.5.0"
RULER = "/prometheus/config/v1/rules"

DEFAULT_LIMIT, MAX_LIMIT = 10, 10_000


class BuildInfoAPI(ReadOnlyAPI):
    """/status/buildinfo: Grafana edits rules where `features` says that it may."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        info: dict[str, Any] = {
            "application": "Vedette",
            "version": COMPATIBLE_WITH,
            **dict.fromkeys(
                ("revision", "branch", "buildUser", "buildDate", "goVersion"), ""
            ),
        }
        if _has_ruler():
            info["features"] = {"ruler_config_api": "true"}
        return plain_success(request, info)


class TSDBAPI(ReadOnlyAPI):
    """/status/tsdb: where the series come from."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        found = metadata.cardinality(self.scope, limit=_limit(parameters))
        compacted = compaction.progress(self.scope, timezone.now())
        return plain_success(
            request,
            {
                "headStats": {
                    "numSeries": found.series,
                    "numLabelPairs": found.label_pairs,
                    "chunkCount": found.chunks,
                    "minTime": found.min_ms,
                    "maxTime": found.max_ms,
                },
                "seriesCountByMetricName": _stats(found.series_by_metric),
                "labelValueCountByLabelName": _stats(found.values_by_label),
                "memoryInBytesByLabelName": _stats(found.bytes_by_label),
                "seriesCountByLabelValuePair": _stats(found.series_by_pair),
                # Ours: what Prometheus has no word for.
                "compaction": {
                    "samples": [asdict(level) for level in compacted.samples],
                    "rollups": [asdict(level) for level in compacted.rollups],
                    "lines": [asdict(level) for level in compacted.lines],
                    "windowsDue": compacted.backlog.windows,
                    "behindSeconds": compacted.backlog.behind.total_seconds(),
                },
            },
        )


class ConfigAPI(ReadOnlyAPI):
    """/status/config: what a prometheus.yml would say of the platform."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        text = "global:\n  scrape_interval: 1m\n  evaluation_interval: 1m\n"
        return plain_success(request, {"yaml": text})


class FlagsAPI(ReadOnlyAPI):
    """/status/flags: the settings that clients of Prometheus look for."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        return plain_success(
            request,
            {
                "query.lookback-delta": format_duration(queries.LOOKBACK),
                "query.timeout": format_duration(queries.MAX_TIME),
                "query.max-samples": str(MAX_SAMPLES),
                "storage.tsdb.retention.time": f"{settings.METRIC_RETENTION_DAYS}d",
                "web.enable-remote-write-receiver": "true",
                "web.enable-admin-api": "false",
                "web.enable-lifecycle": "false",
                "web.external-url": settings.SITE_ROOT,
            },
        )


class RuntimeInfoAPI(ReadOnlyAPI):
    """/status/runtimeinfo: of the web process that answers."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        process = psutil.Process()
        started = datetime.fromtimestamp(process.create_time(), UTC)
        info = {
            "startTime": iso(started),
            "CWD": "",
            "hostname": socket.gethostname(),
            "serverTime": iso(timezone.now()),
            "reloadConfigSuccess": True,
            "lastConfigTime": iso(started),
            "corruptionCount": 0,
            "goroutineCount": threading.active_count(),
            "GOMAXPROCS": len(os.sched_getaffinity(0)),
            "GOMEMLIMIT": 0,
            "GOGC": "",
            "GODEBUG": "",
            "storageRetention": f"{settings.METRIC_RETENTION_DAYS}d",
        }
        return plain_success(request, info)


class HealthyAPI(ReadOnlyAPI):
    """/-/healthy, for clients that look before they ask; it names what they know."""

    text = "Prometheus Server is Healthy.\n"

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        return HttpResponse(self.text, content_type="text/plain; charset=utf-8")


class ReadyAPI(HealthyAPI):
    """/-/ready: who has come so far has been found in the database."""

    text = "Prometheus Server is Ready.\n"


def _has_ruler() -> bool:
    try:
        resolve(RULER)
    except Resolver404:
        return False
    return True


def _limit(parameters: Parameters) -> int:
    text = parameters.text("limit") or str(DEFAULT_LIMIT)
    if not re.fullmatch(r"\+?\d{1,18}", text, re.ASCII) or int(text) < 1:
        problem = "limit must be a positive number"
        raise PrometheusError(ErrorType.BAD_DATA, problem)
    if int(text) > MAX_LIMIT:
        problem = f"limit must not exceed {MAX_LIMIT}"
        raise PrometheusError(ErrorType.BAD_DATA, problem)
    return int(text)


def _stats(counts: metadata.Counts) -> list[dict[str, str | int]]:
    return [{"name": name, "value": value} for name, value in counts]
