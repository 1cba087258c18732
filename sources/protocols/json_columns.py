"""JSON lines of one shape, read as columns by Arrow: the fast way in.

The shape is taken from the first records. Whatever does not fit it, or could be
wrong, is left to `json_lines.decode_records`: this way answers only when it is sure
to answer the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from monitoring.telemetry import FIELD_PREFIX, LogBatch
from sources.protocols import Decoded, Terms
from sources.protocols.json_values import InexactNumberError, texts_of_column
from sources.protocols.label_sets import (
    MAX_LABELS,
    MAX_VALUE_BYTES,
    InvalidLabelsError,
    LabelSets,
    check_label_name,
    index_columns,
)
from sources.protocols.levels import InvalidLevelError, level_of
from sources.protocols.timestamps import InvalidTimeError, column_to_ns

MAX_FIELDS = 128
_SAMPLE_RECORDS = 32


class OtherShapeError(ValueError):
    """The body wants the reader that looks at each record."""


def read_columns(body: bytes, terms: Terms) -> Decoded[LogBatch]:
    """Raises OtherShapeError; `body` has no space around it."""
    try:
        table = _read_table(body)
        return _decoded(table, terms)
    except (
        pa.ArrowException,
        InexactNumberError,
        InvalidLabelsError,
        InvalidLevelError,
        InvalidTimeError,
    ) as error:
        raise OtherShapeError(str(error)) from None


# --- Shape -------------------------------------------------------------------------


def _read_table(body: bytes) -> pa.Table:
    schema = _sampled_schema(body)
    _check_utf8(body)
    table = pj.read_json(
        pa.BufferReader(body),
        read_options=pj.ReadOptions(use_threads=False, block_size=len(body) + 1),
        parse_options=pj.ParseOptions(
            explicit_schema=schema, unexpected_field_behavior="error"
        ),
    )
    # Arrow lets a record span lines and a line hold records: the other reader does not.
    breaks = body.count(b"\n")
    if table.num_rows != breaks + 1 or body.count(b"}\n{") != breaks:
        raise OtherShapeError("lines and records differ")
    return table


def _check_utf8(body: bytes) -> None:
    """Raises ArrowInvalid: Arrow's own reader takes bytes as they come."""
    offsets = pa.py_buffer(pa.array([0, len(body)], pa.int32()).buffers()[1])
    buffers = [None, offsets, pa.py_buffer(body)]
    pa.Array.from_buffers(pa.binary(), 1, buffers).cast(pa.string())


def _sampled_schema(body: bytes) -> pa.Schema:
    """Return the shape of the first records. Raises OtherShapeError."""
    samples = _sample(body)
    columns = {"line": pa.large_string(), "level": pa.string()}
    times = {type(record.get("timestamp")) for record in samples} - {type(None)}
    columns["timestamp"] = _TIME_TYPES.get(frozenset(times))
    columns["labels"] = _struct(samples, "labels", _LABEL_TYPES, MAX_LABELS)
    columns["fields"] = _struct(samples, "fields", _FIELD_TYPES, MAX_FIELDS)
    if columns["timestamp"] is None:
        raise OtherShapeError("times of several kinds")
    return pa.schema(
        [(name, kind) for name, kind in columns.items() if kind != pa.null()]
    )


_TIME_TYPES: dict[frozenset[type], Any] = {
    frozenset(): pa.null(),
    frozenset({str}): pa.string(),
    frozenset({int}): pa.int64(),
    frozenset({float}): pa.float64(),
    frozenset({int, float}): pa.float64(),
}
_LABEL_TYPES = {str: pa.string()}
_FIELD_TYPES = {
    str: pa.large_string(),
    bool: pa.bool_(),
    int: pa.float64(),
    float: pa.float64(),
}


def _sample(body: bytes) -> list[dict[str, Any]]:
    try:
        samples = [orjson.loads(line) for line in islice(_lines(body), _SAMPLE_RECORDS)]
    except orjson.JSONDecodeError as error:
        raise OtherShapeError(str(error)) from None
    if not all(type(record) is dict for record in samples):
        raise OtherShapeError("not objects")
    return samples


def _lines(body: bytes) -> Any:
    start = 0
    while start < len(body):
        end = body.find(b"\n", start)
        end = len(body) if end < 0 else end
        yield body[start:end]
        start = end + 1


def _struct(
    samples: list[dict[str, Any]], key: str, kinds: Mapping[Any, Any], most: int
) -> pa.DataType:
    """Return the struct that the sampled objects under `key` have in common."""
    members: dict[str, Any] = {}
    for record in samples:
        value = record.get(key)
        if value is None:
            continue
        if type(value) is not dict:
            raise OtherShapeError(f"{key} is no object")
        for name, item in value.items():
            kind = kinds.get(type(item))
            if kind is None or members.setdefault(name, kind) != kind:
                raise OtherShapeError(f"{key}.{name} has several kinds")
    if len(members) > most:
        raise OtherShapeError(f"too many {key}")
    return pa.struct(list(members.items())) if members else pa.null()


# --- Batch -------------------------------------------------------------------------


def _decoded(table: pa.Table, terms: Terms) -> Decoded[LogBatch]:
    lines = _column(table, "line")
    lengths = pc.binary_length(lines)
    longest = pc.max(lengths).as_py()
    if lines.null_count or longest is None or longest > terms.max_line_bytes:
        raise OtherShapeError("a line is missing or too long")
    sets = LabelSets(terms.labels)
    labels = _members(table, "labels")
    for name, column in labels.items():
        _check_label(name, column)
    columns = {
        "stream": pa.array(index_columns(labels, table.num_rows, sets)),
        "ts_ns": _times(table, terms),
        "line": lines,
        "level": _levels(_column(table, "level")),
        **_fields(table),
    }
    size = pc.sum(lengths).as_py() + table.num_rows
    return Decoded(LogBatch(sets.sets, pa.table(columns)), [], size)


def _column(table: pa.Table, name: str) -> pa.Array:
    return table.column(name).combine_chunks()


def _members(table: pa.Table, key: str) -> dict[str, pa.Array]:
    """Return the members of a struct column; where the struct is null, so are they."""
    if key not in table.column_names:
        return {}
    column = _column(table, key)
    names = [column.type.field(i).name for i in range(column.type.num_fields)]
    return dict(zip(names, column.flatten(), strict=True))


def _check_label(name: str, column: pa.Array) -> None:
    """Raises InvalidLabelsError, OtherShapeError."""
    check_label_name(name)
    longest = pc.max(pc.binary_length(column)).as_py() or 0
    nul = pc.any(pc.match_substring(column, "\x00")).as_py()
    if longest > MAX_VALUE_BYTES or nul:
        raise OtherShapeError(f"label {name}")


def _times(table: pa.Table, terms: Terms) -> pa.Array:
    if "timestamp" not in table.column_names:
        return pa.nulls(table.num_rows, pa.int64())
    column = _column(table, "timestamp")
    return column_to_ns(column, terms)


def _levels(words: pa.Array) -> pa.Array:
    """Raises InvalidLevelError."""
    encoded = words.dictionary_encode()
    codes = [int(level_of(word)) for word in encoded.dictionary.to_pylist()]
    return pa.array(codes, pa.int8()).take(encoded.indices)


def _fields(table: pa.Table) -> dict[str, pa.Array]:
    members = _members(table, "fields")
    if not all(0 < len(name) <= 255 and "\x00" not in name for name in members):  # noqa: PLR2004 - as in json_lines
        raise OtherShapeError("a field's name")
    columns = {FIELD_PREFIX + n: texts_of_column(c) for n, c in members.items()}
    return {
        n: column for n, column in columns.items() if column.null_count < len(column)
    }
