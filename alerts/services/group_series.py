"""The series that a group's rules wrote last: what is missing next time has ended."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Collection, Mapping
from datetime import datetime

import numpy as np
import orjson

from alerts.models import RuleGroup, RuleGroupState
from alerts.services.memories import system_scope
from monitoring.labels import Labels
from monitoring.services.append import append_samples
from monitoring.telemetry import STALE_NAN_BITS, SampleBatch, nanoseconds

# By rule id.
Series = Mapping[int, frozenset[Labels]]

STALE: float = struct.unpack("<d", struct.pack("<Q", STALE_NAN_BITS))[0]

# Unpacking is spared while a group's series stay the same. By their digest, so that
# a transaction that is taken back leaves nothing wrong behind.
_unpacked: dict[str, Series] = {}
_MOST_UNPACKED = 2000


def load(state: RuleGroupState) -> Series:
    if not state.series_digest:
        return {}
    known = _unpacked.get(state.series_digest)
    if known is None:
        known = _unpack(bytes(state.series))
        _remember(state.series_digest, known)
    return known


def store(state: RuleGroupState, series: Series) -> None:
    """Set the state's columns, unsaved."""
    listed = {str(rule): sorted(sets) for rule, sets in sorted(series.items()) if sets}
    state.series = zlib.compress(orjson.dumps(listed), level=1)
    digest = hashlib.blake2b(state.series, digest_size=16)
    digest.update(str(state.group_id).encode())
    state.series_digest = digest.hexdigest()
    _remember(state.series_digest, series)


def end_all(group: RuleGroup, state: RuleGroupState, *, now: datetime) -> None:
    """End the series of a group that goes, in the caller's transaction."""
    every = set().union(*load(state).values())
    if every:
        batch = batch_of(sorted(every), [STALE] * len(every), now)
        append_samples(system_scope(group), batch, team_id=group.team_id, now=now)


def batch_of(
    labels: Collection[Labels], values: Collection[float], at: datetime
) -> SampleBatch:
    """Return one sample of each series, all of one moment."""
    return SampleBatch(
        series=tuple(labels),
        series_index=np.arange(len(labels), dtype=np.int32),
        ts_ms=np.full(len(labels), nanoseconds(at) // 10**6, np.int64),
        values=np.fromiter(values, np.float64, len(labels)),
    )


def _unpack(packed: bytes) -> Series:
    listed = orjson.loads(zlib.decompress(packed))
    return {
        int(rule): frozenset(tuple(map(tuple, pairs)) for pairs in sets)
        for rule, sets in listed.items()
    }


def _remember(digest: str, series: Series) -> None:
    if len(_unpacked) >= _MOST_UNPACKED:
        _unpacked.clear()
    _unpacked[digest] = series
