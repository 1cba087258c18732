from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from monitoring.store import blocks, open_blocks
from monitoring.store.blocks import LogLines
from monitoring.store.open_blocks import PACKED_SHARE, OpenBlock, OpenBlocks

pytestmark = pytest.mark.unit


def opened(count: int = 100) -> OpenBlock:
    lines = pa.array([f"line {n}" for n in range(count)], pa.large_string())
    ids = np.arange(count, dtype=np.int64)
    run = LogLines(ids, ids.astype(np.int8) % 7, ids, ids, pa.table({"line": lines}))
    payload = blocks.encode_logs(run, keep_origin=False)
    return OpenBlock(payload, *blocks.open_logs(payload, 1))


def room_for(unpacked: int, packed: int) -> OpenBlocks:
    """Room for so many blocks of one kind as of the other."""
    kept = OpenBlocks(0)
    block = opened()
    kept.most_bytes = PACKED_SHARE * max(
        packed * len(block.payload), -(-unpacked * block.size // (PACKED_SHARE - 1))
    )
    kept.clear()
    return kept


def unpacked(kept: OpenBlocks) -> set[int]:
    return {pk for pk, block in kept.all().items() if isinstance(block, OpenBlock)}


def test_those_used_last_are_kept(monkeypatch):
    monkeypatch.setattr(open_blocks, "HELD_SECONDS", 0)
    block = opened()
    kept = room_for(unpacked=2, packed=0)

    for number in (1, 2, 1, 3):
        kept.keep(number, block)

    assert unpacked(kept) == {1, 3}


def test_a_read_of_more_than_fits_does_not_go_round():
    block = opened()
    kept = room_for(unpacked=2, packed=0)

    for number in range(5):
        kept.keep(number, block)

    assert unpacked(kept) == {0, 1}


def test_what_finds_no_room_is_kept_packed():
    block = opened()
    kept = room_for(unpacked=1, packed=0)

    kept.keep(0, block)
    kept.keep(1, block)

    assert kept.all() == {0: block, 1: block.payload}


def test_what_was_packed_is_kept_open_once_there_is_room(monkeypatch):
    block = opened()
    kept = room_for(unpacked=1, packed=0)
    kept.keep(0, block)
    kept.keep(1, block)

    monkeypatch.setattr(open_blocks, "HELD_SECONDS", 0)
    kept.keep(1, block)

    assert kept.all() == {1: block}


def test_a_block_larger_than_all_room_is_not_kept():
    kept = OpenBlocks(8)

    kept.keep(1, opened())

    assert not kept.all()


def test_what_is_unpacked_is_no_more_than_was_counted():
    block = opened()

    text = block.text.columns["line"]
    unpacked = text.values.nbytes + block.head.ts_ns.nbytes + block.head.levels.nbytes

    assert len(block.payload) + unpacked <= block.size + 8
