"""Log queries: the first or last lines that pass, read no further than needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.labels import Labels
from monitoring.logql.columns import Ints, texts
from monitoring.logql.limits import Budget
from monitoring.logql.lines import Lines
from monitoring.logql.pipeline import Pipeline
from monitoring.logql.results import Direction, Stream
from monitoring.telemetry import LogQuerier

# Lines that are looked at first; each further look is at twice as many.
_FIRST_LOOK = 1024


@dataclass(frozen=True, slots=True)
class Question:
    """Lines with start_ns <= ts < end_ns; at most `limit` of them."""

    start_ns: int
    end_ns: int
    limit: int
    direction: Direction

    @property
    def newest_first(self) -> bool:
        return self.direction is Direction.BACKWARD


@dataclass(frozen=True, slots=True)
class Part:
    """Lines that have passed, and their time with its sign: smaller is sooner."""

    lines: Lines
    order: Ints


def select_lines(
    querier: LogQuerier, pipeline: Pipeline, question: Question, budget: Budget
) -> list[Stream]:
    """Raises TooMuchDataError."""
    if question.limit < 1 or question.end_ns <= question.start_ns:
        return []
    chunks = querier.select(
        pipeline.matchers,
        pipeline.filters,
        question.start_ns,
        question.end_ns,
        newest_first=question.newest_first,
    )
    best = _Best(question)
    try:
        for chunk in chunks:
            lines = Lines.of(chunk, check=budget.check)
            order = _order(lines, question)
            if best.is_full and int(order.min()) >= best.worst:
                break
            for look in _looks(lines, order):
                budget.admit_chunk(chunk, look.count, int(_size(look)))
                wanted = best.wanted(look)
                best.add(pipeline.run_stored(wanted), question)
                if best.is_full and _last_of(look, question) >= best.worst:
                    break
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    return _streams(best.chosen(), question)


def _order(lines: Lines, question: Question) -> Ints:
    return -lines.ts_ns if question.newest_first else lines.ts_ns


def _last_of(lines: Lines, question: Question) -> int:
    return int(_order(lines, question).max())


def _size(lines: Lines) -> int:
    return pc.sum(pc.binary_length(lines.text)).as_py() or 0


def _looks(lines: Lines, order: Ints) -> Iterator[Lines]:
    """Yield a chunk in growing pieces, the wanted end first."""
    places = np.argsort(order, kind="stable")
    start, size = 0, _FIRST_LOOK
    while start < len(places):
        piece = places[start : start + size]
        yield lines if len(piece) == lines.count else lines.take(np.sort(piece))
        start, size = start + size, size * 2


class _Best:
    """The lines to be answered with, as far as is known."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._parts: list[Part] = []
        self._count = 0
        self.worst = np.iinfo(np.int64).max

    @property
    def is_full(self) -> bool:
        return self._count >= self._question.limit

    def wanted(self, lines: Lines) -> Lines:
        """Return those that could still be among the answer."""
        if not self.is_full:
            return lines
        return lines.where(_order(lines, self._question) < self.worst)

    def add(self, lines: Lines, question: Question) -> None:
        if lines.count == 0:
            return
        self._parts.append(Part(lines, _order(lines, question)))
        self._count += lines.count
        if self._count > question.limit:
            self._cut()
        if self.is_full:
            self.worst = int(np.concatenate([p.order for p in self._parts]).max())

    def _cut(self) -> None:
        order = np.concatenate([part.order for part in self._parts])
        kept = np.zeros(len(order), np.bool_)
        kept[np.argsort(order, kind="stable")[: self._question.limit]] = True
        parts, start = [], 0
        for part in self._parts:
            mine = kept[start : start + len(part.order)]
            start += len(part.order)
            if mine.any():
                parts.append(Part(part.lines.where(mine), part.order[mine]))
        self._parts, self._count = parts, self._question.limit

    def chosen(self) -> list[Lines]:
        return [part.lines for part in self._parts]


def _streams(parts: list[Lines], question: Question) -> list[Stream]:
    entries: dict[tuple[Labels, Labels], list[tuple[int, str, Labels]]] = {}
    for lines in parts:
        stream = tuple(sorted(lines.constants.items()))
        parsed = label_sets(lines)
        metadata = metadata_sets(lines)
        rows = zip(lines.ts_ns.tolist(), texts(lines.text), metadata, strict=True)
        for labels, (time, text, more) in zip(parsed, rows, strict=True):
            found = entries.setdefault((stream, labels), [])
            found.append((time, text or "", more))
    return [_stream(key, entries[key], question) for key in sorted(entries)]


def _stream(
    key: tuple[Labels, Labels],
    entries: list[tuple[int, str, Labels]],
    question: Question,
) -> Stream:
    entries.sort(key=lambda entry: entry[0], reverse=question.newest_first)
    times, lines, metadata = zip(*entries, strict=True)
    return Stream(*key, list(times), list(lines), list(metadata))


def label_sets(lines: Lines) -> list[Labels]:
    """Return the labels that stages have made, line by line."""
    return _rows(list(lines.parsed_columns()), lines.count)


def metadata_sets(lines: Lines) -> list[Labels]:
    """Return the structured metadata, line by line."""
    return _rows(list(lines.metadata()), lines.count)


def _rows(columns: list[tuple[str, pa.LargeStringArray]], count: int) -> list[Labels]:
    if not columns:
        return [()] * count
    names = [name for name, _ in columns]
    values = [texts(column) for _, column in columns]
    return [
        tuple([(n, v) for n, v in zip(names, row, strict=True) if v is not None])
        for row in zip(*values, strict=True)
    ]
