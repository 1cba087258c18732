"""What expressions evaluate to: all steps of a query at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from monitoring.labels import Labels
from monitoring.promql.columns import taken

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Grid:
    """The times at which an expression is evaluated; one of them for an instant."""

    start_ms: int
    step_ms: int
    count: int

    @classmethod
    def at(cls, time_ms: int) -> Grid:
        return cls(time_ms, 1, 1)

    @property
    def end_ms(self) -> int:
        return self.start_ms + (self.count - 1) * self.step_ms

    @property
    def times_ms(self) -> Ints:
        return self.start_ms + self.step_ms * np.arange(self.count, dtype=np.int64)

    @property
    def times_s(self) -> Floats:
        return self.times_ms / 1000.0

    def moved(self, by_ms: int) -> Grid:
        return Grid(self.start_ms + by_ms, self.step_ms, self.count)


@dataclass(frozen=True, slots=True)
class Scalar:
    """One number per step."""

    values: Floats


@dataclass(frozen=True, slots=True)
class Text:
    value: str


@dataclass(frozen=True, slots=True)
class Vector:
    """Series by steps; a value counts only where `present`.

    `nameless` marks the series whose metric name is dropped from the result. Until
    then they keep it, so that label_replace and grouping can still use it.
    The arrays may be shared with other vectors: they are never written to.
    """

    labels: Sequence[Labels]
    values: Floats
    present: Bools
    nameless: Bools

    @classmethod
    def empty(cls, steps: int) -> Vector:
        return cls(
            (),
            np.empty((0, steps)),
            np.empty((0, steps), np.bool_),
            np.empty(0, np.bool_),
        )

    @classmethod
    def named(cls, labels: Sequence[Labels], values: Floats, present: Bools) -> Vector:
        return cls(labels, values, present, np.zeros(len(labels), np.bool_))

    @property
    def steps(self) -> int:
        return int(self.values.shape[1])

    def with_values(self, values: Floats) -> Vector:
        """Return the outcome of a function on the values: its name will go."""
        unnamed = np.ones(len(self.labels), np.bool_)
        return Vector(self.labels, values, self.present, unnamed)

    def where(self, kept: Bools) -> Vector:
        return Vector(self.labels, self.values, self.present & kept, self.nameless)

    def take(self, rows: Ints) -> Vector:
        return Vector(
            taken(self.labels, rows),
            self.values[rows],
            self.present[rows],
            self.nameless[rows],
        )


Value = Scalar | Text | Vector


class ResultType(StrEnum):
    VECTOR = "vector"
    MATRIX = "matrix"
    SCALAR = "scalar"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a query: `values` are series by steps, NaN where not `present`.

    An instant query has one step, unless its answer is a matrix: then the steps
    are the samples' own times. A scalar is one series without labels.
    """

    type: ResultType
    labels: list[Labels]
    steps_ms: Ints
    values: Floats
    present: Bools
    warnings: list[str] = field(default_factory=list)
    infos: list[str] = field(default_factory=list)
    string: str = ""
