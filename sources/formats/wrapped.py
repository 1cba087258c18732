"""Takes lines out of what container runtimes wrap them in, and joins cut ones.

Docker's json-file and the CRI of Kubernetes write a time and a stream before each
line, and cut long lines into pieces.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.telemetry import FIELD_PREFIX, LogBatch
from sources.formats import timestamps
from sources.formats.known import json_lines
from sources.formats.spans import Bools, Ints, as_strings

CRI, DOCKER = "cri", "docker"
_STREAM = FIELD_PREFIX + "stream"
_ATTRIBUTES = "attrs."
# Runtimes cut at 16 KiB: more than 16 MiB is no line.
_MOST_PIECES = 1024
_CRI = (
    r"(?s)^(?P<ts>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)) "
    r"(?P<stream>stdout|stderr) (?P<tag>[FP])[^ ]*(?: (?P<inner>.*))?$"
)
_DOCKER = r'^\{"log":"'


@dataclass(frozen=True, slots=True)
class _Inner:
    """What was in the wrappers; rows that had none are not `wrapped`."""

    lines: Any
    ts_ns: Any
    stream: Any
    is_cut: Bools
    wrapped: Bools
    more: dict[str, Any]


def wrapper_of(format_name: str, lines: Any) -> str:
    """Return what the lines of a recognised format are wrapped in, or ""."""
    if format_name == CRI:
        return CRI
    if format_name == json_lines.JSON.name and len(lines):
        found = pc.match_substring_regex(lines, _DOCKER)
        share: float = pc.mean(found.cast(pa.int8())).as_py()
        return DOCKER if share > 0.5 else ""  # noqa: PLR2004 - most of them
    return ""


def unwrap(batch: LogBatch, wrapper: str, received_ns: int) -> LogBatch:
    """Return the lines as they were written, with time and stream of the wrapper.

    Pieces of a cut line become one line, as far as they are in the batch.
    """
    lines = as_strings(batch.table.column("line"))
    found = (
        _of_cri(lines, received_ns)
        if wrapper == CRI
        else _of_docker(lines, received_ns)
    )
    rows, group = _joined(batch.table.column("stream").to_numpy(), found)
    table = batch.table.take(pa.array(rows))
    columns = {name: table.column(name) for name in table.column_names}
    columns["line"] = _join_pieces(found.lines, group, rows)
    columns["ts_ns"] = pc.coalesce(
        columns["ts_ns"].combine_chunks(), found.ts_ns.take(rows)
    )
    for name, column in {_STREAM: found.stream, **found.more}.items():
        held = columns.get(name)
        taken = column.take(pa.array(rows))
        columns[name] = taken if held is None else pc.coalesce(held, taken)
    return replace(batch, table=pa.table(columns))


def _of_cri(lines: Any, received_ns: int) -> _Inner:
    found = pc.extract_regex(lines, _CRI)
    wrapped = found.is_valid().to_numpy(zero_copy_only=False)
    inner, ts, stream, tag = (
        pc.struct_field(found, name) for name in ("inner", "ts", "stream", "tag")
    )
    return _Inner(
        pc.coalesce(inner, lines),
        timestamps.parse(ts, received_ns),
        stream,
        pc.fill_null(pc.equal(tag, "P"), fill_value=False).to_numpy(
            zero_copy_only=False
        ),
        wrapped,
        {},
    )


def _of_docker(lines: Any, received_ns: int) -> _Inner:
    parsed = json_lines.JSON.parse(lines, received_ns)
    none = pa.nulls(len(lines), pa.large_string())
    log = parsed.fields.get("log", none)
    wrapped = log.is_valid().to_numpy(zero_copy_only=False)
    whole = pc.fill_null(pc.ends_with(log, "\n"), fill_value=True)
    more = {
        FIELD_PREFIX + name: column
        for name, column in parsed.fields.items()
        if name.startswith(_ATTRIBUTES)
    }
    return _Inner(
        pc.coalesce(pc.utf8_rtrim(log, "\r\n"), lines),
        parsed.ts_ns,
        parsed.fields.get("stream", none),
        ~whole.to_numpy(zero_copy_only=False),
        wrapped,
        more,
    )


def _joined(streams: Ints, found: _Inner) -> tuple[Ints, Ints]:
    """Return the first row of each line, and of which line each row is a piece.

    Pieces of one line follow each other among those of their stream and container
    stream.
    """
    count = len(streams)
    if not found.is_cut.any():
        rows = np.arange(count)
        return rows, rows
    kinds = pc.fill_null(found.stream, "").dictionary_encode().indices.to_numpy()
    kinds = np.where(found.wrapped, kinds, -1)
    order = np.lexsort((np.arange(count), kinds, streams))
    goes_on = found.is_cut[order][:-1]
    goes_on &= (np.diff(kinds[order]) == 0) & (np.diff(streams[order]) == 0)
    begins = np.append(True, ~goes_on)
    place = np.arange(count)
    since = place - np.maximum.accumulate(np.where(begins, place, 0))
    begins |= since % _MOST_PIECES == 0
    group = np.empty(count, np.int64)
    group[order] = np.cumsum(begins) - 1
    firsts = order[begins]
    # Lines stay in the order in which they began.
    ranks = np.empty(len(firsts), np.int64)
    ranks[np.argsort(firsts)] = np.arange(len(firsts))
    return np.sort(firsts), ranks[group]


def _join_pieces(lines: Any, group: Ints, rows: Ints) -> Any:
    if len(rows) == len(group):
        return lines
    order = np.argsort(group, kind="stable")
    offsets = np.searchsorted(group[order], np.arange(len(rows) + 1))
    pieces = lines.take(pa.array(order))
    lists = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), pieces)
    return pc.binary_join(lists, pa.scalar("", pa.large_string()))
