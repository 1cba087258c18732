"""Series and samples of a request as they are gathered, and what is wrong with some.

Shared by the protocols of Prometheus's family that send labels and samples apart.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from monitoring.labels import Labels, pack_labels, unpack_labels
from monitoring.telemetry import (
    Exemplars,
    MetricMetadata,
    PackedSeries,
    SampleBatch,
)
from sources.protocols import Terms
from sources.protocols.series_labels import InvalidSeriesError, as_text, series_labels

OUT_OF_BOUNDS = "out of bounds"
TOO_FAR_AHEAD = "out of bounds: timestamp is too far in the future"
NATIVE_HISTOGRAMS = (
    "native histograms are not supported, send classic ones: dropped for series {}"
)

# Problems that are told one by one; the others are counted.
_MOST_TOLD = 10
# What a sample weighs in the byte counts: a time and a value.
SAMPLE_BYTES = 16
_LONGEST_EXEMPLAR = 128

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(slots=True)
class Problems:
    """What is wrong with some of a request's series, in words for people."""

    told: list[str] = field(default_factory=list)
    count: int = 0
    samples: int = 0

    def add(self, problem: str, *, samples: int = 1) -> None:
        self.count += 1
        self.samples += samples
        if len(self.told) < _MOST_TOLD and problem not in self.told:
            self.told.append(problem)

    @property
    def text(self) -> str:
        more = self.count - len(self.told)
        return "\n".join([*self.told, f"and {more} more"] if more else self.told)


@dataclass(frozen=True, slots=True)
class Written:
    """What is taken of a request, and what is wrong with the rest."""

    batch: SampleBatch
    problems: Problems

    @property
    def size(self) -> int:
        return self.batch.count * SAMPLE_BYTES


class KnownLabels:
    """Label bytes that were read before, with the packed label set they mean.

    Two generations, so that what is no longer sent is forgotten. Shared by threads:
    single look-ups and updates of a dict are atomic.
    """

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._young: dict[bytes, bytes] = {}
        self._old: dict[bytes, bytes] = {}
        self._lock = threading.Lock()

    def get_all(self, keys: Iterable[bytes]) -> list[bytes] | None:
        """Return what every key means, or None unless all were read lately."""
        try:
            return list(map(self._young.__getitem__, keys))
        except KeyError:
            return None

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return self._looked_up_again(keys, list(map(self._young.get, keys)))

    def put(self, key: bytes, packed: bytes) -> None:
        with self._lock:
            if len(self._young) >= self._most:
                self._old, self._young = self._young, {}
            self._young[key] = packed

    def _looked_up_again(
        self, keys: Sequence[bytes], found: list[bytes | None]
    ) -> list[bytes | None]:
        for place, packed in enumerate(found):
            if packed is None:
                older = self._old.get(keys[place])
                if older is not None:
                    self.put(keys[place], older)
                    found[place] = older
        return found


class Rows:
    """The samples of a request as they are gathered."""

    def __init__(self, terms: Terms) -> None:
        self.problems = Problems()
        self._overrides = dict(terms.labels)
        self._earliest = -(-terms.earliest_ns // 10**6)
        self._latest = terms.latest_ns // 10**6
        self._series: list[bytes] = []
        self._parts: list[tuple[npt.NDArray[np.int32], Ints, Floats]] = []
        self._examples: list[tuple[int, int, float, Labels]] = []

    def add_column(self, series: Sequence[bytes], ts_ms: Ints, values: Floats) -> None:
        """Add one sample for each of the series."""
        first = len(self._series)
        self._series.extend(series)
        index = np.arange(first, first + len(series), dtype=np.int32)
        self._add(index, ts_ms, values)

    def add_series(
        self,
        pairs: Iterable[tuple[bytes, bytes]],
        samples: Sequence[Any],
        histograms: Sequence[Any],
    ) -> int | None:
        """Add a series by its pairs of labels; return its place, or None if refused."""
        try:
            labels = labels_of(pairs, self._overrides)
        except InvalidSeriesError as error:
            self.problems.add(str(error), samples=max(len(samples), 1))
            return None
        return self.add_packed(pack_labels(labels), samples, histograms)

    def add_packed(
        self, packed: bytes, samples: Sequence[Any], histograms: Sequence[Any]
    ) -> int:
        """Add a series of any number of samples; return its place."""
        if histograms:
            problem = NATIVE_HISTOGRAMS.format(as_text(unpack_labels(packed)))
            self.problems.add(problem, samples=len(histograms))
        place = len(self._series)
        self._series.append(packed)
        self._add(
            np.full(len(samples), place, np.int32),
            np.array([sample.timestamp for sample in samples], np.int64),
            np.array([sample.value for sample in samples], np.float64),
        )
        return place

    def add_exemplar(
        self, place: int, ts_ms: int, value: float, labels: Labels
    ) -> None:
        """One that is too large, or of another age, is passed over, as in Prometheus."""
        size = sum(len(name) + len(value) for name, value in labels)
        if size <= _LONGEST_EXEMPLAR and self._earliest <= ts_ms <= self._latest:
            self._examples.append((place, ts_ms, value, labels))

    def written(self, metadata: dict[str, MetricMetadata]) -> Written:
        index, ts_ms, values = (
            np.concatenate(columns) if columns else np.empty(0, dtype)
            for columns, dtype in zip(
                zip(*self._parts, strict=True) if self._parts else ((), (), ()),
                (np.int32, np.int64, np.float64),
                strict=True,
            )
        )
        batch = SampleBatch(
            PackedSeries(self._series),
            index,
            ts_ms,
            values,
            metadata,
            Exemplars.of_rows(self._examples),
        )
        return Written(batch, self.problems)

    def _add(self, index: npt.NDArray[np.int32], ts_ms: Ints, values: Floats) -> None:
        if not len(ts_ms):
            return
        if ts_ms.min() < self._earliest or ts_ms.max() > self._latest:
            old, new = ts_ms < self._earliest, ts_ms > self._latest
            for late, problem in ((old, OUT_OF_BOUNDS), (new, TOO_FAR_AHEAD)):
                if late.any():
                    self.problems.add(problem, samples=int(np.count_nonzero(late)))
            kept = ~(old | new)
            index, ts_ms, values = index[kept], ts_ms[kept], values[kept]
        self._parts.append((index, ts_ms, values))


def labels_of(
    pairs: Iterable[tuple[bytes, bytes]], overrides: dict[str, str]
) -> Labels:
    """Return canonical labels of names and values as they came.

    Raises InvalidSeriesError.
    """
    given = list(pairs)
    try:
        texts = [(name.decode(), value.decode()) for name, value in given]
    except UnicodeDecodeError:
        shown = [
            (n.decode(errors="replace"), v.decode(errors="replace")) for n, v in given
        ]
        raise InvalidSeriesError(
            f"invalid metric name or labels, got {as_text(shown)}"
        ) from None
    return series_labels(texts, overrides)
