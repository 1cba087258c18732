"""Remote write 2.0: an unpacked Request, whose texts stand in a table, to a SampleBatch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from monitoring.labels import METRIC_NAME, make_labels, pack_labels, unpack_labels
from monitoring.telemetry import MetricMetadata
from sources.protocols import MalformedBodyError, Terms
from sources.protocols.remote_write import exemplar_labels, metadata_of
from sources.protocols.remote_write_messages import Request2
from sources.protocols.series_labels import InvalidSeriesError, as_text
from sources.protocols.series_rows import KnownLabels, Rows, Written, labels_of

NO_SAMPLES = "TimeSeries must contain at least one sample or histogram for series {}"

_known = KnownLabels()


class InvalidReferenceError(ValueError):
    """A reference that the table of symbols does not have, in Prometheus's words."""


def decode(body: bytes, terms: Terms, *, known: KnownLabels = _known) -> Written:
    """Raises MalformedBodyError when the body is no Request."""
    try:
        request = Request2.FromString(body)
    except DecodeError as error:
        raise MalformedBodyError(
            f"The body is no io.prometheus.write.v2.Request in protobuf: {error}."
        ) from None
    reader = _Reader(list(request.symbols), terms, known)
    for series in request.timeseries:
        reader.read(series)
    return reader.written()


class _Reader:
    """Reads series after series; those of one sample are gathered to columns."""

    def __init__(self, symbols: list[bytes], terms: Terms, known: KnownLabels) -> None:
        self._symbols, self._known = symbols, known
        self._overrides = dict(terms.labels)
        self._salt = pack_labels(make_labels(self._overrides)) + b"\xff\xff"
        self._rows = Rows(terms)
        self._series: list[bytes] = []
        self._times: list[int] = []
        self._values: list[float] = []
        self._metadata: dict[str, MetricMetadata] = {}

    def read(self, series: Any) -> None:
        samples = series.samples
        try:
            packed = self._packed(series.labels_refs)
            if series.HasField("metadata"):
                self._describe(packed, series.metadata)
        except (InvalidSeriesError, InvalidReferenceError) as error:
            self._rows.problems.add(str(error), samples=max(len(samples), 1))
            return
        if len(samples) == 1 and not series.histograms and not series.exemplars:
            self._series.append(packed)
            self._times.append(samples[0].timestamp)
            self._values.append(samples[0].value)
        else:
            self._read_general(packed, series)

    def written(self) -> Written:
        if self._series:
            self._rows.add_column(
                self._series,
                np.array(self._times, np.int64),
                np.array(self._values, np.float64),
            )
        return self._rows.written(self._metadata)

    def _read_general(self, packed: bytes, series: Any) -> None:
        labels = unpack_labels(packed)
        if not series.samples and not series.histograms:
            self._rows.problems.add(NO_SAMPLES.format(as_text(labels)))
            return
        place = self._rows.add_packed(packed, series.samples, series.histograms)
        for example in series.exemplars:
            try:
                pairs = self._pairs(example.labels_refs)
            except InvalidReferenceError as error:
                self._rows.problems.add(
                    f"parsing exemplar for series {as_text(labels)}: {error}", samples=0
                )
                continue
            self._rows.add_exemplar(
                place, example.timestamp, example.value, exemplar_labels(pairs)
            )

    def _packed(self, references: Sequence[int]) -> bytes:
        """Raises InvalidSeriesError, InvalidReferenceError."""
        try:
            texts = [self._symbols[reference] for reference in references]
        except IndexError:
            texts = []
        # The count, because a text that is no UTF-8 may hold what joins them.
        key = b"%d%s%s" % (len(texts), self._salt, b"\xff".join(texts))
        (packed,) = self._known.get([key])
        if packed is None or len(texts) % 2 or not texts:
            try:
                pairs = self._pairs(references)
            except InvalidReferenceError as error:
                listed = " ".join(map(str, references))
                raise InvalidReferenceError(
                    f"parsing labels for series [{listed}]: {error}"
                ) from None
            packed = pack_labels(labels_of(pairs, self._overrides))
            self._known.put(key, packed)
        return packed

    def _pairs(self, references: Sequence[int]) -> list[tuple[bytes, bytes]]:
        """Raises InvalidReferenceError."""
        if len(references) % 2:
            raise InvalidReferenceError(f"invalid labelRefs length {len(references)}")
        size = len(self._symbols)
        pairs = []
        for name, value in zip(references[::2], references[1::2], strict=True):
            if name >= size or value >= size:
                raise InvalidReferenceError(
                    f"labelRefs {name} (name) = {value} (value) outside of symbols "
                    f"table (size {size})"
                )
            pairs.append((self._symbols[name], self._symbols[value]))
        return pairs

    def _describe(self, packed: bytes, said: Any) -> None:
        """Raises InvalidReferenceError."""
        size = len(self._symbols)
        if said.help_ref >= size or said.unit_ref >= size:
            raise InvalidReferenceError(
                f"metadata refers to symbols outside of the table (size {size})"
            )
        help_text, unit = self._symbols[said.help_ref], self._symbols[said.unit_ref]
        found = metadata_of(said.type, unit, help_text)
        if found != MetricMetadata():
            self._metadata[dict(unpack_labels(packed))[METRIC_NAME]] = found
