"""Which label sets a source may make of what its senders say.

Whoever can reach a port can name a new host in every message. So a source admits so
many streams; the lines of further ones are kept all the same, in one stream, with the
names as fields.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.labels import Labels, make_labels
from monitoring.telemetry import FIELD_PREFIX, LogBatch
from sources.connectors.listen.held import Losses

MAX_STREAMS = 2000
TOO_MANY = "lines with host and application as fields: there are too many streams"


class AdmittedStreams:
    """Remembers the streams of a source, of which there are at most `most`."""

    def __init__(
        self, labels: Mapping[str, str], losses: Losses, most: int = MAX_STREAMS
    ) -> None:
        self._own, self._losses, self._most = frozenset(labels), losses, most
        self._admitted: set[Labels] = set()

    def bound(self, batch: LogBatch) -> LogBatch:
        """Return the batch with streams that are admitted."""
        strangers = [not self._admits(labels) for labels in batch.streams]
        if not any(strangers):
            return batch
        kept = [
            make_labels((n, v) for n, v in labels if n in self._own or not strange)
            for labels, strange in zip(batch.streams, strangers, strict=True)
        ]
        index = {labels: place for place, labels in enumerate(dict.fromkeys(kept))}
        stream = np.asarray(batch.table.column("stream"))
        places = np.array([index[labels] for labels in kept], np.int32)
        table = self._with_fields(batch, np.array(strangers), stream)
        place = table.schema.get_field_index("stream")
        return LogBatch(
            tuple(index), table.set_column(place, "stream", pa.array(places[stream]))
        )

    def _admits(self, labels: Labels) -> bool:
        if labels in self._admitted:
            return True
        if len(self._admitted) >= self._most:
            return False
        self._admitted.add(labels)
        return True

    def _with_fields(
        self, batch: LogBatch, strangers: np.ndarray, stream: np.ndarray
    ) -> pa.Table:
        """Add what the streams that are not admitted say as fields."""
        self._losses.note(TOO_MANY, int(strangers[stream].sum()))
        told = [
            dict(labels) if strange else {}
            for labels, strange in zip(batch.streams, strangers, strict=True)
        ]
        names = {name for labels in told for name in labels} - self._own
        table = batch.table
        for name in sorted(names):
            values = pa.array([labels.get(name) for labels in told], pa.large_string())
            column = values.take(pa.array(stream))
            table = _with_column(table, FIELD_PREFIX + name, column)
        return table


def _with_column(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    place = table.schema.get_field_index(name)
    if place < 0:
        return table.append_column(name, column)
    return table.set_column(place, name, pc.coalesce(table.column(name), column))
