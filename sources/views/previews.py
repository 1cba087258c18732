"""What a source would bring in, laid out for sources/_preview.html."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from monitoring.promql.numbers import general
from sources.formats import FORMATS, ParsedLine
from sources.services.kinds import KINDS, with_defaults
from sources.services.kinds.base import Config, Probe
from sources.services.probing import Preview
from sources.services.rehearsing import Processed

# Colours that mark parts of the line; fields behind them stand below it unmarked.
MARKS = 6
_COLUMNS = 4
_ROWS = 8


@dataclass(frozen=True, slots=True)
class Part:
    text: str
    mark: int = 0


def preview_context(preview: Preview) -> dict[str, Any]:
    """Return the template's `preview`."""
    detection, lines = preview.detection, preview.lines
    found = FORMATS.get(preview.format)
    return {
        **lines_context(lines, found.title if found else preview.format),
        "error": "" if lines else _reason(preview),
        "notes": list(preview.problems) if lines else [],
        "confidence": round(100 * detection.confidence) if lines else None,
        "processed": _processed(preview.processed),
    }


def lines_context(lines: Sequence[ParsedLine], title: str) -> dict[str, Any]:
    """Return the template's `preview` of lines that have been read."""
    columns = _columns(lines)
    return {
        **error_context(""),
        "format": title,
        "confidence": None,
        "parsed": sum(line.matched for line in lines),
        "total": len(lines),
        "sample": _sample(lines[-1]) if lines else None,
        "columns": ["Time", "Level", *columns, "Line"],
        "rows": [_cells(line, columns) for line in reversed(lines[-_ROWS:])],
    }


def _processed(done: Processed | None) -> dict[str, Any] | None:
    """Return what the rules do to the newest lines, the newest first."""
    if done is None:
        return None
    lines = [
        {
            "kept": line.fate == "kept",
            "fate": line.fate,
            "line": line.line,
            "masked": line.masked,
            "labels": dict(line.labels),
        }
        for line in reversed(done.lines[-_ROWS:])
    ]
    samples = [{"series": s.series, "value": general(s.value)} for s in done.samples]
    return {"lines": lines, "samples": samples, **done.counts}


def error_context(text: str) -> dict[str, Any]:
    """Return the template's `preview` for settings that cannot be tried."""
    return {"error": text, "notes": [], "samples": [], "snippets": [], "rows": []}


def probe_context(probe: Probe) -> dict[str, Any]:
    """Return the template's `preview` of what was read just now."""
    samples = [
        {"name": sample.series, "value": sample.value, "unit": sample.unit}
        for sample in probe.samples
    ]
    notes = [problem for problem in probe.problems if problem != probe.text]
    return {
        **error_context("" if probe.ok else probe.text),
        "notes": [probe.text, *notes] if probe.ok else notes,
        "samples": samples,
        "total": probe.total,
    }


def snippets_of(
    kind_name: str, name: str, config: Config, root: str
) -> list[dict[str, str]]:
    """Return what to paste into those that send to a source; nothing when none do."""
    kind = KINDS[kind_name]
    if kind.takes_pushes:
        return push_snippets(name, root)
    if kind.senders is None:
        return []
    found = kind.senders(with_defaults(kind, config))
    return [{"title": snippet.title, "code": snippet.code} for snippet in found]


def push_snippets(source_name: str, root: str) -> list[dict[str, str]]:
    """Return commands to paste that send to a push source."""
    url = f"{root}/api/v1/logs?source={source_name}"
    record = '{"line": "hello", "level": "info", "labels": {"app": "shop"}}'
    curl = (
        f"curl {url!r} \\\n"
        '  -H "Authorization: Bearer TOKEN" \\\n'
        f"  --data-binary '{record}'"
    )
    python = (
        "import json, urllib.request\n"
        f'lines = [{{"line": "hello", "level": "info"}}]\n'
        'body = "\\n".join(map(json.dumps, lines)).encode()\n'
        f"request = urllib.request.Request({url!r}, body,\n"
        '    {"Authorization": "Bearer TOKEN"})\n'
        "urllib.request.urlopen(request)"
    )
    return [
        {"title": "Send lines with curl", "code": curl},
        {"title": "Send lines from Python", "code": python},
    ]


def _reason(preview: Preview) -> str:
    return preview.problems[0] if preview.problems else "There are no lines to look at."


def _columns(lines: Sequence[ParsedLine]) -> list[str]:
    names = dict.fromkeys(name for line in lines for name in line.fields)
    return list(names)[:_COLUMNS]


def _cells(line: ParsedLine, columns: Sequence[str]) -> list[str]:
    values = [line.fields.get(name, "") for name in columns]
    return [line.timestamp or "arrival", line.level, *values, line.line]


def _sample(line: ParsedLine) -> dict[str, Any]:
    marks = _places(line)
    fields = [
        {"name": name, "value": value, "mark": marks.get(name, (0, 0))[1], "note": ""}
        for name, value in line.fields.items()
    ]
    time = {"name": "time", "value": line.timestamp or "that of arrival"}
    level = {"name": "level", "value": line.level}
    head = [{**pair, "mark": 0, "note": ""} for pair in (time, level)]
    return {"parts": _parts(line, marks), "fields": [*head, *fields]}


def _places(line: ParsedLine) -> dict[str, tuple[int, int]]:
    """Return where in the line some fields stand, each with the number of its mark."""
    places: dict[str, tuple[int, int]] = {}
    after = 0
    for name, value in line.fields.items():
        place = line.line.find(value, after) if value else -1
        if place >= 0 and len(places) < MARKS:
            places[name] = (place, len(places) + 1)
            after = place + len(value)
    return places


def _parts(line: ParsedLine, places: dict[str, tuple[int, int]]) -> list[Part]:
    parts, done = [], 0
    for name, (place, mark) in places.items():
        end = place + len(line.fields[name])
        parts += [Part(line.line[done:place]), Part(line.line[place:end], mark)]
        done = end
    return [part for part in [*parts, Part(line.line[done:])] if part.text]
