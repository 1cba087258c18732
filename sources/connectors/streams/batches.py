"""What parcels hold as batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from django.conf import settings

from monitoring.labels import METRIC_NAME, Labels, make_labels
from monitoring.telemetry import LogBatch, SampleBatch
from sources.connectors import SourceSpec
from sources.connectors.streams.parcels import Point, Record
from sources.formats import timestamps
from sources.protocols import Decoded, Terms
from sources.protocols.log_rows import LogRows

CUT_MARK = "…"


def lines_of(
    spec: SourceSpec, records: Sequence[Record], now_ns: int
) -> Decoded[LogBatch]:
    """Return the lines; a time that says nothing is the arrival's."""
    labels = {**spec.labels, "source": spec.name}
    most = settings.INGEST_MAX_LINE_BYTES
    rows = LogRows(Terms(now_ns, labels, max_line_bytes=most))
    times = _times(records, now_ns)
    for index, (record, time_ns) in enumerate(zip(records, times, strict=True)):
        rows.add(
            index,
            _bounded(record.line, most),
            time_ns=time_ns,
            level=record.level,
            labels=record.labels,
            fields=record.fields,
        )
    return rows.decoded()


def _times(records: Sequence[Record], now_ns: int) -> list[int | None]:
    said = pa.array([record.time or None for record in records], pa.large_string())
    if said.null_count == len(said):
        return [None] * len(records)
    found: list[int | None] = timestamps.parse(said, now_ns).to_pylist()
    return found


def _bounded(line: str, most: int) -> str:
    """Cut a line that is too long, as file sources do; NUL is no text."""
    text = line.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if len(text) * 4 <= most or len(text.encode("utf-8", "replace")) <= most:
        return text.encode("utf-8", "replace").decode() if _has_halves(text) else text
    kept = text.encode("utf-8", "replace")[: most - len(CUT_MARK.encode())]
    return kept.decode("utf-8", "ignore") + CUT_MARK


def _has_halves(text: str) -> bool:
    """Whether there are halves of a surrogate pair, which no UTF-8 can hold."""
    return not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text)


def samples_of(spec: SourceSpec, points: Sequence[Point]) -> SampleBatch:
    """Return the samples, with the labels of the source on top."""
    own = {**spec.labels, "source": spec.name}
    places: dict[Labels, int] = {}
    index = [
        places.setdefault(
            make_labels({**point.labels, **own, METRIC_NAME: point.name}), len(places)
        )
        for point in points
    ]
    return SampleBatch(
        tuple(places),
        np.array(index, np.int32),
        np.array([point.ts_ms for point in points], np.int64),
        np.array([point.value for point in points], np.float64),
    )
