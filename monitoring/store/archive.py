"""Old blocks become Parquet files: written first, then exchanged in one commit.

The manifest (ArchiveFile, ArchivePiece) stands in PostgreSQL. A file's row is committed
before the first byte is written, and becomes `stored` in the transaction that deletes
the blocks: whatever dies when, each record is in a block or in a stored file and in
only one of them, and every file that is neither is known, and swept.

Blocks of a metric are moved oldest first, and those of mixed metrics last: of doubles, a
block's is younger than a file's, and a file's is younger than that of an older file.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pyarrow as pa

from monitoring.models import ArchiveFile, ArchivePiece
from monitoring.store import parquet, partitions, tokens, vault
from monitoring.store.blocks import (
    MAX_BYTES,
    MAX_LINES,
    LogLines,
    Samples,
    decode_logs,
    decode_samples,
    merge_logs,
    merge_samples,
    split_logs,
)
from monitoring.store.compaction import merge_alone, take_out
from monitoring.store.connection import Row, fetch
from monitoring.store.tombstones import METRICS

# What one step may load.
MAX_SAMPLES = 4_000_000
MAX_LINES_MOVED = 16 * MAX_LINES
MAX_BYTES_MOVED = 8 * MAX_BYTES

TABLES = {METRICS: partitions.SAMPLES, "logs": partitions.LOGS}

_CANDIDATES = {
    METRICS: "SELECT id, count, 0 FROM monitoring_sampleblock"
    " WHERE organization_id = %s AND day = %s"
    " ORDER BY level = 0, metrics[1], appended, id LIMIT 10000",
    "logs": "SELECT id, count, size FROM monitoring_logblock"
    " WHERE organization_id = %s AND day = %s ORDER BY stream_id, min_ts LIMIT 10000",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A row group to be, and what its row in the manifest says."""

    table: pa.Table
    row: ArchivePiece


@dataclass(frozen=True, slots=True)
class Moved:
    """What one step has done; `records` is 0 where others were at the same blocks."""

    day: date
    records: int
    size: int


def oldest_day(organization_id: int, signal: str, before: date) -> date | None:
    """Return the oldest day with blocks, if there is one before then."""
    ((found,),) = fetch(
        f"SELECT min(day) FROM {TABLES[signal]}"  # noqa: S608 - constants
        " WHERE organization_id = %s AND day < %s",
        [organization_id, before],
    )
    day: date | None = found
    return day


def move(
    organization_id: int, signal: str, *, before: date, now: datetime
) -> Iterator[Moved]:
    """Archive what is older; each step is a file and a transaction of its own.

    To be called outside a transaction. Ends when nothing is left or others work on the
    same blocks. Raises VaultError, and then nothing has been moved, and
    SourcesGoneError.
    """
    while (day := oldest_day(organization_id, signal, before)) is not None:
        moved = _move_some(organization_id, signal, day, now)
        yield moved
        if not moved.records:
            return


def _move_some(organization_id: int, signal: str, day: date, now: datetime) -> Moved:
    file = announce(organization_id, signal, day, now)
    with merge_alone(organization_id) as alone:
        chosen = _affordable(fetch(_CANDIDATES[signal], [organization_id, day]))
        taken = alone and bool(chosen)
        pieces = _take(organization_id, signal, day, chosen) if taken else []
        if pieces:
            store(file, pieces, now)
        else:
            file.delete()
    return Moved(day, file.rows or int(taken), file.size)


def _affordable(rows: Sequence[Row]) -> list[int]:
    totals = np.cumsum([[0, 0], *[row[1:] for row in rows]], axis=0)[1:]
    if not rows:
        return []
    most = max(MAX_SAMPLES, MAX_LINES_MOVED)
    fit = (totals[:, 0] <= most) & (totals[:, 1] <= MAX_BYTES_MOVED)
    return [row[0] for row in rows[: max(int(np.count_nonzero(fit)), 1)]]


def announce(
    organization_id: int, signal: str, day: date, now: datetime
) -> ArchiveFile:
    """Commit the name of a file that is going to be written."""
    name = f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:12]}.parquet"
    return ArchiveFile.objects.create(
        organization_id=organization_id,
        signal=signal,
        day=day,
        path=f"organization={organization_id}/signal={signal}/day={day}/{name}",
        status=ArchiveFile.Status.WRITING,
        changed_at=now,
    )


def store(
    file: ArchiveFile, pieces: Sequence[Piece], now: datetime, age: int | None = None
) -> None:
    """Write an announced file and put it into the manifest. Raises VaultError."""
    content = parquet.file_of([piece.table for piece in pieces])
    vault.write(file.path, content)
    rows = [piece.row for piece in pieces]
    file.rows, file.size = sum(row.count for row in rows), content.size
    announced = ArchiveFile.objects.filter(
        pk=file.pk, status=ArchiveFile.Status.WRITING
    )
    if not announced.update(
        status=ArchiveFile.Status.STORED,
        changed_at=now,
        age=file.pk if age is None else age,
        rows=file.rows,
        size=file.size,
        min_ts=min(row.min_ts for row in rows),
        max_ts=max(row.max_ts for row in rows),
    ):
        raise vault.VaultError(f"{file.path} took too long and was given up")
    for row in rows:
        row.file = file
    ArchivePiece.objects.bulk_create(rows)


def _take(
    organization_id: int, signal: str, day: date, ids: Sequence[int]
) -> list[Piece]:
    """Delete the blocks and return what they held. Raises SourcesGoneError."""
    order = "appended" if signal == METRICS else "stream_id"
    rows = take_out(TABLES[signal], order, day, ids)
    if signal == METRICS:
        samples = [decode_samples(payload) for _age, _id, payload in rows]
        return sample_pieces(organization_id, merge_samples(samples))
    of_stream: dict[int, list[LogLines]] = {}
    for stream, pk, payload in rows:
        of_stream.setdefault(stream, []).append(decode_logs(payload, pk, text=None))
    runs = [(stream, merge_logs(lines)) for stream, lines in of_stream.items()]
    return line_pieces(organization_id, runs)


def sample_pieces(organization_id: int, samples: Samples) -> list[Piece]:
    """Return the samples by metric, series and time; those of no series are dropped."""
    series = np.unique(samples.series)
    rows = fetch(
        "SELECT s.id, s.metric_id, m.name, s.labels FROM monitoring_series s"
        " JOIN monitoring_metric m ON m.id = s.metric_id"
        " WHERE s.organization_id = %s AND s.id = ANY(%s::bigint[]) ORDER BY s.id",
        [organization_id, series.tolist()],
    )
    known = np.array([row[0] for row in rows], np.int64)
    if len(known) < len(series):
        samples = samples.take(np.isin(samples.series, known))
    if not len(samples):
        return []
    of_series = np.array([row[1] for row in rows], np.int64)
    metrics = of_series[np.searchsorted(known, samples.series)]
    order = np.lexsort((samples.ts_ms, samples.series, metrics))
    samples, metrics = samples.take(order), metrics[order]
    names = {row[0]: row[2] for row in rows}
    labels = {row[0]: row[3] for row in rows}
    return [
        Piece(
            parquet.samples_table(samples.take(part), names, labels),
            _sample_row(number, samples.take(part), np.unique(metrics[part]).tolist()),
        )
        for number, start in enumerate(
            range(0, len(samples), parquet.MAX_PIECE_SAMPLES)
        )
        for part in [slice(start, start + parquet.MAX_PIECE_SAMPLES)]
    ]


def _sample_row(number: int, samples: Samples, metrics: list[int]) -> ArchivePiece:
    return ArchivePiece(
        number=number,
        count=len(samples),
        size=0,
        min_ts=int(samples.ts_ms.min()),
        max_ts=int(samples.ts_ms.max()),
        ids=metrics,
        min_series=int(samples.series.min()),
        max_series=int(samples.series.max()),
    )


def line_pieces(
    organization_id: int, runs: Sequence[tuple[int, LogLines]]
) -> list[Piece]:
    """Return the lines stream by stream, small streams together in one piece.

    A run has all lines of its stream, sorted.
    """
    streams = sorted({stream for stream, _lines in runs})
    rows = fetch(
        "SELECT id, labels FROM monitoring_logstream"
        " WHERE organization_id = %s AND id = ANY(%s::bigint[])",
        [organization_id, streams],
    )
    labels: dict[int, dict[str, str]] = dict(rows)
    pieces: list[Piece] = []
    group: list[tuple[int, LogLines]] = []
    parts = ((stream, part) for stream, run in runs for part in split_logs(run))
    for run in parts:
        if group and not _fits([*group, run]):
            pieces.append(_line_piece(len(pieces), group, labels))
            group = []
        group.append(run)
    if group:
        pieces.append(_line_piece(len(pieces), group, labels))
    return pieces


def _fits(group: Sequence[tuple[int, LogLines]]) -> bool:
    lines = sum(len(run) for _stream, run in group)
    return lines <= MAX_LINES and sum(len(run.raw) for _s, run in group) <= MAX_BYTES


def _line_piece(
    number: int,
    group: Sequence[tuple[int, LogLines]],
    labels: dict[int, dict[str, str]],
) -> Piece:
    raw = [run.raw for _stream, run in group]
    counts = np.sum([run.level_counts for _stream, run in group], axis=0)
    row = ArchivePiece(
        number=number,
        count=sum(len(run) for _stream, run in group),
        size=sum(map(len, raw)),
        min_ts=min(int(run.ts_ns[0]) for _stream, run in group),
        max_ts=max(int(run.ts_ns[-1]) for _stream, run in group),
        ids=sorted({stream for stream, _run in group}),
        level_counts=[int(count) for count in counts],
        token_filter=tokens.build_filter(memoryview(b"\n".join(raw))),
    )
    return Piece(parquet.lines_table(group, labels), row)
