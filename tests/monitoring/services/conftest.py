"""Compaction at the scale of a handful of records."""

from __future__ import annotations

import pytest

from monitoring.store import (
    blocks,
    compaction,
    log_compaction,
    log_writing,
    logs,
    sample_compaction,
    tokens,
)


@pytest.fixture
def small_blocks(monkeypatch):
    """Bounds so low that a few records go through every kind of merge."""
    for module in (compaction, sample_compaction, log_compaction):
        monkeypatch.setattr(module, "FAN_IN", 2)
    monkeypatch.setattr(sample_compaction, "ENOUGH_SAMPLES", 6)
    monkeypatch.setattr(sample_compaction, "FEW_SAMPLES", 3)
    monkeypatch.setattr(sample_compaction, "MAX_BLOCK_SAMPLES", 4)
    monkeypatch.setattr(sample_compaction, "FULL_SAMPLES", 3)
    monkeypatch.setattr(sample_compaction, "MAX_MERGED_SAMPLES", 12)
    for module in (blocks, log_writing, log_compaction):
        monkeypatch.setattr(module, "MAX_LINES", 6)
    monkeypatch.setattr(log_compaction, "MAX_MERGED_LINES", 16)
    monkeypatch.setattr(tokens, "MIN_FILTERED_BYTES", 16)
    monkeypatch.setattr(logs, "FIRST_FETCH", 1)
    monkeypatch.setattr(logs, "LARGEST_FETCH", 2)
