"""The geometry of the small drawings: sparklines, watch, histograms, axis ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Values = Sequence[float | None]

# Height of a tick of the watch by status: how bad reads without colour.
WATCH_HEIGHTS = {
    "ok": 4,
    "unknown": 8,
    "info": 9,
    "maintenance": 9,
    "warning": 13,
    "critical": 24,
}
WATCH_BASE = 24


@dataclass(frozen=True, slots=True)
class Spark:
    """The line of a sparkline and the closed shape under it, as SVG path data."""

    line: str
    area: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One rectangle, in percent across and pixels down."""

    x: str
    y: str
    width: str
    height: str
    status: str = ""


def extent(
    values: Iterable[float | None], *, lowest: float | None = None
) -> tuple[float, float]:
    """Return the range to draw: never empty, and from `lowest` when it is given."""
    known = [v for v in values if v is not None and math.isfinite(v)]
    if not known:
        return 0.0, 1.0
    low = min(known) if lowest is None else min(lowest, *known)
    high = max(known)
    return (low, high) if high > low else (low, low + (abs(low) or 1.0))


def points(
    values: Values, *, width: float, height: float, low: float, high: float
) -> list[list[tuple[float, float]]]:
    """Return the runs of points between the gaps, in drawing coordinates."""
    step = width / max(1, len(values) - 1)
    runs: list[list[tuple[float, float]]] = [[]]
    for index, value in enumerate(values):
        if value is None or not math.isfinite(value):
            runs.append([])
            continue
        y = height * (1 - (value - low) / (high - low))
        runs[-1].append((index * step, min(height, max(0.0, y))))
    return [run for run in runs if run]


def line_path(runs: Iterable[Sequence[tuple[float, float]]]) -> str:
    return "".join("M" + "L".join(f"{x:.4g} {y:.4g}" for x, y in run) for run in runs)


def area_path(runs: Iterable[Sequence[tuple[float, float]]], height: float) -> str:
    return "".join(
        f"{line_path([run])}L{run[-1][0]:.4g} {height:g}L{run[0][0]:.4g} {height:g}Z"
        for run in runs
    )


def spark(values: Values, *, height: float) -> Spark:
    """Return a sparkline 100 wide; a tenth of the height stays free above and below.

    What is known of too little of the time to tell a course is not drawn, and what
    changes by less than a tenth looks as steady as it is.
    """
    if 6 * sum(value is not None for value in values) < len(values):
        return Spark("", "")
    low, high = extent(values)
    room = max(0.0, 0.1 * max(abs(low), abs(high)) - (high - low)) / 2
    low, high = low - room, high + room
    margin = (high - low) * 0.1
    runs = points(
        values, width=100, height=height, low=low - margin, high=high + margin
    )
    return Spark(line_path(runs), area_path(runs, height))


def watch(statuses: Sequence[str]) -> list[Bar]:
    """Return one tick a status, standing on a common base."""
    slot = 100 / max(1, len(statuses))
    return [
        Bar(
            x=f"{index * slot:.3f}%",
            y=str(WATCH_BASE - WATCH_HEIGHTS.get(status, 4)),
            width=f"{slot * 0.547:.2f}%",
            height=str(WATCH_HEIGHTS.get(status, 4)),
            status="" if status == "ok" else status,
        )
        for index, status in enumerate(statuses)
    ]


def stacked(
    columns: Sequence[Sequence[tuple[str, float]]], *, height: float, top: float
) -> list[Bar]:
    """Return bars of a histogram; each column is (status or level, count), bottom first."""
    slot = 100 / max(1, len(columns))
    bars = []
    for index, column in enumerate(columns):
        y = height
        for name, count in column:
            tall = height * count / top if top else 0.0
            if tall <= 0:
                continue
            y -= tall
            bars.append(
                Bar(
                    x=f"{index * slot + slot * 0.11:.3f}%",
                    y=f"{y:.1f}",
                    width=f"{slot * 0.78:.3f}%",
                    height=f"{max(tall, 0.5):.1f}",
                    status=name,
                )
            )
    return bars


LABEL_HEIGHT = 13


def label_places(lines: Sequence[float]) -> list[float | None]:
    """Return the base line of the label of each horizontal line.

    It stands above its line, below it where another stands there, and is left out
    (None) where neither has room.
    """
    places: list[float | None] = [None] * len(lines)
    last = -10.0  # a label may reach over the drawing's upper edge
    for index in sorted(range(len(lines)), key=lambda index: lines[index]):
        free = (y for y in (lines[index] - 5, lines[index] + 12))
        places[index] = next((y for y in free if y - last >= LABEL_HEIGHT), None)
        last = places[index] or last
    return places


def nice_top(highest: float, unit: str = "") -> float:
    """Return a round number a little above, whose half is round too.

    Bytes are round in the unit that they are written in.
    """
    if unit.startswith("bytes"):
        highest = max(highest, 4.0)  # four steps of whole bytes
        whole = 1024.0 ** int(math.log(max(1.0, highest), 1024))
        return nice_top(highest / whole) * whole
    if highest <= 0:
        return 1.0
    power = 10 ** math.floor(math.log10(highest))
    for factor in (1, 2, 4, 5, 6, 8, 10):
        if highest <= factor * power:
            return float(factor * power)
    return float(10 * power)
