"""Says how far a line fits a pattern that it does not have, for who writes the pattern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sources.formats.pattern_language import compiled, pieces_of


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A line cut where the pattern does not go on; `missed` is what it asks there.

    `missed` is empty where the pattern is at its end and the line is not.
    """

    fits: str
    rest: str
    missed: str


def near_misses(pattern: str, lines: Sequence[str]) -> list[NearMiss]:
    """Raises InvalidFormatError."""
    pieces = pieces_of(pattern)
    # From the longest beginning of the pattern to the shortest.
    counts = range(len(pieces), 0, -1)
    bodies = [body for _, body in pieces]
    beginnings = [compiled("^" + "".join(bodies[:count])) for count in counts]
    return [_near_miss(line, pieces, beginnings) for line in lines]


def _near_miss(
    line: str, pieces: list[tuple[str, str]], beginnings: list[Any]
) -> NearMiss:
    for place, beginning in enumerate(beginnings):
        found = beginning.match(line)
        if found is None:
            continue
        count = len(pieces) - place
        missed = pieces[count][0] if count < len(pieces) else ""
        return NearMiss(line[: found.end()], line[found.end() :], missed)
    return NearMiss("", line, pieces[0][0])
