"""Samples and lines as Parquet tables that other engines read, and back. Pure.

docs/retention.md has the columns; docs/decisions/0006-archive-layout.md says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from monitoring.store.blocks import Int64s, LogLines, Samples
from monitoring.telemetry import FIELD_PREFIX, LEVEL_WORDS

# A piece is a row group: what one read decodes.
MAX_PIECE_SAMPLES = 128_000

_LABELS = pa.map_(pa.string(), pa.string())
_FIELDS = pa.map_(pa.string(), pa.large_string())
SAMPLES = pa.schema(
    [
        pa.field("metric", pa.dictionary(pa.int32(), pa.string())),
        pa.field("labels", _LABELS),
        pa.field("timestamp", pa.timestamp("ms", "UTC")),
        pa.field("value", pa.float64()),
        pa.field("series_id", pa.int64()),
    ]
)
LINES = pa.schema(
    [
        pa.field("labels", _LABELS),
        pa.field("timestamp", pa.timestamp("ns", "UTC")),
        pa.field("level", pa.dictionary(pa.int8(), pa.string())),
        pa.field("line", pa.large_string()),
        pa.field("fields", _FIELDS),
        pa.field("stream_id", pa.int64()),
        pa.field("origin", pa.int64()),
        pa.field("row", pa.int64()),
    ]
)
_DELTA = "DELTA_BINARY_PACKED"
_ENCODINGS = {
    "timestamp": _DELTA,
    "value": "BYTE_STREAM_SPLIT",
    "series_id": _DELTA,
    "stream_id": _DELTA,
    "origin": _DELTA,
    "row": _DELTA,
}
_DICTIONARIES = [
    "metric",
    "level",
    "labels.key_value.key",
    "labels.key_value.value",
    "fields.key_value.key",
]
_POSITIONS = ["timestamp", "level", "stream_id", "origin", "row"]


def file_of(pieces: Sequence[pa.Table]) -> pa.Buffer:
    """Return a Parquet file with one row group for each piece."""
    sink = pa.BufferOutputStream()
    schema = pieces[0].schema
    encodings = {n: e for n, e in _ENCODINGS.items() if n in schema.names}
    with pq.ParquetWriter(
        sink,
        schema,
        compression="zstd",
        use_dictionary=[d for d in _DICTIONARIES if d.split(".")[0] in schema.names],
        column_encoding=encodings,
    ) as writer:
        for piece in pieces:
            writer.write_table(piece, row_group_size=max(len(piece), 1))
    return sink.getvalue()


def samples_table(
    samples: Samples,
    metrics: Mapping[int, str],
    labels: Mapping[int, Mapping[str, str]],
) -> pa.Table:
    """Return rows of the samples; both mappings are by series id."""
    ids, place = np.unique(samples.series, return_inverse=True)
    known = [int(series) for series in ids]
    names = pa.array([metrics[one] for one in known]).dictionary_encode()
    sets = pa.array([list(labels[one].items()) for one in known], _LABELS)
    return pa.table(
        [
            names.take(pa.array(place)),
            sets.take(pa.array(place)),
            pa.array(samples.ts_ms).cast(SAMPLES.field("timestamp").type),
            pa.array(samples.values),
            pa.array(samples.series),
        ],
        schema=SAMPLES,
    )


def samples_of(table: pa.Table) -> Samples:
    return Samples(
        _numbers(table, "series_id"),
        _numbers(table, "timestamp"),
        table.column("value").to_numpy(),
    )


SAMPLE_COLUMNS = ["series_id", "timestamp", "value"]


def lines_table(
    runs: Sequence[tuple[int, LogLines]], labels: Mapping[int, Mapping[str, str]]
) -> pa.Table:
    """Return rows of runs of lines, each of one stream."""
    tables = [_run_table(stream, run, labels.get(stream, {})) for stream, run in runs]
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def _run_table(stream_id: int, lines: LogLines, labels: Mapping[str, str]) -> pa.Table:
    count = len(lines)
    one_set = pa.array([list(labels.items())], _LABELS)
    return pa.table(
        [
            one_set.take(pa.array(np.zeros(count, np.int64))),
            pa.array(lines.ts_ns).cast(LINES.field("timestamp").type),
            pa.DictionaryArray.from_arrays(pa.array(lines.levels), list(LEVEL_WORDS)),
            lines.text.column("line").combine_chunks().cast(pa.large_string()),
            _fields_map(lines.text),
            pa.array(np.full(count, stream_id, np.int64)),
            pa.array(lines.origin),
            pa.array(lines.row),
        ],
        schema=LINES,
    )


def _fields_map(text: pa.Table) -> pa.MapArray:
    """Turn columns, where most values may be null, into a map for each row."""
    names: list[str] = []
    rows: list[npt.NDArray[np.intp]] = []
    places: list[npt.NDArray[np.int32]] = []
    values: list[pa.Array] = []
    for name in text.column_names:
        if not name.startswith(FIELD_PREFIX):
            continue
        column = text.column(name).combine_chunks().cast(pa.large_string())
        there = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
        places.append(np.full(len(there), len(names), np.int32))
        rows.append(there)
        values.append(column.take(pa.array(there)))
        names.append(name.removeprefix(FIELD_PREFIX))
    if not names:
        return pa.array([[]], _FIELDS).take(pa.array(np.zeros(len(text), np.int64)))
    row = np.concatenate(rows)
    order = pa.array(np.argsort(row, kind="stable"))
    keys = pa.array(names, pa.string()).take(pa.array(np.concatenate(places)))
    ends = np.cumsum(np.bincount(row, minlength=len(text)))
    offsets = pa.array(np.concatenate([[0], ends]).astype(np.int32))
    items = pa.concat_arrays(values).take(order)
    return pa.MapArray.from_arrays(offsets, keys.take(order), items)


def line_columns(*, with_text: bool, with_fields: bool) -> list[str]:
    """Return the columns that a read needs; the fewer, the cheaper."""
    text = ["line"] if with_text or with_fields else []
    return [*_POSITIONS, *text, *(["fields"] if with_fields else [])]


def lines_of(table: pa.Table) -> Iterator[tuple[int, LogLines]]:
    """Yield stream and lines, as they were sorted when they were written."""
    table = table.combine_chunks()
    streams = _numbers(table, "stream_id")
    bounds = [0, *(np.flatnonzero(np.diff(streams)) + 1).tolist(), len(streams)]
    every = LogLines(
        _numbers(table, "timestamp"),
        _levels(table),
        _numbers(table, "origin"),
        _numbers(table, "row"),
        _text(table),
    )
    for start, end in pairwise(bounds):
        if start < end:
            yield int(streams[start]), every.slice(start, end)


def _levels(table: pa.Table) -> npt.NDArray[np.int8]:
    column = table.column("level").combine_chunks()
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    words = [LEVEL_WORDS.index(word) for word in column.dictionary.to_pylist()]
    levels: npt.NDArray[np.int8] = np.array(words or [0], np.int8)
    found: npt.NDArray[np.int8] = levels[column.indices.to_numpy()]
    return found


def _text(table: pa.Table) -> pa.Table:
    columns: dict[str, Any] = {}
    if "line" in table.column_names:
        columns["line"] = table.column("line").combine_chunks().cast(pa.large_string())
    if "fields" in table.column_names:
        columns |= _field_columns(table.column("fields").combine_chunks())
    return pa.table(columns)


def _field_columns(maps: pa.MapArray) -> dict[str, pa.Array]:
    """Turn the maps back into a column for each name."""
    offsets = maps.offsets.to_numpy().astype(np.int64)
    first, last = int(offsets[0]), int(offsets[-1])
    keys = maps.keys.slice(first, last - first).dictionary_encode()
    items = maps.items.slice(first, last - first).cast(pa.large_string())
    row = np.repeat(np.arange(len(maps)), np.diff(offsets))
    which = keys.indices.to_numpy()
    found = {}
    for number, name in enumerate(keys.dictionary.to_pylist()):
        here = np.flatnonzero(which == number)
        place = np.full(len(maps), -1, np.int64)
        place[row[here]] = here
        found[FIELD_PREFIX + name] = items.take(pa.array(place, mask=place < 0))
    return found


def _numbers(table: pa.Table, name: str) -> Int64s:
    column = table.column(name)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    numbers: Int64s = column.to_numpy()
    return numbers
