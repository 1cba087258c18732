"""A block's lines and fields as they are stored, and searching them there. Pure.

Columns with few distinct values are dictionaries; lines that a template explains are
left out. A needle is looked for in the values first: only lines that have all of its
parts are put together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.store import line_templates, log_search
from monitoring.store.line_templates import REST, Template
from monitoring.store.log_search import Bools, Clause
from monitoring.telemetry import FIELD_PREFIX, LineFilter, LineOp

Rows = npt.NDArray[np.intp]

LINE = "line"
_METADATA = b"template"
# Above this share of distinct values a dictionary is no shorter than its column.
MANY_DISTINCT = 0.7
# A template that explains fewer lines is not worth its work.
ENOUGH = 0.75
# Lines left of which it is cheaper to put them together than to look on.
FEW = 0.02
# Shorter pieces of a needle are in nearly every line; more of them tell little.
TELLING, MOST_PIECES = 2, 3


def encode(
    text: pa.Table, options: pa.ipc.IpcWriteOptions, *, plain: bool = False
) -> bytes:
    """Return the columns "line" and "field.<name>" as bytes; empty ones are left out.

    With `plain` they are written as they are, which is quicker.
    """
    columns = {n: text.column(n).combine_chunks() for n in text.column_names}
    lines = columns.pop(LINE)
    columns = {n: c for n, c in columns.items() if c.null_count < len(c)}
    template, rest, unexplained = (
        (None, None, lines) if plain else _explain(lines, columns)
    )
    if rest is not None:
        columns[REST] = rest
    if unexplained is not None:
        columns[LINE] = unexplained
    if not plain:
        columns = {name: _shortened(column) for name, column in columns.items()}
    batch = pa.record_batch(columns)
    note = orjson.dumps(template.to_json() if template else None)
    batch = batch.replace_schema_metadata(
        {_METADATA: note, b"count": b"%d" % len(text)}
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded


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


def _shortened(column: pa.LargeStringArray) -> pa.Array:
    encoded = column.dictionary_encode()
    distinct = len(encoded.dictionary)
    if distinct > MANY_DISTINCT * len(column):
        return column
    narrow = pa.uint8() if distinct < 1 << 8 else pa.uint16()
    if distinct >= 1 << 16:
        return encoded
    return pa.DictionaryArray.from_arrays(
        encoded.indices.cast(narrow), encoded.dictionary
    )


@dataclass(frozen=True, slots=True)
class StoredText:
    """The text of a block, of which nothing is made before it is asked for."""

    batch: pa.RecordBatch
    template: Template | None
    count: int

    @classmethod
    def decode(cls, payload: Any) -> StoredText:
        batch = pa.ipc.open_stream(payload).read_next_batch()
        metadata = batch.schema.metadata
        note = orjson.loads(metadata[_METADATA])
        template = Template.from_json(note) if note else None
        return cls(batch, template, int(metadata[b"count"]))

    @property
    def field_columns(self) -> list[str]:
        return [n for n in self.batch.schema.names if n.startswith(FIELD_PREFIX)]

    def table(self, names: Sequence[str] | None, rows: Rows | None = None) -> pa.Table:
        """Return the named text columns, as far as there are such; None means all."""
        wanted = [LINE, *self.field_columns] if names is None else list(names)
        columns: dict[str, pa.Array] = {}
        for name in wanted:
            if name == LINE:
                columns[name] = self.lines(rows)
            elif name in self.batch.schema.names:
                columns[name] = self._values(name, rows)
        return pa.table(columns)

    def lines(self, rows: Rows | None = None) -> pa.LargeStringArray:
        """Return the lines, put together where they are stored in parts."""
        if self.template is None:
            return self._values(LINE, rows)
        names = [slot.column for slot in self.template.slots]
        joined = self.template.join({n: self._values(n, rows) for n in names})
        if LINE not in self.batch.schema.names:
            return joined
        return pc.coalesce(self._values(LINE, rows), joined)

    def _values(self, name: str, rows: Rows | None) -> pa.LargeStringArray:
        column = self.batch.column(name)
        if rows is not None:
            column = column.take(pa.array(rows))
        return column if column.type == pa.large_string() else _plain(column)

    def passing(self, filters: Sequence[LineFilter], within: Bools) -> Rows:
        """Return which of the rows marked in `within` pass all filters."""
        chosen = within.copy()
        undecided = []
        for one in filters:
            found = self._decided(one)
            if found is None:
                undecided.append(one)
            else:
                chosen &= found if one.op in log_search.POSITIVE else ~found
        if undecided and chosen.any():
            self._narrow(chosen, log_search.clauses(undecided))
        rows = np.flatnonzero(chosen)
        if not undecided or not len(rows):
            return rows
        lines = self.lines(None if len(rows) == self.count else rows)
        return rows[log_search.passing(lines, undecided)]

    def _decided(self, one: LineFilter) -> Bools | None:
        """Return which rows have the filter's texts, where the values alone tell."""
        template = self._seamed
        if template is None or one.op not in log_search.TEXTUAL:
            return None
        seams = set(template.seams)
        for value in one.values:
            if seams.intersection(value) or any(value in c for c in template.constants):
                return None
        found = np.zeros(self.count, np.bool_)
        for value in one.values:
            self._mark([slot.column for slot in template.slots], value, found)
        if len(whole := self._whole):
            lines = self._values(LINE, whole)
            asked = LineFilter(LineOp.CONTAINS, one.values)
            found[whole] = log_search.passing(lines, [asked])
        return found

    @property
    def _whole(self) -> Rows:
        """The rows whose lines are stored as they are, beside a template."""
        if LINE not in self.batch.schema.names:
            return np.empty(0, np.intp)
        valid = self.batch.column(LINE).is_valid().to_numpy(zero_copy_only=False)
        return np.flatnonzero(valid)

    @property
    def _seamed(self) -> Template | None:
        return self.template if self.template and self.template.is_seamed else None

    def _narrow(self, chosen: Bools, clauses: Iterable[Clause]) -> None:
        """Take out rows that cannot satisfy a clause, as far as the values tell."""
        template = self._seamed
        if template is None:
            return
        whole = self._whole[chosen[self._whole]]
        seams = re.compile(f"[{re.escape(template.seams)}]+")
        for clause in clauses:
            found = np.zeros(self.count, np.bool_)
            for text in clause:
                possible = chosen.copy()
                self._keep_possible(possible, _pieces(text, seams, template))
                found |= possible
            chosen &= found
        chosen[whole] = True

    def _keep_possible(self, possible: Bools, pieces: Sequence[str]) -> None:
        """A piece between two seams lies inside one value, if not in what is fixed."""
        columns = [slot.column for slot in self.template.slots] if self.template else []
        for piece in pieces:
            if np.count_nonzero(possible) <= FEW * self.count:
                return
            found = np.zeros(self.count, np.bool_)
            self._mark(columns, piece, found)
            possible &= found

    def _mark(self, columns: Iterable[str], piece: str, found: Bools) -> None:
        """Add the rows where a value of one of the columns contains the piece."""
        for name in columns:
            column = self.batch.column(name)
            if column.type == pa.large_string():
                found |= log_search.containing(pc.fill_null(column, ""), piece)
                continue
            values = log_search.containing(column.dictionary, piece)
            if values.any():
                # The last one stands for null.
                marks = np.append(values, False)
                found |= marks[_codes(column)]


def _pieces(text: str, seams: re.Pattern[str], template: Template) -> list[str]:
    """Return parts of the text that stand in values, the most telling first."""
    pieces = [
        piece
        for piece in seams.split(text)
        if piece and not any(piece in constant for constant in template.constants)
    ]
    pieces.sort(key=len, reverse=True)
    long = [piece for piece in pieces if len(piece) >= TELLING]
    return (long or pieces)[:MOST_PIECES]


def _codes(column: pa.DictionaryArray) -> npt.NDArray[Any]:
    indices = column.indices
    if not indices.null_count:
        codes: npt.NDArray[Any] = indices.to_numpy()
        return codes
    return np.asarray(
        pc.fill_null(indices.cast(pa.int32()), len(column.dictionary)).to_numpy()
    )


def _plain(column: pa.DictionaryArray) -> pa.LargeStringArray:
    return column.dictionary.take(column.indices)
