"""Splits lines into words at given places, and words at their first `=`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sources.formats.spans import Ints, Text


@dataclass(frozen=True, slots=True)
class Words:
    """Words of some lines, with the first `=` in each.

    `equals` is -1 in a word that has none.
    """

    rows: Ints
    starts: Ints
    ends: Ints
    equals: Ints


def split(text: Text, gaps: Ints, gap_rows: Any, equals: Ints) -> Words:
    """Return the words between the gaps; empty ones are left out.

    `gaps` and `equals` are sorted places in the text, `gap_rows` the line of each gap.
    """
    counts = np.bincount(gap_rows, minlength=text.count) + 1
    rows = np.repeat(np.arange(text.count), counts)
    # Every line has one word more than gaps, so both lists pair up when sorted.
    starts = np.sort(np.concatenate([text.starts, gaps + 1]), kind="stable")
    ends = np.sort(np.concatenate([gaps, text.ends]), kind="stable")
    real = ends > starts
    rows, starts, ends = rows[real], starts[real], ends[real]
    after = np.append(equals, text.size)[np.searchsorted(equals, starts)]
    return Words(rows, starts, ends, np.where(after < ends, after, -1))


def places_of(text: Text, byte: int) -> tuple[Ints, Ints]:
    """Return where the byte stands, and in which lines."""
    places = np.flatnonzero(text.data[: text.size] == byte)
    counts = np.diff(np.searchsorted(places, np.append(text.starts, text.size)))
    return places, np.repeat(np.arange(text.count), counts)
