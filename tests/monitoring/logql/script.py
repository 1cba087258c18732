"""Reads test scripts: lines are loaded, queries evaluated, answers expected.

    load {app="api"}
        1s level=info msg="hello"
        2s !error <trace="abc"> text of a line with a level and a stored field
    eval log from 0s to 1m [limit 5] [forward] {app="api"} |= "hello"
        1s {app="api"} level=info msg="hello"
    eval instant at 1m count_over_time({app="api"}[1m])
        {app="api"} 2
    eval range from 0s to 1m step 30s rate({app="api"}[30s])
        {app="api"} _ 0.1 0
    eval instant at 0s 1 / 0
        NaN
    eval parse {app=api}
        fail parse error at line 1, col 6: syntax error: unexpected IDENTIFIER, expecting STRING

A query may go on in indented lines that begin with `...`. What `fail` is followed by
is the message, or how it begins if it ends in `...`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from monitoring.labels import Labels
from monitoring.promql.notation import NotationError, parse_metric, parse_points
from monitoring.telemetry import Level
from tests.monitoring.logql.memory import Line, MemoryLogs
from tests.monitoring.promql.script import parse_duration

_MS = 10**6
_EVAL = re.compile(
    r"eval (?:(?P<log>log) from (?P<log_start>\S+) to (?P<log_end>\S+)"
    r"(?: limit (?P<limit>\d+))?(?P<forward> forward)?"
    r"|(?P<instant>instant) at (?P<at>\S+)"
    r"|range from (?P<start>\S+) to (?P<end>\S+) step (?P<step>\S+)"
    r"|(?P<parse>parse))(?: (?P<expr>.*))?\Z",
    re.DOTALL,
)
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)s")
_LINE = re.compile(r"(\S+s)(?: !(\w+))?(?: <([^>]*)>)?(?: (.*))?\Z", re.DOTALL)
_SCALAR = re.compile(r"(?:[\d.+-]+(?:e[+-]?\d+)?|NaN|[+-]?Inf)\Z")


@dataclass(slots=True)
class Case:
    """One eval with all that was loaded before it. Times are nanoseconds."""

    name: str
    querier: MemoryLogs
    kind: str
    expr: str
    start_ns: int = 0
    end_ns: int = 0
    step_ns: int = 10**9
    limit: int = 1000
    forward: bool = False
    lines: list[tuple[int, Labels, str]] = field(default_factory=list)
    series: dict[Labels, list[float | None]] = field(default_factory=dict)
    ordered: list[Labels] = field(default_factory=list)
    scalar: float | None = None
    failure: str | None = None


def nanoseconds(text: str) -> int:
    seconds = _SECONDS.fullmatch(text)
    return round(float(seconds[1]) * 1e9) if seconds else parse_duration(text) * _MS


def read_script(path: Path) -> Iterator[Case]:
    """Yield the evals of a script."""
    streams: dict[Labels, list[Line]] = {}
    for number, command, body in _blocks(path.read_text()):
        name = f"{path.name}:{number}"
        try:
            if command == "clear":
                streams = {}
            elif command.startswith("load "):
                labels, _ = parse_metric(command.removeprefix("load "))
                streams.setdefault(labels, []).extend(map(_line, body))
            else:
                yield _case(name, MemoryLogs(streams), command, body)
        except (NotationError, ValueError) as error:
            raise NotationError(f"{name}: {error}") from error


def _blocks(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Yield line number, command and the indented lines that belong to it."""
    block: tuple[int, str, list[str]] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("    ") and block is not None:
            inside = line[4:]
            if inside.startswith("... "):
                block = (block[0], f"{block[1]}\n{inside[4:]}", block[2])
            else:
                block[2].append(inside)
            continue
        if block is not None:
            yield block
        block = (number, line.strip(), [])
    if block is not None:
        yield block


def _line(text: str) -> Line:
    found = _LINE.match(text)
    if found is None:
        raise NotationError(f"{text!r} is no line")
    fields, _ = parse_metric("{" + found[3] + "}") if found[3] else ((), "")
    level = Level.from_word(found[2] or "unknown")
    return Line(nanoseconds(found[1]), found[4] or "", dict(fields), level)


def _case(name: str, querier: MemoryLogs, command: str, body: list[str]) -> Case:
    found = _EVAL.match(command)
    if found is None:
        raise NotationError(f"{command!r} is no command")
    case = Case(name, querier, "range", found["expr"] or "")
    if found["log"]:
        case.kind, case.forward = "log", bool(found["forward"])
        case.start_ns = nanoseconds(found["log_start"])
        case.end_ns = nanoseconds(found["log_end"])
        case.limit = int(found["limit"] or 1000)
    elif found["instant"]:
        case.kind = "instant"
        case.start_ns = case.end_ns = nanoseconds(found["at"])
    elif found["parse"]:
        case.kind = "parse"
    else:
        case.start_ns = nanoseconds(found["start"])
        case.end_ns = nanoseconds(found["end"])
        case.step_ns = nanoseconds(found["step"])
    for line in body:
        _expect(case, line)
    return case


def _expect(case: Case, line: str) -> None:
    if line.startswith("fail"):
        case.failure = line.removeprefix("fail").strip().replace("\\n", "\n")
    elif case.kind == "log":
        time, rest = line.split(" ", 1)
        labels, _ = parse_metric(rest)
        inside = rest[_end_of_labels(rest) :]
        case.lines.append((nanoseconds(time), labels, inside.removeprefix(" ")))
    elif _SCALAR.match(line):
        (case.scalar,) = parse_points(line)
    else:
        labels, points = parse_metric(line)
        case.series[labels] = parse_points(points)
        case.ordered.append(labels)


def _end_of_labels(text: str) -> int:
    quoted = False
    for place, character in enumerate(text):
        if character == '"' and text[place - 1] != "\\":
            quoted = not quoted
        elif character == "}" and not quoted:
            return place + 1
    raise NotationError(f"{text!r} has no labels")
