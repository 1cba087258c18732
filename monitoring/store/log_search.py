"""Line filters: which lines pass, and what a block must contain to have any. Pure.

A clause is a choice of texts: a line that passes contains one of them. The filters of
a scan become clauses, all of which a block must be able to satisfy, so that most blocks
are never read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.telemetry import LineFilter, LineOp

Bools = npt.NDArray[np.bool_]
Clause = tuple[str, ...]

# Clauses beyond these cost more than they skip.
MAX_CLAUSES = 8
MAX_CHOICES = 32
# A needle that is met more often than this is looked for at all places at once.
MANY_HITS = 64
# So many bytes at a time, which stay in the processor's cache.
_CHUNK = 1 << 17
# So much of a needle is compared in bulk; few places are left then.
_COMPARED = 32

POSITIVE = frozenset({LineOp.CONTAINS, LineOp.MATCHES})
TEXTUAL = frozenset({LineOp.CONTAINS, LineOp.NOT_CONTAINS})


class InvalidFilterError(ValueError):
    """A line filter whose expression RE2 does not compile."""


def check(filters: Iterable[LineFilter]) -> None:
    """Raises InvalidFilterError, which says what is wrong with the expression."""
    nothing = pa.array([""], pa.large_string())
    for one in filters:
        if one.op not in TEXTUAL:
            for pattern in one.values:
                try:
                    pc.match_substring_regex(nothing, pattern)
                except (pa.ArrowInvalid, UnicodeEncodeError) as error:
                    raise InvalidFilterError(f"{pattern!r}: {error}") from error


def passing(lines: pa.LargeStringArray, filters: Sequence[LineFilter]) -> Bools:
    """Return which lines pass all filters; a later one sees only what is left."""
    chosen = np.ones(len(lines), np.bool_)
    for one in filters:
        left = np.flatnonzero(chosen)
        if not len(left):
            break
        # Copying lines costs less than searching them where most are gone.
        few = len(left) < len(lines) // 2
        found = _found(lines.take(pa.array(left)) if few else lines, one)
        if one.op not in POSITIVE:
            found = ~found
        if few:
            chosen[left] = found
        else:
            chosen &= found
    return chosen


def _found(lines: pa.LargeStringArray, one: LineFilter) -> Bools:
    if "" in one.values:
        return np.ones(len(lines), np.bool_)
    if one.op not in TEXTUAL:
        return _matching(lines, "|".join(f"(?:{value})" for value in one.values))
    needles = [value for value in one.values if is_text(value)]
    if not needles:
        return np.zeros(len(lines), np.bool_)
    if len(needles) == 1:
        return _with_needle(lines, needles[0].encode())
    return _matching(lines, "|".join(map(quoted, needles)))


def containing(lines: pa.LargeStringArray, text: str) -> Bools:
    """Return which lines contain the text."""
    return _found(lines, LineFilter(LineOp.CONTAINS, (text,)))


def is_text(needle: str) -> bool:
    """Whether a stored line can have it: half of a surrogate pair is in none."""
    try:
        needle.encode()
    except UnicodeEncodeError:
        return False
    return True


def _matching(lines: pa.LargeStringArray, pattern: str) -> Bools:
    mask: Bools = pc.match_substring_regex(lines, pattern).to_numpy(
        zero_copy_only=False
    )
    return mask


def _with_needle(lines: pa.LargeStringArray, needle: bytes) -> Bools:
    """Search the lines' buffer as one text.

    At 3 GB/s twice as fast as RE2 and five times as Arrow's own substring search.
    """
    bounds = np.frombuffer(lines.buffers()[1], np.int64)
    bounds = bounds[lines.offset : lines.offset + len(lines) + 1]
    first, last = int(bounds[0]), int(bounds[-1])
    found = np.zeros(len(lines), np.bool_)
    if last - first < len(needle):
        return found
    places = _places(lines.buffers()[2].slice(first, last - first), needle) + first
    rows = np.searchsorted(bounds, places, "right") - 1
    found[rows[places + len(needle) <= bounds[rows + 1]]] = True
    return found


def _places(buffer: pa.Buffer, needle: bytes) -> npt.NDArray[np.int64]:
    """Return where the needle begins; a rare one is found without looking at all."""
    data = buffer.to_pybytes()
    hits: list[int] = []
    at = data.find(needle)
    while at >= 0:
        if len(hits) == MANY_HITS:
            return np.append(np.array(hits, np.int64), _every_place(data, needle, at))
        hits.append(at)
        at = data.find(needle, at + 1)
    return np.array(hits, np.int64)


def _every_place(data: bytes, needle: bytes, start: int) -> npt.NDArray[np.int64]:
    """Compare all places byte by byte of the needle, which leaves Python free."""
    every = np.frombuffer(data, np.uint8)
    found = []
    for at in range(start, len(data) - len(needle) + 1, _CHUNK):
        end = min(at + _CHUNK, len(data) - len(needle) + 1)
        same = every[at:end] == needle[0]
        for place, byte in enumerate(needle[1:_COMPARED], 1):
            same &= every[at + place : end + place] == byte
        places = np.flatnonzero(same) + at
        if len(needle) > _COMPARED:
            whole = [data.startswith(needle, place) for place in places.tolist()]
            places = places[whole]
        found.append(places)
    return np.concatenate(found)


def quoted(text: str) -> str:
    """Return an RE2 expression that matches the text and nothing else."""
    return "".join(
        char if char.isalnum() or not char.isascii() else f"\\x{ord(char):02x}"
        for char in text
    )


def clauses(filters: Iterable[LineFilter]) -> list[Clause]:
    """Return what the text of any passing line satisfies, the most telling first."""
    found = [
        clause
        for one in filters
        if one.op in POSITIVE
        for clause in _clauses_of(one)
        if len(clause) <= MAX_CHOICES
    ]
    found.sort(key=lambda clause: -min(map(len, clause)))
    return found[:MAX_CLAUSES]


def _clauses_of(one: LineFilter) -> list[Clause]:
    if one.op is LineOp.CONTAINS:
        return [one.values] if all(one.values) else []
    return _any_of([required(pattern) for pattern in one.values])


def required(pattern: str) -> list[Clause]:
    """Return clauses that any match of an RE2 expression satisfies; maybe none.

    What is not plainly understood requires nothing: a wrong clause would hide lines.
    """
    if _UNSURE.search(pattern):
        return []
    reader = _Reader(pattern)
    found = reader.alternatives()
    return found if reader.at == len(pattern) else []


# Flags, Python's and RE2's own escapes, and classes by name.
_UNSURE = re.compile(r"\(\?(?!:|P<|<[A-Za-z_])|\\[0-9QEpPCzxX]|\[\^?\]|\[:|\[[^\]]*\[")
_COUNT = re.compile(r"\{(\d+)(?:,\d*)?\}")
_GROUP = re.compile(r"\((?:\?:|\?P?<\w+>)?")
_CLASS = re.compile(r"\[\^?(?:\\.|[^\]\\])+\]", re.DOTALL)


@dataclass(slots=True)
class _Reader:
    """Reads an expression once, left to right, keeping what must be in any match."""

    pattern: str
    at: int = 0
    depth: int = field(default=0)

    def alternatives(self) -> list[Clause]:
        branches = [self._sequence()]
        while self._peek() == "|":
            self.at += 1
            branches.append(self._sequence())
        return _any_of(branches)

    def _sequence(self) -> list[Clause]:
        """Runs of plain characters, and what groups between them require."""
        found: list[Clause] = []
        run = ""
        while (char := self._peek()) not in {"", "|", ")"}:
            piece, inner = self._piece(char)
            least, repeated = self._repetition()
            if piece is not None and not repeated:
                run += piece
                continue
            if piece is not None and least:
                run += piece
            if run:
                found.append((run,))
            run = ""
            if inner and least:
                found += inner
        return [*found, (run,)] if run else found

    def _piece(self, char: str) -> tuple[str | None, list[Clause]]:
        """Return the plain character read, if it is one, and a group's clauses."""
        if char == "(":
            return None, self._group()
        if char == "[":
            match = _CLASS.match(self.pattern, self.at)
            self.at = match.end() if match else len(self.pattern) + 1
            return None, []
        self.at += 1
        if char == "\\":
            escaped = self._peek()
            self.at += 1
            return (None if escaped.isalnum() or not escaped else escaped), []
        return (None if char in ".^$" else char), []

    def _group(self) -> list[Clause]:
        match = _GROUP.match(self.pattern, self.at)
        self.depth += 1
        if match is None or self.depth > 50:  # noqa: PLR2004 - deep enough
            self.at = len(self.pattern) + 1
            return []
        self.at = match.end()
        inner = self.alternatives()
        self.at += 1 if self._peek() == ")" else len(self.pattern)
        self.depth -= 1
        return inner

    def _repetition(self) -> tuple[int, bool]:
        """Return how often the piece must come at least, and whether this was said."""
        char = self._peek()
        least, said = 1, False
        count = _COUNT.match(self.pattern, self.at)
        if count is not None:
            least, said = int(count[1]), True
            self.at = count.end()
        elif char and char in "*?+":
            least, said = int(char == "+"), True
            self.at += 1
        if said and self._peek() == "?":
            self.at += 1
        return least, said

    def _peek(self) -> str:
        return self.pattern[self.at : self.at + 1]


def _any_of(branches: Sequence[list[Clause]]) -> list[Clause]:
    """Return what one of the branches requires: the best clause of each, joined."""
    if len(branches) == 1:
        return branches[0]
    if not all(branches):
        return []
    return [tuple(text for branch in branches for text in _best(branch))]


def _best(branch: list[Clause]) -> Clause:
    return max(branch, key=lambda clause: min(map(len, clause)))
