"""Texts by line: nullable columns, where null says that a line has no such label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Column: TypeAlias = pa.LargeStringArray
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

TEXT = pa.large_string()


def column(texts: Sequence[str | None]) -> Column:
    return pa.array(texts, TEXT)


def constant(text: str | None, count: int) -> Column:
    if text is None:
        return pa.nulls(count, TEXT)
    return pa.repeat(pa.scalar(text, TEXT), count)


def bools(array: Any) -> Bools:
    """Return an Arrow array of booleans as numpy's; null is false."""
    if array.null_count:
        array = array.fill_null(value=False)
    found: Bools = array.to_numpy(zero_copy_only=False)
    return found


def texts(array: Column) -> list[str | None]:
    """Return Python's strings, faster than to_pylist does."""
    found: list[str | None] = array.to_numpy(zero_copy_only=False).tolist()
    return found


def filled(array: Column) -> Column:
    """Return the column with the empty text where there is none."""
    return array.fill_null("") if array.null_count else array


def missing(array: Column) -> Bools:
    """Return where a label is absent, which an empty one is too."""
    return bools(pc.equal(filled(array), ""))


def without_empty(array: Column) -> Column:
    empty = pc.equal(array, "")
    if not pc.any(empty).as_py():
        return array
    return pc.if_else(empty, pa.scalar(None, TEXT), array)


def coalesced(columns: Sequence[Column]) -> Column:
    """Return the first text of each line that there is."""
    if len(columns) == 1 or not columns[0].null_count:
        return columns[0]
    return pc.coalesce(*columns)


def where(mask: Bools, ours: Any, others: Any) -> Column:
    return pc.if_else(pa.array(mask), ours, others)


def map_texts(array: Column, outcome: Callable[[str], Any]) -> tuple[list[Any], Ints]:
    """Apply a function once to each different text; null is the empty one.

    Returns the outcomes, and for each line which of them is its own.
    """
    encoded = filled(array).dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return [
        outcome(text) for text in texts(encoded.dictionary) if text is not None
    ], codes


def scattered(count: int, rows: Ints, values: Column) -> Column:
    """Return a column with the values at their rows; of two in a row the last."""
    index = np.full(count, -1, np.int64)
    index[rows] = np.arange(len(rows))
    return values.take(pa.array(index, mask=index < 0))
