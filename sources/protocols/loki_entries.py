"""The entries of Loki's protobuf push, read as columns.

A push holds a message for each line. Making a Python object of every one takes three
times as long as everything else; so the messages stay bytes, and numpy reads what
each of them begins with: the time, and the line's length. The few that look unlike
the usual are read one by one, with the same result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.message import DecodeError

from sources.protocols import MalformedBodyError
from sources.protocols.log_rows import field_columns, texts_of_bytes
from sources.protocols.protobuf import Messages, declared

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

# Seconds of a year beyond 2262 do not fit 64 bits of nanoseconds.
_MOST_SECONDS = 2**63 // 10**9 - 1
_OUT_OF_RANGE_NS = 2**63 - 1
_MAX_INT_BYTES = 5
# Reading ahead of the last entry must not leave the buffer.
_PADDING = bytes(32)

_TIME, _LINE, _METADATA = 0x0A, 0x12, 0x1A
_SECONDS, _NANOS = 0x08, 0x10


# Loki's pkg/push/push.proto, but texts as bytes and entries left as they come.
_MESSAGES: Messages = {
    "Push": {"streams": (1, "Stream*")},
    "Stream": {"labels": (1, "bytes"), "entries": (2, "bytes*")},
    "Entry": {
        "timestamp": (1, "Time"),
        "line": (2, "bytes"),
        "metadata": (3, "Pair*"),
    },
    "Time": {"seconds": (1, "int64"), "nanos": (2, "int32")},
    "Pair": {"name": (1, "bytes"), "value": (2, "bytes")},
}
_CLASSES = declared("vedette.loki_push", _MESSAGES)


def message(name: str, **fields: Any) -> Any:
    """Return a new message of push.proto: "Push", "Entry" and so on."""
    return _CLASSES[name](**fields)


@dataclass(frozen=True, slots=True)
class Entries:
    """Columns of a push's entries; `streams` are indexes into its label texts.

    A time that 64 bits cannot hold has become the last one there is.
    """

    streams: Ints
    ts_ns: Ints
    lines: pa.LargeStringArray
    fields: dict[str, pa.Array]


def read_push(body: bytes) -> tuple[list[str], Entries]:
    """Return the labels of each stream, and the entries. Raises MalformedBodyError."""
    try:
        push = _CLASSES["Push"].FromString(body)
        labels = [stream.labels.decode() for stream in push.streams]
    except (DecodeError, UnicodeDecodeError) as error:
        raise MalformedBodyError(
            f"The body is not a logproto.PushRequest: {error}."
        ) from None
    parts: list[bytes] = []
    counts = []
    for stream in push.streams:
        parts.extend(stream.entries)
        counts.append(len(stream.entries))
    streams = np.repeat(np.arange(len(counts)), np.array(counts, np.int64))
    return labels, read_entries(parts, streams)


def read_entries(parts: Sequence[bytes], streams: Ints) -> Entries:
    """Raises MalformedBodyError."""
    if not parts:
        empty = np.empty(0, np.int64)
        return Entries(empty, empty, pa.array([], pa.large_string()), {})
    lengths = np.fromiter(map(len, parts), np.int64, len(parts))
    ends = np.cumsum(lengths)
    starts = ends - lengths
    joined = b"".join([*parts, _PADDING])
    usual, ts_ns, line_starts, line_ends = _read_usual(joined, starts, ends)
    lines, tails = _cut(joined, (starts, line_starts, line_ends), int(ends[-1]))
    odd = np.flatnonzero(~usual)
    if len(odd):
        ts_ns, lines, tails = _with_odd(parts, odd, ts_ns, lines, tails)
    return Entries(streams, ts_ns, texts_of_bytes(lines), _metadata(tails))


# --- The usual entries ----------------------------------------------------------------


def _read_usual(
    joined: bytes, starts: Ints, ends: Ints
) -> tuple[Bools, Ints, Ints, Ints]:
    """Return which entries are usual, their times, and where their lines are.

    Of the others the values mean nothing, but lie inside the entry.
    """
    buffer = np.frombuffer(joined, np.uint8)
    time_length = buffer[starts + 1].astype(np.int64)
    usual = (buffer[starts] == _TIME) & (buffer[starts + 2] == _SECONDS)
    seconds, whole = _varint(buffer, starts + 3, np.full(len(starts), 5))
    usual &= whole & (seconds <= _MOST_SECONDS)
    nanos_length = np.where(time_length == 6, 0, time_length - 7)  # noqa: PLR2004 - tag, five bytes
    usual &= (nanos_length >= 0) & (nanos_length <= _MAX_INT_BYTES)
    usual &= (time_length == 6) | (  # noqa: PLR2004 - as above
        (nanos_length > 0) & (buffer[starts + 8] == _NANOS)
    )
    nanos, whole = _varint(buffer, starts + 9, np.clip(nanos_length, 0, 5))
    usual &= whole & (nanos < 10**9)
    tag = starts + 2 + np.clip(time_length, 0, 12)
    usual &= buffer[tag] == _LINE
    line_starts, line_ends = _line(buffer, tag + 1)
    usual &= line_ends <= ends
    line_starts = np.where(usual, line_starts, starts)
    line_ends = np.where(usual, line_ends, starts)
    usual &= (line_ends == ends) | (buffer[line_ends] == _METADATA)
    line_starts[~usual] = line_ends[~usual] = starts[~usual]
    return usual, seconds * 10**9 + nanos, line_starts, line_ends


def _varint(buffer: Bytes, places: Ints, lengths: Ints) -> tuple[Ints, Bools]:
    """Return the varints of known lengths, up to 5, and whether each ends there."""
    value = np.zeros(len(places), np.int64)
    whole = np.ones(len(places), np.bool_)
    for k in range(_MAX_INT_BYTES):
        byte = buffer[places + k].astype(np.int64)
        inside = k < lengths
        value += np.where(inside, (byte & 0x7F) << (7 * k), 0)
        whole &= ~inside | ((byte >= 0x80) == (k < lengths - 1))  # noqa: PLR2004 - "more follows"
    return value, whole


def _line(buffer: Bytes, places: Ints) -> tuple[Ints, Ints]:
    """Return where the lines begin and end whose lengths stand at `places`."""
    length = np.zeros(len(places), np.int64)
    size = np.zeros(len(places), np.int64)
    more = np.ones(len(places), np.bool_)
    for k in range(_MAX_INT_BYTES):
        byte = buffer[places + k].astype(np.int64)
        length += np.where(more, (byte & 0x7F) << (7 * k), 0)
        size += more
        more &= byte >= 0x80  # noqa: PLR2004 - "more follows"
        if not more.any():
            break
    return places + size, places + size + length


def _cut(
    joined: bytes, bounds: tuple[Ints, Ints, Ints], end: int
) -> tuple[pa.Array, pa.Array]:
    """Return the lines, and what stands behind each of them in its entry."""
    count = len(bounds[0])
    offsets = np.empty(3 * count + 1, np.int64)
    offsets[0:-1:3], offsets[1::3], offsets[2::3] = bounds
    offsets[-1] = end
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(joined)]
    pieces = pa.LargeBinaryArray.from_buffers(pa.large_binary(), 3 * count, buffers)
    places = np.arange(0, 3 * count, 3)
    return pieces.take(pa.array(places + 1)), pieces.take(pa.array(places + 2))


# --- The others, and metadata ---------------------------------------------------------


def _with_odd(
    parts: Sequence[bytes], odd: Ints, ts_ns: Ints, lines: pa.Array, tails: pa.Array
) -> tuple[Ints, pa.Array, pa.Array]:
    """Put in the entries that were read one by one. Raises MalformedBodyError."""
    entries = [_entry(parts[place]) for place in odd]
    times = ts_ns.copy()
    times[odd] = [_time_ns(entry.timestamp) for entry in entries]
    mask = np.zeros(len(parts), np.bool_)
    mask[odd] = True
    odd_lines = pa.array([entry.line for entry in entries], pa.large_binary())
    # The whole entry says its metadata too: what else it holds is passed over.
    odd_tails = pa.array([parts[place] for place in odd], pa.large_binary())
    lines = pc.replace_with_mask(lines, pa.array(mask), odd_lines)
    return times, lines, pc.replace_with_mask(tails, pa.array(mask), odd_tails)


def _entry(part: bytes) -> Any:
    try:
        return _CLASSES["Entry"].FromString(part)
    except DecodeError as error:
        raise MalformedBodyError(
            f"The body is not a logproto.PushRequest: {error}."
        ) from None


def _time_ns(time: Any) -> int:
    return int(min(time.seconds * 10**9 + time.nanos, _OUT_OF_RANGE_NS))


def _metadata(tails: pa.Array) -> dict[str, pa.Array]:
    """Return the columns of structured metadata; equal metadata is read once."""
    if not pc.any(pc.greater(pc.binary_length(tails), 0)).as_py():
        return {}
    encoded = tails.dictionary_encode()
    rows = [_pairs(tail) for tail in encoded.dictionary.to_pylist()]
    return {
        name: column.take(encoded.indices)
        for name, column in field_columns(rows).items()
    }


def _pairs(tail: bytes) -> dict[str, str]:
    return {
        pair.name.decode("utf-8", "replace"): pair.value.decode("utf-8", "replace")
        for pair in _entry(tail).metadata
    }
