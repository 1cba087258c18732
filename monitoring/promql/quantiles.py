"""Quantiles of the values themselves (not of histograms)."""

from __future__ import annotations

import math

import numpy as np

from monitoring.promql.annotations import Annotations
from monitoring.promql.numbers import general
from monitoring.promql.values import Floats, Ints


def quantile_of_sorted(values: Floats, size: Ints, quantile: Floats) -> Floats:
    """Return each row's quantile, interpolated between its neighbours.

    The last axis is sorted with NaN last, as np.sort does, and of its elements
    `size` count. Prometheus sorts NaN first: the rank is shifted accordingly.
    """
    nans = size - np.minimum((~np.isnan(values)).sum(axis=-1), size)
    rank = quantile * (size - 1)
    inner = np.where((quantile >= 0) & (quantile <= 1), rank, 0.0)
    lower = np.floor(inner).astype(np.int64)
    upper = np.minimum(lower + 1, np.maximum(size - 1, 0))
    weight = inner - lower
    result = _at(values, lower - nans) * (1 - weight)
    result += _at(values, upper - nans) * weight
    result = np.where(quantile < 0, -np.inf, result)
    result = np.where(quantile > 1, np.inf, result)
    return np.where(np.isnan(quantile), np.nan, result)


def _at(values: Floats, index: Ints) -> Floats:
    found = np.take_along_axis(values, np.maximum(index, 0)[..., None], axis=-1)
    return np.where(index < 0, np.nan, found[..., 0])


def note_invalid_quantiles(notes: Annotations, quantiles: Floats) -> None:
    for quantile in np.unique(quantiles).tolist():
        if math.isnan(quantile) or not 0 <= quantile <= 1:
            notes.warn(
                "quantile value should be between 0 and 1, got " + general(quantile)
            )
