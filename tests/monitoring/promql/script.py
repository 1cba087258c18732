"""Reads test scripts in Prometheus's language: load, clear, eval, expect."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from monitoring.durations import milliseconds_of
from monitoring.labels import Labels
from monitoring.promql.notation import (
    NotationError,
    parse_metric,
    parse_points,
)
from tests.monitoring.promql.memory import MemoryQuerier

_LOAD = re.compile(r"load\s+(\S+)\Z")
_INSTANT = re.compile(
    r"eval(?P<legacy>_fail|_warn|_info|_ordered)?\s+instant\s+(?:at\s+(?P<at>\S+)\s+)?(?P<expr>.+)\Z"
)
_RANGE = re.compile(
    r"eval(?P<legacy>_fail|_warn|_info)?\s+range\s+from\s+(?P<start>\S+)\s+to\s+(?P<end>\S+)"
    r"\s+step\s+(?P<step>\S+)\s+(?P<expr>.+)\Z"
)
_EXPECT = re.compile(
    r"expect\s+(?P<what>fail|warn|no_warn|info|no_info|ordered|string)"
    r"(?:\s+(?:(?P<how>msg|regex):\s*)?(?P<text>.+))?\Z"
)


@dataclass(slots=True)
class Expectation:
    """One `expect` line. Without a text any text will do."""

    what: str
    how: str
    text: str


@dataclass(slots=True)
class Case:
    """One eval with all that was loaded before it."""

    name: str
    querier: MemoryQuerier
    expr: str
    start_ms: int
    end_ms: int
    step_ms: int
    instant: bool
    series: dict[Labels, list[float | None]] = field(default_factory=dict)
    scalar: float | None = None
    expectations: list[Expectation] = field(default_factory=list)

    def expects(self, what: str) -> list[Expectation]:
        return [each for each in self.expectations if each.what == what]


def parse_duration(text: str) -> int:
    """Return milliseconds; a bare number counts seconds."""
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return round(float(text) * 1000)
    found = milliseconds_of(text)
    if found is None:
        raise NotationError(f"{text!r} is no duration")
    return found


def read_script(path: Path) -> Iterator[Case]:
    """Yield the evals of a script."""
    loaded: dict[Labels, dict[int, float]] = {}
    querier = MemoryQuerier(loaded)
    for number, command, body in _blocks(path.read_text()):
        name = f"{path.name}:{number}"
        try:
            if command == "clear":
                loaded = {}
            elif load := _LOAD.match(command):
                _load(loaded, parse_duration(load[1]), body)
            else:
                yield _case(name, querier, command, body)
                continue
        except NotationError as error:
            raise NotationError(f"{name}: {error}") from error
        querier = MemoryQuerier(loaded)


def _blocks(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Yield line number, command and the indented lines that belong to it."""
    block: tuple[int, str, list[str]] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0] in " \t":
            if block is None:
                raise NotationError(f"line {number} belongs to no command")
            block[2].append(line.strip())
            continue
        if block is not None:
            yield block
        block = (number, line.strip(), [])
    if block is not None:
        yield block


def _load(
    loaded: dict[Labels, dict[int, float]], step_ms: int, body: list[str]
) -> None:
    for line in body:
        labels, points = parse_metric(line)
        series = loaded.setdefault(labels, {})
        for position, point in enumerate(parse_points(points)):
            if point is not None:
                series[position * step_ms] = point


def _case(name: str, querier: MemoryQuerier, command: str, body: list[str]) -> Case:
    if found := _INSTANT.match(command):
        at = parse_duration(found["at"] or "0")
        case = Case(name, querier, found["expr"], at, at, 1, instant=True)
    elif found := _RANGE.match(command):
        start, end, step = (
            parse_duration(found[word]) for word in ("start", "end", "step")
        )
        case = Case(name, querier, found["expr"], start, end, step, instant=False)
    else:
        raise NotationError(f"{command!r} is no command")
    if found["legacy"]:
        case.expectations.append(Expectation(found["legacy"][1:], "msg", ""))
    for line in body:
        _expect(case, line)
    return case


def _expect(case: Case, line: str) -> None:
    if found := _EXPECT.match(line):
        text = found["text"] or ""
        if found["what"] == "string":
            text = shlex.split(text)[0]
        case.expectations.append(
            Expectation(found["what"], found["how"] or "msg", text)
        )
    elif re.match(r"[\d.+-]|NaN|Inf", line):
        (case.scalar,) = parse_points(line)
    else:
        labels, points = parse_metric(line)
        if labels in case.series:
            raise NotationError(f"{line!r} is expected twice")
        case.series[labels] = parse_points(points)
