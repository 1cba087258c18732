"""Reading archived samples and lines: only the row groups that can matter."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from monitoring.store import interface, parquet, vault
from monitoring.store.blocks import Int64s, LogLines, Samples, encode_logs
from monitoring.store.connection import fetch
from monitoring.store.interface import LogScan
from monitoring.store.log_conditions import filter_conditions
from monitoring.store.logs import StoredBlock
from monitoring.store.samples import day_of_ms, narrow
from monitoring.store.tombstones import (
    NS_IN_MS,
    Tombstone,
    visible_lines,
    visible_samples,
)
from monitoring.telemetry import TooMuchDataError

_SAMPLE_PIECES = """
SELECT f.path, f.age, p.number FROM monitoring_archivepiece p
JOIN monitoring_archivefile f ON f.id = p.file_id
WHERE f.organization_id = %(organization)s AND f.signal = 'metrics'
  AND f.status = 'stored' AND f.day BETWEEN %(first_day)s AND %(last_day)s
  AND p.max_ts >= %(start)s AND p.min_ts <= %(end)s
  AND p.max_series >= %(min_series)s AND p.min_series <= %(max_series)s
  AND (%(metrics)s::bigint[] IS NULL OR p.ids && %(metrics)s::bigint[])
ORDER BY f.age, p.number
"""
_LINE_PIECES = """
SELECT p.id, f.path, f.age, p.number, p.min_ts, p.max_ts, p.ids, p.level_counts, p.size
FROM monitoring_archivepiece p JOIN monitoring_archivefile f ON f.id = p.file_id
WHERE f.organization_id = %s AND f.signal = 'logs' AND f.status = 'stored'
  AND f.day BETWEEN %s AND %s AND p.max_ts >= %s AND p.min_ts < %s
"""

# A piece has fewer streams than this: ids of its blocks leave room for them.
_STREAMS_BITS = 20


@dataclass(frozen=True, slots=True)
class LinePiece:
    """A row group with lines, not read yet."""

    id: int
    path: str
    age: int
    number: int
    min_ts: int
    max_ts: int
    streams: Sequence[int]
    level_counts: Sequence[int]
    size: int


def read_samples(
    organization_id: int,
    series: Int64s,
    metrics: Sequence[int] | None,
    start_ms: int,
    end_ms: int,
    *,
    tombstones: Sequence[Tombstone] = (),
) -> list[Samples]:
    """Return archived samples; a run for each row group, the youngest file's last.

    Raises VaultError and TooMuchDataError.
    """
    reach: dict[str, Any] = {
        "organization": organization_id,
        "metrics": None if metrics is None else list(metrics),
        "first_day": day_of_ms(start_ms),
        "last_day": day_of_ms(end_ms),
        "start": start_ms,
        "end": end_ms,
        "min_series": int(series[0]),
        "max_series": int(series[-1]),
    }
    runs: list[Samples] = []
    total = 0
    pieces = fetch(_SAMPLE_PIECES, reach)
    for (path, age), of_file in groupby(pieces, key=lambda row: row[:2]):
        hiding = [t for t in tombstones if t.covers_file(age)]
        for table in _row_groups(
            path, [row[2] for row in of_file], parquet.SAMPLE_COLUMNS
        ):
            run = narrow(parquet.samples_of(table), series, start_ms, end_ms)
            runs.append(visible_samples(run, hiding))
            total += len(runs[-1])
            if total > interface.MAX_SAMPLES:
                raise TooMuchDataError(
                    f"The query needs more than {interface.MAX_SAMPLES} samples."
                )
    return runs


def line_pieces(scan: LogScan) -> list[LinePiece]:
    """Return the row groups that may have wanted lines."""
    where, parameters = filter_conditions(scan)
    if scan.streams is not None:
        where, parameters = (
            f"{where} AND p.ids && %s::bigint[]",
            [*parameters, list(scan.streams)],
        )
    rows = fetch(
        f"{_LINE_PIECES} AND {where}",
        [
            scan.organization_id,
            day_of_ms(scan.start_ns // NS_IN_MS),
            day_of_ms(scan.end_ns // NS_IN_MS),
            scan.start_ns,
            scan.end_ns,
            *parameters,
        ],
    )
    return [LinePiece(*row) for row in rows]


def blocks_in_order(
    pieces: Sequence[LinePiece],
    scan: LogScan,
    *,
    newest_first: bool,
    tombstones: Sequence[Tombstone],
) -> Iterator[StoredBlock]:
    """Yield the pieces' lines as blocks of one stream each, by newest or oldest line."""

    def key(one: LinePiece | StoredBlock) -> int:
        return -one.max_ts if newest_first else one.min_ts

    held: list[tuple[int, int, StoredBlock]] = []
    for piece in sorted(pieces, key=key):
        while held and held[0][0] <= key(piece):
            yield heapq.heappop(held)[2]
        for block in blocks_of(piece, scan, tombstones, with_fields=True):
            heapq.heappush(held, (key(block), block.id, block))
    while held:
        yield heapq.heappop(held)[2]


def blocks_of(
    piece: LinePiece,
    scan: LogScan,
    tombstones: Sequence[Tombstone],
    *,
    with_fields: bool,
) -> Iterator[StoredBlock]:
    """Yield the visible lines of a piece as blocks of one stream each."""
    columns = parquet.line_columns(with_text=True, with_fields=with_fields)
    (table,) = _row_groups(piece.path, [piece.number], columns)
    wanted = None if scan.streams is None else set(scan.streams)
    hiding = [t for t in tombstones if t.covers_file(piece.age)]
    for number, (stream, lines) in enumerate(parquet.lines_of(table)):
        if wanted is not None and stream not in wanted:
            continue
        shown = visible_lines(lines, stream, hiding) if hiding else lines
        if len(shown):
            yield _block(-((piece.id << _STREAMS_BITS) + number), stream, shown)


def _block(block_id: int, stream: int, lines: LogLines) -> StoredBlock:
    return StoredBlock(
        id=block_id,
        stream_id=stream,
        min_ts=int(lines.ts_ns[0]),
        max_ts=int(lines.ts_ns[-1]),
        level_counts=lines.level_counts,
        size=len(lines.raw),
        payload=encode_logs(lines, keep_origin=True),
    )


def streams_with_lines(organization_id: int, start_ns: int, end_ns: int) -> set[int]:
    scan = LogScan(organization_id, start_ns, end_ns)
    return {stream for piece in line_pieces(scan) for stream in piece.streams}


def read_file(path: str) -> pa.Table:
    """Return a whole file. Raises VaultError."""
    try:
        with vault.open_file(path) as source:
            return pq.ParquetFile(source).read()
    except (OSError, pa.ArrowException) as error:
        raise vault.VaultError(f"{path} could not be read: {error}") from error


def _row_groups(
    path: str, numbers: Sequence[int], columns: Sequence[str]
) -> Iterator[pa.Table]:
    """Raises VaultError."""
    try:
        with vault.open_file(path) as source:
            file = pq.ParquetFile(source)
            for number in numbers:
                yield file.read_row_group(number, columns=list(columns))
    except (OSError, pa.ArrowException) as error:
        raise vault.VaultError(f"{path} could not be read: {error}") from error
