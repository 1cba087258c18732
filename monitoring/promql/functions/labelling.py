"""Functions that write labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monitoring.labels import METRIC_NAME, Labels
from monitoring.promql.context import Evaluation
from monitoring.promql.errors import EvaluationError
from monitoring.promql.grouping import merge_same, with_label
from monitoring.promql.syntax import Call
from monitoring.promql.templates import Rewrite
from monitoring.promql.values import Bools, Grid, Vector


def call_label_replace(run: Evaluation, call: Call, grid: Grid) -> Vector:
    target, template, source, pattern = (run.text(arg) for arg in call.args[1:])
    rewrite = Rewrite.of(pattern, template)
    if not target:
        raise EvaluationError(
            f"invalid destination label name in label_replace(): {target}"
        )
    vector = run.vector(call.args[0], grid)
    texts = [_get(labels, source) for labels in vector.labels]
    distinct = list(dict.fromkeys(texts))
    outcome = dict(zip(distinct, rewrite.apply(distinct), strict=True))
    return _relabelled(vector, target, [outcome[text] for text in texts])


def call_label_join(run: Evaluation, call: Call, grid: Grid) -> Vector:
    target, separator, *sources = (run.text(arg) for arg in call.args[1:])
    for source in sources:
        if not source:
            raise EvaluationError(
                f"invalid source label name in label_join(): {source}"
            )
    if not target:
        raise EvaluationError(
            f"invalid destination label name in label_join(): {target}"
        )
    vector = run.vector(call.args[0], grid)
    joined: list[str | None] = [
        separator.join(_get(labels, source) for source in sources)
        for labels in vector.labels
    ]
    return _relabelled(vector, target, joined)


def _get(labels: Labels, name: str) -> str:
    return next((value for key, value in labels if key == name), "")


def _relabelled(vector: Vector, target: str, values: Sequence[str | None]) -> Vector:
    """Set the label to each series' value; None leaves the series as it is."""
    labels = [
        old if value is None else with_label(old, target, value)
        for old, value in zip(vector.labels, values, strict=True)
    ]
    nameless: Bools = vector.nameless
    if target == METRIC_NAME:
        # A name that was written on purpose stays.
        nameless = nameless & np.array([value is None for value in values], np.bool_)
    return merge_same(Vector(labels, vector.values, vector.present, nameless))
