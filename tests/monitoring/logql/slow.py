"""LogQL line by line in plain Python: slow, and easy to see to be right.

It knows the stages that expressions.py makes, and nothing else.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from monitoring.labels import Labels, make_labels
from tests.monitoring.logql.memory import Line

Entry = tuple[int, Labels, str]


@dataclass(slots=True)
class State:
    """One line with its labels; a stage takes it out by setting `kept` to False."""

    ts_ns: int
    text: str
    own: frozenset[str]
    labels: dict[str, str]
    fields: dict[str, str]
    kept: bool = True
    hidden: set[str] = field(default_factory=set)

    def get(self, name: str) -> str:
        return self.labels.get(name) or self.fields.get(name, "")

    def put(self, name: str, value: str) -> None:
        """Set a label that a parser has found; an empty one is none."""
        name = f"{name}_extracted" if name in self.own else name
        if value:
            self.labels[name] = value

    def replace(self, name: str, value: str) -> None:
        self.labels.pop(name, None)
        self.fields.pop(name, None)
        if value:
            self.labels[name] = value

    def fail(self, kind: str) -> None:
        self.labels["__error__"] = kind


Stage = Callable[[State], None]


def contains(*texts: str) -> Stage:
    def run(state: State) -> None:
        state.kept = any(text in state.text for text in texts)

    return run


def lacks(*texts: str) -> Stage:
    def run(state: State) -> None:
        state.kept = not any(text in state.text for text in texts)

    return run


def parse_json(state: State) -> None:
    try:
        found = json.loads(state.text, parse_int=str, parse_float=str)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        state.fail("JSONParserErr")
        return
    for name, value in _flat(found, ""):
        state.put(name, value)


def _flat(found: Mapping[str, object], prefix: str) -> Iterable[tuple[str, str]]:
    for key, value in found.items():
        name = prefix + re.sub(r"[^a-zA-Z0-9_]", "_", key)
        if isinstance(value, dict):
            yield from _flat(value, f"{name}_")
        elif isinstance(value, bool):
            yield name, "true" if value else "false"
        elif isinstance(value, str):
            yield name, value


def parse_logfmt(state: State) -> None:
    found: dict[str, str] = {}
    for word in re.findall(r'(?:[^\s"]|"(?:[^"\\]|\\.)*")+', state.text):
        key, equal, value = word.partition("=")
        if not key or '"' in key:
            continue
        if value.startswith('"'):
            if not re.fullmatch(r'"(?:[^"\\]|\\.)*"', value):
                continue
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        elif '"' in value:
            continue
        found[key] = value if equal else ""
    for key, value in found.items():
        state.put(key, value)


def text_filter(name: str, op: str, value: str) -> Stage:
    def run(state: State) -> None:
        found = state.get(name)
        regex = op in {"=~", "!~"}
        same = bool(re.fullmatch(value, found)) if regex else found == value
        state.kept = same is (op in {"=", "=~"})

    return run


def number_filter(name: str, op: str, value: float) -> Stage:
    compare: dict[str, Callable[[float, float], bool]] = {
        "==": lambda a, b: a == b,
        "!=": lambda a, b: a != b,
        ">": lambda a, b: a > b,
        "<=": lambda a, b: a <= b,
    }

    def run(state: State) -> None:
        if state.labels.get("__error__"):
            return
        found = state.get(name)
        if not found:
            state.kept = False
            return
        if not re.fullmatch(r"-?\d+(\.\d+)?", found):
            state.fail("LabelFilterErr")
            return
        state.kept = compare[op](float(found), value)

    return run


def drop(name: str) -> Stage:
    return lambda state: state.replace(name, "")


def keep(*names: str) -> Stage:
    def run(state: State) -> None:
        kept = {*names, "__error__"}
        state.labels = {n: v for n, v in state.labels.items() if n in kept}
        state.fields = {n: v for n, v in state.fields.items() if n in kept}

    return run


def label_format(name: str, source: str) -> Stage:
    return lambda state: state.replace(name, f"<{state.get(source)}>")


def rename(name: str, source: str) -> Stage:
    def run(state: State) -> None:
        found = state.get(source)
        if found and name != source:
            state.replace(name, found)
            state.replace(source, "")

    return run


def line_format(source: str) -> Stage:
    def run(state: State) -> None:
        state.text = f"a={state.get(source)} b"

    return run


def run_stages(stream: Labels, line: Line, stages: Iterable[Stage]) -> State | None:
    labels = dict(stream)
    state = State(line.ts_ns, line.text, frozenset(labels), labels, dict(line.fields))
    for stage in stages:
        stage(state)
        if not state.kept:
            return None
    return state


def select(
    streams: Mapping[Labels, list[Line]], stages: list[Stage], start: int, end: int
) -> list[Entry]:
    """Return the lines that pass, oldest first."""
    found = [
        (state.ts_ns, make_labels(state.labels), state.text)
        for stream, lines in streams.items()
        for line in lines
        if start <= line.ts_ns < end
        and (state := run_stages(stream, line, stages)) is not None
    ]
    return sorted(found)


class PipelineFailedError(Exception):
    """A metric query has met a line with an error."""


def window(
    streams: Mapping[Labels, list[Line]],
    stages: list[Stage],
    *,
    time: int,
    range_ns: int,
    value: Callable[[State], float | None],
    by: tuple[str, ...] | None,
) -> dict[Labels, list[float]]:
    """Return the values of each series with time - range < ts <= time, by time."""
    found: dict[Labels, list[tuple[int, float]]] = defaultdict(list)
    for stream, lines in streams.items():
        for line in lines:
            if not time - range_ns < line.ts_ns <= time:
                continue
            state = run_stages(stream, line, stages)
            number = None if state is None else value(state)
            if state is None or number is None:
                continue
            if state.labels.get("__error__"):
                raise PipelineFailedError
            labels = {n: v for n, v in state.labels.items() if n not in state.hidden}
            if by is not None:
                labels = {name: state.get(name) for name in by}
            found[make_labels(labels)].append((state.ts_ns, number))
    return {key: [v for _, v in sorted(rows)] for key, rows in found.items()}


def one(state: State) -> float | None:
    return 1.0


def unwrapped(name: str) -> Callable[[State], float | None]:
    def run(state: State) -> float | None:
        found = state.get(name)
        if not found:
            return None
        state.hidden.add(name)
        if not re.fullmatch(r"-?\d+(\.\d+)?", found):
            state.fail("SampleExtractionErr")
            return 0.0
        return float(found)

    return run


REDUCTIONS: dict[str, Callable[[list[float]], float]] = {
    "count_over_time": math.fsum,
    "sum_over_time": math.fsum,
    "max_over_time": max,
    "min_over_time": min,
    "avg_over_time": lambda values: math.fsum(values) / len(values),
}
