"""Which fields the lines of a query have, or would have once parsed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from accounts.scope import Scope
from monitoring.logql import Stream, compile_pipeline
from monitoring.services import logql_queries
from monitoring.telemetry import LogChunk

# Tried one after the other on each stream, as Loki does.
PARSERS = ("json", "logfmt")

_ERRORS = frozenset({"__error__", "__error_details__"})
_TYPES = tuple(
    (name, re.compile(pattern, re.ASCII))
    for name, pattern in (
        ("int", r"[+-]?\d{1,19}"),
        ("float", r"[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?"),
        ("boolean", r"true|false|TRUE|FALSE|True|False|t|f|T|F"),
        ("duration", r"[+-]?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+"),
        ("bytes", r"(?i)\d+(\.\d+)?\s?([kmgtpe]i?)?b"),
    )
)


@dataclass(frozen=True, slots=True)
class Sample:
    """The newest lines of a log query: at most `lines` of them."""

    query: str
    start_ns: int
    end_ns: int
    lines: int


@dataclass(slots=True)
class DetectedField:
    """`values` counts the lines that have each; no parsers: it came with the line."""

    name: str
    type: str = ""
    values: dict[str, int] = field(default_factory=dict)
    parsers: list[str] = field(default_factory=list)


def detect(scope: Scope, sample: Sample) -> list[DetectedField]:
    """Return the fields in order of their names. Raises LogQLError, TooMuchDataError."""
    found: dict[str, DetectedField] = {}
    result = logql_queries.range_query(
        scope,
        sample.query,
        start_ns=sample.start_ns,
        end_ns=sample.end_ns,
        limit=sample.lines,
    )
    for stream in result.streams:
        for name, value, parser in _fields(stream):
            one = found.setdefault(name, DetectedField(name))
            one.values[value] = one.values.get(value, 0) + 1
            if parser and parser not in one.parsers:
                one.parsers.append(parser)
    for one in found.values():
        one.type = type_of(next(iter(one.values)))
    return [found[name] for name in sorted(found)]


def type_of(value: str) -> str:
    """Return the narrowest of Loki's types that the text can be read as."""
    return next((name for name, form in _TYPES if form.fullmatch(value)), "string")


def _fields(stream: Stream) -> Iterator[tuple[str, str, str]]:
    """Yield name, value and parser of every field of every line."""
    for metadata in stream.metadata:
        for name, value in metadata:
            yield name, value, ""
    for name, value in stream.parsed:
        if name not in _ERRORS:
            yield from ((name, value, "") for _ in stream.lines)
    for parser in PARSERS:
        columns = _parsed(stream, parser)
        for name, column in columns.items():
            yield from ((name, value, parser) for value in column)
        if columns:
            return


def _parsed(stream: Stream, parser: str) -> dict[str, list[str]]:
    """Return what the parser finds in those lines that are of its form."""
    count = len(stream.lines)
    chunk = LogChunk(
        stream=stream.stream,
        ts_ns=np.zeros(count, np.int64),
        levels=np.zeros(count, np.int8),
        lines=pa.array(stream.lines, pa.large_string()),
        fields={},
    )
    lines = compile_pipeline(f"| {parser}").run(chunk)
    columns = lines.where(~lines.failed).parsed_columns()
    return {n: c.drop_null().to_pylist() for n, c in columns if n not in _ERRORS}
