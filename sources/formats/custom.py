"""Formats that an organization describes itself: an expression, or a pattern.

A pattern is the line with names in the places of what varies:

    <ip> - <user> [<time:%d/%b/%Y:%H:%M:%S %z>] "<method> <path> <_>" <status:int>

`<name>` is a field, `<_>` anything that is no field; `<name:kind>` says what it looks
like. What stands between is meant as it is; `<<` is one `<`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from functools import lru_cache
from itertools import pairwise
from typing import Any

import re2
from typing_extensions import override

from sources.formats import meaning, times
from sources.formats.base import Parsed
from sources.formats.patterns import PatternFormat

MAX_EXPRESSION = 4000
MAX_GROUPS = 64
# What the time, the level may be called; any other name is a field.
TIME_NAMES = ("ts", "time", "timestamp", "date", "datetime")
LEVEL_NAMES = ("level", "severity", "lvl", "loglevel", "log_level")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.@-]{0,99}\Z")
_PLACE = re.compile(r"<<|<([^<>]*)>")
# What the kinds of places look like.
KINDS: Mapping[str, str] = {
    "int": r"[+-]?\d+",
    "number": r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?",
    "word": r"\S+",
    "ip": r"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]+)",
    "hex": r"[0-9A-Fa-f]+",
    "uuid": r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "quoted": r'"(?:[^"\\]|\\.)*"',
    "rest": r".*",
}


class InvalidFormatError(ValueError):
    """A description that no format can be made of; the text says what to mend."""


def _check_time_format(text: str) -> None:
    try:
        times.check_time_format(text)
    except times.InvalidTimeFormatError as error:
        raise InvalidFormatError(str(error)) from None


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
        expression, names, written = _read_pattern(expression)
        time_format = time_format or written
    else:
        expression, names = _read_regex(expression)
    if time_format:
        _check_time_format(time_format)
    if event_start:
        _compiled(event_start)
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
    groups = _compiled(expression).groupindex
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


def _compiled(expression: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 * 2**20
    try:
        return re2.compile(expression, options)
    except re2.error as error:
        said = error.args[0] if error.args else "it cannot be read"
        said = said.decode() if isinstance(said, bytes) else str(said)
        raise InvalidFormatError(
            f"This is no regular expression of RE2: {said}."
        ) from None


# --- Patterns --------------------------------------------------------------------------


def _read_pattern(pattern: str) -> tuple[str, tuple[str, ...], str]:
    """Return the expression, the fields' names, and how the time is written."""
    parts = list(_parts(pattern))
    if len([p for p in parts if p.is_place]) > MAX_GROUPS:
        raise InvalidFormatError(f"There may be {MAX_GROUPS} names at most.")
    _check_order(parts)
    names: list[str] = []
    expression, written = "^", ""
    for place, part in enumerate(parts):
        after = parts[place + 1] if place + 1 < len(parts) else None
        if not part.is_place:
            expression += _escaped(part.text)
            continue
        body = _body(part, after)
        if part.text == "_":
            expression += f"(?:{body})"
            continue
        if part.text in names:
            raise InvalidFormatError(f"<{part.text}> is there twice.")
        if "%" in part.kind:
            written = part.kind
        expression += f"(?P<g{len(names)}>{body})"
        names.append(part.text)
    if not names:
        raise InvalidFormatError("Name what is to become a field, as in <status>.")
    _compiled(expression)
    return expression + r"\s*$", tuple(names), written


@dataclass(frozen=True, slots=True)
class _Part:
    text: str
    kind: str = ""
    is_place: bool = False


def _parts(pattern: str) -> Iterator[_Part]:
    literal, end = "", 0
    for found in _PLACE.finditer(pattern):
        literal += pattern[end : found.start()]
        end = found.end()
        if found[1] is None:
            literal += "<"
            continue
        if literal:
            yield _Part(literal)
        literal = ""
        yield _place(found[1])
    literal += pattern[end:]
    if literal:
        yield _Part(literal)


def _place(text: str) -> _Part:
    name, _, kind = text.partition(":")
    if not _NAME.match(name):
        raise InvalidFormatError(f"<{text}>: this is no name of a field.")
    if kind and kind not in KINDS and "%" not in kind:
        known = ", ".join(KINDS)
        raise InvalidFormatError(
            f"<{text}>: the kinds are {known}, or a time as in %Y-%m-%d %H:%M:%S."
        )
    if "%" in kind:
        _check_time_format(kind)
        if name not in TIME_NAMES:
            told = ", ".join(TIME_NAMES)
            raise InvalidFormatError(f"<{text}>: call the time one of {told}.")
    return _Part(name, kind, is_place=True)


def _check_order(parts: list[_Part]) -> None:
    for one, two in pairwise(parts):
        if one.is_place and two.is_place and not (one.kind or two.kind):
            raise InvalidFormatError(
                f"Between <{one.text}> and <{two.text}> something must stand."
            )


def _body(part: _Part, after: _Part | None) -> str:
    """A place without a kind ends where what follows it begins."""
    if "%" in part.kind:
        return times.expression_of(part.kind)
    if part.kind:
        return KINDS[part.kind]
    if after is None:
        return ".*"
    return ".*?"


def _escaped(text: str) -> str:
    """Blanks may be any number of blanks: columns are aligned by them."""
    return r"\s+".join(re.escape(piece) for piece in re.split(r" +", text))
