"""sort and its family: the order of the series in an instant query's answer."""

from __future__ import annotations

import re
from functools import cmp_to_key

import numpy as np

from monitoring.labels import Labels
from monitoring.promql.context import Evaluation
from monitoring.promql.syntax import Call
from monitoring.promql.values import Grid, Vector

_CHUNK = re.compile(r"\d+|\D+")


def call_sort(run: Evaluation, call: Call, grid: Grid) -> Vector:
    vector = run.vector(call.args[0], grid)
    if _is_in_vain(run, grid):
        return vector
    column = vector.values[:, 0]
    # NaN comes last in both directions, as argsort has it.
    keys = -column if call.name == "sort_desc" else column
    return vector.take(np.argsort(keys, kind="stable"))


def call_sort_by_label(run: Evaluation, call: Call, grid: Grid) -> Vector:
    vector = run.vector(call.args[0], grid)
    if _is_in_vain(run, grid):
        return vector
    names = [run.text(arg) for arg in call.args[1:]]

    def compare(one: Labels, other: Labels) -> int:
        return _compare(one, other, names)

    key = cmp_to_key(compare)
    rows = sorted(
        range(len(vector.labels)),
        key=lambda row: key(vector.labels[row]),
        reverse=call.name == "sort_by_label_desc",
    )
    return vector.take(np.array(rows, np.int64))


def _is_in_vain(run: Evaluation, grid: Grid) -> bool:
    if run.outer.count > 1:
        run.notes.warn(
            "sort is ineffective for range queries since results are always ordered "
            "by labels"
        )
    return grid.count != 1


def _compare(one: Labels, other: Labels, names: list[str]) -> int:
    """Compare by the named labels in turn, then by all of them."""
    ours, theirs = dict(one), dict(other)
    for name in names:
        left, right = ours.get(name, ""), theirs.get(name, "")
        if left != right:
            return -1 if naturally_before(left, right) else 1
    return (one > other) - (one < other)


def naturally_before(one: str, other: str) -> bool:
    """Whether a text sorts before another when digits count as numbers."""
    ours, theirs = _CHUNK.findall(one), _CHUNK.findall(other)
    for left, right in zip(ours, theirs, strict=False):
        if left.isdecimal() and right.isdecimal():
            if int(left) != int(right):
                return int(left) < int(right)
        elif left != right:
            return bool(left < right)
    return len(ours) <= len(theirs)
