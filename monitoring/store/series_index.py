"""The series of an organization as columns in memory, to be matched in bulk.

Every label is a column of codes, one for each series, into the distinct values of the
label. A matcher is asked once per distinct value, and its answer spread over the
series by one gather: 100,000 series take a millisecond or two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.labels import METRIC_NAME, Labels, Matcher
from monitoring.store.blocks import Int64s
from monitoring.store.connection import Row

Codes = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]

# Below so many values, asking one by one is as fast as asking Arrow.
_FEW_VALUES = 16


class Values:
    """The distinct values of one label; code 0 is that of an absent one.

    It only ever grows, so that older snapshots of an index may share it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._codes: dict[str, int] = {"": 0}
        self._pairs: list[tuple[str, str] | None] = [None]
        self._array: pa.Array = pa.array([""])

    def encode(self, values: Iterable[str]) -> list[int]:
        """Return the code of each value, new ones for new values."""
        codes = self._codes
        return [codes.setdefault(value, len(codes)) for value in values]

    @property
    def pairs(self) -> list[tuple[str, str] | None]:
        """(name, value) by code, made once each."""
        known = list(self._codes)
        if len(self._pairs) < len(known):
            self._pairs = [None, *((self.name, value) for value in known[1:])]
        return self._pairs

    def text(self) -> list[str]:
        return list(self._codes)

    def accepted(self, matcher: Matcher) -> Bools:
        """Return by code whether the matcher takes the value."""
        if matcher.literals is not None:
            found = np.zeros(len(self._codes), np.bool_)
            known = [self._codes[v] for v in matcher.literals if v in self._codes]
            found[known] = True
            return ~found if matcher.is_negative else found
        values = self.text()
        if len(values) <= _FEW_VALUES:
            return np.array([matcher.matches(value) for value in values], np.bool_)
        return self._searched(matcher, values)

    def _searched(self, matcher: Matcher, values: list[str]) -> Bools:
        if len(self._array) < len(values):
            self._array = pa.array(values, pa.large_string())
        array = self._array[: len(values)]
        found = pc.match_substring_regex(array, matcher.anchored)
        matching: Bools = found.to_numpy(zero_copy_only=False)
        return ~matching if matcher.is_negative else matching


@dataclass(frozen=True, slots=True)
class SeriesIndex:
    """One state of an organization's registry; rows are in the order of ids.

    `generation` counts deletions. `teams` holds 0 for what belongs to no team.
    """

    generation: int = 0
    ids: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    metrics: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    teams: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    columns: Mapping[str, tuple[Values, Codes]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def last_id(self) -> int:
        return int(self.ids[-1]) if len(self.ids) else 0

    def extended(self, rows: Sequence[Row]) -> SeriesIndex:
        """Return the index with newer series: (id, metric, team, name, labels)."""
        if not rows:
            return self
        ids, metrics, teams, names, texts = zip(*rows, strict=True)
        fresh = _columns(names, orjson.loads("[" + ",".join(texts) + "]"))
        joined = {}
        for name in self.columns.keys() | fresh.keys():
            values, old = self.columns.get(name) or (Values(name), None)
            joined[name] = values, _joined(values, old, fresh.get(name), self, rows)
        return SeriesIndex(
            self.generation,
            np.append(self.ids, np.array(ids, np.int64)),
            np.append(self.metrics, np.array(metrics, np.int64)),
            np.append(self.teams, np.array([t or 0 for t in teams], np.int64)),
            joined,
        )

    def without_deleted(self, ids: Int64s, generation: int) -> SeriesIndex:
        """Return the index of the series that are left."""
        kept = np.isin(self.ids, ids, assume_unique=True)
        return SeriesIndex(
            generation,
            self.ids[kept],
            self.metrics[kept],
            self.teams[kept],
            {name: (v, codes[kept]) for name, (v, codes) in self.columns.items()},
        )

    def matching(
        self, matchers: Sequence[Matcher], teams: frozenset[int] | None
    ) -> Int64s:
        """Return the rows of the series that match; `teams` None sees all of them."""
        rows = self.visible(teams)
        for matcher in matchers:
            if len(rows) == 0:
                break
            found = self.columns.get(matcher.name)
            if found is None:
                rows = rows if matcher.matches_empty else rows[:0]
                continue
            values, codes = found
            rows = rows[values.accepted(matcher)[codes[rows]]]
        return rows

    def visible(self, teams: frozenset[int] | None) -> Int64s:
        if teams is None:
            return np.arange(len(self.ids))
        return np.flatnonzero(np.isin(self.teams, [0, *teams]))

    def labels(self, rows: Int64s) -> list[Labels]:
        """Return the label set of each row."""
        columns = []
        complete = True
        for _name, (values, codes) in sorted(self.columns.items()):
            chosen = codes[rows]
            if chosen.any():
                complete = complete and bool(chosen.all())
                pairs = values.pairs
                columns.append([pairs[code] for code in chosen.tolist()])
        sets = zip(*columns, strict=True)
        if complete:
            return list(sets)
        return [tuple([p for p in labels if p is not None]) for labels in sets]

    def names(self, rows: Int64s) -> list[str]:
        """Return the names of the labels that any of the rows has."""
        found = [n for n, (_v, codes) in self.columns.items() if codes[rows].any()]
        return sorted(found)

    def values(self, name: str, rows: Int64s) -> dict[str, int]:
        """Return how many of the rows have each of the label's values."""
        if name not in self.columns:
            return {}
        values, codes = self.columns[name]
        counts = np.bincount(codes[rows])
        text = values.text()
        present = (np.flatnonzero(counts[1:]) + 1).tolist()
        return {text[code]: int(counts[code]) for code in present}


def _columns(
    names: Sequence[str], sets: Sequence[dict[str, str]]
) -> dict[str, tuple[list[int], list[str]]]:
    """Return the rows and values of each label, by groups of the same label names."""
    shapes: dict[tuple[str, ...], list[int]] = {}
    for row, labels in enumerate(sets):
        shapes.setdefault(tuple(labels), []).append(row)
    columns: dict[str, tuple[list[int], list[str]]] = {}
    for shape, rows in shapes.items():
        flat = [value for row in rows for value in sets[row].values()]
        for place, name in enumerate(shape):
            known_rows, known_values = columns.setdefault(name, ([], []))
            known_rows += rows
            known_values += flat[place :: len(shape)]
    columns[METRIC_NAME] = (list(range(len(names))), list(names))
    return columns


def _joined(
    values: Values,
    old: Codes | None,
    fresh: tuple[list[int], list[str]] | None,
    index: SeriesIndex,
    rows: Sequence[Row],
) -> Codes:
    codes = np.zeros(len(index) + len(rows), np.int32)
    if old is not None:
        codes[: len(index)] = old
    if fresh is not None:
        places, found = fresh
        codes[np.array(places) + len(index)] = values.encode(found)
    return codes
