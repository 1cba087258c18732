"""Results as Loki's JSON, in bulk: lists of Python's own texts go to orjson at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from monitoring.api.prometheus import formatting
from monitoring.labels import Labels, make_labels
from monitoring.logql import Result, ResultType, Stats, Stream
from monitoring.services.logql_queries import as_samples

CATEGORIZE = "categorize-labels"

Entry = tuple[int, str, Labels]


@dataclass(slots=True)
class Answered:
    """Entries by the labels they are shown under."""

    labels: Labels
    ts_ns: list[int] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    # What goes with each line where labels are told apart; else nothing.
    more: list[orjson.Fragment] = field(default_factory=list)


def result_json(result: Result, *, categorized: bool) -> Iterator[bytes]:
    """Yield the fields `resultType` and `result`, without braces around them."""
    if result.type is not ResultType.STREAMS:
        yield from formatting.result_json(as_samples(result))
        return
    yield b'"resultType":"streams",'
    if categorized:
        yield b'"encodingFlags":["' + CATEGORIZE.encode() + b'"],'
    yield b'"result":' + streams_json(result.streams, categorized=categorized)


def streams_json(streams: list[Stream], *, categorized: bool = False) -> bytes:
    merged = _categorized(streams) if categorized else _flat(streams)
    return orjson.dumps([_stream_json(one) for one in merged])


def _stream_json(one: Answered) -> dict[str, Any]:
    times = map(str, one.ts_ns)
    rows = zip(times, one.lines, one.more) if one.more else zip(times, one.lines)  # noqa: B905 - equal by construction
    return {"stream": dict(one.labels), "values": list(rows)}


def _flat(streams: list[Stream]) -> list[Answered]:
    """Show all labels of an entry as its stream's, as Loki does by default."""
    found: dict[Labels, Answered] = {}
    for stream in streams:
        base = dict(stream.labels)
        keys: dict[Labels, Answered] = {}
        for ts, line, metadata in _entries(stream):
            one = keys.get(metadata)
            if one is None:
                labels = make_labels({**base, **dict(metadata)})
                one = keys[metadata] = found.setdefault(labels, Answered(labels))
            one.ts_ns.append(ts)
            one.lines.append(line)
    return [_in_order(one, streams) for one in found.values()]


def _categorized(streams: list[Stream]) -> list[Answered]:
    """Show what was parsed and what came with a line beside it, not as a label."""
    found: dict[Labels, Answered] = {}
    for stream in streams:
        one = found.setdefault(stream.stream, Answered(stream.stream))
        one.ts_ns += stream.ts_ns
        one.lines += stream.lines
        known = {m: _more(m, stream.parsed) for m in set(stream.metadata)}
        one.more += [known[metadata] for metadata in stream.metadata]
    return [_in_order(one, streams) for one in found.values()]


def _more(metadata: Labels, parsed: Labels) -> orjson.Fragment:
    told = {"structuredMetadata": dict(metadata), "parsed": dict(parsed)}
    return orjson.Fragment(orjson.dumps({n: v for n, v in told.items() if v}))


def _entries(stream: Stream) -> Iterator[Entry]:
    return zip(stream.ts_ns, stream.lines, stream.metadata, strict=True)


def _in_order(one: Answered, streams: list[Stream]) -> Answered:
    """Sort what several streams of the answer have brought, in the query's order."""
    newest_first = _is_newest_first(streams)
    times = [-ts for ts in one.ts_ns] if newest_first else one.ts_ns
    order = sorted(range(len(times)), key=times.__getitem__)
    if order == list(range(len(order))):
        return one
    return Answered(
        one.labels,
        [one.ts_ns[row] for row in order],
        [one.lines[row] for row in order],
        [one.more[row] for row in order] if one.more else [],
    )


def _is_newest_first(streams: list[Stream]) -> bool:
    return any(one.ts_ns[0] > one.ts_ns[-1] for one in streams)


def thinned(streams: list[Stream], interval_ns: int, limit: int) -> list[Stream]:
    """Return at most `limit` entries, those of a stream an interval apart."""
    chosen = [_apart(stream, interval_ns) for stream in streams]
    newest_first = _is_newest_first(streams)
    every = sorted(
        (
            (stream.ts_ns[row], place, row)
            for place, (stream, rows) in enumerate(chosen)
            for row in rows
        ),
        key=lambda one: -one[0] if newest_first else one[0],
    )
    kept: list[list[int]] = [[] for _ in streams]
    for _, place, row in every[:limit]:
        kept[place].append(row)
    return [
        _rows(stream, rows) for stream, rows in zip(streams, kept, strict=True) if rows
    ]


def _apart(stream: Stream, interval_ns: int) -> tuple[Stream, list[int]]:
    rows: list[int] = []
    for row, ts in enumerate(stream.ts_ns):
        if not rows or abs(ts - stream.ts_ns[rows[-1]]) >= interval_ns:
            rows.append(row)
    return stream, rows


def _rows(stream: Stream, rows: list[int]) -> Stream:
    return Stream(
        stream.stream,
        stream.parsed,
        [stream.ts_ns[row] for row in rows],
        [stream.lines[row] for row in rows],
        [stream.metadata[row] for row in rows],
    )


def stats_json(stats: Stats, taken: float, returned: int) -> bytes:
    """Return Loki's object of figures; what has no meaning here is 0."""
    per_second = max(taken, 1e-9)
    lines, size = stats.lines, stats.bytes
    store = {
        "totalChunksRef": stats.chunks,
        "totalChunksDownloaded": stats.chunks,
        "chunksDownloadTime": 0,
        "queryReferencedStructuredMetadata": False,
        "chunk": {
            "headChunkBytes": 0,
            "headChunkLines": 0,
            "decompressedBytes": size,
            "decompressedLines": lines,
            "compressedBytes": 0,
            "totalDuplicates": 0,
            "postFilterLines": returned,
            "headChunkStructuredMetadataBytes": 0,
            "decompressedStructuredMetadataBytes": 0,
        },
    }
    return orjson.dumps(
        {
            "summary": {
                "bytesProcessedPerSecond": int(size / per_second),
                "linesProcessedPerSecond": int(lines / per_second),
                "totalBytesProcessed": size,
                "totalLinesProcessed": lines,
                "execTime": round(taken, 6),
                "queueTime": 0,
                "subqueries": 0,
                "totalEntriesReturned": returned,
                "splits": 0,
                "shards": 0,
                "totalPostFilterLines": returned,
                "totalStructuredMetadataBytesProcessed": 0,
            },
            "querier": {"store": store},
            "ingester": {
                "totalReached": 0,
                "totalChunksMatched": 0,
                "totalBatches": 0,
                "totalLinesSent": 0,
                "store": {},
            },
            "cache": {},
            "index": {},
        }
    )
