"""Pieces of files to one log batch: a stream for each file."""

from __future__ import annotations

import platform
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from monitoring.labels import Labels, make_labels
from monitoring.telemetry import FIELD_PREFIX, LogBatch
from sources.connectors import SourceSpec
from sources.connectors.file_tail.tail import Piece

# How many bytes a line had that was cut.
CUT_FIELD = f"{FIELD_PREFIX}original_bytes"


def make_batch(spec: SourceSpec, pieces: Sequence[Piece]) -> LogBatch:
    """Return the pieces' lines, without times and levels: the pipeline finds those."""
    counts = [len(piece.lines) for piece in pieces]
    total = sum(counts)
    columns = {
        "stream": pa.array(np.repeat(np.arange(len(pieces), dtype=np.int32), counts)),
        "ts_ns": pa.nulls(total, pa.int64()),
        "line": pa.chunked_array([p.lines.array for p in pieces]).combine_chunks(),
        "level": pa.nulls(total, pa.int8()),
    }
    originals = _originals(pieces)
    if originals:
        sizes: list[str | None] = [None] * total
        columns[CUT_FIELD] = pa.array(_filled(sizes, originals), type=pa.large_string())
    streams = tuple(_labels(spec, piece.tail.origin) for piece in pieces)
    return LogBatch(streams, pa.table(columns))


def _labels(spec: SourceSpec, path: str) -> Labels:
    """Return a file's labels; those of the source win over what is found out here."""
    found = {"filename": path, "host": platform.node()}
    return make_labels({**found, **spec.labels, "source": spec.name})


def _originals(pieces: Sequence[Piece]) -> dict[int, int]:
    """Return the sizes that cut lines had, by row of the batch."""
    rows, before = {}, 0
    for piece in pieces:
        rows.update({before + i: n for i, n in piece.lines.originals.items()})
        before += len(piece.lines)
    return rows


def _filled(sizes: list[str | None], originals: dict[int, int]) -> list[str | None]:
    for row, size in originals.items():
        sizes[row] = str(size)
    return sizes
