"""Applies a source's rules to a parsed batch, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitoring.labels import Labels
from monitoring.telemetry import LogBatch, SampleBatch
from sources.formats.spans import Bools
from sources.processing.conditions import holds
from sources.processing.deriving import derive
from sources.processing.labelling import Admit, labelled
from sources.processing.masking import mask_batch
from sources.processing.rules import Rules
from sources.processing.sampling import sampled, with_rate

# What became of a line: KEPT, SAMPLED_OUT, or the place of the filter that dropped it.
KEPT, SAMPLED_OUT = -1, -2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is left of a batch, what was made of it, and how much went where.

    `fate` has an entry for each line that came: KEPT, SAMPLED_OUT, or the place of
    the filter that dropped it. `masked` lines had something hidden; `errors` are lines
    whose field made no number.
    """

    batch: LogBatch
    samples: tuple[SampleBatch, ...]
    fate: npt.NDArray[np.int16]
    masked: int = 0
    errors: int = 0

    @property
    def filtered(self) -> int:
        return int((self.fate >= 0).sum())

    @property
    def sampled_out(self) -> int:
        return int((self.fate == SAMPLED_OUT).sum())

    @property
    def derived(self) -> int:
        return sum(batch.count for batch in self.samples)


def apply(
    rules: Rules,
    batch: LogBatch,
    *,
    labels: Mapping[str, str],
    now_ms: int,
    key: bytes,
    admit: Admit,
) -> Outcome:
    """Return what the rules leave of a parsed batch, and the samples they make.

    `labels` are put on derived series. `key` is what hashes of secrets depend on.
    """
    fate = np.full(batch.count, KEPT, np.int16)
    table = _filtered(rules, batch.table, fate)
    if rules.sampling is not None:
        kept = sampled(rules.sampling, table)
        fate[np.flatnonzero(fate == KEPT)[~kept]] = SAMPLED_OUT
        table = with_rate(rules.sampling, _only(table, kept))
    streams, masked = batch.streams, 0
    if rules.masks:
        hidden = mask_batch(rules.masks, streams, table, key)
        streams, table, masked = hidden.streams, hidden.table, int(hidden.rows.sum())
    if rules.labels or rules.promotions:
        streams, table = labelled(rules.labels, rules.promotions, streams, table, admit)
    derived = derive(rules.metrics, table, labels, now_ms, admit)
    return Outcome(
        LogBatch(*_without_doubles(streams, table)),
        tuple(derived.batches),
        fate,
        masked,
        derived.errors,
    )


def _filtered(rules: Rules, table: pa.Table, fate: npt.NDArray[np.int16]) -> pa.Table:
    """Mark in `fate` what the filters drop; the first that does is to blame."""
    for place, each in enumerate(rules.filters):
        dropped = holds(each.condition, table) != each.keeps
        fate[dropped & (fate == KEPT)] = place
    return _only(table, fate == KEPT)


def _only(table: pa.Table, kept: Bools) -> pa.Table:
    return table if kept.all() else table.filter(pa.array(kept))


def _without_doubles(
    streams: tuple[Labels, ...], table: pa.Table
) -> tuple[tuple[Labels, ...], Any]:
    """Streams may have become equal: each stands in a batch once."""
    places: dict[Labels, int] = {}
    index = [places.setdefault(labels, len(places)) for labels in streams]
    if len(places) == len(streams):
        return streams, table
    column = np.array(index, np.int32)[table.column("stream").to_numpy()]
    place = table.column_names.index("stream")
    return tuple(places), table.set_column(place, "stream", pa.array(column))
