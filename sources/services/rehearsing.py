"""What rules would do to some lines: nothing of it is stored or counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from monitoring.labels import METRIC_NAME, series_text
from monitoring.telemetry import FIELD_PREFIX, LOG_COLUMNS, Level, LogBatch, SampleBatch
from sources.formats import parse_batch
from sources.formats.base import Format
from sources.formats.wrapped import unwrap, wrapper_of
from sources.processing import Outcome, Rules, apply
from sources.processing.applying import KEPT, SAMPLED_OUT
from sources.processing.rules import Filter
from sources.services.known_values import admit_first
from sources.services.processing import checked_processing, rules_of

# Hashes of a preview say nothing of those that are stored.
_KEY = b"preview"
_MOST_SAMPLES = 50


@dataclass(frozen=True, slots=True)
class ProcessedLine:
    """One line and what becomes of it.

    `fate` is "kept", or why it is dropped. Of a kept line everything is as it would be
    stored.
    """

    fate: str
    line: str
    level: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    masked: bool = False


@dataclass(frozen=True, slots=True)
class DerivedSample:
    series: str
    value: float


@dataclass(frozen=True, slots=True)
class Processed:
    """What rules make of lines; `counts` are figures as a source has them."""

    lines: Sequence[ProcessedLine]
    samples: Sequence[DerivedSample]
    counts: Mapping[str, int]


def read_processing(processing: Any) -> Rules | None:
    """Return checked rules, None where there are none. Raises InvalidSourceError."""
    checked = checked_processing(processing)
    return rules_of(checked) if checked else None


def bare_lines(
    lines: Sequence[str], format_name: str, received_ns: int
) -> list[str] | None:
    """Return lines out of their wrappers; None where they have none."""
    batch = _batch(lines)
    wrapper = wrapper_of(format_name, batch.table.column("line"))
    if not wrapper:
        return None
    bare = unwrap(batch, wrapper, received_ns)
    found: list[str] = bare.table.column("line").to_pylist()
    return found


def process_lines(
    rules: Rules, lines: Sequence[str], chosen: str | Format, received_ns: int
) -> Processed:
    """Say what the rules would do to lines of a format."""
    parsed = parse_batch(_batch(lines), chosen, received_ns).batch
    outcome = apply(
        rules,
        parsed,
        labels={},
        now_ms=received_ns // 10**6,
        key=_KEY,
        admit=admit_first,
    )
    counts = {
        "kept": outcome.batch.count,
        "filtered": outcome.filtered,
        "sampled": outcome.sampled_out,
        "masked": outcome.masked,
        "derived": outcome.derived,
        "derive_errors": outcome.errors,
    }
    shown = list(_lines(rules, parsed, outcome))
    return Processed(shown, list(_samples(outcome.samples))[:_MOST_SAMPLES], counts)


def _batch(lines: Sequence[str]) -> LogBatch:
    columns = {
        "stream": pa.array([0] * len(lines), pa.int32()),
        "ts_ns": pa.nulls(len(lines), pa.int64()),
        "line": pa.array(lines, pa.large_string()),
        "level": pa.nulls(len(lines), pa.int8()),
    }
    return LogBatch(((),), pa.table(columns, schema=LOG_COLUMNS))


def _lines(rules: Rules, parsed: LogBatch, outcome: Outcome) -> Iterator[ProcessedLine]:
    """A dropped line is shown without its secrets too: it may stand on a screen."""
    before = parsed.table.column("line").to_pylist()
    kept = iter(outcome.batch.table.to_pylist())
    hidden = _masked(rules, parsed)
    for place, fate in enumerate(outcome.fate.tolist()):
        if fate != KEPT:
            yield ProcessedLine(_reason(rules, fate), hidden[place])
            continue
        row = next(kept)
        fields = {
            name.removeprefix(FIELD_PREFIX): value
            for name, value in row.items()
            if name.startswith(FIELD_PREFIX) and value is not None
        }
        labels = dict(outcome.batch.streams[row["stream"]])
        word = Level(row["level"]).word
        changed = row["line"] != before[place]
        yield ProcessedLine("kept", row["line"], word, fields, labels, changed)


def _masked(rules: Rules, parsed: LogBatch) -> list[str]:
    only = Rules(masks=rules.masks)
    outcome = apply(only, parsed, labels={}, now_ms=0, key=_KEY, admit=admit_first)
    lines: list[str] = outcome.batch.table.column("line").to_pylist()
    return lines


def _reason(rules: Rules, fate: int) -> str:
    if fate == SAMPLED_OUT:
        return "dropped by sampling"
    return f"dropped by filter {fate + 1}: {_said(rules.filters[fate])}"


def _said(rule: Filter) -> str:
    condition = rule.condition
    where = condition.field or "the line"
    said = []
    if condition.contains:
        said.append(f"{where} contains “{condition.contains}”")
    if condition.matches:
        said.append(f"{where} matches {condition.matches}")
    if condition.field and not said:
        said.append(f"it has {condition.field}")
    if condition.at_least is not None:
        said.append(f"it is {condition.at_least.word} or graver")
    if condition.at_most is not None:
        said.append(f"it is {condition.at_most.word} or less")
    return f"{'include' if rule.keeps else 'exclude'} where {' and '.join(said)}"


def _samples(batches: Sequence[SampleBatch]) -> Iterator[DerivedSample]:
    for batch in batches:
        pairs = zip(batch.series_index.tolist(), batch.values.tolist(), strict=True)
        for place, value in pairs:
            labels = dict(batch.series[place])
            yield DerivedSample(series_text(labels.get(METRIC_NAME, ""), labels), value)
