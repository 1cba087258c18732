"""Formats that an organization describes itself: an expression, or a pattern."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import tzinfo
from functools import lru_cache
from typing import Any

from typing_extensions import override

from sources.formats import meaning, times
from sources.formats.base import Parsed
from sources.formats.pattern_language import (
    MAX_EXPRESSION,
    MAX_GROUPS,
    TIME_NAMES,
    InvalidFormatError,
    check_time_format,
    compiled,
    read_pattern,
)
from sources.formats.patterns import PatternFormat


@dataclass(frozen=True, kw_only=True)
class CustomFormat(PatternFormat):
    """A described format; `time_format` is how its time is written."""

    time_format: str = ""
    # Whether lines that name no format are tried for it.
    detected: bool = True
    # RE2 and Arrow know groups g0, g1 …; these are the fields' names.
    names: tuple[str, ...] = ()
    dropped: frozenset[str] = field(default=frozenset())

    @override
    def parse(
        self, lines: Any, received_ns: int, *, tz: tzinfo | None = None
    ) -> Parsed:
        parsed = PatternFormat.parse(self, lines, received_ns, tz=tz)
        held = parsed.fields
        fields = {n: held[f"g{i}"] for i, n in enumerate(self.names) if f"g{i}" in held}
        count = len(parsed.ts_ns)
        written = next((name for name in TIME_NAMES if name in fields), None)
        if self.time_format and written is not None:
            found = times.parse_as(fields[written], self.time_format, tz, received_ns)
            if found.null_count == fields[written].null_count:
                del fields[written]
            ts_ns = found
        else:
            ts_ns = meaning.take_time(fields, count, received_ns, tz)
        level = meaning.take_level(fields, count)
        return replace(parsed, ts_ns=ts_ns, level=level, fields=meaning.present(fields))


@lru_cache(maxsize=512)
def compile_format(
    name: str,
    syntax: str,
    expression: str,
    *,
    title: str = "",
    time_format: str = "",
    event_start: str = "",
    example: str = "",
    detected: bool = True,
) -> CustomFormat:
    """Raises InvalidFormatError."""
    if not expression or "\0" in expression or len(expression) > MAX_EXPRESSION:
        raise InvalidFormatError(f"Give 1 to {MAX_EXPRESSION} characters.")
    if syntax == "pattern":
        expression, names, written = read_pattern(expression)
        time_format = time_format or written
    else:
        expression, names = _read_regex(expression)
    if time_format:
        check_time_format(time_format, "time_format")
    if event_start:
        compiled(event_start, "event_start")
    return CustomFormat(
        name=name,
        title=title or name,
        description="Described by your organization.",
        example=example,
        detected=detected,
        event_start=event_start,
        patterns=(expression,),
        names=names,
        time_format=time_format,
    )


def _read_regex(expression: str) -> tuple[str, tuple[str, ...]]:
    """Name the groups anew: a field may be called what no group can."""
    groups = compiled(expression).groupindex
    if not groups:
        raise InvalidFormatError(
            "Name what is to become a field, as in (?P<status>\\d+)."
        )
    if len(groups) > MAX_GROUPS:
        raise InvalidFormatError(f"There may be {MAX_GROUPS} names at most.")
    names = tuple(groups)
    for place, name in enumerate(names):
        for opening in (f"(?P<{name}>", f"(?<{name}>"):
            expression = expression.replace(opening, f"(?P<g{place}>")
    return expression, names
