"""Reading samples: for query engines, rules and dashboards."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt

from accounts.scope import Scope
from monitoring import promql
from monitoring.labels import METRIC_NAME, Labels, Matcher, MatchOp
from monitoring.models import Metric
from monitoring.promql.rolled import Buckets
from monitoring.services import rollups, selection
from monitoring.services.buckets import SeriesHistory, summarize
from monitoring.services.cancellation import is_client_gone
from monitoring.store import engine
from monitoring.store.interface import MAX_SAMPLES
from monitoring.store.known_series import index_of
from monitoring.store.series_index import SeriesIndex
from monitoring.telemetry import (
    STALE_NAN_BITS,
    MetricType,
    Querier,
    SeriesData,
    TooMuchDataError,
)

# How old the latest sample of a snapshot may be: Prometheus's look-back.
LOOKBACK = timedelta(minutes=5)

MAX_STEPS = 11_000

# What one PromQL query may take: series times steps of any intermediate, and time.
MAX_POINTS = 50_000_000
MAX_TIME = timedelta(seconds=60)

# From so many metrics on, blocks are not narrowed by metric.
MANY_METRICS = selection.MANY_METRICS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class _ScopedQuerier:
    """What one question reads: of the series that there are when it is asked."""

    scope: Scope

    @cached_property
    def _index(self) -> SeriesIndex:
        return index_of(self.scope.organization_id)

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> SeriesData:
        found = selection.matching_series(self.scope, matchers, index=self._index)
        metrics = found.metrics
        run = engine.read_samples(
            self.scope.organization_id,
            found.ids,
            metrics if len(metrics) < selection.MANY_METRICS else None,
            start_ms,
            end_ms,
        )
        if len(run) == 0:
            return SeriesData.empty()
        starts = np.flatnonzero(np.diff(run.series, prepend=-1))
        place = np.searchsorted(found.ids, run.series[starts])
        return SeriesData(
            labels=found.table(place),
            offsets=np.append(starts, len(run)).astype(np.int64),
            ts_ms=run.ts_ms,
            values=run.values,
        )

    def buckets(
        self,
        matchers: Sequence[Matcher],
        start_ms: int,
        end_ms: int,
        *,
        step_ms: int,
        columns: Sequence[str],
    ) -> Buckets | None:
        return rollups.buckets(
            self.scope,
            matchers,
            start_ms,
            end_ms,
            step_ms=step_ms,
            columns=columns,
            index=self._index,
        )


def querier(scope: Scope) -> Querier:
    """Return a reader of the samples that the scope sees, for one question."""
    return _ScopedQuerier(scope)


def instant(
    scope: Scope,
    expr: str,
    *,
    now: datetime,
    timeout: timedelta = MAX_TIME,
    lookback: timedelta = LOOKBACK,
) -> promql.Result:
    """Return a PromQL expression's value now.

    Raises promql.PromQLError and TooMuchDataError.
    """
    return promql.instant(
        querier(scope),
        expr,
        time_ms=milliseconds(now),
        limits=limits(timeout, lookback),
    )


def range_query(
    scope: Scope,
    expr: str,
    *,
    start: datetime,
    end: datetime,
    step: timedelta,
    timeout: timedelta = MAX_TIME,
    lookback: timedelta = LOOKBACK,
) -> promql.Result:
    """Return a PromQL expression's values from start to end, inclusive.

    Raises promql.PromQLError and TooMuchDataError; ValueError for a range without a
    positive step or with its end before its start.
    """
    return promql.range_query(
        querier(scope),
        expr,
        start_ms=milliseconds(start),
        end_ms=milliseconds(end),
        step_ms=_step_ms(step),
        limits=limits(timeout, lookback),
    )


def limits(timeout: timedelta, lookback: timedelta) -> promql.Limits:
    """What one query may take, the clock running from now."""
    seconds = min(timeout, MAX_TIME).total_seconds()
    give_up_at = time.monotonic() + seconds

    def deadline() -> None:
        if is_client_gone():
            raise promql.QueryCancelledError("query was canceled in query execution")
        if time.monotonic() > give_up_at:
            raise promql.QueryTimeoutError(f"query took longer than {seconds:g} s")

    return promql.Limits(
        lookback_ms=_step_ms(lookback),
        max_series=selection.MAX_SERIES,
        max_samples=MAX_SAMPLES,
        max_points=MAX_POINTS,
        deadline=deadline,
    )


@dataclass(frozen=True, slots=True)
class LatestSample:
    name: str
    labels: dict[str, str]
    value: float
    timestamp: datetime
    type: MetricType
    unit: str


def snapshot(
    scope: Scope, *, names: Sequence[str] = (), now: datetime
) -> list[LatestSample]:
    """Return the latest value of every series, at most five minutes old.

    A series that has ended is left out. Sorted by name and labels.
    """
    end_ms = milliseconds(now)
    data = querier(scope).select(
        _named(names), end_ms - int(LOOKBACK.total_seconds() * 1000) + 1, end_ms
    )
    if not data.labels:
        return []
    last = data.offsets[1:] - 1
    alive = ~is_stale(data.values[last])
    described = _metadata(scope, {dict(labels)[METRIC_NAME] for labels in data.labels})
    latest = zip(
        data.labels,
        data.ts_ms[last].tolist(),
        data.values[last].tolist(),
        alive.tolist(),
        strict=True,
    )
    found = [
        _latest(labels, ts_ms, value, described)
        for labels, ts_ms, value, is_alive in latest
        if is_alive
    ]
    return sorted(found, key=lambda s: (s.name, sorted(s.labels.items())))


def is_stale(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return where a value is the marker of a series that has ended."""
    stale: npt.NDArray[np.bool_] = values.view(np.uint64) == np.uint64(STALE_NAN_BITS)
    return stale


def _named(names: Sequence[str]) -> list[Matcher]:
    if not names:
        return [Matcher(METRIC_NAME, MatchOp.NOT_EQUAL, "")]
    if len(names) == 1:
        return [Matcher(METRIC_NAME, MatchOp.EQUAL, names[0])]
    return [Matcher(METRIC_NAME, MatchOp.REGEX, "|".join(map(re.escape, names)))]


def _metadata(scope: Scope, names: set[str]) -> dict[str, tuple[MetricType, str]]:
    rows = Metric.objects.visible_to(scope).filter(name__in=names)
    described = rows.values_list("name", "type", "unit")
    return {name: (MetricType(kind), unit) for name, kind, unit in described}


def _latest(
    labels: Labels,
    ts_ms: int,
    value: float,
    described: dict[str, tuple[MetricType, str]],
) -> LatestSample:
    others = dict(labels)
    name = others.pop(METRIC_NAME)
    kind, unit = described[name]
    moment = EPOCH + timedelta(milliseconds=ts_ms)
    return LatestSample(name, others, value, moment, kind, unit)


def history(
    scope: Scope,
    *,
    name: str,
    matchers: Sequence[Matcher] = (),
    start: datetime,
    end: datetime,
    step: timedelta,
) -> list[SeriesHistory]:
    """Return what the series of one metric did between start and end (exclusive).

    Raises TooMuchDataError for more than 11,000 steps.
    """
    start_ms, end_ms, step_ms = milliseconds(start), milliseconds(end), _step_ms(step)
    buckets = -(-(end_ms - start_ms) // step_ms) if step_ms > 0 else MAX_STEPS + 1
    if buckets > MAX_STEPS:
        raise TooMuchDataError(f"Ask for at most {MAX_STEPS} steps.")
    named = Matcher(METRIC_NAME, MatchOp.EQUAL, name)
    data = querier(scope).select([named, *matchers], start_ms, end_ms - 1)
    return summarize(data, start_ms=start_ms, step_ms=step_ms, buckets=buckets)


def _step_ms(step: timedelta) -> int:
    return step // timedelta(milliseconds=1)


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000
