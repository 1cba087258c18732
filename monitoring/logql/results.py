"""What queries are answered with; the edges write it as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from monitoring.labels import Labels, make_labels
from monitoring.logql.columns import Bools, Floats, Ints
from monitoring.logql.limits import Stats


class ResultType(StrEnum):
    STREAMS = "streams"
    VECTOR = "vector"
    MATRIX = "matrix"
    SCALAR = "scalar"


class Direction(StrEnum):
    FORWARD = "forward"
    BACKWARD = "backward"


@dataclass(frozen=True, slots=True)
class Stream:
    """Lines with equal labels, in the direction of the query.

    `stream` are the labels that were stored, `parsed` those that stages have made;
    `metadata` are each line's structured metadata.
    """

    stream: Labels
    parsed: Labels
    ts_ns: list[int]
    lines: list[str]
    metadata: list[Labels]

    @property
    def labels(self) -> Labels:
        return make_labels({**dict(self.stream), **dict(self.parsed)})


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a query: streams, or series by steps, NaN where not `present`.

    An instant query has one step. A scalar is one series without labels.
    """

    type: ResultType
    stats: Stats
    streams: list[Stream] = field(default_factory=list)
    labels: list[Labels] = field(default_factory=list)
    steps_ns: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    values: Floats = field(default_factory=lambda: np.empty((0, 0)))
    present: Bools = field(default_factory=lambda: np.empty((0, 0), np.bool_))
