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
    rows = pa.array(_telling_rows(columns, names, len(lines)))
    texts = lines.take(rows).to_pylist()
    sample = _sample(texts, {n: columns[n].take(rows).to_pylist() for n in names})
    if sample is None:
        return None
    gaps = [sample.gaps(place) for place in range(len(sample.kept) + 1)]
    changing = [place for place, found in enumerate(gaps) if len(set(found)) != 1]
    literals = [found[0] if found else "" for found in gaps]
    slots = [sample.slot(place, literals) for place in range(len(sample.kept))]
    if not changing:
        return Template(tuple(literals), tuple(slots)), None
    template = _with_rest(sample, literals, slots, (changing[0], changing[-1]))
    if template is None:
        return None
    return template, _rest_of(lines, columns, template, changing[0])


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


@dataclass(frozen=True, slots=True)
class _Sample:
    """Some lines; `spans` has where each kept column's value stands in each of them.

    Before the first and behind the last stand the line's own beginning and end.
    """

    texts: Sequence[str]
    kept: Sequence[str]
    spans: Sequence[Sequence[Span]]

    def gaps(self, place: int) -> list[str]:
        """Return what stands before a slot where it and its neighbour have values."""
        return self.between(place, place + 1)

    def between(self, left: int, right: int) -> list[str]:
        found = []
        for text, spans in zip(self.texts, self.spans, strict=True):
            one, other = spans[left], spans[right]
            if one is not None and other is not None:
                found.append(text[one[1] : other[0]])
        return found

    def slot(self, place: int, literals: Sequence[str]) -> Slot:
        """Return the slot with what the lines write where they have no value."""
        before, behind = len(literals[place]), len(literals[place + 1])
        for text, spans in zip(self.texts, self.spans, strict=True):
            left, own, right = spans[place : place + 3]
            if own is None and left is not None and right is not None:
                between = text[left[1] : right[0]]
                return Slot(self.kept[place], between[before : len(between) - behind])
        return Slot(self.kept[place])


def _sample(texts: Sequence[str], values: Values) -> _Sample | None:
    """Keep the columns whose values stand in every line, one behind the other."""
    kept = [n for n in values if any(v is not None for v in values[n])]
    while kept:
        spans = [_spans(text, values, kept, row) for row, text in enumerate(texts)]
        missed = {
            name
            for row, found in enumerate(spans)
            for name, span in zip(kept, found[1:-1], strict=True)
            if span is None and values[name][row] is not None
        }
        if not missed:
            return _Sample(texts, kept, spans)
        # What is missed behind a wrong find may be found without it.
        kept.remove(next(name for name in kept if name in missed))
    return None


def _spans(text: str, values: Values, kept: Sequence[str], row: int) -> list[Span]:
    """Return where each column's value stands in a line, searched left to right."""
    spans: list[Span] = [(0, 0)]
    reached = 0
    for name in kept:
        value = values[name][row] or ""
        at = text.find(value, reached) if value else -1
        spans.append((at, at + len(value)) if at >= 0 else None)
        reached = at + len(value) if at >= 0 else reached
    return [*spans, (len(text), len(text))]


def _with_rest(
    sample: _Sample,
    literals: Sequence[str],
    slots: Sequence[Slot],
    rest: tuple[int, int],
) -> Template | None:
    """Everything from the first to the last changing text becomes one column."""
    first, last = rest
    left, right = slots[:first], slots[last:]
    if not left and not right:
        return None
    between = sample.between(first, last + 1)
    start = _signs(_common(between))
    end = _signs(_common([text[len(start) :][::-1] for text in between]))[::-1]
    return Template(
        (*literals[:first], start, end, *literals[last + 1 :]),
        (*left, Slot(REST), *right),
    )


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
