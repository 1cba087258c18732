"""What the lines of a block have in common: texts that never change between fields.

A parsed line is mostly its fields, so storing both stores it twice. Where a line is
`literal + field + literal + …`, the fields say it all: the line is put together again
when it is read. Found by looking at a few lines, proven by all of them
(docs/decisions/0007-lines-from-fields.md has the figures). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Int64s = npt.NDArray[np.int64]
Columns = Mapping[str, pa.LargeStringArray]

# The column of what changes from line to line and is no field, as the time often is.
REST = "rest"
# Lines looked at to learn, evenly spread; further ones show how each absence looks.
SAMPLE = 12
# Fields beyond these stay apart.
MAX_FIELDS = 64


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a column's value stands in the line; `absent` is written for a null."""

    column: str
    absent: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """A line is literals[0], the first slot, literals[1] and so on."""

    literals: tuple[str, ...]
    slots: tuple[Slot, ...]

    def join(self, columns: Columns) -> pa.LargeStringArray:
        parts: list[Any] = []
        for literal, slot in zip(self.literals, self.slots, strict=False):
            if literal:
                parts.append(_scalar(literal))
            column = columns[slot.column]
            if column.null_count:
                column = pc.fill_null(column, slot.absent)
            parts.append(column)
        nothing = _scalar("")
        return pc.binary_join_element_wise(*parts, _scalar(self.literals[-1]), nothing)

    @property
    def seams(self) -> str:
        """Return what stands at the borders of literals, maybe more than once.

        A text without any of it lies inside one column's value, or inside one of the
        texts that never change.
        """
        inner = self.literals[1:-1]
        edges = [literal[0] + literal[-1] for literal in inner]
        return "".join([*edges, self.literals[0][-1:], self.literals[-1][:1]])

    @property
    def is_seamed(self) -> bool:
        """Whether two values never touch."""
        return all(self.literals[1:-1])

    @property
    def constants(self) -> list[str]:
        return [*self.literals, *(slot.absent for slot in self.slots)]

    def to_json(self) -> list[Any]:
        return [self.literals, [[slot.column, slot.absent] for slot in self.slots]]

    @classmethod
    def from_json(cls, value: list[Any]) -> Template:
        literals, slots = value
        return cls(tuple(literals), tuple(Slot(*slot) for slot in slots))


def _scalar(text: str) -> pa.Scalar:
    return pa.scalar(text, pa.large_string())


def learn(
    lines: pa.LargeStringArray, columns: Columns
) -> tuple[Template, pa.LargeStringArray | None] | None:
    """Return a template that many of the lines may have, and its column REST.

    The columns must come in the order in which their values stand in a line.
    """
    names = list(columns)[:MAX_FIELDS]
    rows = _telling_rows(columns, names, len(lines))
    texts = lines.take(pa.array(rows)).to_pylist()
    values = {n: columns[n].take(pa.array(rows)).to_pylist() for n in names}
    kept = _found_in(texts, values)
    if not kept:
        return None
    literals, rest = _literals(texts, {name: values[name] for name in kept})
    if rest is None:
        slots = tuple(Slot(n, _absent(texts, values, kept, literals, n)) for n in kept)
        return Template(tuple(literals), slots), None
    return _with_rest(lines, columns, _Draft(texts, values, kept, literals, rest))


def _telling_rows(columns: Columns, names: Sequence[str], count: int) -> list[int]:
    """Return rows from everywhere, and one that has and one that lacks each column."""
    rows = set(np.linspace(0, count - 1, SAMPLE).astype(int).tolist())
    for name in names:
        column = columns[name]
        if 0 < column.null_count < count:
            valid = column.is_valid().to_numpy(zero_copy_only=False)
            rows |= {int(np.argmax(valid)), int(np.argmin(valid))}
    return sorted(rows)


Values = Mapping[str, Sequence[str | None]]
Span = tuple[int, int] | None


def _found_in(texts: Sequence[str], values: Values) -> list[str]:
    """Return the columns whose values stand in every line, one behind the other."""
    kept = list(values)
    while kept:
        missed = {
            name
            for row in range(len(texts))
            for name, span in zip(kept, _spans(texts, values, kept, row), strict=True)
            if span is None and values[name][row] is not None
        }
        if not missed:
            return [n for n in kept if any(v is not None for v in values[n])]
        # What is missed behind a wrong find may be found without it.
        kept.remove(next(name for name in kept if name in missed))
    return []


def _spans(
    texts: Sequence[str], values: Values, kept: Sequence[str], row: int
) -> list[Span]:
    spans: list[Span] = []
    reached = 0
    for name in kept:
        value = values[name][row] or ""
        at = texts[row].find(value, reached) if value else -1
        spans.append((at, at + len(value)) if at >= 0 else None)
        reached = at + len(value) if at >= 0 else reached
    return spans


def _gaps(texts: Sequence[str], values: Values, place: int) -> list[str]:
    """Return what stands before slot `place` in lines that have it and its neighbour."""
    kept = list(values)
    gaps = []
    for row, text in enumerate(texts):
        spans = [(0, 0), *_spans(texts, values, kept, row), (len(text), len(text))]
        left, right = spans[place], spans[place + 1]
        if left is not None and right is not None:
            gaps.append(text[left[1] : right[0]])
    return gaps


def _literals(
    texts: Sequence[str], values: Values
) -> tuple[list[str], tuple[int, int] | None]:
    """Return the literals, and the first and last of those that are none."""
    every = [_gaps(texts, values, place) for place in range(len(values) + 1)]
    changing = [place for place, gaps in enumerate(every) if len(set(gaps)) != 1]
    literals = [gaps[0] if gaps else "" for gaps in every]
    return literals, (changing[0], changing[-1]) if changing else None


def _absent(
    texts: Sequence[str],
    values: Values,
    kept: Sequence[str],
    literals: Sequence[str],
    name: str,
) -> str:
    """Return what the lines write where they have no value of the column."""
    place = kept.index(name)
    before, behind = literals[place], literals[place + 1]
    for row, text in enumerate(texts):
        spans = [(0, 0), *_spans(texts, values, kept, row), (len(text), len(text))]
        left, right = spans[place], spans[place + 2]
        if values[name][row] is None and left is not None and right is not None:
            between = text[left[1] : right[0]]
            return between[len(before) : len(between) - len(behind)]
    return ""


@dataclass(frozen=True, slots=True)
class _Draft:
    """What the sample says; the literals from rest[0] to rest[1] are none."""

    texts: Sequence[str]
    values: Values
    kept: Sequence[str]
    literals: Sequence[str]
    rest: tuple[int, int]

    def slots(self, names: Sequence[str]) -> list[Slot]:
        return [
            Slot(n, _absent(self.texts, self.values, self.kept, list(self.literals), n))
            for n in names
        ]


def _with_rest(
    lines: pa.LargeStringArray, columns: Columns, draft: _Draft
) -> tuple[Template, pa.LargeStringArray] | None:
    """Everything between the first and the last changing text becomes one column."""
    first, last = draft.rest
    left, right = draft.slots(draft.kept[:first]), draft.slots(draft.kept[last:])
    if not left and not right:
        return None
    before, behind = list(draft.literals[:first]), list(draft.literals[last + 1 :])
    start, end = _edges(draft, left, right)
    template = Template((*before, start, end, *behind), (*left, Slot(REST), *right))
    return template, _rest_of(lines, columns, template, len(left))


def _edges(
    draft: _Draft, left: Sequence[Slot], right: Sequence[Slot]
) -> tuple[str, str]:
    """Return the signs with which all changing texts begin and end."""
    between = []
    for row, text in enumerate(draft.texts):
        spans = _spans(draft.texts, draft.values, draft.kept, row)
        at = spans[len(left) - 1] if left else (0, 0)
        to = spans[len(spans) - len(right)] if right else (len(text), len(text))
        if at is not None and to is not None:
            between.append(text[at[1] : to[0]])
    start = _signs(_common(between))
    end = _signs(_common([text[len(start) :][::-1] for text in between]))[::-1]
    return start, end


def _common(texts: Sequence[str]) -> str:
    """Return what all texts begin with."""
    low, high = min(texts, default=""), max(texts, default="")
    same = (one == other for one, other in zip(low, high, strict=False))
    return low[: next((n for n, equal in enumerate(same) if not equal), len(low))]


def _signs(text: str) -> str:
    """Return the beginning of the text up to its first letter or digit."""
    for place, char in enumerate(text):
        if char.isalnum():
            return text[:place]
    return text


def _rest_of(
    lines: pa.LargeStringArray, columns: Columns, template: Template, place: int
) -> pa.LargeStringArray:
    """Cut out of each line what the other parts of the template leave."""
    bounds = np.frombuffer(lines.buffers()[1], np.int64)
    bounds = bounds[lines.offset : lines.offset + len(lines) + 1]
    before = _width(template.slots[:place], template.literals[: place + 1], columns)
    behind = _width(
        template.slots[place + 1 :], template.literals[place + 1 :], columns
    )
    starts, ends = bounds[:-1] + before, bounds[1:] - behind
    return cut(lines.buffers()[2], starts, np.maximum(ends - starts, 0))


def _width(
    slots: Sequence[Slot], literals: Sequence[str], columns: Columns
) -> Int64s | int:
    total: Int64s | int = sum(len(literal.encode()) for literal in literals)
    for slot in slots:
        absent = len(slot.absent.encode())
        lengths = pc.fill_null(pc.binary_length(columns[slot.column]), absent)
        total = total + lengths.to_numpy(zero_copy_only=False)
    return total


def cut(data: Any, starts: Int64s, lengths: Int64s) -> pa.LargeStringArray:
    """Return spans of a buffer as a column; those beyond it are cut off."""
    source = np.frombuffer(data, np.uint8)
    lengths = np.minimum(lengths, np.maximum(len(source) - starts, 0))
    offsets = np.append(0, np.cumsum(lengths))
    shift = np.repeat(starts - offsets[:-1], lengths)
    picked = source[shift + np.arange(offsets[-1])]
    buffers = [None, pa.py_buffer(offsets.astype(np.int64)), pa.py_buffer(picked)]
    return pa.Array.from_buffers(pa.large_string(), len(starts), buffers)
