"""Live events of lines as chunks, so that LogQL's stages run on them in bulk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from monitoring.labels import Labels, make_labels
from monitoring.logql import Pipeline
from monitoring.telemetry import LEVEL_WORDS, LogChunk

Event = Mapping[str, Any]

_LEVELS = {word: place for place, word in enumerate(LEVEL_WORDS)}


def chunks_of(
    events: Sequence[Event], pipeline: Pipeline
) -> Iterator[tuple[list[int], LogChunk]]:
    """Yield the lines of each stream that the pipeline selects, and their places."""
    places: dict[Labels, list[int]] = {}
    for place, event in enumerate(events):
        if "line" in event and "timestamp" in event:
            labels = make_labels(event.get("labels") or {})
            places.setdefault(labels, []).append(place)
    for labels, rows in places.items():
        chunk = _chunk(labels, [events[row] for row in rows])
        if pipeline.selects(chunk):
            yield rows, chunk


def passing(events: Sequence[Event], pipeline: Pipeline) -> list[bool]:
    """Return which events a pipeline lets through."""
    passed = [False] * len(events)
    for rows, chunk in chunks_of(events, pipeline):
        for row in pipeline.run(chunk).rows.tolist():
            passed[rows[row]] = True
    return passed


def _chunk(labels: Labels, events: Sequence[Event]) -> LogChunk:
    times = [str(event["timestamp"]).removesuffix("Z") for event in events]
    levels = [_LEVELS.get(str(event.get("level")), 0) for event in events]
    fields = [event.get("fields") or {} for event in events]
    names = {name: None for one in fields for name in one}
    return LogChunk(
        stream=labels,
        ts_ns=np.array(times, "datetime64[ns]").astype(np.int64),
        levels=np.array(levels, np.int8),
        lines=pa.array([str(event["line"]) for event in events], pa.large_string()),
        fields={
            name: pa.array([one.get(name) for one in fields], pa.large_string())
            for name in names
        },
    )
