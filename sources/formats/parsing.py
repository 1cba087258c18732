"""Parses batches: fills in time, level and fields of every line, in bulk."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.telemetry import FIELD_PREFIX, Level, LogBatch
from sources.formats import levels, timestamps
from sources.formats.base import (
    CLAIMED,
    Fields,
    Format,
    Parsed,
    ParsedBatch,
    ParsedLine,
)
from sources.formats.detect import MOST_LINES, detect
from sources.formats.registry import FORMATS
from sources.formats.spans import as_strings, without_colours


def parse_batch(
    batch: LogBatch,
    format_name: str | Format | None,
    received_ns: int,
    *,
    tz: tzinfo | None = None,
) -> ParsedBatch:
    """Return the batch with every time and level filled in, and with fields.

    A format that FORMATS has not is given itself. Without a known format it is
    recognised from a sample of the lines. What the client gave (time, level, a field)
    is kept, and `line` is never changed. A line of another format gets its level by
    keyword and its time from what it begins with; a time that is missing or not
    plausible becomes the arrival, and the claim a field.
    """
    table = batch.table
    lines = as_strings(table.column("line"))
    chosen = _known_format(format_name) or FORMATS[recognise(lines)]
    parsed = read(lines, chosen, received_ns, tz=tz, known=_known(table))
    ts_ns, claimed = _believable(parsed.ts_ns, received_ns)
    fields = _merged(table, parsed.fields)
    if claimed is not None:
        fields[CLAIMED] = claimed
    columns = {
        "stream": table.column("stream"),
        "ts_ns": ts_ns,
        "line": lines,
        "level": parsed.level,
        **{FIELD_PREFIX + field: column for field, column in fields.items()},
    }
    matched = int(parsed.matched.sum())
    return ParsedBatch(
        batch=replace(batch, table=pa.table(columns)),
        format_name=chosen.name,
        matched=matched,
        unmatched=len(lines) - matched,
    )


def preview(
    lines: Sequence[str],
    format_name: str | Format | None = None,
    *,
    received_ns: int | None = None,
    tz: tzinfo | None = None,
) -> list[ParsedLine]:
    """Return what the parser sees in each line, for a person to check.

    `received_ns` dates times that have no year; it is now when not given.
    """
    arrival = time.time_ns() if received_ns is None else received_ns
    array = pa.array(lines, pa.large_string())
    chosen = _known_format(format_name) or FORMATS[recognise(array)]
    parsed = read(array, chosen, arrival, tz=tz)
    rows = zip(
        lines,
        timestamps.iso(parsed.ts_ns).to_pylist(),
        parsed.level.to_pylist(),
        _dicts(parsed.fields, len(array)),
        parsed.matched.tolist(),
        strict=True,
    )
    return [
        ParsedLine(line, stamp, Level(level).word, fields, matched)
        for line, stamp, level, fields, matched in rows
    ]


def _known_format(named: str | Format | None) -> Format | None:
    """Return the format when there is one: a source may name a bygone one."""
    return named if isinstance(named, Format) else FORMATS.get(named or "")


def recognise(lines: pa.Array) -> str:
    """Return the name of the format of a sample taken evenly from the lines."""
    places = np.linspace(0, max(len(lines) - 1, 0), MOST_LINES).astype(np.int64)
    sample = lines.take(pa.array(np.unique(places))) if len(lines) else lines
    return detect(sample.to_pylist()).format_name


def read(
    lines: pa.Array,
    chosen: Format,
    received_ns: int,
    *,
    tz: tzinfo | None = None,
    known: tuple[pa.Array, pa.Array] | None = None,
) -> Parsed:
    """Parse the lines; levels have no null, times only where a line names none.

    `known` are times and levels that are not to be looked for.
    """
    lines = without_colours(lines)
    parsed = chosen.parse(lines, received_ns, tz=tz)
    ts_ns, level = parsed.ts_ns, parsed.level
    if known is not None:
        ts_ns, level = pc.coalesce(known[0], ts_ns), pc.coalesce(known[1], level)
    leading = _fill(
        ts_ns, lines, lambda rest: timestamps.parse_leading(rest, received_ns, tz=tz)
    )
    level = _fill(level, lines, levels.by_keyword)
    return replace(parsed, ts_ns=leading, level=pc.fill_null(level, int(Level.UNKNOWN)))


def _fill(column: pa.Array, lines: pa.Array, find: Any) -> pa.Array:
    """Return the column with its nulls replaced by what is found in their lines."""
    if not column.null_count:
        return column
    missing = column.is_null()
    found = find(lines if column.null_count == len(column) else lines.filter(missing))
    return pc.replace_with_mask(column, missing, found)


def _known(table: pa.Table) -> tuple[pa.Array, pa.Array]:
    times = table.column("ts_ns").combine_chunks()
    return times, table.column("level").combine_chunks()


def _believable(ts_ns: pa.Array, received_ns: int) -> tuple[pa.Array, pa.Array | None]:
    """Return times without nulls, and the times that were claimed but not believed."""
    times = pc.fill_null(ts_ns, received_ns).to_numpy()
    good = timestamps.plausible(times, received_ns)
    result = pa.array(np.where(good, times, received_ns), pa.int64())
    if good.all():
        return result, None
    return result, timestamps.iso(pa.array(times, pa.int64(), mask=good))


def _merged(table: pa.Table, parsed: Fields) -> Fields:
    """Return the client's fields, with those of the line where it gave none."""
    fields: Fields = {}
    for column in table.column_names:
        if column.startswith(FIELD_PREFIX):
            given = table.column(column).combine_chunks()
            fields[column.removeprefix(FIELD_PREFIX)] = given
    for name, found in parsed.items():
        given = fields.get(name)
        fields[name] = found if given is None else pc.coalesce(given, found)
    return fields


def _dicts(fields: Fields, count: int) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = [{} for _ in range(count)]
    for name, column in fields.items():
        for row, value in zip(rows, column.to_pylist(), strict=True):
            if value is not None:
                row[name] = value
    return rows
