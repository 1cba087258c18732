"""What answers, and how much it holds."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from typing_extensions import override

from monitoring.api.prometheus.base import ReadOnlyAPI
from monitoring.api.prometheus.envelope import (
    ErrorType,
    PrometheusError,
    plain_success,
)
from monitoring.api.prometheus.parameters import Parameters
from monitoring.services import metadata

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
            },
        )


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
