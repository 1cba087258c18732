"""Log blocks as they are written: one for each stream, append and day, or more."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitoring.store import blocks, partitions, tokens
from monitoring.store.blocks import (
    MAX_BYTES,
    MAX_LINES,
    Int64s,
    LogLines,
    split_logs,
)
from monitoring.store.connection import Row, copy_in
from monitoring.store.log_conditions import DAY_NS, day_of_ns
from monitoring.store.parallel import in_parallel

# How far a block has come: as appended, merged, merged with all of its day.
FRESH, MERGED, FINISHED = 0, 1, 2

# Blocks of one append, from which on they are made one by one.
MANY_STREAMS = 200

COLUMNS = {
    "day": "date",
    "organization_id": "int8",
    "stream_id": "int8",
    "level": "int2",
    "min_ts": "int8",
    "max_ts": "int8",
    "count": "int4",
    "size": "int4",
    "level_counts": "int4[]",
    "token_filter": "bytea",
    "payload": "bytea",
}


def append_logs(
    organization_id: int,
    streams: Int64s,
    ts_ns: Int64s,
    levels: npt.NDArray[np.int8],
    text: pa.Table,
    *,
    now: datetime,
) -> None:
    """Write one block per stream and day; the columns hold a value for each line."""
    days = ts_ns // DAY_NS
    order = np.lexsort((ts_ns, days, streams))
    if not np.array_equal(order, np.arange(len(order))):
        streams, days, ts_ns = streams[order], days[order], ts_ns[order]
        levels, text = levels[order], text.take(pa.array(order))
    text = text.combine_chunks()
    partitions.ensure(
        {day_of_ns(int(day) * DAY_NS) for day in np.unique(days)}, now=now
    )
    changes = np.flatnonzero((np.diff(streams) != 0) | (np.diff(days) != 0)) + 1
    bounds = [0, *changes.tolist(), len(streams)]
    every = LogLines(ts_ns, levels, ts_ns, ts_ns, text)  # No origin is stored yet.
    pieces = (
        (int(streams[start]), piece)
        for start, end in pairwise(bounds)
        for piece in split_logs(every.slice(start, end))
    )
    rows = in_parallel(lambda p: block_row(organization_id, p[0], FRESH, p[1]), pieces)
    if len(bounds) > MANY_STREAMS:
        # Handing over such small blocks takes longer than making them.
        rows = (block_row(organization_id, pk, FRESH, piece) for pk, piece in pieces)
    copy_in(partitions.LOGS, COLUMNS, list(rows))


def block_row(organization_id: int, stream_id: int, level: int, lines: LogLines) -> Row:
    """A block as appended says its lines' origins by its own id."""
    raw = lines.raw
    full = len(lines) > MAX_LINES // 2 or len(raw) > MAX_BYTES // 2
    first, last = int(lines.ts_ns[0]), int(lines.ts_ns[-1])
    return (
        day_of_ns(first),
        organization_id,
        stream_id,
        MERGED if full and level == FRESH else level,
        first,
        last,
        len(lines),
        len(raw),
        lines.level_counts,
        tokens.build_filter(raw),
        blocks.encode_logs(lines, keep_origin=level > FRESH, small=level > FRESH),
    )
