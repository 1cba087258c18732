"""Formats that are one or a few regular expressions (RE2) with named groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import override

from monitoring.telemetry import Level
from sources.formats import levels, timestamps
from sources.formats.base import Fields, Format, Parsed
from sources.formats.spans import Bools, Text, as_strings, pack

Groups = Mapping[str, pa.Array]


def level_word(groups: Groups) -> pa.Array | None:
    """Return the levels of the group `level`; None where no pattern has it."""
    return levels.of_words(groups["level"]) if "level" in groups else None


def level_of_status(groups: Groups) -> pa.Array | None:
    return levels.of_status(groups["status"]) if "status" in groups else None


def words(**extra: Level) -> Callable[[Groups], pa.Array | None]:
    """Return a reader of the group `level` that knows further words."""
    return lambda groups: levels.of_words(groups["level"], extra)


@dataclass(frozen=True, kw_only=True)
class PatternFormat(Format):
    """Lines that match one of some patterns, tried in order.

    The groups `ts` and `level` become time and level, every other named group a field
    of its name, `_` at the end of a name apart: `path_` is the same field as `path`, so
    that one pattern can have it in two places. A group may not be empty: an empty one,
    and one that is in `absent`, is no field. Groups in `dropped` are for `level_of`
    only.
    """

    patterns: tuple[str | tuple[str, ...], ...]
    level_of: Callable[[Groups], pa.Array | None] = level_word
    absent: frozenset[str] = frozenset()
    dropped: frozenset[str] = field(default=frozenset({"ts", "level"}))

    @override
    def parse(
        self, lines: Any, received_ns: int, *, tz: tzinfo | None = None
    ) -> Parsed:
        strings = as_strings(lines)
        matched, groups = self._extract(strings)
        if not matched.any():
            return Parsed.nothing(len(strings))
        ts_ns = pa.nulls(len(strings), pa.int64())
        if "ts" in groups:
            ts_ns = timestamps.parse(groups["ts"], received_ns, tz=tz)
        level = self.level_of(groups)
        if level is None:
            level = pa.nulls(len(strings), pa.int8())
        return Parsed(matched, ts_ns, level, self.fields_of(groups))

    @override
    def matches(self, lines: Any) -> Bools:
        strings = as_strings(lines)
        matched = np.zeros(len(strings), np.bool_)
        for pattern in self.patterns:
            found = pc.match_substring_regex(strings, _whole(pattern))
            matched |= found.to_numpy(zero_copy_only=False)
        return matched

    def fields_of(self, groups: Groups) -> Fields:
        fields = {n: column for n, column in groups.items() if n not in self.dropped}
        return {n: c for n, c in fields.items() if c.null_count < len(c)}

    @cached_property
    def _absent(self) -> pa.Array:
        return pa.array(sorted(self.absent), pa.large_string())

    def _extract(self, strings: pa.Array) -> tuple[Bools, dict[str, pa.Array]]:
        matched = np.zeros(len(strings), np.bool_)
        groups: dict[str, pa.Array] = {}
        for pattern in self.patterns:
            rest = np.flatnonzero(~matched)
            if not len(rest):
                break
            part = strings if len(rest) == len(strings) else strings.take(rest)
            hit, found = _groups(part, pattern)
            if not hit.any():
                continue
            matched[rest[hit]] = True
            where = np.full(len(strings), -1)
            where[rest[hit]] = np.flatnonzero(hit)
            self._merge(groups, found, where)
        return matched, groups

    def _merge(
        self, groups: dict[str, pa.Array], found: dict[str, pa.Array], where: Any
    ) -> None:
        """Add the groups of one pattern; row `i` of the lines is its row `where[i]`."""
        same = (where == np.arange(len(where))).all()
        index = None if same else pa.array(where, mask=where < 0)
        for group, found_column in found.items():
            column = self._present(found_column)
            if index is not None:
                column = column.take(index)
            name = group.rstrip("_")
            held = groups.get(name)
            groups[name] = column if held is None else pc.coalesce(held, column)

    def _present(self, column: pa.Array) -> pa.Array:
        """Return the group with nulls where it is empty or stands for nothing."""
        gone = pc.equal(pc.binary_length(column), 0)
        if self.absent:
            gone = pc.or_(gone, pc.is_in(column, value_set=self._absent))
        keep = pc.invert(pc.fill_null(gone, fill_value=True))
        valid = keep.to_numpy(zero_copy_only=False)
        if valid.all():
            return column
        # The bytes stay; only the validity changes.
        buffers = [pa.py_buffer(pack(valid)), *column.buffers()[1:]]
        return pa.Array.from_buffers(column.type, len(column), buffers)


def _whole(pattern: str | tuple[str, ...]) -> str:
    return pattern if isinstance(pattern, str) else "^" + "".join(pattern)


def _groups(
    strings: pa.Array, pattern: str | tuple[str, ...]
) -> tuple[Bools, dict[str, pa.Array]]:
    """Return which strings match, and the groups of those that do."""
    if isinstance(pattern, str):
        return _extracted(strings, pattern)
    text = Text.of(strings)
    starts, rest = text.starts, strings
    groups: dict[str, pa.Array] = {}
    for part in pattern[:-1]:
        hit, found = _extracted(rest, f"^(?P<{_READ}>{part})")
        lengths = pc.fill_null(pc.binary_length(found.pop(_READ)), 0)
        starts = starts + lengths.to_numpy()
        # A null matches no further part.
        rest = text.cut(starts, text.ends, None if hit.all() else hit)
        groups |= found
    hit, found = _extracted(rest, "^" + pattern[-1])
    return hit, groups | found


_READ = "read"


def _extracted(strings: pa.Array, pattern: str) -> tuple[Bools, dict[str, pa.Array]]:
    found = pc.extract_regex(strings, pattern)
    hit = found.is_valid().to_numpy(zero_copy_only=False)
    names = [group.name for group in found.type]
    return hit, dict(zip(names, found.flatten(), strict=True))
