from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from monitoring.store import blocks, open_blocks
from monitoring.store.blocks import LogLines
from monitoring.store.open_blocks import OpenBlock, OpenBlocks

pytestmark = pytest.mark.unit


def opened(count: int = 100) -> OpenBlock:
    lines = pa.array([f"line {n}" for n in range(count)], pa.large_string())
    ids = np.arange(count, dtype=np.int64)
    run = LogLines(ids, ids.astype(np.int8) % 7, ids, ids, pa.table({"line": lines}))
    payload = blocks.encode_logs(run, keep_origin=False)
    return OpenBlock(payload, *blocks.open_logs(payload, 1))


def test_those_used_last_are_kept(monkeypatch):
    monkeypatch.setattr(open_blocks, "HELD_SECONDS", 0)
    block = opened()
    kept = OpenBlocks(2 * block.size)

    for number in (1, 2, 1, 3):
        kept.keep(number, block)

    assert set(kept.all()) == {1, 3}


def test_a_read_of_more_than_fits_does_not_go_round():
    block = opened()
    kept = OpenBlocks(2 * block.size)

    for number in range(5):
        kept.keep(number, block)

    assert set(kept.all()) == {0, 1}


def test_a_block_larger_than_all_room_is_not_kept():
    block = opened()
    kept = OpenBlocks(block.size - 1)

    kept.keep(1, block)

    assert not kept.all()


def test_what_is_unpacked_is_no_more_than_was_counted():
    block = opened()

    text = block.text.columns["line"]
    unpacked = text.values.nbytes + block.head.ts_ns.nbytes + block.head.levels.nbytes

    assert len(block.payload) + unpacked <= block.size + 8
