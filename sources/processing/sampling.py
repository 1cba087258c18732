"""Which lines a sample keeps: the same ones whoever asks, and all grave ones."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.telemetry import FIELD_PREFIX
from sources.formats.spans import Bools
from sources.processing.conditions import column_of, valid
from sources.processing.hashing import Words, hash_texts, mix
from sources.processing.rules import Sampling

# The field that says how many lines a kept one stands for.
SAMPLE_RATE = "sample_rate"
_SPAN = 2.0**64


def sampled(sampling: Sampling, table: pa.Table) -> Bools:
    """Return the lines that are kept."""
    grave: Bools = table.column("level").to_numpy() >= int(sampling.keep)
    return grave | _lucky(sampling, _hashes(sampling, table))


def with_rate(sampling: Sampling, table: pa.Table) -> pa.Table:
    """Return kept lines with the field that says what each stands for.

    What is kept for its level stands for itself.
    """
    sure = table.column("level").to_numpy() >= int(sampling.keep)
    many = f"{1 / sampling.rate:.10g}" if sampling.rate else "1"
    rates = pa.array(["1", many], pa.large_string())
    column = rates.take(pa.array(np.where(sure, 0, 1)))
    name = FIELD_PREFIX + SAMPLE_RATE
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, column)
    return table.append_column(name, column)


def _lucky(sampling: Sampling, hashes: Words) -> Bools:
    if sampling.rate >= 1:
        return np.ones(len(hashes), np.bool_)
    return hashes < np.uint64(int(sampling.rate * _SPAN))


def _hashes(sampling: Sampling, table: pa.Table) -> Words:
    """By the field where a line has it, else by the line and its time.

    With its time, because lines that are all equal would stay or go together.
    """
    times = table.column("ts_ns").to_numpy().astype(np.uint64)
    if not sampling.field:
        return mix(hash_texts(table.column("line")) ^ mix(times))
    column = column_of(table, sampling.field)
    by_field = hash_texts(pc.fill_null(column, ""))
    has = valid(column)
    if has.all():
        return by_field
    return np.where(has, by_field, mix(hash_texts(table.column("line")) ^ mix(times)))
