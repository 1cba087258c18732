"""Thousands of regular expressions over a whole batch of lines, in one scan.

The lines are joined by newlines and scanned by hyperscan at once. It reports every
end of every match through a Python call, which is cheap while matches are few; an
expression that matches too often is scanned by RE2 from then on, which answers for
all lines in one call. Both agree because no match may cross a line.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import hyperscan
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

MAX_PATTERN_LENGTH = 2000

# So many reports, or two a line, are taken before asking which expressions are to blame.
_FREE_REPORTS = 10_000
_FREE_REPORTS_A_LINE = 2
# Above this many reports a line, one RE2 pass over all lines is the cheaper way.
_FREQUENT = 0.5

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
# Escapes that cannot match a newline; anything else is looked at again.
_LINE_SAFE = frozenset("bBdwSt")

Indices = npt.NDArray[np.int64]


class InvalidPatternError(ValueError):
    """The expression does not compile; `position` is its index, where it is known."""

    def __init__(self, message: str, position: int | None) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True)
class Pattern:
    """One regular expression over single lines: `^` and `$` are the line's ends."""

    text: str
    ignore_case: bool = False

    @property
    def flags(self) -> int:
        flags = hyperscan.HS_FLAG_MULTILINE | hyperscan.HS_FLAG_UTF8
        return flags | (hyperscan.HS_FLAG_CASELESS if self.ignore_case else 0)

    @cached_property
    def expression(self) -> str:
        """The text, with the ends of the text read as the ends of the line."""
        ends = {"A": "^", "z": "$", "Z": "$"}
        return _ESCAPE.sub(lambda found: ends.get(found[1], found[0]), self.text)

    @cached_property
    def may_cross_lines(self) -> bool:
        """Whether a match might contain a newline; True when it is not certain."""
        escapes = _ESCAPE.findall(self.expression)
        unsafe = any(c.isalnum() and c not in _LINE_SAFE for c in escapes)
        hidden = ("[^", "[:", "(?s", "(?-", "(?m", "(?x")
        return (
            unsafe
            or any(mark in self.expression for mark in hidden)
            or bool(re.search(r"\(\?[a-z]*s", self.expression))
            or any(ord(character) < ord(" ") for character in self.expression)
        )


def check_pattern(pattern: Pattern) -> None:
    """Raises InvalidPatternError with hyperscan's own words."""
    if len(pattern.text) > MAX_PATTERN_LENGTH:
        message = f"Patterns have {MAX_PATTERN_LENGTH} characters at most."
        raise InvalidPatternError(message, MAX_PATTERN_LENGTH)
    try:
        _compile([pattern], [0])
    except hyperscan.error as error:
        message = str(error)
        found = re.search(r"at index (\d+)", message)
        position = int(found[1]) if found else None
        raise InvalidPatternError(message, position) from None
    except UnicodeEncodeError as error:
        raise InvalidPatternError(
            "The pattern is no valid text.", error.start
        ) from None


class PatternSet:
    """Patterns armed together; compiled at the first scan. Threads take turns."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._patterns = tuple(patterns)
        self._frequent: set[int] = set()
        self._database: hyperscan.Database | None = None
        # A compiled database has one place to work in.
        self._turn = threading.Lock()

    def __len__(self) -> int:
        return len(self._patterns)

    def matches(self, lines: pa.LargeStringArray) -> tuple[Indices, Indices]:
        """Return (pattern, line) pairs, each pair once, as two parallel arrays."""
        with self._turn:
            return self._matches(lines)

    def _matches(self, lines: pa.LargeStringArray) -> tuple[Indices, Indices]:
        pairs = [self._scan(lines)]
        for index in sorted(self._frequent):
            found = np.flatnonzero(_match_lines(self._patterns[index], lines))
            pairs.append((np.full(len(found), index, np.int64), found))
        patterns, found_lines = zip(*pairs, strict=True)
        return np.concatenate(patterns), np.concatenate(found_lines)

    def _scan(self, lines: pa.LargeStringArray) -> tuple[Indices, Indices]:
        text, starts = _join(lines)
        limit = max(_FREE_REPORTS, _FREE_REPORTS_A_LINE * len(lines))
        patterns, ends, complete = self._reports(text, limit=limit)
        while not complete:
            scanned = int(np.searchsorted(starts, ends.max()))
            if not self._set_frequent_aside(patterns, scanned):
                limit *= len(self)
            patterns, ends, complete = self._reports(text, limit=limit)
        # A match ends behind its last byte, so its line is the last to start before.
        found = np.searchsorted(starts, ends, side="left") - 1
        # An end where a line starts: an empty match there, or one of a newline.
        at_start = starts[np.minimum(found + 1, len(starts) - 1)] == ends
        doubtful = np.unique(patterns[at_start])
        patterns = np.concatenate([patterns, patterns[at_start]])
        found = np.concatenate([found, found[at_start] + 1])
        codes = np.unique(patterns[found >= 0] * len(lines) + found[found >= 0])
        return self._confirmed(codes, set(doubtful.tolist()), lines)

    def _reports(self, text: pa.Buffer, *, limit: int) -> tuple[Indices, Indices, bool]:
        """Return ids and ends of the matches, and whether these are all."""
        ids: list[int] = []
        ends: list[int] = []
        add_id, add_end = ids.append, ends.append

        def report(
            id_: int, _from: int, end: int, _flags: int, _context: object
        ) -> bool:
            add_id(id_)
            add_end(end)
            return len(ids) > limit

        complete = True
        if len(self._frequent) < len(self._patterns) and text.size:
            try:
                self._armed().scan(text, match_event_handler=report)
            except hyperscan.ScanTerminated:
                complete = False
        return np.array(ids, np.int64), np.array(ends, np.int64), complete

    def _armed(self) -> hyperscan.Database:
        if self._database is None:
            ids = [i for i in range(len(self)) if i not in self._frequent]
            self._database = _compile([self._patterns[i] for i in ids], ids)
        return self._database

    def _set_frequent_aside(self, patterns: Indices, lines: int) -> bool:
        """Leave to RE2 what is reported on many of these lines; False: it is nothing."""
        counts = np.bincount(patterns, minlength=len(self))
        frequent = np.flatnonzero(counts > _FREQUENT * lines).tolist()
        self._frequent.update(frequent)
        self._database = self._database if not frequent else None
        return bool(frequent)

    def _confirmed(
        self, codes: Indices, doubtful: set[int], lines: pa.LargeStringArray
    ) -> tuple[Indices, Indices]:
        """Return the pairs without those that exist only because lines were joined."""
        patterns, found = np.divmod(codes, max(len(lines), 1))
        keep = np.ones(len(codes), bool)
        for index in np.unique(patterns).tolist():
            pattern = self._patterns[index]
            if index in doubtful or pattern.may_cross_lines:
                mine = np.flatnonzero(patterns == index)
                keep[mine] = _match_lines(pattern, lines.take(pa.array(found[mine])))
        return patterns[keep], found[keep]


def _compile(patterns: Sequence[Pattern], ids: Sequence[int]) -> hyperscan.Database:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[pattern.expression.encode() for pattern in patterns],
        ids=list(ids),
        elements=len(patterns),
        flags=[pattern.flags for pattern in patterns],
    )
    return database


def _join(lines: pa.LargeStringArray) -> tuple[pa.Buffer, Indices]:
    """Return the lines with a newline behind each, and where each begins."""
    if not len(lines):
        return pa.py_buffer(b""), np.zeros(0, np.int64)
    ends = pa.scalar("\n", pa.large_string())
    nothing = pa.scalar("", pa.large_string())
    joined = pc.binary_join_element_wise(lines, nothing, ends)
    _, offsets, data = joined.buffers()
    starts = np.frombuffer(offsets, np.int64)[: len(lines) + 1]
    return data.slice(0, int(starts[-1])), starts[:-1]


def _match_lines(pattern: Pattern, lines: pa.LargeStringArray) -> npt.NDArray[np.bool_]:
    """Return for each line, on its own, whether the pattern matches."""
    try:
        matched = pc.match_substring_regex(
            lines, f"(?m:{pattern.expression})", ignore_case=pattern.ignore_case
        )
    except pa.ArrowInvalid:
        return _match_each(pattern, lines)
    return np.asarray(matched.to_numpy(zero_copy_only=False), dtype=bool)


def _match_each(pattern: Pattern, lines: pa.LargeStringArray) -> npt.NDArray[np.bool_]:
    """For the few expressions that RE2 does not know."""
    database = _compile([pattern], [0])
    matched = np.zeros(len(lines), bool)
    for index, line in enumerate(lines.to_pylist()):
        try:
            database.scan(line.encode(), match_event_handler=lambda *_: True)
        except hyperscan.ScanTerminated:
            matched[index] = True
    return matched
