"""Figures of streams: how many, how much, and of what."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from typing_extensions import override

from monitoring import promql
from monitoring.api.loki import parameters as read
from monitoring.api.loki.base import LokiAPI
from monitoring.api.loki.envelope import bad_request, bare, success
from monitoring.api.loki.formatting import stats_json
from monitoring.api.loki.parameters import Bounds
from monitoring.api.prometheus.formatting import result_json
from monitoring.api.prometheus.parameters import Parameters
from monitoring.logql import Stats
from monitoring.services import log_index
from monitoring.services.log_index import Ints, VolumeBy, Volumes


class StatsAPI(LokiAPI):
    """/index/stats: how much a query would read."""

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        at = read.query_bounds(parameters, timezone.now())
        wanted = read.matchers(parameters.text("query"))
        found = log_index.index_stats(self.scope, wanted, at.start_ns, at.end_ns)
        return bare(request, asdict(found))


class VolumeAPI(LokiAPI):
    """/index/volume: bytes by label set, in the whole range."""

    kind = promql.ResultType.VECTOR

    @override
    def answer(
        self, request: HttpRequest, parameters: Parameters, **path: str
    ) -> HttpResponse:
        at = read.query_bounds(parameters, timezone.now())
        target = [n for n in parameters.text("targetLabels").split(",") if n]
        windows = self.windows(parameters, at)
        found = log_index.volumes(
            self.scope,
            read.matchers(parameters.text("query")),
            windows,
            by=_by(parameters),
            target=target,
            limit=read.limit(parameters),
        )
        fields = result_json(_result(found, windows[1], self.kind))
        stats = stats_json(Stats(), 0, len(found.names))
        return success(request, [b"{", *fields, b',"stats":', stats, b"}"])

    def windows(self, parameters: Parameters, at: Bounds) -> tuple[Ints, Ints]:
        return np.array([at.start_ns], np.int64), np.array([at.end_ns], np.int64)


class VolumeRangeAPI(VolumeAPI):
    """/index/volume_range: the same, step by step."""

    kind = promql.ResultType.MATRIX

    @override
    def windows(self, parameters: Parameters, at: Bounds) -> tuple[Ints, Ints]:
        step = read.step_ns(parameters, at)
        starts = np.arange(at.start_ns, at.end_ns, step, dtype=np.int64)
        return starts, np.minimum(starts + step, at.end_ns)


def _by(parameters: Parameters) -> VolumeBy:
    text = parameters.text("aggregateBy") or VolumeBy.SERIES
    try:
        return VolumeBy(text)
    except ValueError:
        raise bad_request("invalid aggregation option") from None


def _result(found: Volumes, ends_ns: Ints, kind: promql.ResultType) -> promql.Result:
    present = found.bytes > 0
    return promql.Result(
        kind,
        found.names,
        ends_ns // 10**6,
        found.bytes.astype(np.float64),
        present,
    )
