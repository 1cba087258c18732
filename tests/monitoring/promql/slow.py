"""A slow, obviously correct evaluator: one step at a time, one series at a time.

It shares the parser with the engine, and nothing else.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass

from monitoring.labels import METRIC_NAME, Labels, MatchOp, make_labels, matches_all
from monitoring.promql import parse
from monitoring.promql.notation import STALE
from monitoring.promql.syntax import (
    Aggregation,
    AtKind,
    Binary,
    Call,
    Cardinality,
    Expr,
    MatrixSelector,
    Negation,
    Number,
    String,
    Subquery,
    ValueType,
    VectorSelector,
    bare,
    type_of,
)
from tests.monitoring.promql import slow_windows
from tests.monitoring.promql.memory import MemoryQuerier
from tests.monitoring.promql.slow_windows import Sample, Window

_LOOKBACK_MS = 300_000


class AmbiguousError(Exception):
    """Series do not match as they must, or fall together."""


@dataclass(frozen=True)
class Point:
    labels: Labels
    value: float
    nameless: bool = False

    def becomes(self, value: float) -> Point:
        return Point(self.labels, value, nameless=True)


Vector = list[Point]


@dataclass(frozen=True)
class Slow:
    querier: MemoryQuerier
    start_ms: int
    end_ms: int

    def answer(self, text: str, time_ms: int) -> dict[Labels, float]:
        """Return the vector at one time, with the names dropped that must be."""
        tree = parse(text)
        value = self.evaluate(tree, time_ms)
        if isinstance(value, float):
            return {(): value}
        return distinct(
            (without_name(p.labels) if p.nameless else p.labels, p.value) for p in value
        )

    def evaluate(self, expr: Expr, time_ms: int) -> Vector | float | str:
        match bare(expr):
            case Number(value) | String(value):
                return value
            case VectorSelector() as selector:
                return [Point(k, s[1]) for k, s in self.newest(selector, time_ms)]
            case Negation(inner):
                return negated(self.evaluate(inner, time_ms))
            case Binary() as binary:
                left = self.evaluate(binary.left, time_ms)
                return operate(binary, left, self.evaluate(binary.right, time_ms))
            case Aggregation() as node:
                vector = self.evaluate(node.expr, time_ms)
                param = node.param and self.evaluate(node.param, time_ms)
                return aggregate(node, vector, param)
        return self.call(bare(expr), time_ms)

    def moved(self, node: VectorSelector | Subquery, time_ms: int) -> int:
        if node.at is not None:
            pins = {AtKind.START: self.start_ms, AtKind.END: self.end_ms}
            time_ms = pins.get(node.at.kind, node.at.time_ms)
        return time_ms - node.offset_ms

    def samples(
        self, node: VectorSelector, start_ms: int, end_ms: int
    ) -> list[tuple[Labels, list[Sample]]]:
        found = []
        for labels, (times, values) in self.querier.series.items():
            if matches_all(node.matchers, dict(labels)):
                samples = zip(times.tolist(), values.tolist(), strict=True)
                found.append(
                    (labels, [s for s in samples if start_ms < s[0] <= end_ms])
                )
        return found

    def newest(self, node: VectorSelector, time_ms: int) -> list[tuple[Labels, Sample]]:
        at_ms = self.moved(node, time_ms)
        found = self.samples(node, at_ms - _LOOKBACK_MS, at_ms)
        return [(k, s[-1]) for k, s in found if s and not is_stale(s[-1])]

    def windows(self, expr: Expr, time_ms: int) -> list[tuple[Point, Window]]:
        match bare(expr):
            case MatrixSelector(selector, range_ms):
                end_ms = self.moved(selector, time_ms)
                start_ms = end_ms - range_ms
                found = [
                    (Point(labels, 0.0), [s for s in samples if not is_stale(s)])
                    for labels, samples in self.samples(selector, start_ms, end_ms)
                ]
            case Subquery() as subquery:
                end_ms = self.moved(subquery, time_ms)
                start_ms = end_ms - subquery.range_ms
                found = self.subquery(subquery, start_ms, end_ms)
        return [
            (point, Window(samples, start_ms, end_ms, time_ms))
            for point, samples in found
            if samples
        ]

    def subquery(
        self, node: Subquery, start_ms: int, end_ms: int
    ) -> list[tuple[Point, list[Sample]]]:
        found: dict[tuple[Labels, bool], list[Sample]] = {}
        step_ms = node.step_ms or 60_000
        first_ms = (start_ms // step_ms + 1) * step_ms
        for time_ms in range(first_ms, end_ms + 1, step_ms):
            for point in self.evaluate(node.expr, time_ms):
                key = (point.labels, point.nameless)
                found.setdefault(key, []).append((time_ms, point.value))
        return [(Point(k, 0.0, nameless), s) for (k, nameless), s in found.items()]

    def call(self, call: Call, time_ms: int) -> Vector | float:
        if call.name in slow_windows.FUNCTIONS:
            return self.over_windows(call, time_ms)
        if call.name == "time":
            return time_ms / 1000
        if call.name in {"absent", "absent_over_time"}:
            over_time = call.name == "absent_over_time"
            look = self.windows if over_time else self.evaluate
            found = look(call.args[0], time_ms)
            return [] if found else [Point(pinned(call.args[0]), 1.0)]
        if call.name == "timestamp":
            return self.timestamp(bare(call.args[0]), time_ms)
        args = [self.evaluate(arg, time_ms) for arg in call.args]
        return _CALLS[call.name](*args)

    def timestamp(self, expr: Expr, time_ms: int) -> Vector:
        if isinstance(expr, VectorSelector):
            found = self.newest(expr, time_ms)
            return [Point(k, s[0] / 1000, nameless=True) for k, s in found]
        return [p.becomes(time_ms / 1000) for p in self.evaluate(expr, time_ms)]

    def over_windows(self, call: Call, time_ms: int) -> Vector:
        (matrix,) = [a for a in call.args if type_of(a) is ValueType.MATRIX]
        params = [self.evaluate(a, time_ms) for a in call.args if a is not matrix]
        keeps = call.name in {"first_over_time", "last_over_time"}
        answer = []
        for point, window in self.windows(matrix, time_ms):
            value = slow_windows.FUNCTIONS[call.name](window, *params)
            if value is not None:
                nameless = point.nameless or not keeps
                answer.append(Point(point.labels, value, nameless))
        return answer


def negated(value: Vector | float) -> Vector | float:
    if isinstance(value, float):
        return -value
    return [point.becomes(-point.value) for point in value]


def is_stale(sample: Sample) -> bool:
    return struct.pack("<d", sample[1]) == struct.pack("<d", STALE)


def without_name(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] != METRIC_NAME)


def distinct(pairs) -> dict:
    found: dict = {}
    for key, value in pairs:
        if key in found:
            raise AmbiguousError(key)
        found[key] = value
    return found


def scalar(vector: Vector) -> float:
    return vector[0].value if len(vector) == 1 else math.nan


def pinned(expr: Expr) -> Labels:
    """Return the labels for which a selector allows one value only."""
    inner = bare(expr)
    if isinstance(inner, MatrixSelector):
        inner = inner.selector
    if not isinstance(inner, VectorSelector):
        return ()
    equal = [m for m in inner.matchers if m.op is MatchOp.EQUAL]
    return make_labels((m.name, m.value) for m in equal if m.name != METRIC_NAME)


def clamp(vector: Vector, low: float, high: float) -> Vector:
    """Both bounds are numbers, the lower one first; NaN stays NaN."""
    return [
        p.becomes(p.value if math.isnan(p.value) else max(low, min(high, p.value)))
        for p in vector
    ]


def each(function: Callable[[float], float]) -> Callable[[Vector], Vector]:
    return lambda vector: [point.becomes(function(point.value)) for point in vector]


_CALLS: dict[str, Callable] = {
    "abs": each(abs),
    "clamp": clamp,
    "scalar": scalar,
    "sgn": each(lambda v: v if v == 0 or math.isnan(v) else math.copysign(1.0, v)),
    "vector": lambda value: [Point((), value)],
}


def calculate(op: str, left: float, right: float) -> float:
    match op:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/" if right == 0:
            if left == 0 or math.isnan(left):
                return math.nan
            sign = math.copysign(1, left) * math.copysign(1, right)
            return math.copysign(math.inf, sign)
        case "/":
            return left / right
    raise NotImplementedError(op)


COMPARE: dict[str, Callable[[float, float], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


def operate(node: Binary, left, right) -> Vector | float:
    if isinstance(left, float) and isinstance(right, float):
        if node.op in COMPARE:
            return float(COMPARE[node.op](left, right))
        return calculate(node.op, left, right)
    if node.op in {"and", "or", "unless"}:
        return combine_sets(node, left, right)
    if isinstance(left, list) and isinstance(right, list):
        return match_vectors(node, left, right)
    answer = []
    for point in left if isinstance(left, list) else right:
        a, b = (point.value, right) if isinstance(left, list) else (left, point.value)
        if node.op not in COMPARE:
            answer.append(point.becomes(calculate(node.op, a, b)))
        elif node.return_bool:
            answer.append(point.becomes(float(COMPARE[node.op](a, b))))
        elif COMPARE[node.op](a, b):
            answer.append(point)
    return answer


def signature(node: Binary, labels: Labels) -> Labels:
    matching = node.matching
    if matching.on:
        return tuple(pair for pair in labels if pair[0] in matching.labels)
    gone = {METRIC_NAME, *matching.labels}
    return tuple(pair for pair in labels if pair[0] not in gone)


def combine_sets(node: Binary, left: Vector, right: Vector) -> Vector:
    ours = {signature(node, point.labels) for point in left}
    theirs = {signature(node, point.labels) for point in right}
    if node.op == "and":
        return [p for p in left if signature(node, p.labels) in theirs]
    if node.op == "unless":
        return [p for p in left if signature(node, p.labels) not in theirs]
    return left + [p for p in right if signature(node, p.labels) not in ours]


def match_vectors(node: Binary, left: Vector, right: Vector) -> Vector:
    if not left or not right:
        return []
    swapped = node.matching.cardinality is Cardinality.ONE_TO_MANY
    many, one = (right, left) if swapped else (left, right)
    partners = distinct((signature(node, p.labels), p) for p in one)
    answer, taken = [], set()
    for point in many:
        sign = signature(node, point.labels)
        if sign not in partners:
            continue
        other = partners[sign]
        a, b = (other, point) if swapped else (point, other)
        outcome = apply(node, a.value, b.value)
        if outcome is None:
            continue
        labels = result_labels(node, point.labels, other.labels)
        single = node.matching.cardinality is Cardinality.ONE_TO_ONE
        key = sign if single else (sign, labels)
        if key in taken:
            raise AmbiguousError(key)
        taken.add(key)
        nameless = node.op not in COMPARE or node.return_bool or point.nameless
        answer.append(Point(labels, outcome, nameless))
    distinct((point.labels, point) for point in answer)
    return answer


def apply(node: Binary, left: float, right: float) -> float | None:
    if node.op not in COMPARE:
        return calculate(node.op, left, right)
    holds = COMPARE[node.op](left, right)
    if node.return_bool:
        return float(holds)
    return left if holds else None


def result_labels(node: Binary, many: Labels, one: Labels) -> Labels:
    labels = dict(many)
    if node.op not in COMPARE:
        labels.pop(METRIC_NAME, None)
    if node.matching.cardinality is Cardinality.ONE_TO_ONE:
        on, named = node.matching.on, node.matching.labels
        labels = {k: v for k, v in labels.items() if (k in named) == on}
    for name in node.matching.include:
        labels[name] = dict(one).get(name, "")
    return make_labels(labels)


def aggregate(node: Aggregation, vector: Vector, param) -> Vector:
    groups: dict[Labels, Vector] = {}
    for point in vector:
        if node.without:
            gone = {METRIC_NAME, *node.labels}
            key = tuple(pair for pair in point.labels if pair[0] not in gone)
        else:
            key = tuple(pair for pair in point.labels if pair[0] in node.labels)
        groups.setdefault(key, []).append(point)
    answer = []
    for key, members in groups.items():
        if node.op in {"topk", "bottomk"}:
            answer += ranked(members, int(param), top=node.op == "topk")
            continue
        values = [point.value for point in members]
        nameless = any(point.nameless for point in members)
        answer.append(Point(key, summary(node.op, values, param), nameless))
    return answer


def ranked(members: Vector, count: int, *, top: bool) -> Vector:
    def key(point: Point) -> tuple[bool, float]:
        return math.isnan(point.value), -point.value if top else point.value

    return sorted(members, key=key)[: max(0, count)]


def summary(op: str, values: list[float], param) -> float:
    match op:
        case "quantile":
            return slow_windows.quantile(param, values)
        case "stddev":
            return math.sqrt(slow_windows.variance(values))
        case "group":
            return 1.0
        case "count":
            return float(len(values))
    functions = {
        "sum": slow_windows.total,
        "avg": slow_windows.mean,
        "min": slow_windows.least,
        "max": slow_windows.most,
        "stdvar": slow_windows.variance,
    }
    return functions[op](values)
