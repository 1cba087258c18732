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
    as_packed,
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
    metadata: dict[str, MetricMetadata] = {}
    parts = []
    examples = []
    sets = pa.chunked_array([as_packed(batch.series).array for batch in batches])
    distinct = sets.dictionary_encode().combine_chunks()
    ends = np.cumsum([len(batch.series) for batch in batches])
    every = np.split(distinct.indices.to_numpy(), ends[:-1])
    for batch, places in zip(batches, every, strict=True):
        parts.append(places[batch.series_index])
        metadata.update(batch.metadata)
        if len(batch.exemplars):
            examples.append((places[batch.exemplars.series_index], batch.exemplars))
    return SampleBatch(
        series=PackedSeries(distinct.dictionary),
        series_index=np.concatenate(parts),
        ts_ms=np.concatenate([batch.ts_ms for batch in batches]),
        values=np.concatenate([batch.values for batch in batches]),
        metadata=metadata,
        exemplars=Exemplars.joined(examples),
        is_delta=batches[0].is_delta,
    )
