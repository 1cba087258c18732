"""Range aggregations: lines, or values from them, in a window per step.

Windows are left-open as PromQL's are, and PromQL's code finds and reduces them;
what it calls milliseconds are nanoseconds here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow.compute as pc

from monitoring.labels import Labels
from monitoring.logql.columns import Bools, Floats, Ints
from monitoring.logql.errors import EvaluationError
from monitoring.logql.keys import SeriesIndex
from monitoring.logql.limits import Budget
from monitoring.logql.lines import ERROR, NOT_STORED, Lines
from monitoring.logql.parser import equalities
from monitoring.logql.pipeline import Pipeline, compile_stages
from monitoring.logql.stages.numbers import read_numbers
from monitoring.logql.syntax import (
    Grouping,
    RangeAggregation,
    Unit,
    Unwrap,
)
from monitoring.logql.validation import unwrap_of
from monitoring.promql.functions import counters, distribution, over_time
from monitoring.promql.functions.over_time import Outcome
from monitoring.promql.matching import format_labels
from monitoring.promql.values import Grid, Vector
from monitoring.promql.windows import Block, RangeVector
from monitoring.telemetry import LogQuerier, SeriesData

SAMPLE_ERROR = "SampleExtractionErr"

_UNITS = {
    "": Unit.NUMBER,
    "bytes": Unit.BYTES,
    "duration": Unit.DURATION,
    "duration_seconds": Unit.DURATION,
}
_OF_LINES = {"bytes_over_time", "bytes_rate", "count_over_time", "rate"}
_OF_BYTES = {"bytes_over_time", "bytes_rate"}
_RATES = {"bytes_rate", "rate"}
_NANOSECONDS = 1e9


@dataclass(frozen=True, slots=True)
class Plan:
    """A range aggregation that is ready to be read: stages, key and value."""

    node: RangeAggregation
    before: Pipeline
    after: Pipeline
    unwrap: Unwrap | None
    grouping: Grouping | None

    @classmethod
    def of(cls, node: RangeAggregation, outer: Grouping | None) -> Plan:
        """`outer` is what a sum around it groups by. Raises LogQLSyntaxError."""
        query = node.query
        place = unwrap_of(query)
        grouping = node.grouping or outer
        if place is None:
            before = compile_stages(query.matchers, query.stages)
            return cls(node, before, compile_stages((), ()), None, grouping)
        unwrap = query.stages[place]
        assert isinstance(unwrap, Unwrap)  # noqa: S101  # unwrap_of has found it
        before = compile_stages(query.matchers, query.stages[:place])
        after = compile_stages((), query.stages[place + 1 :])
        return cls(node, before, after, unwrap, grouping)

    @property
    def hidden(self) -> frozenset[str]:
        """What is no part of the key: the label whose values are added up."""
        named = self.grouping is not None and not self.grouping.without
        if self.unwrap is None or named:
            return frozenset()
        return frozenset({self.unwrap.name})

    @property
    def names(self) -> frozenset[str]:
        """The stored fields that are asked for."""
        names = self.before.names | self.after.names
        if self.unwrap is not None:
            names |= {self.unwrap.name}
        if self.grouping is not None and not self.grouping.without:
            names |= frozenset(self.grouping.labels)
        return names


@dataclass(slots=True)
class Samples:
    """What has been read so far: series, time and value of each."""

    series: SeriesIndex = field(default_factory=SeriesIndex)
    ids: list[Ints] = field(default_factory=list)
    times: list[Ints] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)

    def add(self, ids: Ints, times: Ints, values: Floats) -> None:
        self.ids.append(ids)
        self.times.append(times)
        self.values.append(values)

    def data(self) -> SeriesData:
        if not self.ids:
            return SeriesData.empty()
        ids, times = np.concatenate(self.ids), np.concatenate(self.times)
        values = np.concatenate(self.values)
        order = np.lexsort((times, ids))
        offsets = np.searchsorted(ids[order], np.arange(len(self.series.labels) + 1))
        return SeriesData(self.series.labels, offsets, times[order], values[order])


@dataclass(frozen=True, slots=True)
class RangeReader:
    """Evaluates range aggregations of one query, over its grid of steps."""

    querier: LogQuerier
    budget: Budget
    grid: Grid

    def evaluate(self, node: RangeAggregation, outer: Grouping | None) -> Vector:
        plan = Plan.of(node, outer)
        ends = self.grid.moved(-node.offset_ns)
        if node.op == "absent_over_time":
            return self._absent(plan, ends)
        counted = self._counted(plan, ends)
        if counted is not None:
            return counted
        return self._reduced(plan, self._read(plan, ends), ends)

    def _absent(self, plan: Plan, ends: Grid) -> Vector:
        found = self._reduced(
            replace_op(plan, "count_over_time"), self._read(plan, ends), ends
        )
        absent: Bools = ~np.logical_or.reduce(found.present, axis=0)
        labels = equalities(plan.node.query)
        return Vector.named([labels], np.ones((1, len(absent))), absent[None])

    def _counted(self, plan: Plan, ends: Grid) -> Vector | None:
        """Let the store count, where only its streams and filters are asked for."""
        node = plan.node
        if plan.unwrap is not None or plan.before.rest:
            return None
        stops = ends.times_ms + 1
        found = self.querier.count(
            plan.before.matchers,
            plan.before.filters,
            stops - node.range_ns,
            stops,
            of_bytes=node.op in _OF_BYTES,
        )
        wanted = plan.grouping.labels if plan.grouping else ()
        if not all(set(wanted) <= dict(labels).keys() for labels in found.labels):
            # A label that is none of the streams' may be a field of the lines.
            return None
        self.budget.admit_samples(0, len(found.labels))
        self.budget.admit_lines(_counted_lines(node, found.counts, ends), 0)
        values = _per_second(node, found.counts.astype(np.float64))
        return Vector.named(list(found.labels), values, found.counts > 0)

    def _read(self, plan: Plan, ends: Grid) -> Samples:
        samples = Samples()
        snap = _edges(ends, plan.node.range_ns) if _adds_up(plan) else None
        for chunk in self._chunks(plan, ends):
            values, lines = _values(plan, chunk)
            if lines.count == 0:
                continue
            _refuse_errors(lines)
            ids = samples.series.number(lines, plan.grouping, plan.hidden)
            found = ids, lines.ts_ns, values
            if snap is not None:
                found = _summed(*found, snap)
            self.budget.admit_samples(len(found[0]), len(samples.series.labels))
            samples.add(*found)
        return samples

    def _chunks(self, plan: Plan, ends: Grid) -> Iterator[Lines]:
        chunks = self.querier.select(
            plan.before.matchers,
            plan.before.filters,
            ends.start_ms - plan.node.range_ns + 1,
            ends.end_ms + 1,
            fields=sorted(plan.names - NOT_STORED),
        )
        gaps = _gaps(ends, plan.node.range_ns)
        for chunk in chunks:
            self.budget.admit_chunk(chunk, chunk.count, int(_sizes(chunk.lines).sum()))
            lines = Lines.of(chunk, plan.names, check=self.budget.check)
            if gaps is not None:
                lines = lines.where(gaps(lines.ts_ns))
            yield plan.before.run_stored(lines)

    def _reduced(self, plan: Plan, samples: Samples, ends: Grid) -> Vector:
        node, data = plan.node, samples.data()
        shape = (len(data.labels), self.grid.count)
        self.budget.of_series().admit_points(*shape)
        values, present = np.empty(shape), np.zeros(shape, np.bool_)
        function = _function(node)
        nameless = np.zeros(len(data.labels), np.bool_)
        windows = RangeVector(
            data.labels, nameless, data, self.grid, ends, node.range_ns
        )
        for rows, block in windows.blocks():
            self.budget.check()
            values[rows], present[rows] = function(block)
        return Vector.named(data.labels, values, present)


def replace_op(plan: Plan, op: str) -> Plan:
    return replace(plan, node=replace(plan.node, op=op))


def _counted_lines(node: RangeAggregation, counts: Ints, ends: Grid) -> int:
    """Return about how many lines the store has counted; none if it was bytes."""
    if node.op in _OF_BYTES:
        return 0
    overlaps = max(1, min(ends.count, node.range_ns // ends.step_ms))
    return int(counts.sum()) // overlaps


def _adds_up(plan: Plan) -> bool:
    """Whether only the number of lines, or bytes, between two borders counts."""
    return plan.unwrap is None


def _sizes(lines: object) -> Ints:
    found: Ints = pc.binary_length(lines).to_numpy(zero_copy_only=False)
    return found


def _edges(ends: Grid, range_ns: int) -> Ints:
    """Return the times at which windows begin or end, in order."""
    return np.unique(np.concatenate((ends.times_ms - range_ns, ends.times_ms)))


def _summed(
    ids: Ints, times: Ints, values: Floats, edges: Ints
) -> tuple[Ints, Ints, Floats]:
    """Make one sample of all between two edges: no window tells them apart."""
    places = np.searchsorted(edges, times)
    cells, inverse = np.unique(ids * len(edges) + places, return_inverse=True)
    sums: Floats = np.bincount(inverse, values, len(cells)).astype(np.float64)
    rows: Ints = cells // len(edges)
    ends: Ints = edges[cells % len(edges)]
    return rows, ends, sums


def _gaps(ends: Grid, range_ns: int) -> Callable[[Ints], Bools] | None:
    """Return what tells times inside of windows from those between them."""
    if range_ns >= ends.step_ms or ends.count == 1:
        return None
    # Nanoseconds before the next end; 0 is on it.
    return lambda times: (ends.start_ms - times) % ends.step_ms < range_ns


def _values(plan: Plan, lines: Lines) -> tuple[Floats, Lines]:
    """Return a value of each line; lines without one are left out."""
    if plan.unwrap is None:
        if plan.node.op in _OF_BYTES:
            return _sizes(lines.text).astype(np.float64), lines
        return np.ones(lines.count), lines
    if lines.count == 0:
        return np.empty(0), lines
    unwrap = plan.unwrap
    numbers = read_numbers(lines.value(unwrap.name), _UNITS[unwrap.conversion])
    lines = lines.with_error(numbers.bad, SAMPLE_ERROR, numbers.complaints)
    values, rows = numbers.values, lines.rows
    lines = plan.after.run_lines(lines.where(~numbers.absent), plan.after.steps)
    return values[np.searchsorted(rows, lines.rows)], lines


def _refuse_errors(lines: Lines) -> None:
    failed = lines.failed
    if not failed.any():
        return
    row = int(np.flatnonzero(failed)[0])
    one = lines.take(np.array([row]))
    labels: dict[str, str] = dict(one.constants)
    labels.update((n, c[0].as_py()) for n, c in one.parsed_columns())
    kind = labels.get(ERROR, "")
    shown: Labels = tuple(sorted(labels.items()))
    raise EvaluationError(
        f"pipeline error: '{kind}' for series: '{format_labels(shown)}'.\n"
        f'Use a label filter to intentionally skip this error. (e.g | __error__!="{kind}").\n'
        'To skip all potential errors you can match empty errors.(e.g __error__="")\n'
        "The label filter can also be specified after unwrap. "
        '(e.g | unwrap latency | __error__="" )\n'
    )


def _per_second(node: RangeAggregation, values: Floats) -> Floats:
    return values / (node.range_ns / _NANOSECONDS) if node.op in _RATES else values


def _function(node: RangeAggregation) -> Callable[[Block], Outcome]:
    if node.op in _OF_LINES:
        return lambda block: _rated(node, over_time.sum_over_time(block))
    if node.op == "rate_counter":
        return _rate_counter
    if node.op == "quantile_over_time":
        quantile = np.full(1, node.param)
        return lambda block: distribution.quantile_over_time(block, quantile)
    return _REDUCTIONS[node.op]


def _rated(node: RangeAggregation, outcome: Outcome) -> Outcome:
    values, present = outcome
    return _per_second(node, values), present


def _rate_counter(block: Block) -> Outcome:
    grown, present = counters.increase(block)
    return grown / (block.range_ms / _NANOSECONDS), present


_REDUCTIONS: dict[str, Callable[[Block], Outcome]] = {
    "avg_over_time": over_time.avg_over_time,
    "first_over_time": over_time.first_over_time,
    "last_over_time": over_time.last_over_time,
    "max_over_time": over_time.max_over_time,
    "min_over_time": over_time.min_over_time,
    "stddev_over_time": distribution.stddev_over_time,
    "stdvar_over_time": distribution.stdvar_over_time,
    "sum_over_time": over_time.sum_over_time,
}
