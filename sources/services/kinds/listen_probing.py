"""Trying out a source that listens: it does so for a moment, and shows what came."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.utils import timezone
from django.utils.module_loading import import_string

from monitoring.labels import METRIC_NAME, series_text
from monitoring.telemetry import LogBatch
from sources.connectors import Harvest, Outcome, SourceSpec
from sources.connectors.listen import Listener
from sources.services.kinds import listen_places
from sources.services.kinds.base import Config, Newest, Probe, ProbedSample

# Somebody waits for the answer.
TEST_SECONDS = 2.0
_LOOK_SECONDS = 0.1
_LINES_SHOWN = 200
_SAMPLES_SHOWN = 20

# Says how something is sent to a source, in a line.
How = Callable[[Config], str]


def test_of(kind: str, connector: str, how: How) -> Callable[[Config], Probe]:
    """Return what tests a kind: it listens for a moment, and shows what came."""

    def test(config: Config) -> Probe:
        problem, harvest = listen(kind, connector, config)
        if problem:
            return Probe(ok=False, text=problem, problems=[problem])
        place = listen_places.where("", config)
        if harvest is None:
            told = f"{place} can be listened on. Nothing came within {TEST_SECONDS:g} s"
            return Probe(ok=True, text=f"{told}; try: {how(config)}")
        first = _first(harvest)
        text = f"{place}: {first[0].series if first else 'messages'} came at once."
        if isinstance(harvest.batch, LogBatch):
            line = _lines(harvest)[0]
            text = f"{place}: {harvest.batch.count} came at once, first: {line[:200]}"
        return Probe(ok=True, text=text, samples=first, total=_count(harvest))

    return test


def newest_of(kind: str, connector: str, how: How) -> Newest:
    def newest_lines(config: Config, problems: list[str]) -> tuple[list[str], str]:
        problem, harvest = listen(kind, connector, config)
        place = listen_places.where("", config)
        if harvest is None:
            nothing = f"Nothing came to {place} just now. Try: {how(config)}"
            problems.append(problem or nothing)
            return [], ""
        return _lines(harvest), place

    return newest_lines


def listen(kind: str, connector: str, config: Config) -> tuple[str, Harvest | None]:
    """Listen until something comes, or for TEST_SECONDS; return a problem or that.

    What comes is taken from the network, and stored nowhere.
    """
    woken = threading.Event()
    spec = SourceSpec(0, 0, None, kind, "test", _at_once(config), {}, 1)
    listener: Listener = import_string(connector)(spec, woken.set)
    ends = time.monotonic() + TEST_SECONDS
    listener.open(timezone.now())
    try:
        while (left := ends - time.monotonic()) > 0 and not listener.problem:
            harvest = listener.poll(timezone.now())
            if harvest is not None:
                listener.settle(Outcome.REFUSED, timezone.now())
                return "", harvest
            woken.wait(min(left, _LOOK_SECONDS))
            woken.clear()
        return _problem(listener.problem), None
    finally:
        listener.close()


def _at_once(config: Config) -> dict[str, Any]:
    return {**config, "flush_seconds": _LOOK_SECONDS} if config else {}


def _problem(problem: str) -> str:
    if "is taken by" not in problem:
        return problem
    return f"{problem} If this source is enabled, it is its collector that has it."


def _lines(harvest: Harvest) -> list[str]:
    column = harvest.batch.table.column("line")  # type: ignore[union-attr]  # of lines
    lines: list[str] = column.slice(0, _LINES_SHOWN).to_pylist()
    return lines


def _count(harvest: Harvest) -> int:
    return sum(batch.count for batch in harvest.batches)


def _first(harvest: Harvest) -> Sequence[ProbedSample]:
    found: list[ProbedSample] = []
    for batch in harvest.batches:
        if isinstance(batch, LogBatch):
            continue
        pairs = zip(batch.series_index.tolist(), batch.values.tolist(), strict=True)
        for index, value in pairs:
            labels = dict(batch.series[index])
            text = series_text(labels[METRIC_NAME], labels, hidden={"source"})
            found.append(ProbedSample(text, value))
    return found[:_SAMPLES_SHOWN]
