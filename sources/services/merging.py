"""Many small batches to few large ones: what follows costs by the call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from monitoring.labels import Labels
from monitoring.telemetry import (
    Exemplars,
    LogBatch,
    MetricMetadata,
    PackedSeries,
    SampleBatch,
    packed_series,
)

# Every line of a merged batch pays for every field of its neighbours.
MAX_FIELDS = 128


def merge_logs(batches: Iterable[LogBatch]) -> Iterator[LogBatch]:
    """Yield all lines in their order, in as few batches as their fields allow."""
    waiting: list[LogBatch] = []
    names: set[str] = set()
    for batch in batches:
        joined = names.union(batch.field_names)
        if waiting and len(joined) > MAX_FIELDS:
            yield _joined_logs(waiting)
            waiting, joined = [], set(batch.field_names)
        waiting.append(batch)
        names = joined
    if waiting:
        yield _joined_logs(waiting)


def _joined_logs(batches: Sequence[LogBatch]) -> LogBatch:
    if len(batches) == 1:
        return batches[0]
    indexes: dict[Labels, int] = {}
    tables = []
    for batch in batches:
        places = [indexes.setdefault(s, len(indexes)) for s in batch.streams]
        old = batch.table.column("stream").to_numpy()
        stream = pa.array(np.asarray(places, np.int32)[old])
        place = batch.table.column_names.index("stream")
        tables.append(batch.table.set_column(place, "stream", stream))
    return LogBatch(tuple(indexes), pa.concat_tables(tables, promote_options="default"))


def merge_samples(batches: Sequence[SampleBatch]) -> SampleBatch:
    """Return all samples in their order; the later metadata of a metric wins.

    Either all of the batches are deltas, or none is. Label sets stay packed: thousands
    of them are new once, and known ever after.
    """
    if len(batches) == 1:
        return batches[0]
    indexes: dict[bytes, int] = {}
    metadata: dict[str, MetricMetadata] = {}
    parts = []
    examples = []
    for batch in batches:
        sets = packed_series(batch.series)
        places = np.array([indexes.setdefault(s, len(indexes)) for s in sets], np.int32)
        parts.append(places[batch.series_index])
        metadata.update(batch.metadata)
        if len(batch.exemplars):
            examples.append((places[batch.exemplars.series_index], batch.exemplars))
    return SampleBatch(
        series=PackedSeries(list(indexes)),
        series_index=np.concatenate(parts),
        ts_ms=np.concatenate([batch.ts_ms for batch in batches]),
        values=np.concatenate([batch.values for batch in batches]),
        metadata=metadata,
        exemplars=Exemplars.joined(examples),
        is_delta=batches[0].is_delta,
    )
