"""Functions of classic histograms: series of buckets told apart by their `le`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from monitoring.labels import METRIC_NAME, Labels
from monitoring.promql.buckets import fractions_of_buckets, quantiles_of_buckets
from monitoring.promql.context import Evaluation
from monitoring.promql.errors import UnsupportedError
from monitoring.promql.grouping import merge_same, stack, with_label
from monitoring.promql.numbers import open_metrics
from monitoring.promql.quantiles import note_invalid_quantiles
from monitoring.promql.syntax import Call
from monitoring.promql.values import Bools, Floats, Grid, Ints, Vector

BUCKET_LABEL = "le"

_FLOAT = re.compile(r"[+-]?(?:inf(?:inity)?|[\d.]+(?:e[+-]?\d+)?)", re.IGNORECASE)

# Given bounds, counts and the steps of the rows: values and a mark per row.
Measure = Callable[[Floats, Floats, Ints], tuple[Floats, Bools]]


@dataclass(frozen=True, slots=True)
class Histograms:
    """Histograms with the same buckets; `rows` says where their series are."""

    labels: list[Labels]
    bounds: Floats
    rows: Ints


def call_histogram_quantile(run: Evaluation, call: Call, grid: Grid) -> Vector:
    quantile = run.scalar(call.args[0], grid)
    vector = run.vector(call.args[1], grid)
    return _quantiles(run, vector, quantile)


def call_histogram_quantiles(run: Evaluation, call: Call, grid: Grid) -> Vector:
    """Return several quantiles at once, told apart by a label of their own."""
    vector = run.vector(call.args[0], grid)
    label = run.text(call.args[1])
    parts = []
    for argument in call.args[2:]:
        quantile = run.scalar(argument, grid)
        part = _quantiles(run, vector, quantile)
        text = open_metrics(float(quantile[0]))
        labels = [with_label(each, label, text) for each in part.labels]
        parts.append(Vector(labels, part.values, part.present, part.nameless))
    return merge_same(stack(parts))


def _quantiles(run: Evaluation, vector: Vector, quantile: Floats) -> Vector:
    note_invalid_quantiles(run.notes, quantile)

    def measure(bounds: Floats, counts: Floats, steps: Ints) -> tuple[Floats, Bools]:
        return quantiles_of_buckets(quantile[steps], bounds, counts)

    return _measured(run, vector, measure)


def call_histogram_fraction(run: Evaluation, call: Call, grid: Grid) -> Vector:
    lower, upper = (run.scalar(arg, grid) for arg in call.args[:2])

    def measure(bounds: Floats, counts: Floats, steps: Ints) -> tuple[Floats, Bools]:
        values = fractions_of_buckets(lower[steps], upper[steps], bounds, counts)
        return values, np.zeros(len(values), np.bool_)

    return _measured(run, run.vector(call.args[2], grid), measure)


def call_native_only(run: Evaluation, call: Call, grid: Grid) -> Vector:
    raise UnsupportedError(
        f"{call.name}() reads native histograms, which Vedette does not store; "
        "use the _count, _sum and _bucket series of a classic histogram"
    )


def _measured(run: Evaluation, vector: Vector, measure: Measure) -> Vector:
    parts = [
        _measure(run, vector, histograms, measure)
        for histograms in _histograms(run, vector)
    ]
    return stack(parts) if parts else Vector.empty(vector.steps)


def _histograms(run: Evaluation, vector: Vector) -> Iterator[Histograms]:
    """Sort bucket series into histograms, and these by their buckets."""
    buckets: dict[Labels, list[tuple[float, int]]] = defaultdict(list)
    for row, labels in enumerate(vector.labels):
        bound = _bound(run, labels)
        if bound is not None:
            identity = tuple(pair for pair in labels if pair[0] != BUCKET_LABEL)
            buckets[identity].append((bound, row))
    layouts: dict[tuple[float, ...], list[Labels]] = defaultdict(list)
    for identity, found in buckets.items():
        found.sort()
        layouts[tuple(bound for bound, _ in found)].append(identity)
    for bounds, identities in layouts.items():
        rows = [[row for _, row in buckets[identity]] for identity in identities]
        yield Histograms(identities, np.array(bounds), np.array(rows))


def _bound(run: Evaluation, labels: Labels) -> float | None:
    named = dict(labels)
    text = named.get(BUCKET_LABEL, "")
    if _FLOAT.fullmatch(text):
        try:
            return float(text)
        except ValueError:
            pass
    name = named.get(METRIC_NAME, "")
    run.notes.warn(
        f'bucket label "le" is missing or has a malformed value of "{text}"'
        + (f' for metric name "{name}"' if name else "")
    )
    return None


def _measure(
    run: Evaluation, vector: Vector, histograms: Histograms, measure: Measure
) -> Vector:
    run.budget.check()
    # Histograms by buckets by steps, to one row per histogram and step.
    width = len(histograms.bounds)
    present = vector.present[histograms.rows].transpose(0, 2, 1).reshape(-1, width)
    counts = vector.values[histograms.rows].transpose(0, 2, 1).reshape(-1, width)
    values, forced = _by_buckets(histograms.bounds, counts, present, vector, measure)
    shape = (len(histograms.labels), vector.steps)
    _note_forced(run, histograms, forced.reshape(shape))
    return Vector(
        histograms.labels,
        values.reshape(shape),
        present.any(axis=1).reshape(shape),
        np.ones(len(histograms.labels), np.bool_),
    )


def _by_buckets(
    bounds: Floats, counts: Floats, present: Bools, vector: Vector, measure: Measure
) -> tuple[Floats, Bools]:
    """Measure the rows that have the same buckets together."""
    steps = np.tile(np.arange(vector.steps), len(counts) // max(1, vector.steps))
    values, forced = np.full(len(counts), np.nan), np.zeros(len(counts), np.bool_)
    for pattern, rows in _patterns(present):
        values[rows], forced[rows] = measure(
            bounds[pattern], counts[rows][:, pattern], steps[rows]
        )
    return values, forced


def _patterns(present: Bools) -> Iterator[tuple[Bools, Ints]]:
    """Yield which buckets there are, and the rows that have just these."""
    whole = present.all(axis=1)
    if whole.any():
        yield np.ones(present.shape[1], np.bool_), np.flatnonzero(whole)
    # Rarely a bucket is missing at some steps: then it counts as not there.
    partial = np.flatnonzero(~whole & present.any(axis=1))
    patterns, kinds = np.unique(present[partial], axis=0, return_inverse=True)
    for kind, pattern in enumerate(patterns):
        yield pattern, partial[kinds.ravel() == kind]


def _note_forced(run: Evaluation, histograms: Histograms, forced: Bools) -> None:
    rows = np.flatnonzero(forced.any(axis=1)).tolist()
    names = {dict(histograms.labels[row]).get(METRIC_NAME, "") for row in rows}
    for name in sorted(names):
        run.notes.info(
            "input to histogram_quantile needed to be fixed for monotonicity (see "
            "https://prometheus.io/docs/prometheus/latest/querying/functions/"
            "#histogram_quantile)" + (f' for metric name "{name}"' if name else "")
        )
