"""`POST /api/v1/logs`: JSON objects, one a line, to a LogBatch.

{"timestamp": …, "line": "…", "level": "…", "labels": {…}, "fields": {…}}; only `line`
must be there, and null is as good as absent. A JSON array and a single object are
read too.

Bodies of one shape are read as columns, in C and without Python's lock
(`json_columns`); any other body, and one with a fault anywhere, record by record.
Both give the same answer: the second knows what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.telemetry import FIELD_PREFIX, LogBatch
from sources.protocols import Decoded, MalformedBodyError, Rejection, Terms, shown
from sources.protocols.json_columns import OtherShapeError, read_columns
from sources.protocols.json_values import texts_of_values
from sources.protocols.label_sets import (
    InvalidLabelsError,
    LabelSets,
    check_labels,
    index_rows,
)
from sources.protocols.levels import InvalidLevelError, level_of
from sources.protocols.timestamps import values_to_ns

KEYS = ("timestamp", "line", "level", "labels", "fields")
# A field is a column of the whole batch, so that few lines with many names cost much.
MAX_FIELDS = 128
MAX_FIELD_NAME = 255
_BOM = b"\xef\xbb\xbf"

Decodes = Decoded[LogBatch]


def decode(body: bytes, terms: Terms) -> Decodes:
    """Raises MalformedBodyError when the body holds no record at all."""
    body = body.removeprefix(_BOM).strip()
    if not body:
        raise MalformedBodyError("The body is empty: send one JSON object a line.")
    try:
        return read_columns(body, terms)
    except OtherShapeError:
        return decode_records(body, terms)


def decode_records(body: bytes, terms: Terms) -> Decodes:
    """Decode record by record, whatever the shape. Raises MalformedBodyError."""
    records, rejected = _records(body)
    taken: list[dict[str, Any]] = []
    indexes: list[int] = []
    field_names: set[str] = set()
    for index, record in records:
        error = _fault(record, terms, field_names)
        if error is None:
            taken.append(record)
            indexes.append(index)
        else:
            rejected.append(Rejection(index, error))
    taken, times = _with_times(taken, indexes, terms, rejected)
    rejected.sort(key=lambda rejection: rejection.index)
    return Decoded(_batch(taken, times, terms), rejected, _size(taken))


# --- Records -----------------------------------------------------------------------


def _records(body: bytes) -> tuple[list[tuple[int, Any]], list[Rejection]]:
    whole = _whole_document(body)
    if whole is not None:
        return list(enumerate(whole)), []
    records, rejected = [], []
    lines = (line for line in body.split(b"\n") if line and not line.isspace())
    for index, line in enumerate(lines):
        try:
            records.append((index, orjson.loads(line)))
        except orjson.JSONDecodeError as error:
            rejected.append(Rejection(index, f"is not JSON: {error}"))
    return records, rejected


def _whole_document(body: bytes) -> list[Any] | None:
    """Return the records of an array, or of one object spread over lines."""
    if body[:1] not in b"[{" or (body[:1] == b"{" and b"\n" not in body):
        return None
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if body[:1] == b"[":
            raise MalformedBodyError(
                f"The body is not a JSON array: {error}."
            ) from None
        return None
    return document if isinstance(document, list) else [document]


def _fault(record: Any, terms: Terms, field_names: set[str]) -> str | None:
    """Return what is wrong with a record, except for its time."""
    if type(record) is not dict:
        return 'is not an object, as {"line": "…"}'
    unknown = [key for key in record if key not in KEYS]
    if unknown:
        return f"unknown key {shown(unknown[0])}: there are {', '.join(KEYS)}"
    line = record.get("line")
    if type(line) is not str:
        return "line is missing" if line is None else "line must be a string"
    if len(line) * 4 > terms.max_line_bytes:
        length = len(line.encode())
        if length > terms.max_line_bytes:
            return f"line has {length} bytes; {terms.max_line_bytes} may be"
    return _fault_in_details(record, field_names)


def _fault_in_details(record: dict[str, Any], field_names: set[str]) -> str | None:
    try:
        if record.get("level") is not None:
            _level_code(record["level"])
        if record.get("labels") is not None:
            check_labels(record["labels"])
    except (InvalidLabelsError, InvalidLevelError) as error:
        return str(error)
    fields = record.get("fields")
    return None if fields is None else _fault_in_fields(fields, field_names)


def _fault_in_fields(fields: Any, field_names: set[str]) -> str | None:
    if type(fields) is not dict:
        return 'fields must be an object, as {"status": 200}'
    if fields.keys() <= field_names:
        return None
    for name in fields:
        if not 0 < len(name) <= MAX_FIELD_NAME or "\x00" in name:
            return (
                f"a field's name has 1 to {MAX_FIELD_NAME} characters, none of them NUL"
            )
    if len(field_names | fields.keys()) > MAX_FIELDS:
        return f"the request has more than {MAX_FIELDS} different fields"
    field_names |= fields.keys()
    return None


def _level_code(word: Any) -> int:
    if type(word) is not str:
        raise InvalidLevelError('level must be a string, as "error"')
    return int(level_of(word))


def _with_times(
    taken: list[dict[str, Any]],
    indexes: Sequence[int],
    terms: Terms,
    rejected: list[Rejection],
) -> tuple[list[dict[str, Any]], list[int | None]]:
    """Keep the records whose time can be read; add the others to `rejected`."""
    found = values_to_ns([r.get("timestamp") for r in taken], terms)
    kept: list[dict[str, Any]] = []
    times: list[int | None] = []
    for record, index, time in zip(taken, indexes, found, strict=True):
        if isinstance(time, str):
            rejected.append(Rejection(index, time))
        else:
            kept.append(record)
            times.append(time)
    return kept, times


# --- Columns -----------------------------------------------------------------------


def _batch(
    records: Sequence[dict[str, Any]], times: Sequence[int | None], terms: Terms
) -> LogBatch:
    sets = LabelSets(terms.labels)
    levels = (record.get("level") for record in records)
    columns = {
        "stream": pa.array(index_rows([r.get("labels") for r in records], sets)),
        "ts_ns": pa.array(times, pa.int64()),
        "line": pa.array([r["line"] for r in records], pa.large_string()),
        "level": pa.array(
            [None if word is None else _level_code(word) for word in levels], pa.int8()
        ),
        **_field_columns(records),
    }
    return LogBatch(sets.sets, pa.table(columns))


def _field_columns(records: Sequence[dict[str, Any]]) -> dict[str, pa.Array]:
    fields = [record.get("fields") or {} for record in records]
    names = dict.fromkeys(name for row in fields for name in row)
    columns = {
        FIELD_PREFIX + name: texts_of_values([row.get(name) for row in fields])
        for name in names
    }
    return {
        n: column for n, column in columns.items() if column.null_count < len(column)
    }


def _size(records: Sequence[dict[str, Any]]) -> int:
    lines = pa.array([record["line"] for record in records], pa.large_string())
    return int(pc.sum(pc.binary_length(lines)).as_py() or 0) + len(records)
