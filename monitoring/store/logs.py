"""Log blocks in PostgreSQL: found, opened, and looked into block by block."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from monitoring.store.blocks import HEAD_LENGTH, Int64s, decode_head, open_logs
from monitoring.store.connection import Row, fetch, stream
from monitoring.store.interface import LogScan
from monitoring.store.log_conditions import conditions
from monitoring.store.log_heads import LogHead
from monitoring.store.open_blocks import LEAST_TEXT, OpenBlock, open_blocks
from monitoring.store.stored_text import StoredText
from monitoring.store.text_columns import Rows
from monitoring.telemetry import LEVEL_WORDS

# Blocks fetched at once: first few, for a page is often full soon; never so many that
# the processors wait for them.
FIRST_FETCH, LARGEST_FETCH = 2, 16


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """A log block as found; `payload` is None where the reader asked for none."""

    id: int
    stream_id: int
    min_ts: int
    max_ts: int
    level_counts: Sequence[int]
    size: int
    payload: bytes | None
    opened: OpenBlock | None = None
    is_whole: bool = True

    def open(self) -> tuple[LogHead, StoredText]:
        """Return the block's times and levels, and its text, as they are stored.

        A large one is kept for the next reader.
        """
        opened = self.opened
        if opened is None:
            opened = OpenBlock(self.bytes, *open_logs(self.bytes, self.id))
        if self.is_lasting:
            open_blocks.keep(self.id, opened)
        return opened.head, opened.text

    @property
    def is_lasting(self) -> bool:
        """Whether it is worth keeping: stored as it is, not of an archive, and large."""
        return self.is_whole and self.id > 0 and self.size >= LEAST_TEXT

    @property
    def bytes(self) -> bytes:
        """Raises ValueError where the block was read without its payload."""
        if self.payload is None:
            raise ValueError(f"log block {self.id} was read without its payload")
        return self.payload


_COLUMNS = "id, stream_id, min_ts, max_ts, level_counts, size"
_UNLESS_KEPT = "CASE WHEN id = ANY(%s::bigint[]) THEN NULL ELSE payload END"


def _block(row: Row, kept: Mapping[int, OpenBlock | bytes]) -> StoredBlock:
    """Return a block whose payload was read, unless it is kept."""
    block = StoredBlock(*row)
    known = kept.get(block.id)
    if isinstance(known, OpenBlock):
        return replace(block, payload=known.payload, opened=known)
    return replace(block, payload=known) if known else block


def blocks_in_order(
    scan: LogScan, *, newest_first: bool
) -> Generator[list[StoredBlock], None, None]:
    """Yield the blocks that may have wanted lines, by their newest or oldest line.

    One snapshot of the table; payloads are read as the iteration goes on, so that a
    reader who stops early has touched little.
    """
    order = "max_ts DESC" if newest_first else "min_ts"
    where, parameters = conditions(scan)
    query = (
        f"SELECT {_COLUMNS}, {_UNLESS_KEPT}"  # noqa: S608 - constants
        f" FROM monitoring_logblock WHERE {where} ORDER BY {order}"
    )
    kept = open_blocks.all()
    with stream(query, [list(kept), *parameters]) as cursor:
        size = FIRST_FETCH
        while rows := cursor.fetchmany(size):
            yield [_block(row, kept) for row in rows]
            size = min(size * 2, LARGEST_FETCH)


# The first bytes of a payload say how long its head is; of an uncompressed column
# only the pages that `substring` asks for are read.
_LENGTH = f"('x' || encode(substring(payload FROM 1 FOR {HEAD_LENGTH}), 'hex'))"
_HEAD = f"substring(payload FROM 1 FOR {HEAD_LENGTH} + {_LENGTH}::bit(32)::int)"


def blocks_to_count(
    scan: LogScan, borders_ns: Int64s, *, of_bytes: bool = False
) -> Generator[list[StoredBlock], None, None]:
    """Yield all blocks in question, with what of them must be looked into.

    Where lines are chosen by their text that is the payload. Otherwise a block that
    lies on one side of every border is counted as a whole, and of others the times
    decide, which are in the head. The borders are sorted.
    """
    undivided = (
        "width_bucket(min_ts, %s::bigint[]) = width_bucket(max_ts, %s::bigint[])"
    )
    part = "payload" if of_bytes else _HEAD
    asked = f"CASE WHEN {undivided} THEN NULL ELSE {part} END"
    parameters: list[Any] = [borders_ns.tolist()] * 2
    kept: Mapping[int, OpenBlock | bytes] = {}
    if scan.filters:
        kept = open_blocks.all()
        asked, parameters = _UNLESS_KEPT, [list(kept)]
    where, more = conditions(scan)
    query = f"SELECT {_COLUMNS}, {asked} FROM monitoring_logblock WHERE {where}"  # noqa: S608 - constants
    with stream(query, [*parameters, *more]) as cursor:
        while rows := cursor.fetchmany(LARGEST_FETCH):
            yield [_block(row, kept) for row in rows]


def checked(
    fetched: Iterable[Sequence[StoredBlock]], scan: LogScan
) -> Iterator[StoredBlock]:
    """Yield the blocks one by one, as long as the deadline allows."""
    for few in fetched:
        for block in few:
            scan.deadline()
            yield block


def streams_with_lines(organization_id: int, start_ns: int, end_ns: int) -> list[int]:
    """Return the ids of streams that have a block in or around the range."""
    scan = LogScan(organization_id, start_ns, end_ns)
    where, parameters = conditions(scan)
    rows = fetch(
        f"SELECT DISTINCT stream_id FROM monitoring_logblock WHERE {where}",  # noqa: S608 - constants
        parameters,
    )
    return [row[0] for row in rows]


def wanted_rows(
    block: StoredBlock, lines: LogHead, stored: StoredText | None, scan: LogScan
) -> Rows:
    """Return which of a block's lines are wanted, in their order.

    Without filters the text does not matter, and times do not inside the range.
    """
    return wanted_lines(block, lines, stored, scan)[0]


def wanted_lines(
    block: StoredBlock, lines: LogHead, stored: StoredText | None, scan: LogScan
) -> tuple[Rows, pa.LargeStringArray | None]:
    """Return wanted rows, and their lines where these had to be looked at."""
    chosen = np.ones(len(lines), np.bool_)
    if not scan.start_ns <= block.min_ts <= block.max_ts < scan.end_ns:
        start, end = np.searchsorted(lines.ts_ns, (scan.start_ns, scan.end_ns))
        chosen[:start] = chosen[end:] = False
    if not scan.any_level:
        wanted = np.zeros(len(LEVEL_WORDS), np.bool_)
        wanted[[int(level) for level in scan.levels]] = True
        chosen &= wanted[lines.levels]
    if stored is None or not scan.filters:
        return np.flatnonzero(chosen), None
    return stored.search(scan.filters, chosen)


def rows_to_count(block: StoredBlock, scan: LogScan) -> tuple[LogHead, Rows]:
    """Open as much of a block as was read, and return which of its lines count."""
    if scan.filters:
        lines, stored = block.open()
        return lines, wanted_rows(block, lines, stored, scan)
    lines = decode_head(block.bytes, block.id)
    return lines, wanted_rows(block, lines, None, scan)
