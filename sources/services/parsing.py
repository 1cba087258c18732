"""Parses what was claimed, with each source's format: set, remembered or recognised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import numpy as np
import pyarrow as pa

from monitoring.telemetry import LogBatch, SampleBatch, nanoseconds
from sources.formats import RAW, Detection, ParsedBatch, detect, parse_batch
from sources.models import InboxBatch, Source
from sources.services.merging import merge_logs

# A format is remembered when so many lines have been seen, and so much of them fits.
ENOUGH_LINES = 10
SURE = 0.8
# A remembered format that misses this much of a batch is looked for anew.
MISSED = 0.5
# Plain text may become something better: it is looked at again once in so many batches.
RAW_CHECKED_EVERY = 16
_SAMPLE = 200

Claimed = tuple[InboxBatch, LogBatch | SampleBatch]


class Parser:
    """Parses the log batches of one claim.

    `recognised` is what it has learnt of sources, to be kept with their counts.
    """

    def __init__(self, claimed: Iterable[InboxBatch]) -> None:
        ids = {batch.source_id for batch in claimed if batch.source_id is not None}
        sources = Source.unscoped.filter(pk__in=ids)
        rows = list(sources.values_list("pk", "format", "state__detected_format"))
        self._set = {pk: chosen for pk, chosen, _ in rows if chosen}
        self._remembered = {pk: found for pk, _, found in rows if found}
        self.recognised: dict[int, tuple[str, float | None]] = {}

    def parse(self, group: Sequence[Claimed]) -> Iterator[LogBatch]:
        """Yield parsed batches; a line without a time has that of its arrival."""
        logs = [item for item in group if isinstance(item[1], LogBatch)]
        for _, items in groupby(sorted(logs, key=_origin), key=_origin):
            yield from self._parse_origin(list(items))

    def _parse_origin(self, items: Sequence[Claimed]) -> Iterator[LogBatch]:
        first = items[0][0]
        received_ns = nanoseconds(first.received_at)
        batches = (batch for _, batch in items if isinstance(batch, LogBatch))
        for batch in merge_logs(batches):
            yield self._parse_batch(first, batch, received_ns).batch

    def _parse_batch(
        self, origin: InboxBatch, batch: LogBatch, received_ns: int
    ) -> ParsedBatch:
        source_id = origin.source_id
        if source_id is None or source_id in self._set:
            return parse_batch(batch, self._set.get(source_id or 0), received_ns)
        name = self._remembered.get(source_id)
        if name is None or (name == RAW and origin.pk % RAW_CHECKED_EVERY == 0):
            name = self._recognise(source_id, batch)
        parsed = parse_batch(batch, name, received_ns)
        if parsed.unmatched <= MISSED * batch.count or batch.count < ENOUGH_LINES:
            return parsed
        found = self._recognise(source_id, batch)
        return parsed if found == name else parse_batch(batch, found, received_ns)

    def _recognise(self, source_id: int, batch: LogBatch) -> str:
        found = detect(_sample(batch))
        if _is_sure(found):
            self._remembered[source_id] = found.format_name
            self.recognised[source_id] = (found.format_name, found.confidence)
        return found.format_name


def _is_sure(found: Detection) -> bool:
    return found.total >= ENOUGH_LINES and found.confidence >= SURE


def _sample(batch: LogBatch) -> list[str]:
    """Return lines from all over the batch."""
    places = np.unique(np.linspace(0, batch.count - 1, _SAMPLE).astype(np.int64))
    lines: list[str] = batch.table.column("line").take(pa.array(places)).to_pylist()
    return lines


def _origin(item: Claimed) -> tuple[int, int]:
    """Lines of one source that came within one second are parsed together."""
    batch = item[0]
    return batch.source_id or 0, int(batch.received_at.timestamp())
