"""A Querier over series that are held in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from monitoring.labels import Labels, Matcher, matches_all
from monitoring.telemetry import SeriesData

Samples = Mapping[int, float]


class MemoryQuerier:
    """Series by label set, each with its samples by time in milliseconds."""

    def __init__(self, series: Mapping[Labels, Samples]) -> None:
        self.series = {
            labels: (np.array(list(found), np.int64), np.array(list(found.values())))
            for labels, found in (
                (labels, dict(sorted(samples.items())))
                for labels, samples in series.items()
            )
        }

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> SeriesData:
        found: list[Labels] = []
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        for labels, (ts_ms, values) in self.series.items():
            inside = (ts_ms >= start_ms) & (ts_ms <= end_ms)
            if inside.any() and matches_all(matchers, dict(labels)):
                found.append(labels)
                parts.append((ts_ms[inside], values[inside]))
        if not found:
            return SeriesData.empty()
        sizes = [len(ts_ms) for ts_ms, _ in parts]
        return SeriesData(
            found,
            np.concatenate(([0], np.cumsum(sizes))),
            np.concatenate([ts_ms for ts_ms, _ in parts]),
            np.concatenate([values for _, values in parts]),
        )
