"""systemd-journal-upload: the journal's export format over HTTP.

An entry is fields, one a line (`NAME=value`), and a blank line at its end. A value that
is no plain text comes as `NAME`, its length in 64 bits, little-endian, and the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import orjson

from monitoring.telemetry import LogBatch
from sources.protocols import Decoded, MalformedBodyError, Terms, shown
from sources.protocols.log_rows import LogRows, level_of_severity

_END = b"\n\n"
_LENGTH = 8
_LABELS = {
    "host": "_HOSTNAME",
    "unit": "_SYSTEMD_UNIT",
    "identifier": "SYSLOG_IDENTIFIER",
}
_TIMES = ("_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP")

Entry = dict[str, str]


class _CutOffError(ValueError):
    """The bytes end inside an entry."""


def last_end(body: bytes) -> int:
    """Return after how many bytes the last whole entry ends."""
    end = 0
    try:
        for _, after in _entries(body):
            end = after
    except (_CutOffError, MalformedBodyError):
        return end
    return end


def decode(body: bytes, terms: Terms) -> tuple[Decoded[LogBatch], str]:
    """Return the entries, and where they could not be read any further.

    What comes behind a fault counts as one rejection. Raises MalformedBodyError when
    nothing comes before it.
    """
    rows = LogRows(terms)
    place, fault = 0, ""
    # The last entry may lack its blank line.
    try:
        for entry, _ in _entries(body + _END):
            if entry:
                _add(rows, place, entry)
                place += 1
    except (_CutOffError, MalformedBodyError) as error:
        if not place:
            raise MalformedBodyError(
                f"The body is no journal export: {error}"
            ) from None
        fault = f"entry {place}: {error}"
        rows.reject(place, str(error))
    return rows.decoded(), fault


def _entries(body: bytes) -> Iterator[tuple[Entry, int]]:
    """Yield the entries, each with the place behind it.

    Raises _CutOffError and MalformedBodyError.
    """
    place = 0
    while place < len(body):
        if body[place] == _END[0]:
            place += 1
            continue
        end = body.find(_END, place)
        lines = body[place:end].split(b"\n") if end >= 0 else []
        if end >= 0 and all(b"=" in line for line in lines):
            place = end + len(_END)
            yield _texts(lines), place
        else:
            entry, place = _with_binary(body, place)
            yield entry, place


def _texts(lines: list[bytes]) -> Entry:
    entry: Entry = {}
    for line in lines:
        name, _, value = line.decode("utf-8", "replace").partition("=")
        entry[name] = f"{entry[name]} {value}" if name in entry else value
    return entry


def _with_binary(body: bytes, place: int) -> tuple[Entry, int]:
    """Read one entry field by field."""
    lines: list[bytes] = []
    while True:
        end = body.find(b"\n", place)
        if end < 0:
            raise _CutOffError("it ends inside an entry.")
        line, place = body[place:end], end + 1
        if not line:
            return _texts(lines), place
        if b"=" not in line:
            value, place = _binary(body, place, line)
            line += b"=" + value
        lines.append(line)


def _binary(body: bytes, place: int, name: bytes) -> tuple[bytes, int]:
    length = int.from_bytes(body[place : place + _LENGTH], "little")
    start = place + _LENGTH
    if not (name.isascii() and name.decode().replace("_", "").isalnum()):
        raise MalformedBodyError(f"{shown(name.decode(errors='replace'))} is no field.")
    if start + length >= len(body):
        raise _CutOffError("it ends inside a field.")
    if body[start + length] != _END[0]:
        raise MalformedBodyError(
            f"the field {shown(name.decode())} is not as long as it says."
        )
    return body[start : start + length], start + length + 1


def _add(rows: LogRows, place: int, entry: Entry) -> None:
    fields = {n: value for n, value in entry.items() if not n.startswith("__")}
    line = fields.pop("MESSAGE", None)
    if line is None:
        line = orjson.dumps(fields).decode()
    labels = {label: fields.pop(n) for label, n in _LABELS.items() if fields.get(n)}
    level = level_of_severity(fields.pop("PRIORITY", None))
    time_ns = _time_ns(entry)
    rows.add(place, line, time_ns=time_ns, level=level, labels=labels, fields=fields)


def _time_ns(entry: Mapping[str, str]) -> int | None:
    """The journal counts microseconds; the line's own time is better than its arrival."""
    for name in _TIMES:
        text = entry.get(name, "")
        if text.isascii() and text.isdigit() and len(text) <= 16:  # noqa: PLR2004 - of 64 bits of ns
            return int(text) * 1000
    return None
