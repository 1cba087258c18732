"""info(): adds the labels of info series to the series they are about."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitoring.labels import METRIC_NAME, Labels, Matcher, MatchOp, make_labels
from monitoring.promql.context import Evaluation
from monitoring.promql.errors import EvaluationError
from monitoring.promql.grouping import keeping, merge_same
from monitoring.promql.syntax import Call, VectorSelector, bare
from monitoring.promql.values import Bools, Grid, Ints, Vector

# What tells which target a series is about.
_IDENTITY = ("instance", "job")
_DEFAULT_NAME = Matcher(METRIC_NAME, MatchOp.EQUAL, "target_info")

# With more targets than this, selecting all info series is the cheaper way.
_MOST_TARGETS = 500


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The second argument: on the info metric's name, and on the labels to add."""

    names: tuple[Matcher, ...]
    labels: tuple[Matcher, ...]

    @property
    def optional(self) -> bool:
        """Whether a series without any info is kept."""
        return all(matcher.matches_empty for matcher in self.labels)

    def includes(self, name: str) -> bool:
        return not self.labels or any(m.name == name for m in self.labels)

    def is_info(self, labels: Labels) -> bool:
        name = dict(labels).get(METRIC_NAME, "")
        return all(matcher.matches(name) for matcher in self.names)


def call_info(run: Evaluation, call: Call, grid: Grid) -> Vector:
    vector = run.vector(call.args[0], grid)
    wanted = _wanted(call)
    about = [
        None if wanted.is_info(labels) else keeping(_IDENTITY)(labels)
        for labels in vector.labels
    ]
    infos = _newest(run.sample_times(_selector(wanted, about), grid))
    by_target: dict[Labels | None, list[int]] = defaultdict(list)
    for row, labels in enumerate(infos.labels):
        by_target[keeping(_IDENTITY)(labels)].append(row)
    return _enriched(vector, infos, [by_target.get(t, []) for t in about], wanted)


def _wanted(call: Call) -> _Wanted:
    if len(call.args) == 1:
        return _Wanted((_DEFAULT_NAME,), ())
    selector = bare(call.args[1])
    plain = isinstance(selector, VectorSelector) and selector.name is None
    if not isinstance(selector, VectorSelector) or not plain:
        raise EvaluationError("expected label selectors only in call to info()")
    names = tuple(m for m in selector.matchers if m.name == METRIC_NAME)
    labels = tuple(m for m in selector.matchers if m.name != METRIC_NAME)
    return _Wanted(names or (_DEFAULT_NAME,), labels)


def _selector(wanted: _Wanted, about: Sequence[Labels | None]) -> VectorSelector:
    matchers = [*wanted.names, *wanted.labels]
    for name in _IDENTITY:
        values = {dict(target).get(name, "") for target in about if target is not None}
        if len(values) <= _MOST_TARGETS:
            any_of = "|".join(sorted(map(re.escape, values)))
            matchers.append(Matcher(name, MatchOp.REGEX, any_of))
    return VectorSelector(None, tuple(matchers))


def _newest(infos: Vector) -> Vector:
    """Keep of equal metrics about one target the newest, step by step.

    The values are times. Raises EvaluationError if two are equally new.
    """
    rows_of = defaultdict(list)
    for row, labels in enumerate(infos.labels):
        rows_of[keeping((METRIC_NAME, *_IDENTITY))(labels)].append(row)
    present = infos.present.copy()
    for key, rows in rows_of.items():
        if len(rows) > 1:
            present[rows] = _only_newest(infos, rows, dict(key)[METRIC_NAME])
    return Vector(infos.labels, infos.values, present, infos.nameless)


def _only_newest(infos: Vector, rows: list[int], name: str) -> Bools:
    times = np.where(infos.present[rows], infos.values[rows], -np.inf)
    newest: Bools = infos.present[rows] & (times == times.max(axis=0))
    if (newest.sum(axis=0) > 1).any():
        raise EvaluationError(
            f"found duplicate series for info metric {name}: more than one has the "
            "newest sample for the same job and instance"
        )
    return newest


def _enriched(
    vector: Vector, infos: Vector, rows_of: list[list[int]], wanted: _Wanted
) -> Vector:
    """Return a row per series and per combination of info series it meets."""
    labels: list[Labels] = []
    sources: list[int] = []
    kept: list[Bools] = []
    for row, base in enumerate(vector.labels):
        always = wanted.optional or wanted.is_info(base)
        for added, at in _combinations(infos, rows_of[row], base, wanted):
            if added or always:
                labels.append(make_labels([*base, *added]))
                sources.append(row)
                kept.append(at)
    if not labels:
        return Vector.empty(vector.steps)
    rows: Ints = np.array(sources)
    present = vector.present[rows] & np.array(kept)
    return merge_same(
        Vector(labels, vector.values[rows], present, vector.nameless[rows])
    )


def _combinations(
    infos: Vector, rows: list[int], base: Labels, wanted: _Wanted
) -> list[tuple[Labels, Bools]]:
    """Return the labels to add, and the steps at which just these are."""
    if not rows:
        return [((), np.ones(infos.steps, np.bool_))]
    patterns, kinds = np.unique(infos.present[rows], axis=1, return_inverse=True)
    found = []
    for kind in range(patterns.shape[1]):
        there = np.array(rows)[patterns[:, kind]].tolist()
        added = _added([infos.labels[row] for row in there], base, wanted)
        found.append((added, kinds.ravel() == kind))
    return found


def _added(infos: list[Labels], base: Labels, wanted: _Wanted) -> Labels:
    own = {name for name, _ in base}
    added: dict[str, str] = {}
    for labels in infos:
        for name, value in labels:
            if name == METRIC_NAME or name in own or not wanted.includes(name):
                continue
            if added.setdefault(name, value) != value:
                raise EvaluationError(f"conflicting label: {name}")
    return tuple(added.items())
