"""A Querier over samples that are held in memory: for tests of rules."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np

from monitoring.labels import Labels, Matcher, matches_all
from monitoring.telemetry import SeriesData


class MemoryQuerier:
    """Samples by series, in whatever order they come; of doubles the last one stays."""

    def __init__(self) -> None:
        self._series: dict[Labels, tuple[list[int], list[float]]] = {}

    def add(self, labels: Labels, ts_ms: int, value: float) -> None:
        times, values = self._series.setdefault(labels, ([], []))
        place = bisect_left(times, ts_ms)
        if place < len(times) and times[place] == ts_ms:
            values[place] = value
            return
        times.insert(place, ts_ms)
        values.insert(place, value)

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> SeriesData:
        labels: list[Labels] = []
        times: list[int] = []
        values: list[float] = []
        offsets = [0]
        for each, (all_times, all_values) in self._series.items():
            inside = slice(
                bisect_left(all_times, start_ms), bisect_right(all_times, end_ms)
            )
            if all_times[inside] and matches_all(matchers, dict(each)):
                labels.append(each)
                times += all_times[inside]
                values += all_values[inside]
                offsets.append(len(times))
        return SeriesData(
            labels,
            np.array(offsets, np.int64),
            np.array(times, np.int64),
            np.array(values, np.float64),
        )
