"""Turns key-value pairs found in lines into one column for each key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from sources.formats.base import MAX_COLUMNS, MAX_FIELDS_PER_LINE, REST, Fields
from sources.formats.spans import Bools, Ints, Text, spread

# A longer name is no name.
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs in the order of their lines: row `rows[i]` has `names[codes[i]]`.

    The value is `starts:ends` in the text, to be passed through `unescape` where
    `escaped`. `as_json` returns the values of some pairs as JSON texts.
    """

    text: Text
    rows: Ints
    codes: Ints
    names: Sequence[str]
    starts: Ints
    ends: Ints
    escaped: Bools
    unescape: Callable[[pa.Array], pa.Array]
    as_json: Callable[[Ints], pa.Array]

    def only(self, lines: Bools) -> Pairs:
        """Return the pairs of some lines."""
        kept = np.flatnonzero(lines[self.rows])
        return replace(
            self,
            rows=self.rows[kept],
            codes=self.codes[kept],
            starts=self.starts[kept],
            ends=self.ends[kept],
            escaped=self.escaped[kept],
            as_json=lambda which: self.as_json(kept[which]),
        )


def build(pairs: Pairs, *, first: Sequence[str] = ()) -> Fields:
    """Return a column for each key; of a repeated key the last value counts.

    Columns over MAX_COLUMNS, the rarest, and pairs over MAX_FIELDS_PER_LINE go into
    the column REST. Keys in `first` get a column whatever their number.
    """
    if not len(pairs.rows):
        return {}
    chosen = _chosen(pairs, frozenset(first))
    wanted = np.isin(pairs.codes, chosen) & (_ordinals(pairs) < MAX_FIELDS_PER_LINE)
    held = np.flatnonzero(wanted)
    order = held[np.argsort(pairs.codes[held], kind="stable")]
    bounds = np.flatnonzero(np.diff(pairs.codes[order])) + 1
    fields: Fields = {}
    for group in np.split(order, bounds):
        if len(group):
            fields[pairs.names[pairs.codes[group[0]]]] = _column(pairs, group)
    if not wanted.all():
        fields[REST] = _rest(pairs, np.flatnonzero(~wanted))
    return fields


def _chosen(pairs: Pairs, first: frozenset[str]) -> Ints:
    usable = [0 < len(name) <= LONGEST_NAME for name in pairs.names]
    if len(pairs.names) < MAX_COLUMNS:
        return np.flatnonzero(usable)
    counts = np.bincount(pairs.codes, minlength=len(pairs.names))
    order = np.argsort(-counts, kind="stable")
    order = order[np.array(usable)[order]]
    rank = np.array([pairs.names[code] not in first for code in order.tolist()])
    order = order[np.argsort(rank, kind="stable")]
    return np.asarray(order[: MAX_COLUMNS - 1])


def _ordinals(pairs: Pairs) -> Ints:
    """Return how many pairs of its line come before each."""
    order = np.arange(len(pairs.rows))
    fresh = np.append(True, np.diff(pairs.rows) != 0)
    return np.asarray(order - np.maximum.accumulate(np.where(fresh, order, 0)))


def _column(pairs: Pairs, group: Ints) -> pa.Array:
    """Return the column of the pairs of one key, null where a line has none."""
    rows = pairs.rows[group]
    last = group[np.append(rows[1:] != rows[:-1], True)]
    values = pairs.text.cut(pairs.starts[last], pairs.ends[last])
    escaped = pairs.escaped[last]
    if escaped.any():
        mask = pa.array(escaped)
        meant = pairs.unescape(values.filter(mask))
        values = pc.replace_with_mask(values, mask, meant)
    return spread(values, pairs.rows[last], pairs.text.count)


def _rest(pairs: Pairs, over: Ints) -> pa.Array:
    """Return the pairs that got no column as one JSON object for each line."""
    keys = [orjson.dumps(name).decode() for name in pairs.names]
    texts = pa.array(keys, pa.large_string()).take(pa.array(pairs.codes[over]))
    colon, comma = pa.scalar(":", pa.large_string()), pa.scalar(",", pa.large_string())
    members = pc.binary_join_element_wise(texts, pairs.as_json(over), colon)
    offsets = np.searchsorted(pairs.rows[over], np.arange(pairs.text.count + 1))
    lists = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), members)
    joined = pc.binary_join(lists, comma)
    opened, closed, none = (pa.scalar(s, pa.large_string()) for s in ("{", "}", ""))
    objects = pc.binary_join_element_wise(opened, joined, closed, none)
    return pc.if_else(pa.array(np.diff(offsets) > 0), objects, None)
