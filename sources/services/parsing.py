"""Parses what was claimed, with each source's format: set, remembered or recognised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
import pyarrow as pa

from monitoring.telemetry import LogBatch, RefSamples, SampleBatch, nanoseconds
from sources.formats import FORMATS, RAW, Detection, ParsedBatch, detect, parse_batch
from sources.formats.custom import CustomFormat
from sources.formats.wrapped import unwrap, wrapper_of
from sources.models import BatchKind, InboxBatch, Source
from sources.services.log_formats import OwnFormats, own_formats
from sources.services.merging import merge_logs
from sources.services.processing import Processor

# A format is remembered when so many lines have been seen, and so much of them fits.
ENOUGH_LINES = 10
SURE = 0.8
# A remembered format that misses this much of a batch is looked for anew.
MISSED = 0.5
# Plain text may become something better: it is looked at again once in so many batches.
RAW_CHECKED_EVERY = 16
_SAMPLE = 200
# Between the format of a wrapper and that of the lines within it.
WITHIN = "+"

Telemetry = LogBatch | SampleBatch | RefSamples
Claimed = tuple[InboxBatch, Telemetry]


class Parser:
    """Parses the log batches of one claim, and applies the rules of their sources.

    `recognised` is what it has learnt of sources, to be kept with their counts;
    `changed` are those among them that were known by another format before.
    """

    def __init__(self, claimed: Iterable[InboxBatch]) -> None:
        batches = list(claimed)
        ids = {batch.source_id for batch in batches if batch.source_id is not None}
        rows = list(Source.unscoped.filter(pk__in=ids).values_list(*_COLUMNS))
        self._set = {pk: chosen for pk, chosen, *_ in rows if chosen}
        self._remembered = {pk: found for pk, _, found, *_ in rows if found}
        lines = [batch for batch in batches if batch.kind == BatchKind.LOGS]
        self._own = own_formats({batch.organization_id for batch in lines})
        self.processor = Processor((pk, *rest) for pk, _, _, *rest in rows)
        self.recognised: dict[int, tuple[str, float | None]] = {}
        self.changed: dict[int, str] = {}

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
            parsed = self._parse_batch(first, batch, received_ns).batch
            yield self.processor.apply(first, parsed)

    def _parse_batch(
        self, origin: InboxBatch, batch: LogBatch, received_ns: int
    ) -> ParsedBatch:
        source_id = origin.source_id
        own = self._own.get(origin.organization_id, {})
        if source_id is None:
            return self._read_pushed(origin, batch, own, received_ns)
        if source_id in self._set:
            return self._read(batch, self._set[source_id], own, received_ns)
        name = self._remembered.get(source_id)
        if name is None or (name == RAW and origin.pk % RAW_CHECKED_EVERY == 0):
            name = self._recognise(source_id, batch, own)
        parsed = self._read(batch, name, own, received_ns)
        if (
            parsed.unmatched <= MISSED * parsed.batch.count
            or batch.count < ENOUGH_LINES
        ):
            return self._learn_inner(source_id, name, parsed)
        found = self._recognise(source_id, batch, own)
        if found == name.partition(WITHIN)[0]:
            return parsed
        return self._read(batch, found, own, received_ns)

    def _read_pushed(
        self, origin: InboxBatch, batch: LogBatch, own: OwnFormats, received_ns: int
    ) -> ParsedBatch:
        """Parse lines of no source by what their team's last ones were, if they fit."""
        team = (origin.organization_id, origin.team_id)
        known = "" if own else _last_pushed.get(team, "")
        parsed = self._read(batch, known, own, received_ns)
        if known and parsed.unmatched > (1 - SURE) * batch.count:
            known, parsed = "", self._read(batch, "", own, received_ns)
        if not known:
            fits = parsed.unmatched <= (1 - SURE) * batch.count
            is_sure = fits and batch.count >= ENOUGH_LINES
            if is_sure and RAW not in parsed.format_name:
                _remember_pushed(team, parsed.format_name)
            else:
                _last_pushed.pop(team, None)
        return parsed

    def _read(
        self, batch: LogBatch, name: str, own: OwnFormats, received_ns: int
    ) -> ParsedBatch:
        """Parse lines, and those within wrappers with a format of their own."""
        outer, _, inner = name.partition(WITHIN)
        if outer not in own and outer not in FORMATS:
            outer = detect(_sample(batch), _tried(own)).format_name
        wrapper = wrapper_of(outer, batch.table.column("line"))
        if not wrapper:
            return parse_batch(batch, own.get(outer, outer), received_ns)
        bare = unwrap(batch, wrapper, received_ns)
        if inner not in own and inner not in FORMATS:
            inner = detect(_sample(bare), _tried(own)).format_name
        parsed = parse_batch(bare, own.get(inner, inner), received_ns)
        return replace(parsed, format_name=f"{outer}{WITHIN}{inner}")

    def _learn_inner(
        self, source_id: int, name: str, parsed: ParsedBatch
    ) -> ParsedBatch:
        """Remember the format within a wrapper with that of the wrapper."""
        found = parsed.format_name
        known = self._remembered.get(source_id)
        if known == name and found != name and WITHIN in found:
            self._keep(source_id, found, self.recognised.get(source_id, ("", None))[1])
        return parsed

    def _recognise(self, source_id: int, batch: LogBatch, own: OwnFormats) -> str:
        found = detect(_sample(batch), _tried(own))
        if _is_sure(found):
            self._keep(source_id, found.format_name, found.confidence)
        return found.format_name

    def _keep(self, source_id: int, name: str, confidence: float | None) -> None:
        before = self._remembered.get(source_id, "")
        if before and before.partition(WITHIN)[0] != name.partition(WITHIN)[0]:
            self.changed.setdefault(source_id, before)
        self._remembered[source_id] = name
        self.recognised[source_id] = (name, confidence)


# The format of the lines that a team, or an organization, pushed last without naming a
# source: to find it takes as long as to parse thousands of lines.
_last_pushed: dict[tuple[int, int | None], str] = {}
_MOST_TEAMS = 10_000


def _remember_pushed(team: tuple[int, int | None], name: str) -> None:
    if len(_last_pushed) >= _MOST_TEAMS:
        _last_pushed.clear()
    _last_pushed[team] = name


# What is asked of the sources of a claim.
_COLUMNS = (
    "pk",
    "format",
    "state__detected_format",
    "name",
    "labels",
    "processing",
)


def _tried(own: OwnFormats) -> list[CustomFormat]:
    return [known for known in own.values() if known.detected]


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
