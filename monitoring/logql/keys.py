"""Series of a metric query: the different label sets of lines."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from monitoring.labels import Labels, make_labels
from monitoring.logql.columns import Column, Ints, texts
from monitoring.logql.lines import Lines
from monitoring.logql.syntax import Grouping

# Codes are numbered anew before their product could not be held any more.
_MOST_CODES = 1 << 62


@dataclass(slots=True)
class SeriesIndex:
    """Numbers label sets by first appearance, over all chunks of a query."""

    labels: list[Labels] = field(default_factory=list)
    _ids: dict[Labels, int] = field(default_factory=dict)

    def id_of(self, labels: Labels) -> int:
        found = self._ids.get(labels)
        if found is None:
            found = self._ids[labels] = len(self.labels)
            self.labels.append(labels)
        return found

    def number(
        self, lines: Lines, grouping: Grouping | None, hidden: frozenset[str]
    ) -> Ints:
        """Return each line's series.

        Labels of the stream and parsed ones make a series; stored fields do only
        where `by` names them. `hidden` are never part of it.
        """
        constants, columns = _key(lines, grouping, hidden)
        codes, parts = _codes(columns, lines.count)
        distinct, heads, inverse = np.unique(
            codes, return_index=True, return_inverse=True
        )
        names = [name for name, _ in parts]
        values = [texts(each.take(pa.array(heads))) for _, each in parts]
        ids = np.empty(len(distinct), np.int64)
        for place, row in enumerate(zip(*values, strict=True) if values else [()]):
            pairs = {n: v for n, v in zip(names, row, strict=True) if v is not None}
            ids[place] = self.id_of(make_labels({**constants, **pairs}))
        return ids[inverse]


def _key(
    lines: Lines, grouping: Grouping | None, hidden: frozenset[str]
) -> tuple[dict[str, str], list[tuple[str, Column]]]:
    constants = {n: v for n, v in lines.constants.items() if n not in hidden}
    if grouping is not None and not grouping.without:
        return _named(lines, grouping.labels, constants)
    gone = hidden | frozenset(grouping.labels if grouping else ())
    constants = {n: v for n, v in constants.items() if n not in gone}
    return constants, [(n, c) for n, c in lines.parsed_columns() if n not in gone]


def _named(
    lines: Lines, names: tuple[str, ...], constants: dict[str, str]
) -> tuple[dict[str, str], list[tuple[str, Column]]]:
    kept, columns = {}, []
    for name in dict.fromkeys(names):
        if name in constants:
            kept[name] = constants[name]
        elif (found := lines.get(name)) is not None:
            columns.append((name, found))
    return kept, columns


def _codes(
    columns: list[tuple[str, Column]], count: int
) -> tuple[Ints, list[tuple[str, Column]]]:
    """Return a number for each line, equal for those with equal values."""
    codes, size = np.zeros(count, np.int64), 1
    for _, each in columns:
        encoded = each.dictionary_encode()
        indices = encoded.indices
        width = len(encoded.dictionary) + 1
        own = indices.fill_null(width - 1).to_numpy(zero_copy_only=False)
        if size > _MOST_CODES // width:
            distinct, codes = np.unique(codes, return_inverse=True)
            size = len(distinct)
        codes = codes * width + own
        size *= width
    return codes, columns
