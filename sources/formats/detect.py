"""Recognises the format of some lines by trying them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from sources.formats.base import Detection, Format
from sources.formats.multiline import continuation_mask
from sources.formats.registry import ORDER, RAW
from sources.formats.spans import Bools, without_colours

# Below this a format is not believed.
CONFIDENT = 0.5
# A more specific format may match so much less than a general one and still win:
# a text with pairs in it has a few lines without any.
TOLERANCE = 0.1
MOST_LINES = 200
MOST_CHARACTERS = 500_000
EXAMPLES = 5
ALTERNATIVES = 5


@dataclass(frozen=True, slots=True)
class Match:
    format: Format
    matched: Bools
    confidence: float


def detect(lines: Sequence[str], own: Sequence[Format] = ()) -> Detection:
    """Return the format of a sample of lines, `raw` when none is likely enough.

    Formats in `own` are tried as well, as the most specific ones.

    Looks at MOST_LINES at most. Blank lines and those that continue a stack trace say
    nothing of the format and are not counted.
    """
    sample = _bounded([line for line in lines[:MOST_LINES] if line.strip()])
    if not sample:
        return Detection(RAW, 0.0, 0, 0)
    array = without_colours(pa.array(sample, pa.large_string()))
    firsts = ~continuation_mask(array)
    if not firsts.any():
        firsts[:] = True
    matches = sorted(_matches(array, firsts, own), key=lambda m: -m.confidence)
    best = _best(matches, own)
    total = int(firsts.sum())
    if best is None:
        return Detection(RAW, 1.0, total, total, (), _others(matches, None))
    missed = np.flatnonzero(firsts & ~best.matched)[:EXAMPLES]
    return Detection(
        format_name=best.format.name,
        confidence=best.confidence,
        matched=int((best.matched & firsts).sum()),
        total=total,
        unmatched_examples=tuple(sample[i] for i in missed.tolist()),
        alternatives=_others(matches, best),
    )


def _bounded(lines: list[str]) -> list[str]:
    """Return the first lines, fewer of them when they are very long."""
    sizes = np.cumsum([len(line) for line in lines])
    return lines[: max(1, int(np.searchsorted(sizes, MOST_CHARACTERS)))]


def _matches(lines: pa.Array, firsts: Bools, own: Sequence[Format]) -> Iterator[Match]:
    for candidate in (*own, *ORDER):
        if candidate.name == RAW:
            continue
        matched = candidate.matches(lines)
        confidence = float((matched & firsts).sum() / firsts.sum())
        if confidence:
            yield Match(candidate, matched, confidence)


def _best(matches: Sequence[Match], own: Sequence[Format]) -> Match | None:
    likely = [m for m in matches if m.confidence >= CONFIDENT]
    if not likely:
        return None
    enough = likely[0].confidence - TOLERANCE
    close = [m for m in likely if m.confidence >= enough]
    order = (*own, *ORDER)
    return min(close, key=lambda m: order.index(m.format))


def _others(
    matches: Sequence[Match], best: Match | None
) -> tuple[tuple[str, float], ...]:
    rest = [(m.format.name, m.confidence) for m in matches if m is not best]
    return tuple(rest[:ALTERNATIVES])
