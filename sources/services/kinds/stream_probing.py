"""Trying out a stream before it is saved: whether it connects, and what comes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.module_loading import import_string

from monitoring.labels import series_text
from sources.connectors.streams.parcels import Point, Record
from sources.connectors.streams.trying import Tried, try_out
from sources.services.kinds.base import Config, Newest, Probe, ProbedSample

_SHOWN = 20
_SHOWN_LINE = 500


def tester(kind: str, connector: str) -> Callable[[Config], Probe]:
    def test(config: Config) -> Probe:
        return _verdict(try_out(import_string(connector), kind, config))

    return test


def newest(kind: str, connector: str) -> Newest:
    def newest_lines(config: Config, problems: list[str]) -> tuple[list[str], str]:
        tried = try_out(import_string(connector), kind, config)
        told = _verdict(tried)
        lines = [record.line for record in tried.records]
        problems += [
            *([] if lines and not tried.error else [told.text]),
            *told.problems,
        ]
        problems += [_read(record) for record in tried.records[:3] if _says(record)]
        return lines, f"the first {len(lines)} lines that came"

    return newest_lines


def _verdict(tried: Tried) -> Probe:
    ok = tried.connected and not tried.error
    text = tried.error or "The connection could not be made in time."
    if ok:
        brought = [f"{len(tried.records)} lines"] if tried.records else []
        brought += [f"{len(tried.points)} samples"] if tried.points else []
        came = f"and brought {' and '.join(brought)}" if brought else "nothing came yet"
        text = f"It is connected, {came}."
    problems = [*tried.notes, *(_read(record) for record in tried.records[:3])]
    return Probe(
        ok=ok,
        text=text,
        problems=problems[:_SHOWN],
        samples=[_sample(point) for point in tried.points[:_SHOWN]],
        total=len(tried.points),
    )


def _says(record: Record) -> bool:
    return bool(record.time or record.level or record.labels or record.fields)


def _read(record: Record) -> str:
    """Return how a record was understood, in a line."""
    parts: Mapping[str, Any] = {
        "time": record.time,
        "level": record.level.word if record.level else "",
        **record.labels,
        **record.fields,
    }
    told = ", ".join(f"{name} {value}" for name, value in parts.items() if value != "")
    line = record.line[:_SHOWN_LINE]
    return f"“{line}” is read with {told}." if told else f"“{line}”"


def _sample(point: Point) -> ProbedSample:
    return ProbedSample(series_text(point.name, point.labels), point.value)
