"""A Querier over series that are held in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from monitoring.labels import Labels, Matcher, matches_all
from monitoring.promql.columns import ColumnarLabels
from monitoring.telemetry import SeriesData

Samples = Mapping[int, float]


@dataclass
class Values:
    pairs: list[tuple[str, str] | None]


def table_of(sets: Sequence[Labels]) -> ColumnarLabels:
    """Return label sets as the store does: as a table of codes."""
    columns = {}
    for name in {name for labels in sets for name, _ in labels}:
        column = [dict(labels).get(name) for labels in sets]
        values = sorted({value for value in column if value is not None})
        codes = [0 if v is None else values.index(v) + 1 for v in column]
        pairs = Values([None, *((name, value) for value in values)])
        columns[name] = pairs, np.array(codes, np.int32)
    return ColumnarLabels(columns, np.arange(len(sets)))


class MemoryQuerier:
    """Series by label set, each with its samples by time in milliseconds.

    Those it selects come as rows of one table, as from the store, or as a list.
    """

    def __init__(
        self, series: Mapping[Labels, Samples], *, tabular: bool = True
    ) -> None:
        self._table = table_of(list(series)) if tabular else None
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
        rows: list[int] = []
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        for row, (labels, (ts_ms, values)) in enumerate(self.series.items()):
            inside = (ts_ms >= start_ms) & (ts_ms <= end_ms)
            if inside.any() and matches_all(matchers, dict(labels)):
                found.append(labels)
                rows.append(row)
                parts.append((ts_ms[inside], values[inside]))
        if not found:
            return SeriesData.empty()
        sizes = [len(ts_ms) for ts_ms, _ in parts]
        return SeriesData(
            self._table.take(np.array(rows)) if self._table else found,
            np.concatenate(([0], np.cumsum(sizes))),
            np.concatenate([ts_ms for ts_ms, _ in parts]),
            np.concatenate([values for _, values in parts]),
        )
