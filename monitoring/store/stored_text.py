"""A block's lines and fields as they are stored, and searching them there. Pure.

Lines that a template explains are left out. What is looked for is looked for in the
fields' values first, which often decides; only lines that are still possible are put
together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.store import line_templates, log_search
from monitoring.store.line_templates import REST, Template
from monitoring.store.log_search import Bools, Clause
from monitoring.store.packing import QUICK, Frame, Packed, pack
from monitoring.store.placements import Placement, Test, placements
from monitoring.store.text_columns import Rows, StoredColumn, pack_column
from monitoring.telemetry import FIELD_PREFIX, LineFilter, LineOp

LINE = "line"
# A template that explains fewer lines is not worth its work.
ENOUGH = 0.75
# Share of lines left, of which it is cheaper to put them together than to look for a
# text that can stand in many ways.
FEW = 0.005
MANY_WAYS = 8


def encode(text: pa.Table, codec: pa.Codec = QUICK, *, plain: bool = False) -> bytes:
    """Return the columns "line" and "field.<name>" as bytes; empty ones are left out.

    With `plain`, for few lines, they are written as they are, which is quicker.
    """
    columns = {n: text.column(n).combine_chunks() for n in text.column_names}
    count = len(text)
    if plain:
        rows = {n: c.to_pylist() for n, c in columns.items() if c.null_count < count}
        return pack({"count": count, "rows": rows}, [])
    lines = columns.pop(LINE)
    columns = {n: c for n, c in columns.items() if c.null_count < count}
    template, rest, unexplained = _explain(lines, columns)
    if rest is not None:
        columns[REST] = rest
    if unexplained is not None:
        columns[LINE] = unexplained
    index, frames = [], list[Frame]()
    for name, column in columns.items():
        meta, own = pack_column(name, column, codec)
        index.append(meta)
        frames += own
    note = template.to_json() if template else None
    return pack({"count": count, "template": note, "columns": index}, frames)


def _explain(
    lines: pa.LargeStringArray, columns: dict[str, pa.LargeStringArray]
) -> tuple[Template | None, pa.LargeStringArray | None, pa.LargeStringArray | None]:
    """Return a template, its column REST, and the lines that it does not explain."""
    learnt = line_templates.learn(lines, columns) if columns and len(lines) else None
    if learnt is None:
        return None, None, lines
    template, rest = learnt
    every = columns if rest is None else {**columns, REST: rest}
    same = pc.equal(template.join(every), lines)
    explained = pc.sum(same).as_py() or 0
    if explained < ENOUGH * len(lines):
        return None, None, lines
    if explained == len(lines):
        return template, rest, None
    if rest is not None:
        # What was cut out of the others may end within a character.
        rest = pc.if_else(same, rest, "")
    return template, rest, pc.if_else(same, None, lines)


@dataclass(frozen=True, slots=True)
class StoredText:
    """The text of a block, of which nothing is made before it is asked for."""

    columns: dict[str, StoredColumn]
    template: Template | None
    count: int

    @classmethod
    def decode(cls, payload: Any) -> StoredText:
        packed = Packed.open(payload)
        meta = packed.meta
        count, rows = meta["count"], meta.get("rows")
        if rows is not None:
            few = {n: StoredColumn.of_values(packed, c) for n, c in rows.items()}
            return cls(few, None, count)
        columns = StoredColumn.of_index(packed, count, meta["columns"])
        note = meta["template"]
        return cls(columns, Template.from_json(note) if note else None, count)

    @property
    def unpacked_size(self) -> int:
        return sum(column.unpacked_size for column in self.columns.values())

    @property
    def field_columns(self) -> list[str]:
        return [name for name in self.columns if name.startswith(FIELD_PREFIX)]

    def table(
        self,
        names: Sequence[str] | None,
        rows: Rows | None = None,
        lines: pa.LargeStringArray | None = None,
    ) -> pa.Table:
        """Return the named text columns, as far as there are such; None means all.

        `lines` are those of the rows, where they are known.
        """
        wanted = [LINE, *self.field_columns] if names is None else list(names)
        return pa.table(
            {
                name: self.columns[name].array(rows)
                if name != LINE
                else self.lines(rows)
                if lines is None
                else lines
                for name in wanted
                if name == LINE or name in self.columns
            }
        )

    def lines(self, rows: Rows | None = None) -> pa.LargeStringArray:
        """Return the lines, put together where they are stored in parts."""
        if self.template is None:
            return self.columns[LINE].array(rows)
        names = [slot.column for slot in self.template.slots]
        joined = self.template.join({n: self.columns[n].array(rows) for n in names})
        if LINE not in self.columns:
            return joined
        return pc.coalesce(self.columns[LINE].array(rows), joined)

    def passing(self, filters: Sequence[LineFilter], within: Bools) -> Rows:
        """Return which of the rows marked in `within` pass all filters."""
        return self.search(filters, within)[0]

    def search(
        self, filters: Sequence[LineFilter], within: Bools
    ) -> tuple[Rows, pa.LargeStringArray | None]:
        """Return the rows that pass, and their lines if they had to be looked at."""
        chosen = within.copy()
        undecided = []
        for one in filters:
            found = self._decided(one, chosen)
            if found is None:
                undecided.append(one)
            else:
                chosen &= found if one.op in log_search.POSITIVE else ~found
        if undecided and chosen.any():
            self._narrow(chosen, log_search.clauses(undecided))
        rows = np.flatnonzero(chosen)
        if not undecided or not len(rows):
            return rows, None
        lines = self.lines(None if len(rows) == self.count else rows)
        pass_all = log_search.passing(lines, undecided)
        if pass_all.all():
            return rows, lines
        return rows[pass_all], lines.filter(pa.array(pass_all))

    def _decided(self, one: LineFilter, possible: Bools) -> Bools | None:
        """Return which rows have the filter's texts, where the values alone tell.

        Of rows that are not possible it says nothing.
        """
        if one.op not in log_search.TEXTUAL or not all(one.values):
            return None
        ways = self._ways(one.values)
        if ways is None:
            return None
        found = self._at_places(ways, possible)
        if len(whole := self._whole):
            lines = self.columns[LINE].array(whole)
            asked = LineFilter(LineOp.CONTAINS, one.values)
            found[whole] = log_search.passing(lines, [asked])
        return found

    @property
    def _whole(self) -> Rows:
        """The rows whose lines are stored as they are, beside a template."""
        if LINE not in self.columns:
            return np.empty(0, np.intp)
        return np.flatnonzero(~self.columns[LINE].is_null())

    def _ways(self, texts: Clause) -> list[Placement] | None:
        """Return the ways in which one of the texts can stand in a line of the block."""
        if self.template is None:
            return None
        ways: list[Placement] = []
        for text in filter(log_search.is_text, texts):
            found = placements(self.template, text)
            if found is None:
                return None
            left = map(self._left_of, found)
            ways += [placement for placement in left if placement is not None]
        return ways

    def _left_of(self, placement: Placement) -> Placement | None:
        """Return the tests that the index does not answer; None if one never holds."""
        left = []
        for test in placement:
            column = self.columns[test.column]
            if column.never_holds(test):
                return None
            if not column.always_holds(test):
                left.append(test)
        return tuple(left)

    def _narrow(self, chosen: Bools, clauses: Iterable[Clause]) -> None:
        """Take out rows that cannot satisfy a clause, as far as the values tell."""
        told = [ways for ways in map(self._ways, clauses) if ways is not None]
        told = [ways for ways in told if () not in ways]
        if not told:
            return
        whole = self._whole
        kept = whole[chosen[whole]]
        # What costs least first: often little is left for the others to look at.
        told.sort(key=self._cost)
        for ways in told:
            left = np.count_nonzero(chosen)
            if left <= FEW * self.count and len(ways) > MANY_WAYS:
                break
            chosen &= self._at_places(ways, chosen)
        chosen[kept] = True

    def _at_places(self, ways: Iterable[Placement], possible: Bools) -> Bools:
        """Return which of the possible rows one of the placements holds for."""
        found = np.zeros(self.count, np.bool_)
        for placement in ways:
            found |= self._holding(placement, possible)
        return found

    def _holding(self, placement: Placement, possible: Bools) -> Bools:
        rows = possible
        for test in sorted(placement, key=self._cost_of):
            column = self.columns[test.column]
            left = int(np.count_nonzero(rows))
            if not left:
                break
            if column.are_few(left):
                among = np.flatnonzero(rows)
                rows = np.zeros(self.count, np.bool_)
                rows[among[column.holding_among(test, among)]] = True
            else:
                rows = rows & column.holding(test)
        return rows

    def _cost(self, ways: Sequence[Placement]) -> int:
        """How many bytes must be searched to know where the placements hold."""
        return sum(self._cost_of(test) for placement in ways for test in placement)

    def _cost_of(self, test: Test) -> int:
        return self.columns[test.column].cost
