"""Label sets as rows of a table of codes, put together only where they are looked at.

Most of what a query selects is grouped by a label or two, or loses its name: that is
arithmetic on columns of codes, a hundred times cheaper than tuples of text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar, cast, overload

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from monitoring.labels import Labels

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Pair = tuple[str, str]

# Codes of several columns are joined into one number as long as that fits.
_LARGEST_KEY = 2**62

# A table outlives a question: so many groupings of it are kept, of so many groups.
_MOST_KNOWN = 64
_LARGEST_KNOWN = 4096

T = TypeVar("T")


class Values(Protocol):
    """The distinct values of one label."""

    @property
    def pairs(self) -> Sequence[Pair | None]:
        """(name, value) by code; code 0 is that of an absent label, and is None."""
        ...


Columns = Mapping[str, tuple[Values, Codes]]


class ColumnarLabels(Sequence[Labels]):
    """Some rows of a table of labels, which others may share; it is never written to.

    `hidden` are names of columns that count as absent.
    """

    __slots__ = ("_chosen", "_columns", "_hidden", "_once", "_rows", "_sets")

    def __init__(
        self, columns: Columns, rows: Ints, *, hidden: frozenset[str] = frozenset()
    ) -> None:
        self._columns = columns
        self._rows = rows
        self._hidden = hidden
        self._chosen: dict[str, Codes] = {}
        self._sets: list[Labels] | None = None
        self._once: dict[object, Any] = {}

    @override
    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Labels: ...
    @overload
    def __getitem__(self, index: slice) -> list[Labels]: ...
    @override
    def __getitem__(self, index: int | slice) -> Labels | list[Labels]:
        return self.sets[index]

    @override
    def __iter__(self) -> Iterator[Labels]:
        return iter(self.sets)

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self.sets == list(other)

    __hash__ = None  # type: ignore[assignment]  # as of a list

    @property
    def sets(self) -> list[Labels]:
        """The label sets themselves."""
        if self._sets is None:
            self._sets = self._joined(self._names, slice(None))
        return self._sets

    @property
    def _names(self) -> list[str]:
        return sorted(self._columns.keys() - self._hidden)

    def once(
        self, key: object, find_out: Callable[[], T], *, size: Callable[[T], int]
    ) -> T:
        """Return what there is to find out about these rows, known since the last time.

        Of what has more parts than a table should remember, nothing is kept.
        """
        known = self._once.get(key)
        if known is not None:
            return cast("T", known)
        found = find_out()
        if size(found) <= _LARGEST_KNOWN:
            if len(self._once) >= _MOST_KNOWN:
                self._once.clear()
            self._once[key] = found
        return found

    def view(self) -> ColumnarLabels:
        """Return the same rows, for a question that makes label sets of its own.

        What it finds out is shared; the label sets go with the question.
        """
        view = ColumnarLabels(self._columns, self._rows, hidden=self._hidden)
        view._chosen, view._once = self._chosen, self._once
        return view

    def all_differ(self) -> bool:
        def count() -> int:
            return len(np.unique(self._keys(self._names)))

        return self.once("different", count, size=lambda _: 1) == len(self)

    def take(self, rows: Ints) -> ColumnarLabels:
        taken = ColumnarLabels(self._columns, self._rows[rows], hidden=self._hidden)
        if self._sets is not None:
            taken._sets = [self._sets[row] for row in rows.tolist()]
        return taken

    def reduced(self, names: frozenset[str], *, keep: bool) -> ColumnarLabels:
        """Return the same rows with only these labels, or all but them."""
        hidden = self._columns.keys() - names if keep else names
        return ColumnarLabels(self._columns, self._rows, hidden=self._hidden | hidden)

    def joined(self, other: ColumnarLabels) -> ColumnarLabels | None:
        """Return the rows of both, one below the other, where they are of one table."""
        if other._columns is not self._columns or other._hidden != self._hidden:
            return None
        rows = np.concatenate([self._rows, other._rows])
        return ColumnarLabels(self._columns, rows, hidden=self._hidden)

    def texts(self, name: str, rows: Ints | slice = slice(None)) -> list[str]:
        """Return the different values of a label in these rows; "" where it is absent."""
        if name not in self._columns or name in self._hidden:
            return [""] if len(self._rows[rows]) else []
        pairs = self._columns[name][0].pairs
        found = [pairs[code] for code in np.unique(self._codes(name)[rows]).tolist()]
        return ["" if pair is None else pair[1] for pair in found]

    def numbered(
        self, names: frozenset[str], *, keep: bool
    ) -> tuple[Ints, list[Labels]]:
        """Number what is left of the sets when only `names`, or all but them, are kept.

        Numbers go by first appearance. Return the number of each row, and what they
        stand for.
        """
        kept = [name for name in self._names if (name in names) is keep]
        _, first, ids = np.unique(
            self._keys(kept), return_index=True, return_inverse=True
        )
        order = np.argsort(first)
        number = np.empty(len(order), np.int64)
        number[order] = np.arange(len(order))
        return number[ids], self._joined(kept, first[order])

    def _keys(self, names: Sequence[str]) -> Ints:
        """Return one number for each row, the same for the same values of the labels."""
        keys, reach = np.zeros(len(self), np.int64), 1
        for name in names:
            codes = self._codes(name)
            width = int(codes.max(initial=0)) + 1
            if width == 1:
                continue
            if reach * width > _LARGEST_KEY:
                distinct, keys = np.unique(keys, return_inverse=True)
                reach = len(distinct)
            keys = keys * width + codes
            reach *= width
        return keys

    def _codes(self, name: str) -> Codes:
        found = self._chosen.get(name)
        if found is None:
            found = self._chosen[name] = self._columns[name][1][self._rows]
        return found

    def _joined(self, names: Sequence[str], rows: Ints | slice) -> list[Labels]:
        """Return the label sets of some rows, made of some columns."""
        columns: list[list[Pair | None]] = []
        complete = True
        for name in names:
            codes = self._codes(name)[rows]
            if codes.any():
                complete = complete and bool(codes.all())
                pairs = self._columns[name][0].pairs
                columns.append([pairs[code] for code in codes.tolist()])
        if not columns:
            return [()] * len(self._rows[rows])
        sets: Any = zip(*columns, strict=True)
        if complete:
            return list(sets)
        return [tuple([p for p in labels if p is not None]) for labels in sets]


def taken(labels: Sequence[Labels], rows: Ints) -> Sequence[Labels]:
    """Return the label sets of some rows."""
    if isinstance(labels, ColumnarLabels):
        return labels.take(rows)
    return [labels[row] for row in rows.tolist()]


def values_of(labels: Sequence[Labels], name: str, rows: Ints) -> set[str]:
    """Return the different values of a label in some rows; "" where it is absent."""
    if isinstance(labels, ColumnarLabels):
        return set(labels.texts(name, rows))
    return {dict(labels[row]).get(name, "") for row in rows.tolist()}
