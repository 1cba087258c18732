"""All blocks of lines that a read must look at: stored and archived, without the hidden.

What is to be deleted is taken out of a block here, and a row group of the archive
comes as blocks of one stream, so that no reader knows of either.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from monitoring.store import archive_reads, logs, vault
from monitoring.store.archive_reads import LinePiece
from monitoring.store.blocks import Int64s, decode_logs, encode_logs
from monitoring.store.connection import fetch, snapshot
from monitoring.store.interface import LogScan
from monitoring.store.log_conditions import day_of_ns
from monitoring.store.logs import StoredBlock
from monitoring.store.tombstones import LOGS, Tombstone, pending, visible_lines


def blocks_in_order(
    scan: LogScan, *, newest_first: bool
) -> Generator[list[StoredBlock], None, None]:
    """Yield the blocks that may have wanted lines, by their newest or oldest line.

    Raises VaultError where the archive is needed and away.
    """
    tombstones = _tombstones(scan)
    with snapshot(wanted=vault.is_configured() or bool(tombstones)):
        pieces = _pieces(scan)
        with closing(logs.blocks_in_order(scan, newest_first=newest_first)) as stored:
            if not pieces:
                for few in stored:
                    if shown := _visible(few, tombstones):
                        yield shown
                return
            archived = archive_reads.blocks_in_order(
                pieces, scan, newest_first=newest_first, tombstones=tombstones
            )
            visible = (b for few in stored for b in _visible(few, tombstones))
            for block in heapq.merge(
                visible,
                archived,
                key=lambda b: -b.max_ts if newest_first else b.min_ts,
            ):
                yield [block]


def blocks_to_count(
    scan: LogScan, borders_ns: Int64s, *, of_bytes: bool = False
) -> Generator[list[StoredBlock], None, None]:
    """Yield all blocks in question, with what of them must be looked into.

    Raises VaultError where the archive is needed and away.
    """
    tombstones = _tombstones(scan)
    with snapshot(wanted=vault.is_configured() or bool(tombstones)):
        pieces = _pieces(scan)
        # Lines can be taken only out of whole payloads.
        whole = of_bytes or bool(tombstones)
        found = logs.blocks_to_count(scan, borders_ns, of_bytes=whole)
        with closing(found) as stored:
            for few in stored:
                if shown := _visible(few, tombstones):
                    yield shown
        for piece in pieces:
            yield list(_counted(piece, scan, borders_ns, tombstones))


def streams_with_lines(organization_id: int, start_ns: int, end_ns: int) -> list[int]:
    """Return the ids of streams that have a block in or around the range."""
    found = logs.streams_with_lines(organization_id, start_ns, end_ns)
    if not vault.is_configured():
        return found
    archived = archive_reads.streams_with_lines(organization_id, start_ns, end_ns)
    return sorted(archived.union(found))


def _tombstones(scan: LogScan) -> list[Tombstone]:
    return pending(scan.organization_id, LOGS, scan.start_ns, scan.end_ns)


def _pieces(scan: LogScan) -> list[LinePiece]:
    return archive_reads.line_pieces(scan) if vault.is_configured() else []


def _counted(
    piece: LinePiece,
    scan: LogScan,
    borders_ns: Int64s,
    tombstones: Sequence[Tombstone],
) -> Iterator[StoredBlock]:
    """A row group of one stream, inside the borders, is counted by the manifest."""
    (first, last) = np.searchsorted(borders_ns, [piece.min_ts, piece.max_ts], "right")
    hidden = any(t.covers_file(piece.age) for t in tombstones)
    if scan.filters or hidden or first != last or len(piece.streams) > 1:
        yield from archive_reads.blocks_of(piece, scan, tombstones, with_fields=False)
        return
    yield StoredBlock(
        id=-piece.id,
        stream_id=piece.streams[0],
        min_ts=piece.min_ts,
        max_ts=piece.max_ts,
        level_counts=piece.level_counts,
        size=piece.size,
        payload=None,
    )


def _visible(
    blocks: list[StoredBlock],
    tombstones: Sequence[Tombstone],
    *,
    whole: bool = True,
) -> list[StoredBlock]:
    """Return the blocks without what is hidden; `whole` says that payloads are."""
    if not tombstones:
        return blocks
    return [
        shown
        for block in blocks
        if (shown := _without_hidden(block, tombstones, whole=whole)) is not None
    ]


def _without_hidden(
    block: StoredBlock, tombstones: Sequence[Tombstone], *, whole: bool
) -> StoredBlock | None:
    """Return the block without hidden lines; its bounds stay, as they order blocks."""
    hiding = [
        t
        for t in tombstones
        if t.covers_block(block.id)
        and t.start <= block.max_ts
        and t.end >= block.min_ts
        and t.has(block.stream_id)
    ]
    if not hiding:
        return block
    payload = block.payload if whole else _payload(block)
    if payload is None:
        return None
    lines = decode_logs(payload, block.id, text=None)
    shown = visible_lines(lines, block.stream_id, hiding)
    if not len(shown):
        return None
    return replace(
        block,
        level_counts=shown.level_counts,
        size=len(shown.raw),
        payload=encode_logs(shown, keep_origin=True),
        opened=None,
        is_whole=False,
    )


def _payload(block: StoredBlock) -> bytes | None:
    day = day_of_ns(block.min_ts)
    rows = fetch(
        "SELECT payload FROM monitoring_logblock WHERE day = %s AND id = %s",
        [day, block.id],
    )
    return rows[0][0] if rows else None
