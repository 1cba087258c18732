"""A LogQuerier over lines that are held in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from monitoring.labels import Labels, Matcher, matches_all
from monitoring.logql.stages.linefilters import passing
from monitoring.telemetry import Level, LineCounts, LineFilter, LogChunk


@dataclass(frozen=True, slots=True)
class Line:
    ts_ns: int
    text: str
    fields: Mapping[str, str] = field(default_factory=dict)
    level: Level = Level.UNKNOWN


def make_chunk(stream: Labels, lines: Sequence[Line]) -> LogChunk:
    names = sorted({name for line in lines for name in line.fields})
    return LogChunk(
        stream,
        np.array([line.ts_ns for line in lines], np.int64),
        np.array([line.level for line in lines], np.int8),
        pa.array([line.text for line in lines], pa.large_string()),
        {
            name: pa.array([line.fields.get(name) for line in lines], pa.large_string())
            for name in names
        },
    )


class MemoryLogs:
    """Streams with their lines; `chunk_lines` of them make a chunk.

    `reads` counts the chunks that were handed out, `asked` are the fields of the
    last question.
    """

    def __init__(
        self, streams: Mapping[Labels, Iterable[Line]], chunk_lines: int = 4
    ) -> None:
        self.streams = {
            labels: sorted(lines, key=lambda line: line.ts_ns)
            for labels, lines in streams.items()
        }
        self.chunk_lines = chunk_lines
        self.reads = 0
        self.asked: Sequence[str] | None = None
        self.filters: Sequence[LineFilter] = ()

    def select(
        self,
        matchers: Sequence[Matcher],
        filters: Sequence[LineFilter],
        start_ns: int,
        end_ns: int,
        *,
        newest_first: bool = False,
        fields: Sequence[str] | None = None,
    ) -> Iterator[LogChunk]:
        self.asked, self.filters = fields, filters
        chunks = [
            chunk
            for labels, lines in self._found(matchers, start_ns, end_ns)
            for chunk in self._chunks(labels, lines, filters)
        ]
        if newest_first:
            chunks.sort(key=lambda chunk: -int(chunk.ts_ns[-1]))
        else:
            chunks.sort(key=lambda chunk: int(chunk.ts_ns[0]))
        for chunk in chunks:
            self.reads += 1
            kept = {
                n: c for n, c in chunk.fields.items() if fields is None or n in fields
            }
            yield LogChunk(chunk.stream, chunk.ts_ns, chunk.levels, chunk.lines, kept)

    def count(
        self,
        matchers: Sequence[Matcher],
        filters: Sequence[LineFilter],
        starts_ns: np.ndarray,
        ends_ns: np.ndarray,
        *,
        of_bytes: bool = False,
    ) -> LineCounts:
        labels, rows = [], []
        for stream, lines in self._found(matchers, int(starts_ns[0]), int(ends_ns[-1])):
            passed = [c for c in self._chunks(stream, lines, filters) if c.count]
            if not passed:
                continue
            ts_ns = np.concatenate([chunk.ts_ns for chunk in passed])
            texts = [t for chunk in passed for t in chunk.lines.to_pylist()]
            sizes = np.array([len(t.encode()) if of_bytes else 1 for t in texts])
            inside = (ts_ns >= starts_ns[:, None]) & (ts_ns < ends_ns[:, None])
            counts = (inside * sizes).sum(axis=1)
            if inside.any():
                labels.append(stream)
                rows.append(counts)
        shape = (len(rows), len(starts_ns))
        return LineCounts(labels, np.array(rows, np.int64).reshape(shape))

    def _found(
        self, matchers: Sequence[Matcher], start_ns: int, end_ns: int
    ) -> Iterator[tuple[Labels, list[Line]]]:
        for labels, lines in self.streams.items():
            inside = [line for line in lines if start_ns <= line.ts_ns < end_ns]
            if inside and matches_all(matchers, dict(labels)):
                yield labels, inside

    def _chunks(
        self, labels: Labels, lines: list[Line], filters: Sequence[LineFilter]
    ) -> Iterator[LogChunk]:
        for start in range(0, len(lines), self.chunk_lines):
            chunk = make_chunk(labels, lines[start : start + self.chunk_lines])
            kept = passing(chunk.lines, filters)
            found = [
                line
                for line, ok in zip(
                    lines[start : start + self.chunk_lines], kept.tolist(), strict=True
                )
                if ok
            ]
            if found:
                yield make_chunk(labels, found)
