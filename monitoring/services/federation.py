"""The newest sample of each of some series, for others to take over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.scope import Scope
from monitoring.labels import METRIC_NAME, Labels, Matcher
from monitoring.services import queries


@dataclass(frozen=True, slots=True)
class NewestSample:
    labels: Labels
    ts_ms: int
    value: float


def newest_samples(
    scope: Scope, selectors: Sequence[tuple[Matcher, ...]], *, now: datetime
) -> list[NewestSample]:
    """Return the samples, five minutes old at most, sorted by name and labels.

    What has ended is left out. Raises TooMuchDataError.
    """
    end_ms = queries.milliseconds(now)
    start_ms = end_ms - queries.LOOKBACK // timedelta(milliseconds=1) + 1
    found: dict[Labels, NewestSample] = {}
    for matchers in selectors:
        data = queries.querier(scope).select(matchers, start_ms, end_ms)
        if not data.labels:
            continue
        last = data.offsets[1:] - 1
        alive = ~queries.is_stale(data.values[last])
        columns = (data.labels, data.ts_ms[last], data.values[last], alive)
        for labels, ts_ms, value, lives in zip(*map(list, columns), strict=True):
            if lives:
                found[labels] = NewestSample(labels, int(ts_ms), float(value))
    return sorted(
        found.values(), key=lambda one: (dict(one.labels)[METRIC_NAME], one.labels)
    )
