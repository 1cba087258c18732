"""Bytes of a file to lines, in bulk: no Python loop over lines."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

CUT_MARK = "…".encode()
_NEWLINE = 10
_REPLACEMENT = "\ufffd".encode()


class UnsupportedEncodingError(ValueError):
    """Lines cannot be split before they are decoded in this encoding."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of one file without their line ends.

    `originals` has the bytes that a cut line had, by its index.
    """

    array: pa.LargeStringArray
    originals: dict[int, int]
    replaced: int  # bytes that were not valid in the file's encoding

    def __len__(self) -> int:
        return len(self.array)


NO_LINES = Lines(pa.array([], pa.large_string()), {}, 0)


def check_encoding(encoding: str) -> str:
    """Return the codec's own name. Raises UnsupportedEncodingError."""
    try:
        name = codecs.lookup(encoding).name
        ascii_compatible = "a\r\n".encode(name) == b"a\r\n"
    except (LookupError, UnicodeError, TypeError):
        raise UnsupportedEncodingError(f"There is no encoding {encoding!r}.") from None
    if not ascii_compatible:
        raise UnsupportedEncodingError(
            f"{encoding!r} is not supported: use an encoding that contains ASCII."
        )
    return name


def split(data: bytes, *, encoding: str = "utf-8", max_bytes: int) -> Lines:
    """Split whole lines; the last one may lack its newline.

    A carriage return before the newline belongs to the line end. Lines longer than
    `max_bytes` are cut there and end with an ellipsis.
    """
    text, replaced = _to_utf8(data, encoding)
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n")
    if not text.endswith(b"\n"):
        text += b"\n"
    values, offsets = _without_newlines(text)
    too_long = np.flatnonzero(np.diff(offsets) > max_bytes)
    if len(too_long):
        return _cut(values, offsets, too_long, replaced, max_bytes)
    return Lines(_array(values, offsets), {}, replaced)


def cut_line(data: bytes, size: int, *, encoding: str, max_bytes: int) -> Lines:
    """Return the one line that begins with `data` and has `size` bytes in the file."""
    text, replaced = _to_utf8(data, encoding)
    line = _shorten(text, max_bytes)
    return Lines(_array(line, np.array([0, len(line)])), {0: size}, replaced)


def _to_utf8(data: bytes, encoding: str) -> tuple[bytes, int]:
    """Return valid UTF-8 and how many replacement characters that took."""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        repaired = data.decode(encoding, "replace").encode()
        before = data.count(_REPLACEMENT) if encoding == "utf-8" else 0
        return repaired, repaired.count(_REPLACEMENT) - before
    return (data if encoding == "utf-8" else text.encode("utf-8", "replace")), 0


def _without_newlines(text: bytes) -> tuple[bytes, npt.NDArray[np.int64]]:
    """Return the lines' bytes in a row and where each one begins and the last ends."""
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == _NEWLINE)
    offsets = np.zeros(len(ends) + 1, np.int64)
    offsets[1:] = ends - np.arange(len(ends))
    return text.translate(None, b"\n"), offsets


def _array(values: bytes, offsets: npt.NDArray[np.int64]) -> pa.LargeStringArray:
    return pa.LargeStringArray.from_buffers(
        len(offsets) - 1, pa.py_buffer(offsets.tobytes()), pa.py_buffer(values)
    )


def _cut(
    values: bytes,
    offsets: npt.NDArray[np.int64],
    too_long: npt.NDArray[np.int64],
    replaced: int,
    max_bytes: int,
) -> Lines:
    """Cut the few lines that are too long; the loop runs over those alone."""
    parts, originals, kept_from = [], {}, 0
    lengths = np.diff(offsets)
    for index in too_long.tolist():
        start, end = int(offsets[index]), int(offsets[index + 1])
        line = _shorten(values[start : start + max_bytes], max_bytes)
        parts += [values[kept_from:start], line]
        originals[index] = end - start
        lengths[index] = len(line)
        kept_from = end
    parts.append(values[kept_from:])
    new_offsets = np.concatenate(([0], np.cumsum(lengths)))
    return Lines(_array(b"".join(parts), new_offsets), originals, replaced)


def _shorten(line: bytes, max_bytes: int) -> bytes:
    """Return at most `max_bytes` of a line of valid UTF-8, never half a character."""
    return line[:max_bytes].decode("utf-8", "ignore").encode() + CUT_MARK
