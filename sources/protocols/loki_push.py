"""Loki's push, JSON and protobuf, to a LogBatch; errors in Loki's words.

As in Loki, a body that cannot be read is refused whole; of one that can, the entries
within the limits are taken and the others named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.labels import LABEL_NAME
from monitoring.telemetry import FIELD_PREFIX, Level, LogBatch
from sources.protocols import Decoded, MalformedBodyError, Rejection, Terms, shown
from sources.protocols.json_documents import parsed
from sources.protocols.label_sets import LabelSets
from sources.protocols.log_rows import field_columns, level_or_none, size_of
from sources.protocols.loki_entries import Bools, Entries, Ints, read_push
from sources.protocols.loki_labels import (
    LokiLabelsError,
    Pairs,
    check_pairs,
    parse_labels,
    written,
)

_JSON = "loghttp.PushRequest.Streams: []loghttp.LogProtoStream: unmarshalerDecoder: "
_NOT_TEXT = "Value looks like string, but can't find closing '\"' symbol"
_NOT_OBJECT = "Value looks like object, but can't find closing '}' symbol"
_LAST_NS = 2**63 - 1
_REMEMBERED_LENGTH = 2048
# Labels and metadata that name a line's level, the least telling first.
LEVEL_NAMES = ("lvl", "severity", "severity_text", "detected_level", "level")


class NoStreamsError(ValueError):
    """The push is well-formed and holds no stream."""

    def __init__(self) -> None:
        super().__init__("error at least one valid stream is required for ingestion")


Stream = Pairs | LokiLabelsError


def decode_protobuf(body: bytes, terms: Terms) -> Decoded[LogBatch]:
    """Read an unpacked push. Raises MalformedBodyError, NoStreamsError."""
    labels, entries = read_push(body)
    return _decoded([_stream_of_text(text) for text in labels], entries, terms)


def decode_json(body: bytes, terms: Terms) -> Decoded[LogBatch]:
    """Raises MalformedBodyError, NoStreamsError."""
    document = parsed(body)
    streams = document.get("streams") if isinstance(document, dict) else None
    if streams is None or streams == []:
        raise NoStreamsError
    if not isinstance(streams, list):
        raise MalformedBodyError(f"{_JSON}streams must be an array")
    pairs = [_stream_of_json(stream, index) for index, stream in enumerate(streams)]
    return _decoded(pairs, _json_entries(streams), terms)


# --- Streams --------------------------------------------------------------------------


def _stream_of_text(text: str) -> Stream:
    """What is remembered is bounded: a sender may write labels of megabytes."""
    short = len(text) <= _REMEMBERED_LENGTH
    return _remembered_stream(text) if short else _read_stream(text)


def _read_stream(text: str) -> Stream:
    try:
        pairs = parse_labels(text)
        check_pairs(pairs)
    except LokiLabelsError as error:
        # Without the traceback, which would keep its frames alive.
        return error.with_traceback(None)
    return pairs


_remembered_stream = lru_cache(maxsize=4096)(_read_stream)


def _stream_of_json(stream: Any, index: int) -> Stream:
    labels = stream.get("stream") if isinstance(stream, dict) else None
    if not isinstance(labels, dict):
        raise MalformedBodyError(f"{_JSON}streams[{index}].stream must be an object")
    for name, value in labels.items():
        if not isinstance(value, str):
            raise MalformedBodyError(f"{_JSON}{_NOT_TEXT} (label {shown(name)})")
    pairs = tuple(labels.items())
    try:
        check_pairs(pairs)
        _check_names(pairs)
    except LokiLabelsError as error:
        return error
    return pairs


def _check_names(pairs: Pairs) -> None:
    for name, _ in pairs:
        if not LABEL_NAME.match(name):
            raise LokiLabelsError(
                f"error parsing labels {shown(written(pairs))} with error: invalid "
                f"label name {shown(name)}"
            )


# --- Entries of JSON ------------------------------------------------------------------


def _json_entries(streams: Sequence[Any]) -> Entries:
    """Raises MalformedBodyError."""
    values = [stream.get("values", []) for stream in streams]
    for index, entries in enumerate(values):
        if not isinstance(entries, list):
            raise MalformedBodyError(f"{_JSON}streams[{index}].values must be an array")
    counts = np.array([len(entries) for entries in values], np.int64)
    rows = list(chain.from_iterable(values))
    metadata = _json_metadata(rows)
    # Two at a time is several times faster than row by row.
    if metadata is None:
        flat = list(chain.from_iterable(rows))
        texts = flat[0::2], flat[1::2]
    else:
        texts = [row[0] for row in rows], [row[1] for row in rows]
    try:
        times, lines = (pa.array(column, pa.large_string()) for column in texts)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError):
        raise _not_text(rows) from None
    if times.null_count or lines.null_count:
        raise _not_text(rows)
    streams_of_rows = np.repeat(np.arange(len(counts)), counts)
    return Entries(streams_of_rows, _json_times(times), lines, metadata or {})


def _json_metadata(rows: Sequence[Any]) -> dict[str, pa.Array] | None:
    """Check the rows' shape; return their third members as columns, None for none."""
    if set(map(type, rows)) - {list}:
        raise MalformedBodyError(f"{_JSON}each value is an array of time and line")
    sizes = set(map(len, rows))
    if sizes - {2, 3}:
        raise MalformedBodyError(
            f"{_JSON}each value is an array of time, line and perhaps metadata"
        )
    if 3 not in sizes:  # noqa: PLR2004 - time, line, metadata
        return None
    return field_columns([_metadata_of(row) for row in rows])


def _metadata_of(row: Sequence[Any]) -> dict[str, str]:
    metadata = row[2] if len(row) > 2 else {}  # noqa: PLR2004 - time, line, metadata
    if not isinstance(metadata, dict):
        raise MalformedBodyError(f"{_JSON}{_NOT_OBJECT} (structured metadata)")
    if not all(type(value) is str for value in metadata.values()):
        raise MalformedBodyError(f"{_JSON}{_NOT_TEXT} (structured metadata)")
    return metadata


def _not_text(rows: Sequence[Any]) -> MalformedBodyError:
    index = next(i for i, row in enumerate(rows) if {type(v) for v in row[:2]} != {str})
    what = "timestamp" if type(rows[index][0]) is not str else "line"
    return MalformedBodyError(
        f"{_JSON}{_NOT_TEXT} (entry {index}: the {what} must be a string)"
    )


def _json_times(texts: pa.Array) -> Ints:
    """Raises MalformedBodyError."""
    try:
        return np.asarray(texts.cast(pa.int64()).to_numpy(), np.int64)
    except pa.ArrowInvalid:
        numbers = [_json_time(text) for text in texts.to_pylist()]
        return np.array(numbers, np.int64)


def _json_time(text: str) -> int:
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 40):  # noqa: PLR2004 - digits
        raise MalformedBodyError(
            f'{_JSON}strconv.ParseInt: parsing "{shown(text)[1:-1]}": invalid syntax'
        )
    return max(min(int(text), _LAST_NS), -1)


# --- Limits ---------------------------------------------------------------------------


def _decoded(
    streams: Sequence[Stream], entries: Entries, terms: Terms
) -> Decoded[LogBatch]:
    """Raises NoStreamsError."""
    if not streams:
        raise NoStreamsError
    sets = LabelSets(terms.labels)
    indexes = np.array(
        [-1 if isinstance(s, LokiLabelsError) else sets.index(dict(s)) for s in streams]
    )
    keep, rejected = _checked(streams, entries, indexes[entries.streams] >= 0, terms)
    columns = {
        "stream": pa.array(indexes[entries.streams].astype(np.int32)),
        "ts_ns": pa.array(entries.ts_ns),
        "line": entries.lines,
        "level": _levels(streams, entries),
        **entries.fields,
    }
    table = pa.table(columns)
    if not keep.all():
        table = table.filter(pa.array(keep)).combine_chunks()
    lines = table.column("line").combine_chunks()
    return Decoded(LogBatch(sets.sets, table), rejected, size_of(lines))


def _levels(streams: Sequence[Stream], entries: Entries) -> pa.Array:
    """Return the levels that labels or metadata name; null for what the line says."""
    of_streams = pa.array(
        [None if isinstance(s, LokiLabelsError) else _level(dict(s)) for s in streams],
        pa.int8(),
    )
    levels = of_streams.take(pa.array(entries.streams))
    for name in LEVEL_NAMES:
        column = entries.fields.get(FIELD_PREFIX + name)
        if column is not None:
            words = column.dictionary_encode()
            codes = [level_or_none(word) for word in words.dictionary.to_pylist()]
            named = pa.array(codes, pa.int8()).take(words.indices)
            levels = pc.coalesce(named, levels)
    return levels


def _level(labels: Mapping[str, str]) -> Level | None:
    found = (level_or_none(labels.get(name)) for name in LEVEL_NAMES)
    return next((level for level in found if level is not None), None)


def _checked(
    streams: Sequence[Stream], entries: Entries, known: Bools, terms: Terms
) -> tuple[Bools, list[Rejection]]:
    lengths = pc.binary_length(entries.lines).to_numpy(zero_copy_only=False)
    latest = min(terms.latest_ns, _LAST_NS - 1)
    late = entries.ts_ns > latest
    early = entries.ts_ns < max(terms.earliest_ns, 0)
    keep = known & (lengths <= terms.max_line_bytes) & ~late & ~early
    rejected = [
        Rejection(
            int(row), _fault(streams, entries, int(row), int(lengths[row]), terms)
        )
        for row in np.flatnonzero(~keep)
    ]
    return keep, rejected


def _fault(
    streams: Sequence[Stream], entries: Entries, row: int, length: int, terms: Terms
) -> str:
    stream = streams[int(entries.streams[row])]
    if isinstance(stream, LokiLabelsError):
        return str(stream)
    name = written(stream)
    if length > terms.max_line_bytes:
        return (
            f"Max entry size '{terms.max_line_bytes}' bytes exceeded for stream "
            f"'{name}' while adding an entry with length '{length}' bytes"
        )
    ts_ns = int(entries.ts_ns[row])
    if ts_ns > terms.earliest_ns:
        return f"entry for stream '{name}' has timestamp too new: {_iso(ts_ns)}"
    return (
        f"entry for stream '{name}' has timestamp too old: {_iso(ts_ns)}, oldest "
        f"acceptable timestamp is: {_iso(terms.earliest_ns)}"
    )


def _iso(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns // 10**9, UTC):%FT%TZ}"
